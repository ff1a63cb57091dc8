"""The value of an option that is picked for every cell, such as its learning rate: the one that is best on ID alone."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lengen.comparison.cell_names import flat, within
from lengen.comparison.conditions import check_key, is_number
from lengen.comparison.run_record import MISSING, RunRecord
from lengen.config.errors import UsageError, require
from lengen.config.identity import NON_IDENTITY_KEYS
from lengen.statistics.formats import floored

MEASURED = ("task", "format", "lengths", "train_length", "eval", "cell", *NON_IDENTITY_KEYS)
"""Options that decide what ID is, or which run of a cell is meant: no value of theirs can be picked."""


@dataclass(frozen=True)
class Candidate:
    """A value of the options, with its runs; no property of it reads a length beyond the train length.

    Args:
        values: the values of the options.
        runs: one run per seed.
    """

    values: tuple[Any, ...]
    runs: tuple[RunRecord, ...]

    @property
    def id_exact_match(self) -> float:
        """Median over seeds of the ID exact match that `run.json` records; 0 for a diverged run."""
        return statistics.median(
            0.0 if run.diverged else float(run.facts.get("id_exact_match") or 0.0) for run in self.runs
        )

    @cached_property
    def id_loss(self) -> float | None:
        """Median over seeds of the mean loss at the ID lengths of `curve.csv`, in nats per answer token; None if there are none.

        It is infinite for a diverged run.
        """
        losses = [
            [math.inf] if run.diverged else [row.loss for row in run.curve.rows if row.split == "id"]
            for run in self.runs
        ]
        return statistics.median(map(statistics.fmean, losses)) if all(losses) else None


@dataclass(frozen=True)
class Choice:
    """What was picked for one cell, and from what.

    Args:
        keys: the options.
        candidates: their values, ascending.
        picked: the candidate with the highest ID exact match; of several, the one with the lowest ID loss, then the first.
    """

    keys: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    picked: Candidate

    @property
    def names(self) -> tuple[str, ...]:
        """The options by the last word of their names, such as `lr`; by their whole names if two of these are equal."""
        short = tuple(key.rpartition(".")[2] for key in self.keys)
        return short if len(set(short)) == len(short) else self.keys

    def tried(self, index: int) -> list[Any]:
        """Return the values of an option that were tried, ascending."""
        return sorted({each.values[index] for each in self.candidates}, key=_order)

    @property
    def edges(self) -> list[str]:
        """Where a picked number is the smallest or the largest of those tried: a better one may lie beyond."""
        found = []
        for index, name in enumerate(self.names):
            tried, value = self.tried(index), self.picked.values[index]
            if all(is_number(each) for each in tried) and value in (tried[0], tried[-1]):
                found.append(f"{name}={value} is the {'smallest' if value == tried[0] else 'largest'} tried")
        return found

    def __str__(self) -> str:
        return "; ".join(
            f"{name}={self.picked.values[index]} of {', '.join(map(str, self.tried(index)))}"
            for index, name in enumerate(self.names)
        )


def check_options(keys: Sequence[str], by: Sequence[str], runs: Sequence[RunRecord]) -> None:
    """Refuse options of which no value can be picked.

    Raises:
        UsageError: no run has such an option, it decides what ID is, or it names the cells.
    """
    for key in keys:
        fixed = next((each for each in MEASURED if within(key, each)), None)
        require(
            fixed is None,
            f"best={key}: {fixed} cannot be picked: it says on what ID is measured, or which run is meant",
        )
        check_key("best", key, runs, MEASURED)
        named = next((each for each in by if within(key, each) or within(each, key)), None)
        require(named is None, f"best={key}: by={named} separates its values; leave one of the two out")


def together(runs: Iterable[RunRecord], keys: Sequence[str]) -> list[list[RunRecord]]:
    """Group runs that differ in seeds and in the given options alone; by cell if there are no such options."""
    groups: dict[str, list[RunRecord]] = {}
    for run in runs:
        groups.setdefault(_besides(run, keys) if keys else run.cell, []).append(run)
    return list(groups.values())


def choose(runs: Iterable[RunRecord], keys: Sequence[str], name: str) -> Choice:
    """Pick the values of some options that are best on ID.

    Args:
        runs: runs that differ in seeds and in these options alone.
        keys: the options.
        name: name of their cell, for error messages.

    Raises:
        UsageError: a run lacks an option, several cells have one value, or nothing decides between two values.
    """
    asked = _asked(keys)
    found: dict[tuple[Any, ...], list[RunRecord]] = {}
    for run in runs:
        values = tuple(run.option(key) for key in keys)
        lacking = [key for key, value in zip(keys, values, strict=True) if value == MISSING]
        require(not lacking, f"{asked}: {name} has no {', '.join(lacking)}; where= leaves it out")
        found.setdefault(tuple(map(_plain, values)), []).append(run)
    for group in found.values():
        cells = {run.cell for run in group}
        require(
            len(cells) == 1, f"{asked}: {name} has several cells of one value: {', '.join(sorted(cells))}"
        )
    candidates = [Candidate(values, tuple(group)) for values, group in found.items()]
    candidates.sort(key=lambda each: tuple(map(_order, each.values)))
    return Choice(tuple(keys), tuple(candidates), _best(candidates, f"{asked}: {name}"))


def check_grids(choices: dict[str, Choice]) -> None:
    """Refuse to compare cells for which different values were tried.

    Options of different classes, such as the learning rates of two optimizers, may have different values.

    Args:
        choices: by name of the cell, of one panel.

    Raises:
        UsageError: an option does not vary, or values were tried for some cells only.
    """
    first: dict[tuple[str, ...], tuple[str, Choice]] = {}
    for name, choice in choices.items():
        asked = _asked(choice.keys)
        for index, key in enumerate(choice.keys):
            tried = choice.tried(index)
            if len(tried) > 1:
                continue
            others = [each for each, other in choices.items() if len(other.tried(index)) > 1]
            elsewhere = f"; it varies for {', '.join(others)}: train {name} with these values too, or leave it out by where="
            raise UsageError(
                f"{asked}: {key} does not vary: all runs of {name} have {tried[0]}{elsewhere if others else ''}"
            )
        run = choice.picked.runs[0]
        classes = tuple(run.value(f"{key.partition('.')[0]}._target_") for key in choice.keys)
        other_name, other = first.setdefault(classes, (name, choice))
        ours, theirs = ([each.values for each in mine.candidates] for mine in (choice, other))
        require(
            ours == theirs,
            f"{asked}: {other_name} was tried with {_listed(theirs)}, {name} with {_listed(ours)}; every cell needs the same "
            "values (where= leaves others out)",
        )


def _best(candidates: Sequence[Candidate], what: str) -> Candidate:
    """Return the candidate that is best on ID."""
    most = max(each.id_exact_match for each in candidates)
    tied = [each for each in candidates if each.id_exact_match == most]
    losses = [each.id_loss for each in tied]
    if len(tied) == 1:
        return tied[0]
    known = [loss for loss in losses if loss is not None]
    require(
        len(known) == len(tied),
        f"{what}: ID exact match is {floored(most)} with {_listed([each.values for each in tied])}, and no sweep has a length up to "
        "the train length, where the loss would decide",
    )
    return tied[known.index(min(known))]


def _besides(run: RunRecord, keys: Sequence[str]) -> str:
    """Return what a cell is, apart from some options and from seeds, as text."""
    options = flat(run.identity) if run.identity else {**run.config["labels"], **flat(run.config)}
    names = {
        name: name.replace(".options.", ".") for name in options
    }  # an identity has its options under that word
    return json.dumps(
        {name: value for name, value in options.items() if not any(within(names[name], key) for key in keys)},
        sort_keys=True,
        default=str,
    )


def _asked(keys: Sequence[str]) -> str:
    """Write the option as on the command line."""
    return f"best={keys[0]}" if len(keys) == 1 else f"best=[{','.join(keys)}]"


def _listed(values: Iterable[tuple[Any, ...]]) -> str:
    """List values, or combinations of values in brackets."""
    return ", ".join(str(each[0]) if len(each) == 1 else f"({', '.join(map(str, each))})" for each in values)


def _plain(value: Any) -> Any:
    """Return a value that can be compared and hashed."""
    return value if isinstance(value, (int, float, str, type(None))) else str(value)


def _order(value: Any) -> tuple[bool, float, str]:
    """Return a sort key: numbers by size, then texts."""
    return (False, float(value), "") if is_number(value) else (True, 0.0, str(value))
