"""The results of a study: by cell, by pair of cells, and over all tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lengen.comparison.cell_scores import GATES, gate, lengths
from lengen.comparison.cell_summary import CellSummary, SuccessCriterion, summarize_cells
from lengen.comparison.grouping import Cell, Panel, Study
from lengen.comparison.overall import Overall, over_all_panels
from lengen.comparison.pairs import CellPair, PairOptions, compare_pairs, too_few_seeds
from lengen.comparison.panel_areas import PanelAreas, panel_areas
from lengen.comparison.theory import Theory
from lengen.comparison.variance import CellVariance, variances
from lengen.config.errors import nearest, require
from lengen.statistics.intervals import not_measurable

NAMED = 5
"""Maximum number of cells that a note names."""


@dataclass(frozen=True)
class Note:
    """What is to be known of the results of a panel.

    Args:
        task: name of the panel.
        runs: `all` or `trained`.
        text: one sentence.
    """

    task: str
    runs: str
    text: str


@dataclass(frozen=True)
class StudySummary:
    """The results of a comparison."""

    summaries: tuple[CellSummary, ...]
    pairs: tuple[CellPair, ...]
    overall: tuple[Overall, ...]
    notes: tuple[Note, ...] = ()
    variances: tuple[CellVariance, ...] = ()


def summarize(
    study: Study,
    criterion: SuccessCriterion,
    options: PairOptions | None = None,
    *,
    variance: bool = False,
    theory: Theory | None = None,
) -> StudySummary:
    """Summarize cells, pairs of cells and all panels, for all runs and for trained runs only.

    Args:
        study: the compared runs.
        criterion: when a seed counts as a success.
        options: how cells are compared.
        variance: whether the spread of areas is divided between init seeds, data seeds and strings.
        theory: what predicts what is seen of a cell; None predicts nothing.

    Raises:
        UsageError: no panel has the control, or no cell has the runs that the variance needs.
    """
    options = options or PairOptions()
    _check(study, options)
    divided = variances(study) if variance else ()
    summaries: list[CellSummary] = []
    pairs: list[CellPair] = []
    notes: list[Note] = []
    panel_pairs: list[CellPair] = []
    rows: list[CellSummary] = []
    for panel in study.panels:
        all_trained = all(run.trained for run in panel.runs)
        for runs in GATES:
            if runs == "trained" and all_trained:  # the results equal those of all runs
                panel_pairs = [replace(pair, runs=runs) for pair in panel_pairs]
                rows = [replace(row, runs=runs) for row in rows]
            else:
                cells = [gate(cell, runs) for cell in panel.cells]
                areas = panel_areas(cells, panel.train_length)
                panel_pairs = compare_pairs(panel, areas, runs, options, _successes(areas, criterion))
                control = options.control is not None
                rows = summarize_cells(
                    panel, cells, areas, runs, criterion, panel_pairs, control=control, theory=theory
                )
                notes += [Note(panel.name, runs, text) for text in _notes(panel, cells, areas, options)]
            pairs += panel_pairs
            summaries += rows
    overall = tuple(over_all_panels(study, summaries))
    return StudySummary(tuple(summaries), tuple(pairs), overall, tuple(notes), divided)


def _check(study: Study, options: PairOptions) -> None:
    """Refuse a control that no panel has."""
    names = list(dict.fromkeys(cell.name for panel in study.panels for cell in panel.cells))
    require(
        options.control is None or options.control in names,
        f"control={options.control}: no cell has this name{nearest(str(options.control), names)} "
        f"(allowed: {', '.join(names)})",
    )


def _successes(areas: PanelAreas | None, criterion: SuccessCriterion) -> list[int] | None:
    """Return the number of successes of each cell; None if they are not counted at one length for all of them."""
    rates = [criterion.rate(cell) for cell in areas.cells] if areas else []
    if len({rate[0] if rate else None for rate in rates}) != 1 or None in rates:
        return None
    return [rate[1].successes for rate in rates if rate]


def _notes(panel: Panel, cells: Sequence[Cell], areas: PanelAreas | None, options: PairOptions) -> list[str]:
    """Return what the results of a panel, over some of its runs, do not show by themselves."""
    notes = [too_few_seeds(areas, options), shared_seeds(areas), too_few_examples(panel.cells)]
    if options.control is not None and options.control not in {cell.name for cell in panel.cells}:
        notes.append(f"not compared: there is no cell {options.control} here")
    longest = _longest(panel.cells)
    if areas is None:
        trained = any(cell.runs for cell in cells)
        reason = "the runs share no length beyond the train length" if trained else "no run is trained"
        notes.append(f"no areas: {reason}" if longest or not trained else "")
        return [note for note in notes if note]
    if areas.lengths[-1] < longest:
        notes.append(
            f"areas end at {areas.lengths[-1]}, the longest length that all runs share (some go on to {longest})"
        )
    if areas.means is None and len(areas.cells) > 1:
        notes.append(
            "strings as fixed: some run kept no verdicts, or those of other strings, so tests and intervals are over seeds alone"
        )
    return [note for note in notes if note]


def shared_seeds(areas: PanelAreas | None) -> str:
    """Name the cells whose runs share a seed of data or of initial parameters; empty if there are none."""
    shared = [
        f"{cell.name} ({cell.tried} runs of {cell.data_seeds} data and {cell.init_seeds} init seeds)"
        for cell in (areas.cells if areas else ())
        if min(cell.data_seeds, cell.init_seeds) < cell.tried
    ]
    more = f" and {len(shared) - NAMED} more cells" if len(shared) > NAMED else ""
    text = "runs that share a seed are not independent, though tests and intervals take them so"
    return f"{text}: {', '.join(shared[:NAMED])}{more}" if shared else ""


def too_few_examples(cells: Sequence[Cell]) -> str:
    """Name the reaches that some cell has too few examples to measure; empty if there are none."""
    first = [curve[at[0]].examples for cell in cells if (at := lengths(cell)) for curve in cell.curves]
    lacking = not_measurable(min(first)) if first else ""
    return f"not measurable with {min(first)} examples per length: {lacking}" if lacking else ""


def _longest(cells: Sequence[Cell]) -> int:
    """Return the longest length at which any run was evaluated; 0 if there is no curve."""
    return max((length for cell in cells for curve in cell.curves for length in curve.lengths), default=0)
