"""The attention weights of every head over one prompt: one panel per head, query by key."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jaxtyping import Float
from matplotlib.axes import Axes
from torch import Tensor

from lengen.report.lines import DOTS
from lengen.report.lines import width as dots
from lengen.report.paper import COLUMN, Paper
from lengen.report.sheet import BELOW, RIGHT, TYPE, Sheet

PANEL, SYMBOL, NAME = 1.1, 0.1, 0.16
"""Inches: least side of a panel, height of a symbol on its axis, height of the name above it."""
SYMBOLS = 64
"""Axes of more symbols are numbered instead."""
BAR = 0.42
"""Inches: width of the colour bar with its numbers."""


def draw(
    weights: Float[Tensor, "layers heads query key"],
    symbols: Sequence[str],
    path: Path,
    *,
    title: str,
    layers: Sequence[int],
    heads: Sequence[int],
    paper: Paper = COLUMN,
) -> None:
    """Draw the weights and write the figure, atomically.

    Panels are as large as the width of the paper allows, and larger than that if their symbols need it: a map of a long prompt is
    wider than a page.

    Args:
        weights: attention weights over one prompt, in [0, 1].
        symbols: its tokens.
        path: path of the file, in an existing folder.
        title: title above the panels.
        layers: indices of the layers to draw, from 0; one row of panels each.
        heads: indices of the heads to draw, from 0; one column of panels each.
        paper: where it is printed.
    """
    names = list(symbols) if len(symbols) <= SYMBOLS else None
    widest = max(dots(name, TYPE, "normal") / DOTS for name in names) if names else 0.2
    left, beside = widest + 0.3, 0.1
    down = NAME + 0.04
    least = max(PANEL, SYMBOL * len(names) if names else 0.0)
    room = left + RIGHT + BAR - beside

    def side(width: float) -> float:
        return (width - room) / len(heads) - beside

    width = paper.width if side(paper.width) >= least else paper.double
    panel = min(max(side(width), least), 2.4)
    width = max(width if len(heads) > 1 or panel < 2.4 else 0, room + len(heads) * (panel + beside))  # noqa: PLR2004
    sheet = Sheet(
        title,
        "Weight of each key for each query, from 0 (white) to 1 (dark).",
        plot=len(layers) * (panel + down) - down,
        strip=NAME,
        left=left,
        right=width - left - len(heads) * (panel + beside) + beside,
        width=width,
        rows=len(layers),
        across=len(heads),
        gap=(down, beside),
        below=BELOW + widest - 0.06,
        paper=paper,
    )
    shown = weights.float().cpu()
    for row, layer in enumerate(layers):
        for column, head in enumerate(heads):
            axes = sheet.grid[row][column]
            image = axes.imshow(
                shown[layer, head].numpy(), vmin=0, vmax=1, cmap="Blues", interpolation="nearest"
            )
            axes.set_title(f"layer {layer + 1}, head {head + 1}", size=TYPE, pad=2)
            _labels(axes, names, left=column == 0, bottom=row == len(layers) - 1)
    box = sheet.grid[0][-1].get_position()
    bar = sheet.figure.add_axes((box.x1 + 0.1 / sheet.width, box.y0, 0.07 / sheet.width, box.height))
    sheet.figure.colorbar(image, cax=bar, ticks=[0, 0.5, 1])
    bar.tick_params(labelsize=TYPE, length=2, width=0.5, pad=2)
    sheet.save(path)


def _labels(axes: Axes, names: Sequence[str] | None, *, left: bool, bottom: bool) -> None:
    """Name the tokens of both axes, in the first column and in the last row."""
    axes.tick_params(length=0, labelsize=TYPE, pad=1, labelleft=left, labelbottom=bottom)
    if names:
        axes.set_yticks(range(len(names)), names, parse_math=False)
        turn = 90 if max(map(len, names)) > 1 else 0
        axes.set_xticks(range(len(names)), names, rotation=turn, parse_math=False)
    if left:
        axes.set_ylabel("query", size=7, labelpad=2)
    if bottom:
        axes.set_xlabel("key", size=7, labelpad=2)
