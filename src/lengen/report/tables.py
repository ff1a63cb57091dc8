"""The tables of a study: on the terminal, and as Markdown for a paper's appendix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from rich.console import Console

from lengen.comparison.cell_summary import CellSummary, SuccessCriterion
from lengen.comparison.grouping import Panel, Study
from lengen.comparison.pairs import CellPair
from lengen.comparison.published import Agreement, Published, PublishedCell, agreement, means
from lengen.comparison.run_record import BETWEEN
from lengen.comparison.seen import FAR
from lengen.comparison.summary import StudySummary
from lengen.records.plain_text import on_one_line, visible
from lengen.records.supervision import MEANINGS
from lengen.report import theory, variance
from lengen.report.console import NONE, Block, say, table
from lengen.statistics.formats import bounds, counted, floored, reach_text, round_down

SHOWN = 8
"""Maximum number of excluded runs that the terminal lists; left_out.csv lists all."""
NAMED = 5
"""Maximum number of cells without a significant difference that a table names; table.csv and pairs.csv name all."""

PAIRS = (
    "Pairs of cells, all seeds. difference: mean area of the first less that of the second, in doublings, with its 95% interval; P: probability "
    "that a seed of the first has a larger area than a seed of the second, ties count half. A pair that does not differ significantly names about how many seeds would be needed"
)


def _number(value: float | None, form: str) -> str:
    """Format a number; a dash if there is none."""
    return NONE if value is None else format(value, form)


def _score(value: float | None, digits: int = 3) -> str:
    """Format a share or an area; a dash if there is none."""
    return NONE if value is None else floored(value, digits)


def _interval(value: float | None, low: float | None, high: float | None) -> str:
    """Format a share or an area with its interval, if there is one."""
    interval = "" if low is None or high is None else f" [{bounds(low, high, 2)}]"
    return f"{_score(value, 2)}{interval}"


def _estimate(value: float | None, low: float | None, high: float | None, form: str) -> str:
    """Format a parameter with its interval, if there is one."""
    interval = "" if low is None or high is None else f" [{low:{form}}, {high:{form}}]"
    return f"{_number(value, form)}{interval}"


def _difference(value: float, low: float | None, high: float | None) -> str:
    """Format a difference with its interval, if there is one."""
    return f"{value:+.2f}" if low is None or high is None else f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"


def _reach(value: float | None, at_least: bool | None = None) -> str:
    """Format a reach; a dash if it is unknown."""
    return NONE if value is None else reach_text(value, at_least=at_least)


def _median_reach(row: CellSummary) -> str:
    """Format the median reach at 0.90 with its interval; the upper bound is the first length that is not reached."""
    value = _reach(row.reach_90, row.reach_90_at_least)
    if row.reach_90_low is None:
        return value
    high = "beyond" if row.reach_90_high is None else f"{row.reach_90_high}"
    return f"{value} [{reach_text(row.reach_90_low)}, {high})"


def _area(row: CellSummary) -> str:
    """Format the mean area with its interval."""
    return _interval(row.area, row.area_low, row.area_high)


def _spread(row: CellSummary) -> str:
    """Format the least, median and largest area of the seeds."""
    if row.area_min is None:
        return NONE
    return " / ".join(_score(value, 2) for value in (row.area_min, row.area_median, row.area_max))


def _seeds(row: CellSummary) -> str:
    """Format the number of seeds; runs that share a seed of data or of initial parameters are not independent."""
    kinds = {"data": row.data_seeds, "init": row.init_seeds}
    shared = [f"{count} {kind}" for kind, count in kinds.items() if count is not None and count < row.tried]
    return f"{row.tried} ({', '.join(shared)})" if shared else str(row.tried)


def _success(row: CellSummary) -> str:
    """Format successes out of seeds, with the interval of the rate."""
    if row.success_rate is None or row.success_low is None or row.success_high is None:
        return NONE
    of = row.tried if row.runs == "all" else row.trained
    return f"{row.successes}/{of} [{bounds(row.success_low, row.success_high, 2)}]"


def _rank(row: CellSummary) -> str:
    """Format the rank, as a range where significant differences leave several open."""
    if row.rank == row.rank_last:
        return _number(row.rank, "g")
    return f"{_number(row.rank, 'g')} to {_number(row.rank_last, 'g')}"


def _not_significantly_different(row: CellSummary) -> str:
    """Name the cells from which this one does not differ significantly, or count them if there are many."""
    names = row.not_told_apart.split(BETWEEN)
    return f"{len(names)} cells" if len(names) > NAMED else row.not_told_apart or NONE


COLUMNS: dict[str, Callable[[CellSummary], str]] = {
    "cell": lambda row: row.line,
    "picked": lambda row: row.picked or NONE,
    "seeds": _seeds,
    "trained": lambda row: str(row.trained),
    "category": lambda row: row.category or NONE,
    "ID": lambda row: _score(row.id_exact_match),
    "success": _success,
    "chance": lambda row: _score(row.chance),
    "reach 0.90": _median_reach,
    "0.95": lambda row: _reach(row.reach_95, row.reach_95_at_least),
    "0.99": lambda row: _reach(row.reach_99, row.reach_99_at_least),
    "best": lambda row: _reach(row.reach_90_best, row.reach_90_best == row.longest),
    "area": _area,
    "seeds' areas": _spread,
    "IQM": lambda row: _interval(row.iqm, row.iqm_low, row.iqm_high),
    "rank": _rank,
    "not significantly different from": _not_significantly_different,
    "predicted": theory.predicted,
    "seen": theory.seen,
    "error law": lambda row: row.laws or NONE,
    "error rate": lambda row: _estimate(row.error_rate, row.error_rate_low, row.error_rate_high, "#.2g"),
    "growth": lambda row: _estimate(row.growth, row.growth_low, row.growth_high, ".2f"),
    "half at": lambda row: _estimate(row.half_length, row.half_length_low, row.half_length_high, ".1f"),
    "minutes": lambda row: _number(row.minutes, ".1f"),
    "ms": lambda row: _number(row.milliseconds, ".2f"),
    "MiB": lambda row: _number(row.megabytes, ".0f"),
}
LAWS = ("error law", "error rate", "growth", "half at")
"""Columns of error laws."""
OPTIONAL = ("picked", "chance", "MiB", "predicted", "seen", *LAWS)
"""Columns that are left out if no cell has them."""
NARROW = (
    *LAWS[:0:-1],
    "MiB",
    "ms",
    "minutes",
    "best",
    "0.99",
    "0.95",
    "ID",
    "chance",
    "error law",
    "IQM",
    "seeds' areas",
    "category",
    "area",
)
"""Columns that a narrow terminal omits, in the order of omission."""
WIDE = ("not significantly different from",)
"""Columns that a terminal omits if it would break words otherwise: ranks say nearly the same."""
WORDS = ("cell", "picked", "category", "predicted", "seen", "error law", "not significantly different from")
"""Left-aligned columns."""


def columns(rows: Sequence[CellSummary]) -> dict[str, Callable[[CellSummary], str]]:
    """Return the columns of a table, without optional ones that no cell has."""
    lacking = {name for name in OPTIONAL if all(COLUMNS[name](row) == NONE for row in rows)}
    return {name: show for name, show in COLUMNS.items() if name not in lacking}


def legend(criterion: SuccessCriterion) -> str:
    """Explain the columns of the tables."""
    return (
        "picked: the values with the highest median ID exact match, ties by the lowest median ID loss, of those that were tried; no OOD result decides. "
        "seeds: in brackets, fewer different seeds of data or of initial parameters, so that runs are not independent. "
        f"success: seeds with exact match of at least {criterion.threshold:g} at {criterion.at} (or the next longer evaluated length), with the 95% "
        "Clopper-Pearson interval over seeds. chance: exact match of the likeliest answer at that length. reach: median over seeds of the longest length up to which the lower 95% bound of exact match is at least "
        f"0.90, 0.95, 0.99, with an order-statistic interval from five seeds on; >=: the sweep ended before the curve fell; {NONE}: too few examples to measure it; best: reach 0.90 of the best seed. "
        "area: mean over seeds of the area under exact match over log2(length / train length), in doublings, on the lengths that all compared runs share, "
        "with an interval over seeds and strings (Gaffke 2005) from three seeds on; seeds' areas: least, median, largest. IQM: interquartile mean of exact match over seeds "
        "and these OOD lengths, with an interval from five seeds on. rank: the ranks that significant differences of mean areas leave open, 1 is the largest; none without a trained run, or if all are at chance. "
        "error law: number of seeds by law of the error rate per answer token (constant, power of the length, floor and power), or by the reason why none is shown; "
        "error rate, at the train length, growth, the exponent of the length, and half at, where exact match falls to 1/2: medians over the seeds of the most frequent law, with an order-statistic interval from five seeds on. "
        "not significantly different: a permutation test of the mean areas, and a paired test over strings, adjusted for the pairs of the task that are compared (closed test up to 12 "
        "cells, otherwise Holm), give p > 0.05. "
        f"predicted: what theory says of the class of decoders and the family of tasks; seen: whether the share of trained seeds with a reach 0.90 of at least {FAR} times "
        "the train length lies above (yes) or below (no) one half by its exact 95% interval, and how many have it. "
        f"category: {', '.join(f'{letter} {meaning}' for letter, meaning in MEANINGS.items())}. "
        "minutes: median wall time of a run; ms and MiB: time per example and peak memory of a run at the longest length."
    )


def up_to(panel: Panel) -> str:
    """Return the train lengths of a panel, as text."""
    return " or ".join(map(str, panel.train_lengths))


def condition(panel: Panel) -> str:
    """Describe the protocol under which the cells of a panel are compared, in one line."""
    protocol = panel.runs[0].protocol
    settings = ", ".join(
        f"{key.replace('_', ' ')} {value}"
        for key, value in protocol.items()
        if key not in ("train_length", "eval.lengths")
    )
    return f"Trained on lengths up to {up_to(panel)}, evaluated at {counted(len(panel.lengths), 'length')} up to {panel.lengths[-1] if panel.lengths else NONE}. {settings}."


def gates(panel: Panel, summary: StudySummary) -> list[tuple[str, list[CellSummary]]]:
    """Return the rows of a panel, captioned: over all runs, and over trained runs if these differ and there are any."""
    rows = [row for row in summary.summaries if row.task == panel.name]
    all_rows, trained_rows = ([row for row in rows if row.runs == runs] for runs in ("all", "trained"))
    if all(row.trained == row.tried for row in all_rows):
        return [("all seeds (all are trained)", all_rows)]
    if not any(row.trained for row in all_rows):
        return [("all seeds (none is trained)", all_rows)]
    return [("all seeds", all_rows), ("trained seeds only", trained_rows)]


def notes(panel: Panel, summary: StudySummary, caption: str) -> list[str]:
    """Return what is to be known of the results under a caption of `gates`."""
    runs = "trained" if caption.startswith("trained") else "all"
    return [note.text for note in summary.notes if (note.task, note.runs) == (panel.name, runs)]


def blocks(study: Study, summary: StudySummary) -> list[Block]:
    """Return every table of a study."""
    tables: list[Block] = []
    for panel in study.panels:
        for name, rows in gates(panel, summary):
            told = columns(rows)
            cells = [[show(row) for show in told.values()] for row in rows]
            caption = ". ".join([f"{panel.name}: {name}", *notes(panel, summary, name)])
            tables.append((caption, list(told), cells))
    if summary.overall:
        cells = [
            [
                each.line,
                each.runs,
                str(each.panels),
                str(each.tried),
                str(each.trained),
                each.category or NONE,
                _number(each.mean_rank, ".2f"),
                _score(each.iqm, 2),
            ]
            for each in summary.overall
        ]
        header = ["cell", "runs", "tasks", "seeds", "trained", "category", "mean rank", "IQM"]
        tables.append(("Over the tasks that have every cell", header, cells))
    if summary.pairs:
        cells = [_pair(pair) for pair in summary.pairs if pair.runs == "all"]
        header = [
            "task",
            "first",
            "second",
            "seeds",
            "difference",
            "P(first beats second)",
            "p",
            "p adjusted",
            "significantly different",
            "higher mean",
            f"alike within {summary.pairs[0].margin:g} doublings",
        ]
        tables.append((PAIRS, header, cells))
    return tables + theory.blocks(_each_cell(summary)) + variance.blocks(summary.variances)


def _each_cell(summary: StudySummary) -> list[CellSummary]:
    """Return the row of each cell over all of its runs."""
    return [row for row in summary.summaries if row.runs == "all"]


def _pair(pair: CellPair) -> list[str]:
    """Return the row of a pair of cells."""
    if pair.told_apart:
        significant = "yes"
    elif pair.typical_seeds:
        significant = f"no; about {pair.typical_seeds} seeds, if these are typical"
    else:
        significant = "no"
    fewest = min(pair.first_seeds, pair.second_seeds)
    alike = "yes" if pair.alike else f"needs {pair.alike_seeds} seeds" if fewest < pair.alike_seeds else "no"
    return [
        pair.task,
        pair.first,
        pair.second,
        f"{pair.first_seeds}, {pair.second_seeds}",
        _difference(pair.difference, pair.difference_low, pair.difference_high),
        _interval(pair.improvement, pair.improvement_low, pair.improvement_high),
        f"{pair.p_value:.3g}",
        f"{pair.p_family:.3g}",
        significant,
        pair.higher or NONE,
        alike,
    ]


def markdown(study: Study, summary: StudySummary, criterion: SuccessCriterion, title: str) -> str:
    """Return all tables of a study as Markdown.

    Args:
        study: the compared runs.
        summary: the results.
        criterion: when a seed counts as a success.
        title: the heading.
    """
    lines = [f"# {_plain(title)}", ""]
    for panel in study.panels:
        lines += [f"{_plain(panel.name)}: {condition(panel)}", *map(_plain, panel.notes), ""]
    for caption, header, rows in blocks(study, summary):
        lines += [f"**{_plain(caption)}**", "", *_grid(header, rows), ""]
    lines += [legend(criterion), ""]
    if study.left_out:
        cells = [[each.place, each.reason] for each in study.left_out]
        lines += ["**Excluded**", "", *_grid(["run", "reason"], cells), ""]
    return "\n".join(lines)


def against(published: Published, panels: Sequence[Sequence[PublishedCell]]) -> str:
    """Return the comparison with a paper as Markdown.

    Args:
        published: the curves of the paper.
        panels: for each panel its matched cells at every common length.
    """
    lines = [f"# Against {_plain(published.paper)}", "", f"The paper: {_plain(published.scored)}.", ""]
    for rows in panels:
        lines += [f"## {_plain(rows[0].task)} ({_plain(rows[0].split)})", ""]
        lines += [_plain(line) for line in agreement_lines(agreement(rows), published)]
        seeds = {row.line: (row.our_seeds, row.their_seeds) for row in rows}
        header = [
            "cell",
            "seeds (ours, paper)",
            "mean over common lengths of medians over seeds: ours",
            "paper",
            "difference",
        ]
        cells = [
            [
                name,
                "{}, {}".format(*seeds[name]),
                floored(ours),
                floored(theirs),
                shown_difference(ours, theirs),
            ]
            for name, (ours, theirs) in means(rows).items()
        ]
        lines += ["", *_grid(header, cells), "", "against.csv lists every length.", ""]
    return "\n".join(lines)


def shown_difference(first: float, second: float) -> str:
    """Write the difference of two shares as that of the numbers that `floored` shows.

    >>> floored(0.6669), floored(0.3331), shown_difference(0.6669, 0.3331)
    ('0.666', '0.333', '+0.333')
    """
    return f"{round_down(first) - round_down(second):+.3f}"


def agreement_lines(result: Agreement, published: Published) -> list[str]:
    """Describe how the orders of the cells agree, in two lines, and name the cells without a place in them."""
    tau = "not defined" if result.tau is None else f"{result.tau:.2f} (p {result.p_value:.2g})"
    lines = [
        f"{result.task} against {published.paper}, {result.split}: {counted(result.cells, 'cell')}, {counted(result.lengths, 'length')}; Kendall's tau between the orders: {tau}."
    ]
    if result.cells > 1:
        lines.append(
            f"By these means, the highest first, significant or not: ours {', '.join(result.our_order)}; paper {', '.join(result.their_order)}."
        )
    if result.without:
        lines.append(f"In no order, since not trained, or all at chance: {', '.join(result.without)}.")
    return lines


def _grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Format a table in Markdown."""
    return [
        f"| {' | '.join(header)} |",
        f"|{'---|' * len(header)}",
        *(f"| {' | '.join(map(_plain, row))} |" for row in rows),
    ]


def _plain(text: str) -> str:
    """Escape a text for Markdown, on one line."""
    return (
        visible(" ".join(text.split()))
        .replace("\\", "\\\\")
        .replace("|", "\\|")
        .replace("<", "&lt;")
        .replace("*", "\\*")
        .replace("_", "\\_")
        .replace("](", "]\\(")
    )


def show(
    study: Study, summary: StudySummary, criterion: SuccessCriterion, console: Console, *, full: bool = True
) -> None:
    """Print the tables.

    Args:
        study: the compared runs.
        summary: the results.
        criterion: when a seed counts as a success.
        console: the terminal.
        full: False prints the table of all seeds alone, without notes on it.
    """
    for panel in study.panels:
        say(console, f"{panel.name}: trained on lengths up to {up_to(panel)}", style="bold")
        for note in panel.notes:
            say(console, note, style="bold red")
        for name, rows in [*gates(panel, summary)][: None if full else 1]:
            say(
                console,
                f"{name}; success: exact match of at least {criterion.threshold:g} at {criterion.at}",
            )
            conditions = theory.conditions(rows)
            told = columns(rows)
            if "predicted" in told:
                told["predicted"] = partial(theory.briefly_predicted, conditions=conditions)
                told["seen"] = theory.briefly_seen
            cells = [{column: show(row) for column, show in told.items()} for row in rows]
            console.print(table(console, cells, dispensable=NARROW, wide=WIDE, left=WORDS))
            say(console, *(f"[{number}] if: {text}" for number, text in enumerate(conditions, 1)))
            for note in notes(panel, summary, name) if full else ():
                say(console, note)
    theory.show(_each_cell(summary), console)
    variance.show(summary.variances, console)
    for each in study.left_out[:SHOWN]:
        say(console, on_one_line(f"excluded: {each.place}: {each.reason}"))
    if len(study.left_out) > SHOWN:
        say(console, f"excluded: {len(study.left_out) - SHOWN} more (left_out.csv)")
