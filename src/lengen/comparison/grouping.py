"""A study: runs sorted into cells and panels; what cannot be compared is kept with its reason."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lengen.comparison.cell_names import distinguishing_names
from lengen.comparison.conditions import check_key, condition, parts
from lengen.comparison.run_record import Excluded, RunRecord
from lengen.config.errors import require
from lengen.records.curve import Curve


@dataclass(frozen=True)
class Cell:
    """One cell among others: a line of a table, a line in a figure.

    Args:
        name: what tells it from the other lines of its panel.
        runs: by seed, those that diverged included.
    """

    name: str
    runs: tuple[RunRecord, ...]

    @property
    def pe(self) -> str:
        """The encoding, which gives the colour."""
        return self.runs[0].value("pe")

    @property
    def cell(self) -> str:
        """The hash that its runs share."""
        return self.runs[0].cell

    @property
    def tried(self) -> int:
        """How many seeds were tried."""
        return len(self.runs)

    @property
    def curves(self) -> tuple[Curve, ...]:
        """Those of the runs that did not diverge."""
        return tuple(run.curve for run in self.runs if not run.diverged)

    def gated(self) -> Cell:
        """The trained runs alone; may be none."""
        return Cell(self.name, tuple(run for run in self.runs if run.trained))


@dataclass(frozen=True)
class Panel:
    """Cells that may be compared: one task with its options, one protocol unless several were asked for.

    Args:
        name: the task, and what tells it from the other panels.
        lines: its cells.
        notes: how protocols differ, where that was asked for.
    """

    name: str
    lines: tuple[Cell, ...]
    notes: tuple[str, ...] = ()

    @property
    def runs(self) -> tuple[RunRecord, ...]:
        """All of them."""
        return tuple(run for line in self.lines for run in line.runs)

    @cached_property
    def train_length(self) -> int:
        """The longest trained length; the largest where protocols are mixed."""
        return max(int(run.config["train_length"]) for run in self.runs)

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """Every length that some run was asked."""
        return tuple(sorted({length for run in self.runs for length in run.curve.lengths}))


@dataclass(frozen=True)
class Study:
    """What is compared.

    Args:
        panels: one for every task.
        left_out: what takes no part.
        by: the options that name the lines.
    """

    panels: tuple[Panel, ...]
    left_out: tuple[Excluded, ...] = ()
    by: tuple[str, ...] = ("pe",)

    @property
    def runs(self) -> tuple[RunRecord, ...]:
        """All that are compared."""
        return tuple(run for panel in self.panels for run in panel.runs)


def assemble(
    found: Iterable[RunRecord | Excluded],
    by: Sequence[str] = ("pe",),
    where: Sequence[str] = (),
    *,
    mixed: bool = False,
) -> Study:
    """Sort runs into cells and panels.

    Args:
        found: runs, and what is left out already.
        by: options that name a line; cells that these do not tell apart are named by what does.
        where: conditions `key=value`, `key=one|other` or `key!=value` that every run must meet.
        mixed: compare in spite of differing protocols, and say how they differ.

    Raises:
        UsageError: a condition cannot be read, or no run is left.
    """
    everything = list(found)
    left = [each for each in everything if isinstance(each, Excluded)]
    runs = [each for each in everything if isinstance(each, RunRecord)]
    for option, key in [("by", key) for key in by] + [("where", parts(text)[0]) for text in where]:
        check_key(option, key, runs)
    wanted = [condition(text) for text in where]
    asked = [run for run in runs if all(holds(run) for holds in wanted)]
    require(
        bool(asked),
        f"where={list(where)}: holds for none of {len(runs)} runs"
        if runs
        else "runs: found none that can be compared; "
        + "; ".join(f"{each.place}: {each.reason}" for each in left[:5]),
    )
    asked, again = _once(asked)
    groups: dict[str, list[RunRecord]] = {}
    for run in asked:
        groups.setdefault(run.task, []).append(run)
    names = distinguishing_names([group[0] for group in groups.values()], ["task"], "task.")
    panels = []
    for name, group in zip(names, groups.values(), strict=True):
        panel, odd = _panel(name, group, by, mixed=mixed)
        panels.append(panel)
        again += odd
    return Study(tuple(sorted(panels, key=lambda panel: panel.name)), (*left, *again), tuple(by))


def pooled(panels: Sequence[Panel]) -> list[Cell]:
    """Over all panels one line for every name, with the runs of all lines of that name."""
    every = [line for panel in panels for line in panel.lines]
    return [
        Cell(name, tuple(run for line in every if line.name == name for run in line.runs))
        for name in dict.fromkeys(line.name for line in every)
    ]


def _once(runs: Iterable[RunRecord]) -> tuple[list[RunRecord], list[Excluded]]:
    """Each seed of a cell once: the run that was finished first."""
    kept: dict[tuple[str, str], RunRecord] = {}
    again = []
    for run in sorted(runs, key=lambda run: (str(run.facts.get("finished", "~")), run.place)):
        first = kept.setdefault((run.cell, run.seed), run)
        if first is not run:
            again.append(
                Excluded(run.place, f"seed {run.seed} of cell {run.cell} is there already: {first.place}")
            )
    return list(kept.values()), again


def _panel(
    name: str, runs: list[RunRecord], by: Sequence[str], *, mixed: bool
) -> tuple[Panel, list[Excluded]]:
    """Cells of one task under the protocol that most runs have, and the runs under another one."""
    protocols = {
        run.place: {key: value for key, value in run.protocol.items() if key not in by} for run in runs
    }
    counted = Counter(json.dumps(protocol, sort_keys=True) for protocol in protocols.values())
    common = json.loads(counted.most_common(1)[0][0])
    odd, notes = [], set()
    for run in runs:
        if difference := _difference(protocols[run.place], common):
            odd.append(
                Excluded(
                    run.place,
                    f"protocol differs from most of {name}: {difference} (mixed=true compares all the same)",
                )
            )
            notes.add(f"protocols differ: {difference}")
    kept = runs if mixed else [run for run in runs if run.place not in {each.place for each in odd}]
    cells: dict[str, list[RunRecord]] = {}
    for run in kept:
        cells.setdefault(run.cell, []).append(run)
    named = distinguishing_names([cell[0] for cell in cells.values()], by, "")
    lines = [
        Cell(line, tuple(sorted(cell, key=lambda run: _natural(run.seed))))
        for line, cell in zip(named, cells.values(), strict=True)
    ]
    lines.sort(key=lambda line: _natural(line.name))
    return Panel(name, tuple(lines), tuple(sorted(notes)) if mixed else ()), [] if mixed else odd


def _difference(protocol: Mapping[str, Any], common: Mapping[str, Any]) -> str:
    """What is not the same, in words."""
    keys = [key for key in {**common, **protocol} if protocol.get(key) != common.get(key)]
    return ", ".join(f"{key} {protocol.get(key)} instead of {common.get(key)}" for key in keys)


def _natural(text: str) -> list[tuple[int, str]]:
    """A key that sorts numbers in a text by their value."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in text.replace(",", " ").split()]
