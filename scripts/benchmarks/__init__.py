"""Benchmarks of lengen: each is a module of `benchmarks.measures`, called by its name.

A measure is one file and is listed nowhere. It has

- a docstring, whose first line says what is measured and against what, and whose rest is printed under it;
- `measure(setting)`, which yields a `Figure` for every number as soon as it is known, and a `Skipped` or `Failed` for what was not
  measured. It builds everything on `setting.device`, is small where `setting.quick`, and begins no new round after `setting.until`.

`scripts/bench.py` runs it, prints every line, and writes `results/bench/NAME.json` and `NAME.md`; the page is made from these.
"""

from __future__ import annotations

import ast
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

Cell = TypeVar("Cell")
MEASURES = Path(__file__).parent / "measures"


@dataclass(frozen=True)
class Setting:
    """How to measure.

    Args:
        device: device of torch, `cpu` or `cuda`.
        quick: whether everything is of toy size, to try the code; such numbers mean nothing.
        rounds: rounds of a comparison; None for as many as the measure likes.
        until: time of `time.monotonic` after which no new round is begun.
    """

    device: str = "cpu"
    quick: bool = False
    rounds: int | None = None
    until: float = math.inf

    def count(self, usual: int, quick: int = 2) -> int:
        """Return a number of rounds, examples or steps: the usual one, or a toy's."""
        return quick if self.quick else usual

    def rounds_of(self, usual: int) -> int:
        """Return the number of rounds of a comparison."""
        return self.rounds or self.count(usual)

    def sharing(self, cells: Sequence[Cell], toy: Sequence[Cell] = ()) -> Iterator[tuple[Cell, Setting]]:
        """Yield some cells, each with an equal share of the time that is left.

        Args:
            cells: what is measured.
            toy: what a quick setting measures in place of them; the first one if none are given.
        """
        chosen = (toy or cells[:1]) if self.quick else cells
        for index, cell in enumerate(chosen):
            now = time.monotonic()
            yield cell, replace(self, until=now + (self.until - now) / (len(chosen) - index))


@dataclass(frozen=True)
class Profile:
    """Where the time of one side goes.

    Args:
        side: which side.
        milliseconds: of a step.
        shares: of the time, by kind of work; they add up to 1.
    """

    side: str
    milliseconds: float
    shares: Mapping[str, float]


@dataclass(frozen=True)
class Figure:
    """A number that was measured.

    Args:
        what: what it is of.
        unit: what it counts, written behind it.
        median: median of the rounds.
        low: lower quartile.
        high: upper quartile.
        rounds: how many there were.
        mark: the least that is wanted; None where nothing is.
        note: what else there is to say, in words.
        values: further numbers, by name.
        detail: whether it stands in the table of its measure alone, and not on the page.
        profiles: where the time goes, of a figure below its mark.
    """

    what: str
    unit: str
    median: float
    low: float
    high: float
    rounds: int
    mark: float | None = None
    note: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
    detail: bool = False
    profiles: tuple[Profile, ...] = ()

    @property
    def met(self) -> bool | None:
        """Whether the mark is met; None where there is none."""
        return None if self.mark is None else self.median >= self.mark


@dataclass(frozen=True)
class Skipped:
    """What was not measured, since something that it needs is not here."""

    what: str
    reason: str


@dataclass(frozen=True)
class Failed:
    """What was tried and failed."""

    what: str
    reason: str


Entry = Figure | Skipped | Failed
KINDS: Mapping[str, Any] = {"figures": Figure, "skipped": Skipped, "failed": Failed}
"""The lists of a file, and what is in them."""


def described() -> dict[str, tuple[str, str]]:
    """Return the first line of the docstring of every measure and its rest, by name, without importing it."""
    found = {}
    for path in sorted(MEASURES.glob("[a-z]*.py")):
        title, _, rest = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition(
            "\n"
        )
        found[path.stem] = title.rstrip("."), " ".join(rest.split())
    return found
