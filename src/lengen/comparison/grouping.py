"""A study: runs grouped into cells and panels. Excluded runs are kept with a reason."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from lengen.comparison.best import Choice, check_grids, check_options, choose, together
from lengen.comparison.cell_names import distinguishing_names
from lengen.comparison.conditions import Condition, check_key, refuse_none
from lengen.comparison.run_record import Excluded, RunRecord
from lengen.config.errors import UsageError, require
from lengen.records.curve import Curve


@dataclass(frozen=True)
class Cell:
    """A cell with its runs: a row of a table, a line in a figure.

    Args:
        name: its name in the panel.
        runs: its runs, sorted by seed; diverged runs included.
        choice: the values that were picked for it, and from what; None if none were to be picked.
        colour: its colour as `#rrggbb`; None is the colour of its encoding.
    """

    name: str
    runs: tuple[RunRecord, ...]
    choice: Choice | None = field(default=None, compare=False)
    colour: str | None = field(default=None, compare=False)

    @property
    def pe(self) -> str:
        """The encoding, which determines the colour."""
        return self.runs[0].value("pe")

    @property
    def digest(self) -> str:
        """The hash of the cell, which its runs share."""
        return self.runs[0].cell

    @property
    def tried(self) -> int:
        """Number of seeds."""
        return len(self.runs)

    @property
    def data_seeds(self) -> int:
        """Number of different seeds of the training data."""
        return len({run.data_seed for run in self.runs})

    @property
    def init_seeds(self) -> int:
        """Number of different seeds of the initial parameters."""
        return len({run.init_seed for run in self.runs})

    @cached_property
    def curves(self) -> tuple[Curve, ...]:
        """The curves of the runs that did not diverge."""
        return tuple(run.curve for run in self.runs if not run.diverged)

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """The lengths at which every run was evaluated, ascending; diverged runs are ignored."""
        return (
            tuple(sorted(set.intersection(*(set(curve.lengths) for curve in self.curves))))
            if self.curves
            else ()
        )

    def gated(self) -> Cell:
        """Return the cell with only its trained runs, possibly none."""
        return replace(self, runs=tuple(run for run in self.runs if run.trained))


def trained_up_to(cells: Iterable[Cell]) -> tuple[int, ...]:
    """Return the train lengths of some cells, ascending."""
    return tuple(sorted({int(run.config["train_length"]) for cell in cells for run in cell.runs}))


@dataclass(frozen=True)
class Panel:
    """Cells that may be compared: one task with its options, and one protocol unless mixed protocols are requested.

    Args:
        name: the task, and the options in which it differs from other panels.
        cells: sorted by name.
        notes: how protocols differ, if mixed protocols are requested, and which picked values lie at the edge of those tried.
        compared: the cells of all panels of the comparison, pooled by name, in their order; empty if this is the only one.
    """

    name: str
    cells: tuple[Cell, ...]
    notes: tuple[str, ...] = ()
    compared: tuple[Cell, ...] = field(default=(), compare=False, repr=False)

    @property
    def runs(self) -> tuple[RunRecord, ...]:
        """All runs of the panel."""
        return tuple(run for cell in self.cells for run in cell.runs)

    @cached_property
    def train_length(self) -> int:
        """The train length; the longest if protocols are mixed."""
        return self.train_lengths[-1]

    @cached_property
    def train_lengths(self) -> tuple[int, ...]:
        """The train lengths of the runs, ascending; one unless protocols are mixed."""
        return trained_up_to(self.cells)

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """All lengths at which at least one run was evaluated, ascending."""
        return tuple(sorted({length for run in self.runs for length in run.curve.lengths}))


@dataclass(frozen=True)
class Study:
    """The compared runs, grouped.

    Args:
        panels: one per task.
        left_out: excluded runs.
        by: the options that name the cells.
        best: the options of which one value was picked for every cell.
    """

    panels: tuple[Panel, ...]
    left_out: tuple[Excluded, ...] = ()
    by: tuple[str, ...] = ("pe",)
    best: tuple[str, ...] = ()

    @property
    def runs(self) -> tuple[RunRecord, ...]:
        """All compared runs."""
        return tuple(run for panel in self.panels for run in panel.runs)


def assemble(
    records: Iterable[RunRecord | Excluded],
    by: Sequence[str] = ("pe",),
    where: Sequence[str] = (),
    *,
    best: Sequence[str] = (),
    mixed: bool = False,
) -> Study:
    """Group runs into cells and panels.

    Args:
        records: runs, and runs that are already excluded.
        by: options that name a cell; cells with equal values are also named by what else differs.
        where: conditions that every run must meet, see `lengen.comparison.conditions`.
        best: options of which the value that is best on ID is picked for every cell, see `lengen.comparison.best`.
        mixed: compare runs under different protocols, and note how these differ.

    Raises:
        UsageError: a condition cannot be parsed, no run is left, or no value can be picked.
    """
    found_runs = list(records)
    excluded = [each for each in found_runs if isinstance(each, Excluded)]
    runs = [each for each in found_runs if isinstance(each, RunRecord)]
    conditions = [Condition.parse(text) for text in where]
    for option, key in [("by", key) for key in by] + [("where", each.key) for each in conditions]:
        check_key(option, key, runs)
    check_options(best, by, runs)
    selected = [run for run in runs if all(each.holds(run) for each in conditions)]
    require(
        bool(runs),
        "runs: no run found that can be compared; "
        + "; ".join(f"{each.place}: {each.reason}" for each in excluded[:5]),
    )
    excluded = [each for each in excluded if each.asked is None or _may_hold(conditions, each.asked)]
    if not selected:
        refuse_none(conditions, runs)
    selected, repeated = _once(selected)
    excluded += repeated
    groups: dict[str, list[RunRecord]] = {}
    for run in selected:
        groups.setdefault(run.task, []).append(run)
    names = distinguishing_names([group[0] for group in groups.values()], ["task"], "task.")
    panels = []
    for name, group in zip(names, groups.values(), strict=True):
        panel, deviating = _panel(name, group, by, best, mixed=mixed)
        panels.append(panel)
        excluded += deviating
    panels = sorted(panels, key=lambda panel: panel.name)
    every = tuple(sorted(pooled(panels), key=lambda cell: _natural(cell.name)))
    whole = tuple(replace(panel, compared=every) for panel in panels)
    return Study(whole, tuple(excluded), tuple(by), tuple(best))


def _may_hold(conditions: Sequence[Condition], run: RunRecord) -> bool:
    """Whether a run that cannot be compared meets some conditions, as far as they can be told of it."""
    try:
        return all(each.holds(run) for each in conditions)
    except UsageError:
        return True


def pooled(panels: Sequence[Panel]) -> list[Cell]:
    """Pool cells of the same name over some panels of a comparison, in the order of its cells."""
    names = [cell.name for panel in panels for cell in panel.compared or panel.cells]
    every: dict[str, list[Cell]] = {name: [] for name in names}
    for panel in panels:
        for cell in panel.cells:
            every[cell.name].append(cell)
    return [
        Cell(name, tuple(run for cell in cells for run in cell.runs), colour=cells[0].colour)
        for name, cells in every.items()
        if cells
    ]


def _once(runs: Iterable[RunRecord]) -> tuple[list[RunRecord], list[Excluded]]:
    """Keep each seed of a cell once, and no copy under another seed: the run that finished first."""
    kept: dict[tuple[str, str], RunRecord] = {}
    originals: dict[tuple[str, str], RunRecord] = {}
    repeated = []
    for run in sorted(runs, key=lambda run: (str(run.facts.get("finished", "~")), run.place)):
        if digest := run.facts.get("parameters_digest"):
            original = originals.setdefault((run.cell, str(digest)), run)
            if original.seed != run.seed:
                reason = f"seed {run.seed} of cell {run.cell} is a copy of {original.place}: equal final parameters"
                repeated.append(Excluded(run.place, reason))
                continue
        first = kept.setdefault((run.cell, run.seed), run)
        if first is not run:
            repeated.append(Excluded(run.place, f"seed {run.seed} of cell {run.cell} repeats {first.place}"))
    return list(kept.values()), repeated


def _panel(
    name: str, runs: list[RunRecord], by: Sequence[str], best: Sequence[str], *, mixed: bool
) -> tuple[Panel, list[Excluded]]:
    """Build the panel of a task from the runs under its most frequent protocol, and exclude the others."""
    protocols = {run.place: run.protocol_beside(by) for run in runs}
    counted = Counter(json.dumps(protocol, sort_keys=True) for protocol in protocols.values())
    common = json.loads(counted.most_common(1)[0][0])
    deviating, notes = [], set()
    for run in runs:
        if difference := _difference(protocols[run.place], common):
            deviating.append(
                Excluded(
                    run.place,
                    f"protocol differs from most of {name}: {difference} (mixed=true compares them anyway)",
                )
            )
            notes.add(f"protocols differ: {difference}")
    kept = runs if mixed else [run for run in runs if run.place not in {each.place for each in deviating}]
    cells = _cells(kept, by, best)
    edges = [f"{cell.name}: {edge}" for cell in cells if cell.choice for edge in cell.choice.edges]
    return Panel(name, tuple(cells), (*sorted(notes if mixed else ()), *edges)), [] if mixed else deviating


def _cells(runs: list[RunRecord], by: Sequence[str], best: Sequence[str]) -> list[Cell]:
    """Return the cells of some runs, sorted by name; of cells that differ in the options of `best` alone, the one that is picked."""
    groups = together(runs, best)
    names = distinguishing_names([group[0] for group in groups], by, "", best)
    choices = (
        {name: choose(group, best, name) for name, group in zip(names, groups, strict=True)} if best else {}
    )
    check_grids(choices)
    cells = []
    for name, group in zip(names, groups, strict=True):
        choice = choices.get(name)
        picked = choice.picked.runs if choice else group
        cells.append(Cell(name, tuple(sorted(picked, key=lambda run: _natural(run.seed))), choice))
    return sorted(cells, key=lambda cell: _natural(cell.name))


def _difference(protocol: Mapping[str, Any], common: Mapping[str, Any]) -> str:
    """Describe how a protocol differs from the common one."""
    texts = [
        {key: json.dumps(value, sort_keys=True) for key, value in each.items()}  # as text, NaN equals itself
        for each in (protocol, common)
    ]
    keys = [key for key in {**common, **protocol} if texts[0].get(key) != texts[1].get(key)]
    return ", ".join(f"{key} {protocol.get(key)} instead of {common.get(key)}" for key in keys)


def _natural(text: str) -> list[tuple[int, str]]:
    """Return a sort key that orders numbers in a text by value."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in text.replace(",", " ").split()]
