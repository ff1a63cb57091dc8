"""The report of a run on the terminal: its curve as a table and as a plot, its reaches, and its files."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import plotext
from rich.console import Console
from rich.table import Table

from lengen.records.curve import TRAINED, Curve, Row
from lengen.records.error_law import ErrorLaw
from lengen.records.plain_text import on_one_line
from lengen.records.supervision import described
from lengen.records.verdicts import FAILURES
from lengen.report.console import ASCII, NONE, ascii_only, say
from lengen.report.console import table as console_table
from lengen.report.scale import label, logarithmic, ticks
from lengen.statistics.formats import bounds, counted, floored, id_score, percent, reach_text
from lengen.statistics.intervals import THRESHOLDS, clopper_pearson, examples_needed

COLUMNS: dict[str, Callable[[Row], str]] = {
    "length": lambda row: str(row.length),
    "split": lambda row: row.split,
    "exact match": lambda row: floored(row.exact_match),
    "chance": lambda row: NONE if row.chance_exact_match is None else floored(row.chance_exact_match),
    "95% interval": lambda row: bounds(row.ci_low, row.ci_high, between=" to "),
    "token accuracy": lambda row: floored(row.token_accuracy),
    "loss": lambda row: f"{row.loss:.4f}",
    "first error": lambda row: NONE if row.first_error is None else f"{row.first_error:.1f}",
    "seconds": lambda row: f"{row.seconds:.2f}",
    "how it fails": lambda row: most_frequent_failure(row),  # noqa: PLW0108  # defined below
}
FAILS = dict(zip(FAILURES, ("stops early", "runs on", "never ends", "wrong token"), strict=True))
"""Words for the ways in which answers fail."""
FOLLOWED = {"place": "place in the answer", "length": "length of the problem"}
"""Words for what errors follow."""
DISPENSABLE = ("seconds", "first error", "loss", "how it fails", "token accuracy", "chance", "95% interval")
"""Columns that a narrow terminal omits, in the order of omission."""
NO_EXTRAPOLATION = "OOD results of an untrained run say nothing about extrapolation"
NARROW, WIDEST, TALL = 40, 80, 12
"""In characters: minimum width of the terminal for a plot, maximum width of the plot, and its height."""


def show_result(curve: Curve, facts: Mapping[str, Any], folder: Path, *, full: bool) -> None:
    """Print the result of a run or an evaluation: briefly, or all that is known of it.

    Args:
        curve: the curve, possibly empty.
        facts: what its folder says of it.
        folder: its folder.
        full: whether all is printed.
    """
    score, examples = facts.get("id_exact_match") or 0.0, facts.get("id_examples")
    if full:
        category, law = facts.get("category", ""), ErrorLaw.of(facts)
        show(curve, id_exact_match=score, id_examples=examples, folder=folder, category=category, law=law)
    else:
        show_briefly(curve, id_exact_match=score, id_examples=examples, folder=folder)


def show(
    curve: Curve,
    *,
    id_exact_match: float,
    folder: Path,
    id_examples: int | None = None,
    category: str = "",
    law: ErrorLaw | None = None,
    console: Console | None = None,
) -> None:
    """Print a curve, its reaches, its error law, whether the run is trained, and the files of the run.

    Args:
        curve: the curve, possibly empty.
        id_exact_match: exact match over the training lengths, which decides whether the run is trained.
        folder: the run folder.
        id_examples: number of its strings; None in runs of earlier versions.
        category: category letters of the run (`lengen.records.supervision`).
        law: the error law; None in runs of earlier versions.
        console: the terminal; standard output if None.
    """
    console = console or Console()
    if curve.rows:
        console.print(table(curve, console))
        say(console, *plot(curve, console), "")
    for threshold in THRESHOLDS if curve.rows else ():
        say(console, reached(curve, threshold))
    if law:
        say(console, error_law(law))
    style = "" if id_exact_match >= TRAINED else "bold red"
    say(console, verdict(id_exact_match, id_examples), style=style)
    say(console, *filter(None, [described(category)]), *files(folder))


def show_briefly(
    curve: Curve,
    *,
    id_exact_match: float,
    folder: Path,
    id_examples: int | None = None,
    console: Console | None = None,
) -> None:
    """Print a curve, one line on how far it holds or that the run is not trained, and one on where its files are.

    Args:
        curve: the curve, possibly empty.
        id_exact_match: exact match over the training lengths, which decides whether the run is trained.
        folder: the run folder.
        id_examples: number of its strings; None in runs of earlier versions.
        console: the terminal; standard output if None.
    """
    console = console or Console()
    if curve.rows:
        console.print(table(curve, console))
        say(console, *plot(curve, console), "")
    trained = id_exact_match >= TRAINED
    reaches = [f"{threshold:.2f}: {curve.reach_text(threshold)}" for threshold in THRESHOLDS if curve.rows]
    further = f"; reach {', '.join(reaches)}" if trained and reaches else ""
    say(console, verdict(id_exact_match, id_examples) + further, style="" if trained else "bold red")
    say(console, f"files: {from_here(folder)} (-v says more)")


def table(curve: Curve, console: Console) -> Table:
    """Build a table of a curve with as many columns as fit; a rule separates trained lengths from longer ones."""
    lacking = {"how it fails"} if not any(row.failures for row in curve.rows) else set[str]()
    lacking |= {"chance"} if all(row.chance_exact_match is None for row in curve.rows) else set()
    told = [name for name in COLUMNS if name not in lacking]
    rows = [{name: COLUMNS[name](row) for name in told} for row in curve.rows]
    following = zip(curve.rows, curve.rows[1:], strict=False)
    borders = [index for index, (row, after) in enumerate(following) if row.split != after.split]
    return console_table(
        console, rows, dispensable=DISPENSABLE, left=("split", "how it fails"), sections=borders
    )


def most_frequent_failure(row: Row) -> str:
    """The most frequent way in which answers of a length fail, and its share of the wrong answers."""
    if row.correct == row.examples or not row.failures:
        return NONE
    name, share = max(row.failures.items(), key=lambda each: each[1])
    return f"{FAILS[name]} {percent(share * row.examples / (row.examples - row.correct))}"


def plot(curve: Curve, console: Console) -> list[str]:
    """Plot exact match over length in characters and return the lines; empty if the terminal is too narrow."""
    if console.width < NARROW:
        return []
    plain = ascii_only(console)
    log = logarithmic(curve.lengths)
    place: Callable[[float], float] = math.log2 if log else float
    places = [place(length) for length in curve.lengths]
    width = min(console.width, WIDEST)
    plotext.clear_figure()
    try:
        plotext.limitsize(False, False)
        plotext.plotsize(width, TALL)
        plotext.theme("clear")
        plotext.ylim(0, 1)
        plotext.yticks([0, 0.5, 1], ["0.0", "0.5", "1.0"])
        character = max(places[-1] - places[0], 1e-9) / (width - 6)
        rows = ticks(curve.lengths, curve.rows[0].train_length, place, character)
        labelled = [length for length, row in rows.items() if not row]
        plotext.xticks([place(length) for length in labelled], [label(length) for length in labelled])
        plotext.title("exact match over length" + (", log scale" if log else ""))
        marker = "*" if plain else "hd"
        draw = plotext.scatter if len(curve) == 1 else plotext.plot
        draw(places, [row.exact_match for row in curve.rows], marker=marker)
        train = curve.rows[0].train_length
        if curve.lengths[0] < train < curve.lengths[-1]:
            plotext.vline(place(train))
        text = plotext.uncolorize(plotext.build())
    finally:
        plotext.clear_figure()
    lines = [line.rstrip() for line in text.splitlines()]
    return [line.translate(ASCII) for line in lines] if plain else lines


def reached(curve: Curve, threshold: float) -> str:
    """Describe one reach in a line: its length, as a factor of the train length, and whether there were enough examples.

    Args:
        curve: a curve with at least one row.
        threshold: threshold of the lower confidence bound.
    """
    length, train = curve.reach(threshold), curve.rows[0].train_length
    line = f"reach {threshold:.2f}: "
    if not curve.measurable(threshold):
        examples = curve.rows[0].examples
        return f"{line}{curve.reach_text(threshold)} with {counted(examples, 'example')} per length (needs {examples_needed(threshold)})"
    stopped = next((row for row in curve.rows if length is None or row.length > length), None)
    line += reach_text(length, at_least=stopped is None)
    line += "" if length is None else f" ({length / train:.3g}x the train length {train})"
    if stopped is None:
        return f"{line}, every length of the sweep"
    needed = examples_needed(threshold)
    return f"{line}; needs at least {needed} examples per length" if stopped.examples < needed else line


def error_law(law: ErrorLaw) -> str:
    """Describe an error law in a line, or say why there is none."""
    if not law.law:
        return f"error law: none ({law.note})"
    parts = [
        f"{word} {estimate.value:{form}} [{estimate.low:{form}}, {estimate.high:{form}}]"
        for word, estimate, form in (
            ("error rate per token at the train length", law.error_rate, "#.2g"),
            ("growth exponent", law.growth, ".2f"),
            ("horizon", law.horizon, "#.3g"),
            ("exact match 1/2 at", law.half_length, "#.3g"),
        )
        if estimate
    ]
    if followed := FOLLOWED.get(str(law.errors_follow)):
        parts.append(f"errors follow the {followed}")
    if law.by_bic != law.law:
        parts.append(f"BIC prefers: {law.by_bic}")
    return f"error law: {law.law}, {', '.join(parts)}"


def verdict(id_exact_match: float, id_examples: int | None = None) -> str:
    """Describe in a line whether the run is trained: on how many strings, and with which 95% interval.

    >>> verdict(1.0, 100)
    'trained: ID exact match 1.000 of 100 strings (95% interval 0.963 to 1.000)'
    """
    number = id_score(id_exact_match, id_examples)
    if id_examples:
        low, high = clopper_pearson(round(id_exact_match * id_examples), id_examples)
        number += f" (95% interval {bounds(low, high, between=' to ')})"
    if id_exact_match >= TRAINED:
        return f"trained: {number}"
    return f"NOT TRAINED: {number} is below {TRAINED}; {NO_EXTRAPOLATION}"


def summary(curve: Curve, *, measurable: bool = False) -> str:
    """Describe a curve in a line: exact match at its ends, and the reaches.

    Args:
        curve: the curve.
        measurable: leave out the reaches for which there are too few examples.
    """
    ends = dict.fromkeys((curve.rows[0], curve.rows[-1]))
    shares = ", ".join(f"{floored(row.exact_match)} at {row.length}" for row in ends)
    named = [each for each in THRESHOLDS if not measurable or curve.measurable(each)]
    reaches = ", ".join(f"{threshold:.2f}: {curve.reach_text(threshold)}" for threshold in named)
    return f"exact match {shares}; reach {reaches}".removesuffix("; reach ")


def files(folder: Path) -> list[str]:
    """List the files of a run, as paths relative to the working directory if they lie below it."""
    all_files = [path for path in (*folder.glob("*"), *folder.glob("checkpoints/*")) if path.is_file()]
    return [from_here(path) for path in sorted(all_files) if not path.name.startswith(".")]


def from_here(path: Path) -> str:
    """Write a path as relative to the working directory if it lies below it, else as absolute."""
    here, place = Path.cwd(), path.absolute()
    return on_one_line(str(place.relative_to(here) if place.is_relative_to(here) else place))
