"""The figure of extensions: exact match over length before and after, as wide as a column of a paper."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.lines import Line2D

from lengen.records.curve import Curve
from lengen.report import heat
from lengen.report.axes import length_axis
from lengen.report.colour import DISTINCT, GREY, SHADE
from lengen.report.paper import COLUMN, Paper
from lengen.report.sheet import LABEL, LEFT, Sheet

MOST = 7
"""With more settings than this, the figure is a heat map."""


def draw(
    base: Curve,
    extended: Mapping[str, Curve],
    path: Path,
    *,
    title: str,
    footnote: str,
    trained: bool = True,
    paper: Paper = COLUMN,
) -> None:
    """Draw the curves of a run with extensions, the decoder as trained in grey, and write the figure atomically.

    More settings than seven become a heat map: a row for each in the order of the table, and the decoder as trained in the lowest.

    Args:
        base: the curve of the decoder as trained.
        extended: one curve over the same lengths for each setting.
        path: path of the file, in an existing folder.
        title: title above the axes.
        footnote: the protocol, in small type below the axes.
        trained: False marks the figure as NOT TRAINED.
        paper: where it is printed.
    """
    if len(extended) > MOST:
        values = {"as trained": base, **dict(reversed([*extended.items()]))}
        heat.of_curves(values, path, word="", title=title, footnote=footnote, trained=trained, paper=paper)
        return
    plain: dict[str, Any] = {"color": GREY, "linewidth": 1.6, "marker": ".", "markersize": 4}
    styles: dict[str, dict[str, Any]] = {
        name: {
            "color": tint,
            "linewidth": 1.0,
            "marker": mark,
            "markersize": 2.8,
            "markeredgewidth": 0,
        }
        for name, (tint, mark) in zip(extended, DISTINCT, strict=False)
    }
    legend = [(Line2D([], [], **plain), "as trained")]
    legend += [(Line2D([], [], **style), name) for name, style in styles.items()]
    head = title if trained else f"NOT TRAINED: {title}"
    sheet = Sheet(head, footnote, legend, columns=2, indent=LEFT, paper=paper)
    axes, first = sheet.axes, base.rows[0]
    length_axis(axes, base.lengths, first.train_length)
    axes.set_ylabel("exact match", size=LABEL, labelpad=2)
    axes.axvspan(axes.get_xlim()[0], first.train_length, color=SHADE, linewidth=0, zorder=0)
    axes.fill_between(
        base.lengths, [row.ci_low for row in base.rows], [row.ci_high for row in base.rows],
        color=GREY, alpha=0.25, linewidth=0, zorder=1,
    )  # fmt: skip
    axes.plot(base.lengths, [row.exact_match for row in base.rows], **plain, clip_on=False, zorder=2)
    for name, curve in extended.items():
        axes.plot(
            curve.lengths, [row.exact_match for row in curve.rows], **styles[name], clip_on=False, zorder=3
        )
    sheet.save(path)
