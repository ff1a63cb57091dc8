"""The figure of a run: exact match over length, as wide as a column of a paper."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from lengen.records.curve import Curve
from lengen.records.error_law import ErrorLaw
from lengen.records.verdicts import FAILURES
from lengen.report.axes import length_axis, place
from lengen.report.colour import ALARM, GREY, SHADE, colour, marker
from lengen.report.paper import COLUMN, Paper
from lengen.report.sheet import LEFT, TYPE, Sheet

ROW = 0.105
"""Inches: height of a row in the strip above the axes."""
SHARES = 0.24
"""Inches: height of the strip of shares of failures, between the reaches and the axes."""
SHADES = dict(zip(FAILURES, ("#332288", "#DDCC77", "#AA4499", "#BBBBBB"), strict=True))
"""Colours of Tol's muted scheme by ending; wrong tokens are grey."""
DOTTED: dict[str, Any] = {
    "color": "#222222",
    "linewidth": 0.8,
    "linestyle": ":",
    "marker": ".",
    "markersize": 2,
}
"""Style of the chance level."""
LAW: dict[str, Any] = {"color": "#222222", "linewidth": 0.5, "alpha": 0.8}
"""Style of the exact match under the error law."""
CHANCE = 0.01
"""Chance level of exact match above which its line is drawn."""
ROOM = 0.6
"""Share of the width beyond which a label is placed left of its mark."""


def draw(
    curve: Curve,
    path: Path,
    *,
    title: str,
    footnote: str,
    trained: bool = True,
    law: ErrorLaw | None = None,
    paper: Paper = COLUMN,
) -> None:
    """Draw a curve and write it, atomically.

    Args:
        curve: a curve with at least one row.
        path: path of the file, in an existing folder.
        title: title above the axes.
        footnote: the protocol, in small type below the axes.
        trained: False marks the figure as NOT TRAINED.
        law: the error law of the curve; its exact match is drawn if one is shown.
        paper: where it is printed.

    Raises:
        ValueError: the curve has no rows.
    """
    if not curve.rows:
        raise ValueError("a figure needs a curve with at least one length, got none")
    exact, accuracy = _styles(curve)
    legend = [
        (Line2D([], [], **exact), "exact match, 95% interval"),
        (Line2D([], [], **accuracy), "token accuracy"),
    ]
    if guessed := chance_levels(curve):
        legend.append((Line2D([], [], **DOTTED), "chance, exact match"))
    predicted = (law.predicted if law else None) or {}
    if law and predicted:
        legend.append((Line2D([], [], **LAW), f"error law: {law.law}"))
    failures = [name for name in FAILURES if any(row.failures.get(name) for row in curve.rows)]
    legend += [
        (Line2D([], [], color=SHADES[name], linewidth=4, solid_capstyle="butt"), name.replace("_", " "))
        for name in failures
    ]
    strip = ROW * (1 + len(curve.reaches)) + (SHARES if failures else 0.0)
    sheet = Sheet(title, footnote, legend, columns=2, strip=strip, indent=LEFT, paper=paper)
    length_axis(sheet.axes, curve.lengths, curve.rows[0].train_length)
    _lines(sheet.axes, curve, exact, accuracy)
    if guessed:
        sheet.axes.plot(curve.lengths, guessed, **DOTTED, zorder=3)
    if predicted:
        sheet.axes.plot([*predicted], [*predicted.values()], **LAW, zorder=3.5)
    _reaches(sheet.strip, curve, strip / ROW)
    _failures(sheet.strip, curve, failures)
    if not trained:
        _untrained(sheet.axes, curve)
    sheet.save(path)


def chance_levels(curve: Curve) -> list[float]:
    """Return the chance level of exact match at every length; empty if it is nowhere above `CHANCE`, or unknown."""
    levels = [math.nan if row.chance_exact_match is None else row.chance_exact_match for row in curve.rows]
    return levels if any(level > CHANCE for level in levels) else []


def _styles(curve: Curve) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the line styles of exact match and of token accuracy."""
    pe, single = curve.rows[0].pe, len(curve) == 1
    size = 3.2 if len(curve) <= 16 else 2.0  # noqa: PLR2004
    exact = {
        "color": colour(pe),
        "linewidth": 1.3,
        "marker": marker(pe),
        "markersize": size,
        "markeredgewidth": 0,
    }
    dashed = {"color": GREY, "linewidth": 0.7, "linestyle": (0, (4, 2))}
    return exact, {**dashed, "marker": "." if single else "", "markersize": 3}


def _lines(axes: Axes, curve: Curve, exact: dict[str, Any], accuracy: dict[str, Any]) -> None:
    """Draw exact match with its interval, token accuracy, and the trained region behind them."""
    rows, lengths, tint = curve.rows, curve.lengths, exact["color"]
    low, high = [row.ci_low for row in rows], [row.ci_high for row in rows]
    axes.axvspan(axes.get_xlim()[0], rows[0].train_length, color=SHADE, linewidth=0, zorder=0)
    axes.fill_between(lengths, low, high, color=tint, alpha=0.25, linewidth=0, zorder=2)
    if len(rows) == 1:
        axes.vlines(lengths, low, high, color=tint, linewidth=1, zorder=2)
    axes.plot(lengths, [row.exact_match for row in rows], **exact, clip_on=False, zorder=4)
    axes.plot(lengths, [row.token_accuracy for row in rows], **accuracy, zorder=3)


def _failures(above: Axes, curve: Curve, failures: Sequence[str]) -> None:
    """Draw the shares of all answers that fail in each way, at the bottom of the strip, on the same axis of lengths."""
    bottom, height = above.get_ylim()[0], 0.9 * SHARES / ROW
    base = np.zeros(len(curve))
    for name in failures:
        top = base + np.array([row.failures.get(name, 0.0) for row in curve.rows])
        edges = bottom - height * base, bottom - height * top
        if len(curve) == 1:
            above.vlines(curve.lengths, *edges, color=SHADES[name], linewidth=4, zorder=2)
        above.fill_between(curve.lengths, *edges, color=SHADES[name], linewidth=0, zorder=2)
        base = top


def _reaches(above: Axes, curve: Curve, bottom: float) -> None:
    """Draw the strip above the axes: the train length and the three reaches, on the same axis of lengths."""
    train = curve.rows[0].train_length
    rows: list[tuple[str, int | None, str]] = [(f"trained: {train}", train, GREY)]
    rows += [
        (f"reach {threshold:.2f}: {curve.reach_text(threshold)}", length, colour(curve.rows[0].pe))
        for threshold, length in curve.reaches.items()
    ]
    left = above.get_xlim()[0]
    above.set_ylim(bottom, 0)
    above.axvspan(left, train, color=SHADE, linewidth=0, zorder=0)
    for index, (text, length, tint) in enumerate(rows):
        height = index + 0.5
        aside = -5.0 if length and place(above, length) > ROOM else 5.0
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
            size=TYPE,
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
    """Write NOT TRAINED where it covers the lines least."""
    places = [place(axes, length) for length in curve.lengths]
    lines = [[getattr(row, name) for row in curve.rows] for name in ("exact_match", "token_accuracy")]

    def clearance(point: tuple[float, float]) -> float:
        span = np.linspace(point[0] - 0.22, point[0] + 0.22, 45)
        return min(float(np.nanmin(np.abs(np.interp(span, places, line) - point[1]))) for line in lines)

    middle, height = max(product((0.5, 0.72, 0.28), (0.5, 0.7, 0.3, 0.85, 0.15)), key=clearance)
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
