"""Where the spread of a cell's areas comes from: init seed, data seed, strings; where runs cross the seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt

from lengen.comparison.grouping import Cell, Panel, Study
from lengen.comparison.panel_areas import PanelAreas, panel_areas
from lengen.comparison.run_record import RunRecord
from lengen.config.errors import require
from lengen.statistics.variance import components, crossing, string_component

NAMED = 3
"""Maximum number of cells that a refusal names."""


@dataclass(frozen=True)
class CellVariance:
    """Shares of the variance of a cell's areas; the fields are the columns of `variance.csv`, in order. Unknown values are empty.

    Args:
        task: name of the panel.
        line: name of the cell in the panel.
        cell: hash of the cell.
        init_seeds: number of init seeds of the largest complete crossing, with `data_seeds` data seeds; a run for every pair of
            them is counted, and no other run.
        strings: strings per length.
        area_end: the last length that all compared runs share, where the areas end.
        deviation: standard deviation of the area over new seeds of both kinds and new strings, in doublings.
        init_share: share of its square that is due to the init seed; likewise `data_share`, `strings_share`, and `rest_share`, what
            remains. Empty if nothing varies; `strings_share` also if some run kept no verdicts.
        init_variance: unbiased estimate of the variance component, in doublings squared, which can be below 0 (and counts as 0 in
            its share); likewise the others.
    """

    task: str
    line: str
    cell: str
    init_seeds: int
    data_seeds: int
    strings: int | None
    area_end: int
    deviation: float
    init_share: float | None
    data_share: float | None
    strings_share: float | None
    rest_share: float | None
    init_variance: float
    data_variance: float
    strings_variance: float | None
    rest_variance: float


def variances(study: Study) -> tuple[CellVariance, ...]:
    """Return the shares of variance of every cell whose runs cross init seeds with data seeds.

    Raises:
        UsageError: there is no such cell.
    """
    found = [each for panel in study.panels for each in _of_panel(panel)]
    cells = [cell for panel in study.panels for cell in panel.cells]
    seen = "; ".join(
        f"{cell.name}: {cell.tried} runs of {cell.init_seeds} init seeds and {cell.data_seeds} data seeds"
        for cell in cells[:NAMED]
    )
    require(
        bool(found),
        "variance=true: no cell has runs beyond the train length that cross at least 2 init seeds with 2 data seeds "
        f"({seen}{'; …' if len(cells) > NAMED else ''}); train them with -m seed=0,1,2 init_seed=0,1,2",
    )
    return tuple(found)


def _of_panel(panel: Panel) -> list[CellVariance]:
    """Return the shares of variance of the cells of a panel."""
    areas = panel_areas(panel.cells, panel.train_length)
    return [each for cell in areas.cells if (each := _of_cell(panel.name, cell, areas))] if areas else []


def _of_cell(task: str, cell: Cell, areas: PanelAreas) -> CellVariance | None:
    """Return the shares of variance of a cell; None if its runs do not cross the seeds."""
    place = {(run.init_seed, run.data_seed): index for index, run in enumerate(cell.runs)}
    inits, datas = crossing(place)
    if not inits:
        return None
    grid = np.array([[place[init, data] for data in datas] for init in inits])
    runs = [cell.runs[index] for index in grid.ravel()]
    exact = _verdicts(runs, areas.lengths)
    strings = None
    if exact is not None:
        strings = string_component([each.reshape(*grid.shape, -1) for each in exact], areas.weights)
    found = components(areas.areas[areas.cells.index(cell)][grid], strings)
    scale = areas.doublings**2
    return CellVariance(
        task,
        cell.name,
        cell.digest,
        len(inits),
        len(datas),
        min(each.shape[1] for each in exact) if exact else None,
        areas.lengths[-1],
        sqrt(found.total * scale),
        *found.shares,
        found.init * scale,
        found.data * scale,
        None if found.strings is None else found.strings * scale,
        found.rest * scale,
    )


def _verdicts(runs: Sequence[RunRecord], lengths: Sequence[int]) -> list[npt.NDArray[np.bool_]] | None:
    """Return for each length the verdicts, runs x strings; None if some run kept none, or other strings.

    A diverged run has answered no string correctly.
    """
    kept = [run.exact for run in runs if not run.diverged]
    if not kept or any(length not in exact for exact in kept for length in lengths):
        return None
    if any(len({len(exact[length]) for exact in kept}) != 1 for length in lengths):
        return None
    none = {length: np.zeros_like(kept[0][length]) for length in lengths}
    return [np.stack([(none if run.diverged else run.exact)[length] for run in runs]) for length in lengths]
