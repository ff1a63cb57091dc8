"""Which runs a study has: grids of runs, each of one command, in which no run occurs twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lengen.records.earlier_runs import configuration_key, seed_name
from lengen.studies.words import of_study, option


@dataclass(frozen=True)
class PlannedRun:
    """A run of a study, and what is needed to find its folder.

    Args:
        key: `record_key` of its configuration.
        task: name of the folder of its task.
        pe: name of the folder of its encoding, below that of its task.
        seed: name of its own folder, two levels below: between them is its cell, which only the run itself knows.
        options: overrides in which it differs from the other runs of its grid.
        stress: what it is also evaluated on: stress sets, and numbers of loops in a list.
        refused: why it was refused when it was tried last; empty if it was not. What its folder says counts more.
        recorded: its key in `run.json` where that is another one: it was made when lengen's classes had other revisions.
        failed: why its job failed when it was tried last, as `refused`.
    """

    key: str
    task: str
    pe: str
    seed: str
    options: tuple[str, ...] = ()
    stress: tuple[str, ...] = ()
    refused: str = ""
    recorded: str = ""
    failed: str = ""


@dataclass(frozen=True)
class Grid:
    """The runs of one command.

    Args:
        words: overrides of the command that belong to the study, as they were given.
        own: names of the user's configuration folders (`--config-dir`); whoever goes on with the study names them again.
        common: overrides that all runs share.
        runs: the runs.
    """

    words: tuple[str, ...]
    own: tuple[str, ...]
    common: tuple[str, ...]
    runs: tuple[PlannedRun, ...]

    def overrides(self, run: PlannedRun) -> list[str]:
        """All overrides of a run."""
        return [*self.common, *run.options]

    @classmethod
    def of(
        cls, words: Sequence[str], own: Sequence[str], jobs: Iterable[tuple[Sequence[str], Mapping[str, Any]]]
    ) -> Grid:
        """The grid of a command.

        Args:
            words: the command's overrides, as they were given.
            own: names of the user's configuration folders.
            jobs: overrides and resolved configuration of each run.
        """
        configured = [(of_study(overrides), config) for overrides, config in jobs]
        common = shared([overrides for overrides, _ in configured])
        runs = dict[str, PlannedRun]()
        for overrides, config in configured:
            run = planned([word for word in overrides if word not in common], config)
            if not any("/" in part for part in (run.task, run.pe, run.seed)):  # else its job is refused
                runs.setdefault(run.key, run)
        return cls(tuple(of_study(words)), tuple(own), tuple(common), tuple(runs.values()))


@dataclass(frozen=True)
class StudyPlan:
    """The runs of a study.

    Args:
        results: name of the folder of its runs, beside the folder of its file.
        grids: its runs, by the command that added them; no run occurs twice.
    """

    results: str
    grids: tuple[Grid, ...] = ()

    @property
    def runs(self) -> tuple[PlannedRun, ...]:
        """All runs."""
        return tuple(run for grid in self.grids for run in grid.runs)

    def with_grid(self, grid: Grid) -> StudyPlan:
        """Return the union with a grid. A run that is there keeps its place, also if the same words now mean another one."""
        known = {run.key for run in self.runs}
        named = {frozenset(each.overrides(run)): place for place, each, run in self.placed()}
        new, renewed = list[PlannedRun](), dict[int, PlannedRun]()
        for run in grid.runs:
            place = named.get(frozenset(grid.overrides(run)))
            if run.key in known:
                continue
            if place is None:
                new.append(run)
            else:
                renewed[place] = replace(run, options=self.runs[place].options)
        *others, last = self.with_runs(renewed).grids or (replace(grid, runs=()),)
        if replace(last, runs=()) == replace(grid, runs=()):  # the next runs of the same command
            return replace(self, grids=(*others, replace(last, runs=(*last.runs, *new))))
        added = (replace(grid, runs=tuple(new)),) if new else ()
        return replace(self, grids=(*others, last, *added))

    def with_runs(self, changed: Mapping[int, PlannedRun]) -> StudyPlan:
        """Return the study with some runs replaced, by their place among all."""
        places = iter(range(len(self.runs)))
        grids = [
            replace(
                grid,
                runs=tuple(changed.get(place, run) for run, place in zip(grid.runs, places, strict=False)),
            )
            for grid in self.grids
        ]
        return replace(self, grids=tuple(grids))

    def placed(self) -> Iterator[tuple[int, Grid, PlannedRun]]:
        """Yield each run with its place among all and its grid."""
        places = iter(range(len(self.runs)))
        for grid in self.grids:
            for run in grid.runs:
                yield next(places), grid, run


def planned(options: Sequence[str], config: Mapping[str, Any]) -> PlannedRun:
    """A run by its overrides and its resolved configuration."""
    labels, evaluation = config["labels"], config["eval"]
    stress, loops = (
        evaluation.get(name) if isinstance(evaluation, Mapping) else None for name in ("stress", "loops")
    )
    further = [*map(str, stress)] if isinstance(stress, list) else []
    further += [f"loops={word}" for word in loops] if isinstance(loops, list) else []
    return PlannedRun(
        configuration_key(config),
        str(labels["task"]),
        str(labels["pe"]),
        seed_name(config),
        tuple(options),
        tuple(further),
    )


def shared(jobs: Sequence[Sequence[str]]) -> list[str]:
    """Return the overrides that all jobs have, of options that no job sets twice."""
    if len(jobs) < 2:  # noqa: PLR2004  # a single run is named by all its options
        return []
    in_all = set.intersection(*map(set, jobs))
    names = [option(word) for word in jobs[0]]
    return [word for word in jobs[0] if word in in_all and names.count(option(word)) == 1]
