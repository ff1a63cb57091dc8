"""Areas of the cells of a panel on the lengths that they share, and their strings: what tests of cells are computed from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from lengen.comparison.cell_scores import Floats, matrix
from lengen.comparison.grouping import Cell
from lengen.statistics.areas import area_weights, common_lengths, doublings, mean_areas
from lengen.statistics.estimates import Estimate
from lengen.statistics.simplex import mean_interval
from lengen.statistics.strings import differences, paired_test, seed_error, standard_error

Means = tuple[Floats, ...]
"""For each length the mean verdict of a cell's seeds on every string."""


@dataclass(frozen=True)
class PanelAreas:
    """Areas under exact match over log2 length, on the lengths at which every run of every cell was evaluated.

    Args:
        cells: the compared cells, each with at least one run.
        train_length: where the areas begin: the longest train length of the panel.
    """

    cells: tuple[Cell, ...]
    train_length: int

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """The lengths that all curves share, ascending; empty if there are no curves."""
        return common_lengths(curve.lengths for cell in self.cells for curve in cell.curves)

    @property
    def ood_lengths(self) -> tuple[int, ...]:
        """The common lengths beyond the train length."""
        return tuple(length for length in self.lengths if length > self.train_length)

    @cached_property
    def weights(self) -> Floats:
        """Weight of each common length in the area."""
        return area_weights(self.lengths, self.train_length)

    @property
    def doublings(self) -> float:
        """Doublings from the train length to the last common length; areas times this are in doublings."""
        return doublings(self.lengths, self.train_length)

    @cached_property
    def areas(self) -> tuple[Floats, ...]:
        """One area per seed of each cell, in [0, 1]; 0 for a diverged run."""
        return tuple(
            mean_areas(matrix(cell, "exact_match", self.lengths), self.lengths, self.train_length)
            for cell in self.cells
        )

    @cached_property
    def means(self) -> tuple[Means, ...] | None:
        """Mean verdicts on the strings of the common lengths, of each cell; None if some run kept no verdicts."""
        found = [string_means(cell, self.lengths) for cell in self.cells]
        sizes = {tuple(map(len, means)) for means in found if means is not None}
        if None in found or len(sizes) != 1:
            return None
        return tuple(means for means in found if means is not None)

    def mean(self, index: int) -> Estimate:
        """Return the mean area of a cell with its interval over seeds and strings, in doublings."""
        error = standard_error(self.means[index], self.weights) if self.means else 0.0
        return self._scaled(mean_interval(self.areas[index], string_error=error))

    def string_error(self, first: int, second: int) -> float:
        """Return the standard error of a difference of two cells' areas from the draw of the strings; 0 without verdicts."""
        if self.means is None:
            return 0.0
        return standard_error(differences(self.means[first], self.means[second]), self.weights)

    def p_strings(self, first: int, second: int) -> float:
        """Return the p-value of the paired test on strings, with the error of the seeds.

        Raises:
            ValueError: some run kept no verdicts.
        """
        if self.means is None:
            raise ValueError("some run kept no verdicts")
        error = seed_error(self.areas[first], self.areas[second])
        return paired_test(self.means[first], self.means[second], self.weights, error)

    def _scaled(self, estimate: Estimate) -> Estimate:
        """Return an estimate in doublings."""
        value, low, high, note = estimate
        if low is None or high is None:
            return Estimate(value * self.doublings, None, None, note)
        return Estimate(value * self.doublings, low * self.doublings, high * self.doublings)


def panel_areas(cells: Sequence[Cell], train_length: int) -> PanelAreas | None:
    """Return the areas of the cells that have runs; None if no common length is beyond the train length."""
    areas = PanelAreas(tuple(cell for cell in cells if cell.runs), train_length)
    return areas if areas.ood_lengths else None


def string_means(cell: Cell, lengths: Sequence[int]) -> Means | None:
    """Return the mean verdict of a cell's seeds on every string; None if some run kept no verdicts, or other strings.

    A diverged run has answered no string correctly.
    """
    kept: list[list[npt.NDArray[np.bool_]]] = []
    for run in cell.runs:
        if run.diverged:
            continue
        exact = run.exact
        if any(length not in exact for length in lengths):
            return None
        kept.append([exact[length] for length in lengths])
    if not kept or any(len({len(run[place]) for run in kept}) != 1 for place in range(len(lengths))):
        return None
    return tuple(
        np.add.reduce([run[place] for run in kept], dtype=float) / len(cell.runs)
        for place in range(len(lengths))
    )
