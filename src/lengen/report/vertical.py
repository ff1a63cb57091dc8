"""The vertical axis of a metric over length: the metric or its error, on a linear, logarithmic or logit scale."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

from lengen.comparison.cell_scores import SHARES, Metric
from lengen.comparison.grouping import Cell
from lengen.config.errors import require
from lengen.report.axes import logarithmic_marks

Y = Literal["value", "error"]
Scale = Literal["linear", "log", "logit"]
LABELS = {
    "exact_match": "exact match",
    "token_accuracy": "token accuracy",
    "loss": "loss (nats per token)",
    "first_error": "tokens before the first error",
    "seconds": "seconds",
    "memory_bytes": "peak memory (bytes)",
}
ERRORS = {"exact_match": "error (1 - exact match)", "token_accuracy": "token error (1 - token accuracy)"}
SPREAD = ("seconds", "memory_bytes")
"""Metrics that are drawn on a logarithmic scale unless another is given."""


@dataclass(frozen=True)
class Vertical:
    """A vertical axis.

    Args:
        metric: the metric.
        y: the metric as it is, or its error: 1 less a share.
        scale: scale of the axis; None is logarithmic for seconds and bytes, otherwise linear.
        edge: the least share above 0 (and, on a logit scale, the largest below 1) that is told apart; others are drawn there.
    """

    metric: Metric = "exact_match"
    y: Y = "value"
    scale: Scale | None = None
    edge: float = 0.0005

    def __post_init__(self) -> None:
        shares = " or ".join(SHARES)
        for word, given in (("y=error", self.y == "error"), ("scale=logit", self.scale == "logit")):
            require(
                not given or self.share,
                f"style.{word}: needs a share, got metric={self.metric} (allowed: {shares})",
            )

    @property
    def share(self) -> bool:
        """Whether the metric is a share, from 0 to 1."""
        return self.metric in SHARES

    @property
    def drawn_scale(self) -> Scale:
        """The scale of the axis."""
        return self.scale or ("log" if self.metric in SPREAD else "linear")

    @property
    def label(self) -> str:
        """The label of the axis."""
        return (ERRORS if self.y == "error" else LABELS)[self.metric]

    @property
    def bounded(self) -> bool:
        """Whether the axis goes from 0 to 1."""
        return self.share and self.drawn_scale == "linear"

    def at(self, cells: Iterable[Cell]) -> Vertical:
        """Return the axis with an edge of half an answer of the largest test set of some cells."""
        counts = [row.examples for cell in cells for curve in cell.curves for row in curve.rows]
        return replace(self, edge=0.5 / max(counts, default=1))

    def values(self, values: Sequence[float] | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return what is drawn for values of the metric: the error of a share, and no 0 where the scale has none."""
        shown = np.asarray(values, dtype=float)
        shown = 1 - shown if self.y == "error" else shown
        if self.share and self.drawn_scale != "linear":
            top = 1 - self.edge if self.drawn_scale == "logit" else 1.0
            return np.where(np.isnan(shown), np.nan, np.minimum(np.maximum(shown, self.edge), top))
        return np.where(shown > 0, shown, np.nan) if self.drawn_scale == "log" else shown

    def set(self, axes: Axes) -> None:
        """Set scale, limits, ticks and label of an axis."""
        axes.set_ylabel(self.label, size=7, labelpad=2)
        if self.bounded:
            axes.set_ylim(-0.03, 1.03)
            return
        axes.set_ylim(auto=True)
        axes.set_yscale(self.drawn_scale)
        if self.share:
            marks = [10.0**power for power in range(-6, 0) if 10.0**power >= self.edge]
            if self.drawn_scale == "logit":
                axes.set_ylim(self.edge / 1.3, 1 - self.edge / 1.3)
                marks += [0.5, *(1 - mark for mark in marks)]
            else:
                axes.set_ylim(self.edge / 1.2, 1.2)
                marks.append(1.0)
            axes.yaxis.set_major_locator(FixedLocator(marks))
            axes.set_yticks(marks, [f"{mark:.6g}" for mark in marks])
        elif self.drawn_scale == "log":
            logarithmic_marks(axes)
        axes.yaxis.set_minor_formatter(NullFormatter())
        if self.drawn_scale == "logit":
            axes.yaxis.set_minor_locator(NullLocator())

    @property
    def note(self) -> str:
        """What a reader must know of the axis; empty for a linear one."""
        if not self.share or self.drawn_scale == "linear":
            return ""
        ends = "0 and 1 are" if self.drawn_scale == "logit" else "0 is"
        return f"{ends} drawn at {self.edge:g}, half an answer, from the edge. "


EXACT = Vertical()
"""Exact match, on a linear axis."""
