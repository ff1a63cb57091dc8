"""The attention weights of every head over one prompt: one panel per head, query by key."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from lengen.report.sheet import LEFT, RIGHT, Sheet

PANEL, SYMBOL, LABELLED = 1.3, 0.09, 30
"""Inches: the side of a panel, and the height of a symbol on its axis; axes with more symbols than the last are unlabelled."""


def draw(
    weights: Float[Tensor, "layers heads query key"],
    symbols: Sequence[str],
    path: Path,
    *,
    title: str,
    layers: Sequence[int],
    heads: Sequence[int],
) -> None:
    """Draw the weights and write them as PNG or SVG.

    Args:
        weights: attention weights over one prompt, in [0, 1].
        symbols: its tokens.
        path: path of the file, in an existing folder.
        title: title above the panels.
        layers: indices of the layers to draw, from 0; one row of panels each.
        heads: indices of the heads to draw, from 0; one column of panels each.
    """
    side = max(PANEL, SYMBOL * min(len(symbols), LABELLED))
    gap = 0.4 + 0.05 * max(map(len, symbols))
    sheet = Sheet(
        title,
        "weight of each key (column) for each query (row), from 0 (white) to 1",
        plot=len(layers) * (side + gap) - gap,
        width=LEFT + RIGHT + len(heads) * (side + gap) - gap + 0.2,
        rows=len(layers),
        across=len(heads),
        gap=(gap, gap),
    )
    shown = weights.float().cpu()
    for row, layer in enumerate(layers):
        for column, head in enumerate(heads):
            axes = sheet.grid[row][column]
            axes.imshow(shown[layer, head].numpy(), vmin=0, vmax=1, cmap="Blues", interpolation="nearest")
            axes.set_title(f"layer {layer + 1}, head {head + 1}", size=6, pad=2)
            axes.tick_params(length=0, labelsize=5, pad=1)
            if len(symbols) <= LABELLED:
                axes.set_xticks(range(len(symbols)), symbols, parse_math=False)
                axes.set_yticks(range(len(symbols)), symbols, parse_math=False)
    sheet.save(path)
