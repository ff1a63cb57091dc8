"""Several curves of one task in one figure, told apart by their encodings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lengen.curve import Curve
from lengen.report.colour import colour, marker
from lengen.report.figure import (
    BELOW,
    FOOTNOTE,
    GREY,
    LEFT,
    PLOT,
    RIGHT,
    SHADE,
    TITLE,
    WIDTH,
    length_axis,
    write,
)
from lengen.report.lines import wrap


def draw(curves: Sequence[Curve], path: Path, *, title: str, footnote: str) -> None:
    """Draw exact match over length of every curve, with its interval, and write it as PNG, whole or not at all.

    Args:
        curves: at least one, with the same train length; a legend names encoding and, if not contiguous, positions.
        path: where to; its folder must be there.
        title: above the axes.
        footnote: in small type under the axes.

    Raises:
        ValueError: there is no curve with a row, or train lengths differ.
    """
    filled = [curve for curve in curves if curve.rows]
    trained = {curve.rows[0].train_length for curve in filled}
    if len(trained) != 1:
        raise ValueError(f"an overlay needs curves of one train length, got {sorted(trained)}")
    notes = wrap(footnote, WIDTH - 0.16, 5)
    head, foot = 0.1 + TITLE, BELOW + 0.05 + FOOTNOTE * len(notes)
    height = head + PLOT + foot
    figure = Figure(figsize=(WIDTH, height), facecolor="white")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((LEFT / WIDTH, foot / height, (WIDTH - LEFT - RIGHT) / WIDTH, PLOT / height))
    longest = max(filled, key=lambda curve: curve.lengths[-1])
    length_axis(axes, longest.lengths, longest.rows[0].train_length)
    axes.axvspan(axes.get_xlim()[0], trained.pop(), color=SHADE, linewidth=0, zorder=0)
    axes.set_ylabel("exact match", size=7, labelpad=2)
    for curve in filled:
        first, rows = curve.rows[0], curve.rows
        name = first.pe if first.positions == "contiguous" else f"{first.pe}, {first.positions}"
        low, high = [row.ci_low for row in rows], [row.ci_high for row in rows]
        axes.fill_between(curve.lengths, low, high, color=colour(first.pe), alpha=0.2, linewidth=0, zorder=2)
        axes.plot(
            curve.lengths,
            [row.exact_match for row in rows],
            color=colour(first.pe),
            marker=marker(first.pe),
            markersize=3,
            markeredgewidth=0,
            linewidth=1.2,
            label=name,
            clip_on=False,
            zorder=4,
        )
    axes.legend(fontsize=6, frameon=False, loc="lower left")
    text: dict[str, Any] = {"va": "top", "parse_math": False}
    figure.text(
        LEFT / WIDTH, 1 - 0.05 / height, f"{title} (grey: trained lengths)", size=8, weight="bold", **text
    )
    below = (FOOTNOTE * len(notes) + 0.02) / height
    figure.text(0.08 / WIDTH, below, "\n".join(notes), size=5, color=GREY, linespacing=1.15, **text)
    write(canvas, path, {"Title": title, "Description": footnote})
