"""The figure of one curve: exact match over length, as wide as a column of a paper."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from lengen.records.atomic import whole
from lengen.records.curve import Curve
from lengen.report.colour import colour, marker
from lengen.report.lines import DOTS, wrap
from lengen.report.scale import logarithmic, ticks

WIDTH, LEFT, RIGHT = 3.4, 0.42, 0.10
"""Inches: a column of a two-column paper, and the margins beside the axes."""
ROW, PLOT, BELOW = 0.105, 1.5, 0.36
"""Inches: a row of the strip above the axes, the axes, and the room for the ticks and the label under them."""
TITLE, LEGEND, FOOTNOTE = 0.15, 0.17, 0.09
"""Inches: a line of the title, the legend, a line of the footnote."""
ROOM = 0.6
"""Share of the width beyond which a label stands left of its mark."""
DIGIT = 0.063
"""Inches: width of a digit of a tick label."""
MARKS = 7
"""Ticks of an axis as wide as a column of a paper."""
GREY, SHADE, ALARM = "#666666", "#EFEFEF", "#B00020"


def draw(curve: Curve, path: Path, *, title: str, footnote: str, trained: bool = True) -> None:
    """Draw a curve and write it as PNG, whole or not at all.

    Args:
        curve: at least one row.
        path: where to; its folder must be there.
        title: above the axes.
        footnote: the protocol, in small type under the axes.
        trained: False prints a label that the run says nothing about extrapolation.

    Raises:
        ValueError: the curve has no row.
    """
    if not curve.rows:
        raise ValueError("a figure needs a curve of at least one length, got none")
    room = WIDTH - LEFT - RIGHT
    titles, footnotes = wrap(title, room, 8, "bold"), wrap(footnote, WIDTH - 0.16, 5)
    strip = ROW * (1 + len(curve.reaches))
    head = 0.06 + TITLE * len(titles) + LEGEND + strip
    height = head + PLOT + BELOW + 0.05 + FOOTNOTE * len(footnotes)
    figure = Figure(figsize=(WIDTH, height), facecolor="white")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((LEFT / WIDTH, (height - head - PLOT) / height, room / WIDTH, PLOT / height))
    above = figure.add_axes(
        (LEFT / WIDTH, (height - head) / height, room / WIDTH, strip / height), sharex=axes
    )
    length_axis(axes, curve.lengths, curve.rows[0].train_length)
    _lines(axes, curve)
    _reaches(above, curve)
    if not trained:
        _untrained(axes, curve)
    inscribe(figure, titles, footnotes)
    top = 1 - (0.05 + TITLE * len(titles)) / height
    figure.legend(
        loc="upper left",
        bbox_to_anchor=(LEFT / WIDTH, top),
        ncols=2,
        fontsize=6,
        frameon=False,
        borderaxespad=0,
        borderpad=0,
        handlelength=1.8,
    )
    write(canvas, path, {"Title": title, "Description": footnote})


def inscribe(figure: Figure, titles: Sequence[str], footnotes: Sequence[str], left: float = LEFT) -> None:
    """Write the lines of the title at the top and those of the footnote at the bottom.

    Args:
        figure: of any size.
        titles: lines.
        footnotes: lines.
        left: inches, where the title begins.
    """
    width, height = figure.get_size_inches()
    line: dict[str, Any] = {"va": "top", "parse_math": False, "linespacing": 1.15}
    figure.text(left / width, 1 - 0.05 / height, "\n".join(titles), size=8, weight="bold", **line)
    below = (FOOTNOTE * len(footnotes) + 0.02) / height
    figure.text(0.08 / width, below, "\n".join(footnotes), size=5, color=GREY, **line)


def length_axis(axes: Axes, lengths: Sequence[int], train: int, unit: int = 1) -> None:
    """The axis of lengths: limits that hold the trained region, scale and plain ticks.

    Args:
        axes: where lengths are drawn as length / unit.
        lengths: ascending, at least one.
        train: the train length.
        unit: 1, or the train length for an axis of factors.
    """
    low, high = min(lengths[0], train) / unit, max(lengths[-1], train) / unit
    inches = axes.get_position().width * axes.get_figure(root=True).get_figwidth()  # type: ignore[union-attr]
    if logarithmic(lengths):
        axes.set_xscale("log", base=2)
        margin = (high / low) ** 0.04
        axes.set_xlim(low / margin, high * margin)
        labelled = ticks(lengths, train, lambda length: _place(axes, length / unit), DIGIT / inches, unit)
        axes.xaxis.set_major_locator(FixedLocator([length / unit for length in labelled]))
    else:
        margin = max(0.04 * (high - low), 0.5 / unit)
        axes.set_xlim(low - margin, high + margin)
        wanted = max(1, round(MARKS * inches / (WIDTH - LEFT - RIGHT)))
        marks = MaxNLocator(wanted, integer=unit == 1, min_n_ticks=1, steps=[1, 2, 5, 10])
        axes.xaxis.set_major_locator(marks)
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda place, _: str(round(place)) if unit == 1 else f"{place:.3g}")
    )
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("length" if unit == 1 else "length / train length", size=7, labelpad=2)
    axes.set_ylim(-0.03, 1.03)
    axes.set_ylabel("accuracy", size=7, labelpad=2)
    plain(axes)


def plain(axes: Axes) -> None:
    """Thin axes on two sides, a faint grid behind."""
    axes.tick_params(labelsize=6, length=2, width=0.5, pad=2)
    axes.grid(visible=True, axis="y", color="#DDDDDD", linewidth=0.4)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_linewidth(0.5)


def _place(axes: Axes, length: float) -> float:
    """Where a length is on the axis, from 0 on the left to 1 on the right."""
    point = axes.transData.transform((length, 0))
    return float(axes.transAxes.inverted().transform(point)[0])


def _lines(axes: Axes, curve: Curve) -> None:
    """Exact match with its interval, token accuracy, and the trained region behind them."""
    rows, lengths = curve.rows, curve.lengths
    exact, low, high = ([getattr(row, name) for row in rows] for name in ("exact_match", "ci_low", "ci_high"))
    tint, size = colour(rows[0].pe), 3.2 if len(rows) <= 16 else 2.0  # noqa: PLR2004
    axes.axvspan(axes.get_xlim()[0], rows[0].train_length, color=SHADE, linewidth=0, zorder=0)
    axes.fill_between(lengths, low, high, color=tint, alpha=0.25, linewidth=0, zorder=2)
    if len(rows) == 1:
        axes.vlines(lengths, low, high, color=tint, linewidth=1, zorder=2)
    axes.plot(
        lengths,
        exact,
        color=tint,
        linewidth=1.3,
        marker=marker(rows[0].pe),
        markersize=size,
        markeredgewidth=0,
        label="exact match, 95% interval",
        clip_on=False,
        zorder=4,
    )
    accuracy = [row.token_accuracy for row in rows]
    dot = "." if len(rows) == 1 else ""
    axes.plot(
        lengths,
        accuracy,
        color=GREY,
        linewidth=0.7,
        linestyle=(0, (4, 2)),
        marker=dot,
        markersize=3,
        label="token accuracy",
        zorder=3,
    )


def _reaches(above: Axes, curve: Curve) -> None:
    """The strip above the axes: how far training and the three reaches go, on the same axis of lengths."""
    rows: list[tuple[str, int | None, str]] = [("trained", curve.rows[0].train_length, GREY)]
    rows += [
        (f"reach {threshold:.2f}", length, colour(curve.rows[0].pe))
        for threshold, length in curve.reaches.items()
    ]
    left = above.get_xlim()[0]
    above.set_ylim(len(rows), 0)
    above.axis("off")
    above.axvspan(left, curve.rows[0].train_length, color=SHADE, linewidth=0, zorder=0)
    for index, (name, length, tint) in enumerate(rows):
        height, text = index + 0.5, f"{name}: {'none' if length is None else length}"
        aside = -5.0 if length and _place(above, length) > ROOM else 5.0
        end, toward = (left, 2.0) if length is None else (length, aside)
        if length is not None:
            above.plot(
                [left, length], [height, height], color=tint, linewidth=0.8, solid_capstyle="butt", zorder=2
            )
            above.plot(
                [length],
                [height],
                color=tint,
                marker="|" if not index else "v",
                markersize=3.5,
                markeredgewidth=0.8,
                zorder=3,
            )
        above.annotate(
            text,
            (end, height),
            (toward, 0),
            textcoords="offset points",
            size=5.5,
            ha="left" if toward > 0 else "right",
            va="center_baseline",
            color="#222222" if length is not None else GREY,
            bbox={
                "boxstyle": "square,pad=0.12",
                "facecolor": "white" if toward < 0 else "none",
                "edgecolor": "none",
            },
            zorder=4,
        )


def _untrained(axes: Axes, curve: Curve) -> None:
    """Say that the run is not trained, where the words hide least of the lines."""
    places = [_place(axes, length) for length in curve.lengths]
    lines = [[getattr(row, name) for row in curve.rows] for name in ("exact_match", "token_accuracy")]

    def room(spot: tuple[float, float]) -> float:
        under = np.linspace(spot[0] - 0.22, spot[0] + 0.22, 45)
        return min(float(np.nanmin(np.abs(np.interp(under, places, line) - spot[1]))) for line in lines)

    middle, height = max(product((0.5, 0.72, 0.28), (0.5, 0.7, 0.3, 0.85, 0.15)), key=room)
    axes.text(
        middle,
        height,
        "NOT TRAINED",
        transform=axes.transAxes,
        size=9,
        weight="bold",
        color=ALARM,
        ha="center",
        va="center",
        bbox={"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": ALARM, "linewidth": 0.8},
        zorder=6,
    )


def write(canvas: FigureCanvasAgg, path: Path, metadata: dict[str, str]) -> None:
    """Write the picture beside its place first, then in its place; `.png` or `.svg`, the same bytes for the same data."""
    kind = path.suffix.removeprefix(".")
    dated: dict[str, str | None] = {**metadata, "Date": None} if kind == "svg" else dict(metadata)
    with whole(path) as beside, rc_context({"svg.hashsalt": "lengen", "svg.fonttype": "path"}):
        canvas.figure.savefig(beside, format=kind, dpi=DOTS, metadata=dated)
