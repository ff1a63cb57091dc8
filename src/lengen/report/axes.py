"""Axes that all figures share: the axis of lengths, thin lines, a faint grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from lengen.report.colour import LIGHT, SHADE
from lengen.report.paper import COLUMN
from lengen.report.scale import label, logarithmic, ticks
from lengen.report.sheet import LEFT, RIGHT
from lengen.statistics.intervals import Rate

DIGIT = 0.063
"""Inches: width of a digit in a tick label."""
NEAR = 0.8
"""Characters: space between the labels of two columns of a heat map."""
UPRIGHT = 0.095
"""Inches: least width of a column with an upright label."""
MARKS = 7
"""Number of ticks on an axis that is as wide as a column of a paper."""


LABELS = 3
"""Least number of labels on a logarithmic axis."""


class FewMarks(LogLocator):
    """Ticks of a logarithmic axis: powers of ten, or where fewer than three are in sight, further numbers between them."""

    def tick_values(self, vmin: float, vmax: float) -> list[float]:
        """See `matplotlib.ticker.Locator`."""
        for between in ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0)):
            self.set_params(subs=between)
            marks = np.asarray(super().tick_values(vmin, vmax))
            if len(seen := marks[(marks >= vmin) & (marks <= vmax)]) >= LABELS:
                return [float(mark) for mark in seen]
        return list(MaxNLocator(4).tick_values(vmin, vmax))


def logarithmic_marks(axes: Axes) -> None:
    """Label a vertical axis that is logarithmic with plain numbers, at least three of them."""
    axes.yaxis.set_major_locator(FewMarks())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def shade(axes: Axes, trains: Sequence[int], *, factor: bool = False) -> None:
    """Draw the trained lengths behind everything: grey where all runs were trained, light grey where only some were.

    Args:
        axes: axes with an axis of lengths.
        trains: the train lengths of the runs, ascending.
        factor: whether lengths are drawn as multiples of the train length.
    """
    ends = [1.0] if factor else [float(trains[0]), *({float(trains[-1])} - {float(trains[0])})]
    for start, end, colour in zip([axes.get_xlim()[0], *ends], ends, (SHADE, LIGHT), strict=False):
        axes.axvspan(start, end, color=colour, linewidth=0, zorder=0)


def shaded(trains: Sequence[int], *, factor: bool = False) -> str:
    """Say what is drawn in grey; see `shade`."""
    some = not factor and trains[0] != trains[-1]
    return f"Grey: trained lengths{' of all runs; light grey: of some' if some else ''}."


def length_axis(axes: Axes, lengths: Sequence[int], train: int, unit: int = 1) -> None:
    """Set up the axis of lengths: limits that include the train length, scale and ticks.

    The first, the train and the last length are always labelled.

    Args:
        axes: axes on which lengths are drawn as length / unit.
        lengths: evaluated lengths, ascending, at least one.
        train: the train length.
        unit: 1, or the train length for an axis of factors.
    """
    low, high = min(lengths[0], train) / unit, max(lengths[-1], train) / unit
    inches = axes.get_position().width * axes.get_figure(root=True).get_figwidth()  # type: ignore[union-attr]
    if logarithmic(lengths):
        axes.set_xscale("log", base=2)
        margin = (high / low) ** 0.04
        axes.set_xlim(low / margin, high * margin)
        marks = None
    else:
        margin = max(0.04 * (high - low), 0.5 / unit)
        axes.set_xlim(low - margin, high + margin)
        count = max(1, round(MARKS * inches / (COLUMN.width - LEFT - RIGHT)))
        nice = MaxNLocator(count, integer=unit == 1, min_n_ticks=1, steps=[1, 2, 5, 10])
        marks = [mark * unit for mark in nice.tick_values(low, high) if low <= mark <= high]
    rows = ticks(
        lengths,
        train,
        lambda length: place(axes, length / unit),
        DIGIT / inches,
        unit,
        continuous=True,
        more=marks,
    )
    axes.set_xticks(
        [length / unit for length in rows], ["\n" * row + label(length, unit) for length, row in rows.items()]
    )
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("length" if unit == 1 else "length / train length", size=7, labelpad=2)
    axes.set_ylim(-0.03, 1.03)
    axes.set_ylabel("accuracy", size=7, labelpad=2)
    plain(axes)


def columns(axes: Axes, lengths: Sequence[int], train: int, inches: float, first: float = 0.0) -> None:
    """Label the columns of a heat map, one per length: all of them, upright if they do not fit beside each other.

    Where not even upright labels fit, the columns are labelled as a length axis is.

    Args:
        axes: axes on which a column is one unit wide.
        lengths: length of each column, ascending.
        train: the train length.
        inches: width of a column.
        first: place of the middle of the first column.
    """
    places = {float(length): first + index for index, length in enumerate(lengths)}
    if inches >= UPRIGHT:
        turn = 90 if upright(lengths, inches) else 0
        axes.set_xticks([*places.values()], [label(length) for length in lengths], rotation=turn)
        return
    rows = ticks(lengths, train, places.__getitem__, DIGIT / inches)
    axes.set_xticks(
        [places[length] for length in rows],
        ["\n" * row + label(length) for length, row in rows.items()],
    )


def upright(lengths: Sequence[int], inches: float) -> float:
    """Return how much higher upright labels of the columns of a heat map are, in inches; 0 if their labels are not upright."""
    digits = max(len(label(length)) for length in lengths)
    return DIGIT * (digits - 1) if UPRIGHT <= inches < DIGIT * (digits + NEAR) else 0.0


def plain(axes: Axes) -> None:
    """Draw thin axes on two sides and a faint grid behind the data."""
    axes.tick_params(labelsize=6, length=2, width=0.5, pad=2)
    axes.grid(visible=True, axis="y", color="#DDDDDD", linewidth=0.4)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_linewidth(0.5)


def place(axes: Axes, length: float) -> float:
    """Return the position of a length or factor on the axis, from 0 (left) to 1 (right)."""
    point = axes.transData.transform((length, 0))
    return float(axes.transAxes.inverted().transform(point)[0])


def bars(axes: Axes, at: Sequence[float], rates: Sequence[Rate], colour: str) -> None:
    """Draw the intervals of some rates as thin vertical bars.

    Args:
        axes: where they are drawn.
        at: place of each on the x axis.
        rates: with their intervals.
        colour: of the bars.
    """
    low, high = [rate.low for rate in rates], [rate.high for rate in rates]
    axes.vlines(at, low, high, color=colour, linewidth=0.7, alpha=0.6, zorder=2)
