"""What theory predicts beside what was seen: the words of a table's columns, a line that counts, and a table with sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console

from lengen.comparison.cell_summary import CellSummary
from lengen.report.console import NONE, Block, say
from lengen.statistics.formats import bounds

DECIDED = ("yes", "no")
"""Verdicts that are counted, of theory and of what was seen."""


def predicted(row: CellSummary) -> str:
    """Format what theory says of a cell; a dash if it says nothing."""
    if not row.predicted:
        return NONE
    return f"{row.predicted} ({row.predicted_if})" if row.predicted_if else row.predicted


def conditions(rows: Sequence[CellSummary]) -> list[str]:
    """Return the conditions under which theory says something of some cells, each once."""
    return [*dict.fromkeys(row.predicted_if for row in rows if row.predicted and row.predicted_if)]


def briefly_predicted(row: CellSummary, conditions: Sequence[str]) -> str:
    """Format what theory says of a cell, with the number of its condition; a dash if it says nothing.

    Args:
        row: of the cell.
        conditions: those of the table, as `conditions` returns them.
    """
    if not row.predicted:
        return NONE
    number = f" [{conditions.index(row.predicted_if) + 1}]" if row.predicted_if else ""
    return f"{row.predicted}{number}"


def seen(row: CellSummary) -> str:
    """Format what was seen of a cell; a dash if theory says nothing of it."""
    if not row.seen:
        return NONE
    return row.seen if row.seen_far is None else f"{row.seen} ({row.seen_far} of {row.trained})"


def briefly_seen(row: CellSummary) -> str:
    """Format what was seen of a cell in few characters; a dash if theory says nothing of it."""
    if not row.seen:
        return NONE
    return row.seen if row.seen_far is None else f"{row.seen} {row.seen_far}/{row.trained}"


def line(rows: Sequence[CellSummary]) -> str:
    """Count agreements and disagreements of theory and what was seen, and name the disagreements with their sources.

    A verdict that is conditional or open, a cell that is not trained, and one that is undecided count for neither.

    Args:
        rows: one for each cell; empty text if no verdict can be counted.
    """
    told = [row for row in rows if row.predicted]
    if not told:
        return ""
    counted = [row for row in told if row.predicted in DECIDED and row.seen in DECIDED]
    against = [row for row in counted if row.predicted != row.seen]
    others = Counter(
        row.seen if row.predicted in DECIDED else row.predicted for row in told if row not in counted
    )
    if not counted:
        return ""
    verdicts = "verdict agrees" if len(counted) == 1 else "verdicts agree"
    text = f"theory: {len(counted) - len(against)} of {len(counted)} {verdicts} with what was seen"
    if others:
        text += f"; not counted: {', '.join(f'{count} {word}' for word, count in sorted(others.items()))}"
    named = [
        f"{row.task}, {row.line}: predicted {row.predicted} ({row.predicted_source}; {row.predicted_kind}), seen {seen(row)}"
        for row in against
    ]
    return f"{text}; disagree: {'; '.join(named) or 'none'}"


def blocks(rows: Sequence[CellSummary]) -> list[Block]:
    """Return the table of predictions with its caption; nothing without a prediction.

    Args:
        rows: one for each cell.
    """
    told = [row for row in rows if row.predicted]
    header = ["task", "cell", "class", "family", "predicted", "seen", "share", "source", "kind", "evidence"]
    cells = [
        [
            row.task,
            row.line,
            row.predicted_class,
            row.predicted_family,
            predicted(row),
            seen(row),
            NONE
            if row.seen_low is None or row.seen_high is None
            else f"[{bounds(row.seen_low, row.seen_high, 2)}]",
            row.predicted_source,
            row.predicted_kind,
            row.predicted_evidence,
        ]
        for row in told
    ]
    return [(line(rows) or "theory: no verdict of these cells is counted", header, cells)] if told else []


def show(rows: Sequence[CellSummary], console: Console) -> None:
    """Print the line that counts; nothing without a prediction."""
    if text := line(rows):
        say(console, text)
