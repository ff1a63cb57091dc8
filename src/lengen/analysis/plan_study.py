"""Plan a study: what so many cells, seeds and examples can and cannot show. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import isfinite, log2

from rich.console import Console

from lengen.config.errors import require
from lengen.report import plan as report
from lengen.statistics.plans import Plan, plan

MOST = 100
"""Most seeds of a plan; the exact tests of success counts have as many outcomes as its square."""


@dataclass(frozen=True)
class StudyPlan:
    """Options of a plan: the keys of `configs/plan.yaml`.

    Args:
        cells: number of cells that are compared.
        seeds: seeds of each cell.
        control: whether all other cells are compared with one alone.
        end: the longest length, as a multiple of the train length.
        examples: test examples per length.
        margin: two cells are alike if their areas differ by less than this many doublings.
        alpha: level of the tests.

    Raises:
        UsageError: a value is not allowed.
    """

    cells: int
    seeds: int
    control: bool
    end: float
    examples: int
    margin: float
    alpha: float

    def __post_init__(self) -> None:
        require(self.cells >= 2, f"cells={self.cells}: must be at least 2")  # noqa: PLR2004
        require(1 <= self.seeds <= MOST, f"seeds={self.seeds}: must be 1 to {MOST}")
        require(
            self.end > 1 and isfinite(self.end),
            f"end={self.end:g}: must be above 1, a multiple of the train length",
        )
        require(self.examples >= 1, f"examples={self.examples}: must be at least 1")
        doublings = log2(self.end)
        require(
            0 < self.margin < doublings,
            f"margin={self.margin:g}: must be above 0 and below the {doublings:.3g} doublings up to end={self.end:g}",
        )
        require(0 < self.alpha <= 0.5, f"alpha={self.alpha:g}: must be above 0 and at most 0.5")  # noqa: PLR2004

    @cached_property
    def shown(self) -> Plan:
        """What the study can show."""
        return plan(self.cells, self.seeds, self.control, self.end, self.margin, self.alpha)

    def show(self, console: Console | None = None) -> None:
        """Print it."""
        report.show(self.shown, self.examples, console or Console())
