"""The attention weights of every head over one prompt: one panel per head, query by key."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from lengen.report.colour import GREY
from lengen.report.lines import DOTS
from lengen.report.lines import width as dots
from lengen.report.paper import COLUMN, HEIGHT, Paper
from lengen.report.sheet import BELOW, RIGHT, TYPE, Sheet

PANEL, SYMBOL, NAME, SMALL, LARGE = 1.1, 0.1, 0.16, 0.6, 2.4
"""Inches: least side of a panel, height of a symbol on its axis, height of the name above it; sides of panels on pages."""
SYMBOLS = 64
"""Axes of more symbols are numbered instead."""
BAR, BESIDE, DOWN = 0.42, 0.1, NAME + 0.04
"""Inches: width of the colour bar with its numbers, space between panels and between their rows."""
NOTE = "Weight of each key for each query, from 0 (white) to 1 (dark)."


def draw(
    weights: Float[Tensor, "layers heads query key"],
    symbols: Sequence[str],
    path: Path,
    *,
    title: str,
    layers: Sequence[int],
    heads: Sequence[int],
    footnote: str = NOTE,
    answer: int | None = None,
    printed: bool = False,
    paper: Paper = COLUMN,
) -> None:
    """Draw the weights and write the figure, atomically.

    Panels are as large as the width of the paper allows, and larger than that if their symbols need it: a map of a long prompt is
    wider than a page, unless `printed` is set; then its tokens are numbered.

    Args:
        weights: attention weights over one prompt, in [0, 1]; a row and a column may stand for several tokens.
        symbols: its tokens.
        path: path of the file, in an existing folder.
        title: title above the panels.
        layers: indices of the layers to draw, from 0; one row of panels each.
        heads: indices of the heads to draw, from 0; one column of panels each.
        footnote: note in small type below the panels.
        answer: index of the first token of the answer, which lines mark.
        printed: whether the figure must fit a page, see `pages`, and show small weights: colours go with the square root.
        paper: where it is printed.
    """
    room = _room(symbols)
    fits = len(symbols) <= SYMBOLS and (
        not printed or SYMBOL * len(symbols) <= _side(paper.double, room, len(heads))
    )
    names = list(symbols) if fits else None
    room = _room(names or "0")
    least = SMALL if printed else PANEL
    least = max(least, SYMBOL * len(names)) if names else least
    width = paper.width if _side(paper.width, room, len(heads)) >= least else paper.double
    panel = min(max(_side(width, room, len(heads)), least), LARGE)
    width = max(width if len(heads) > 1 or panel < LARGE else 0, room + len(heads) * (panel + BESIDE))
    left = room - RIGHT - BAR + BESIDE
    sheet = Sheet(
        title,
        footnote,
        plot=len(layers) * (panel + DOWN) - DOWN,
        strip=NAME,
        left=left,
        right=width - left - len(heads) * (panel + BESIDE) + BESIDE,
        width=width,
        rows=len(layers),
        across=len(heads),
        gap=(DOWN, BESIDE),
        below=BELOW + (left - 0.36 if names else 0.0),
        paper=paper,
    )
    shown, edge = weights.float().cpu(), len(symbols) - 0.5
    for row, layer in enumerate(layers):
        for column, head in enumerate(heads):
            axes = sheet.grid[row][column]
            image = axes.imshow(
                shown[layer, head].numpy(),
                norm=PowerNorm(0.5 if printed else 1, 0, 1),
                cmap="Blues",
                interpolation="nearest",
                extent=(-0.5, edge, edge, -0.5),
            )
            if answer is not None:
                for line in (axes.axhline, axes.axvline):
                    line(answer - 0.5, color=GREY, linewidth=0.4)
            name = f"layer {layer + 1}, head {head + 1}" if panel >= PANEL else f"{layer + 1}.{head + 1}"
            axes.set_title(name, size=TYPE, pad=2)
            _labels(axes, names, left=column == 0, bottom=row == len(layers) - 1)
    box = sheet.grid[0][-1].get_position()
    bar = sheet.figure.add_axes((box.x1 + 0.1 / sheet.width, box.y0, 0.07 / sheet.width, box.height))
    sheet.figure.colorbar(image, cax=bar, ticks=[0, 0.5, 1])
    bar.tick_params(labelsize=TYPE, length=2, width=0.5, pad=2)
    sheet.save(path)


def pages(layers: int, heads: int, paper: Paper) -> list[tuple[range, range]]:
    """Return the layers and the heads of every page, so that no page is wider or higher than the paper.

    >>> pages(12, 12, Paper())
    [(range(0, 8), range(0, 8)), (range(0, 8), range(8, 12)), (range(8, 12), range(0, 8)), (range(8, 12), range(8, 12))]
    """
    across = min(heads, max(1, int((paper.double - _room("0")) / (SMALL + BESIDE))))
    side = min(max(_side(paper.double, _room("0"), across), SMALL), LARGE)
    down = max(1, int((HEIGHT - AROUND) / (side + DOWN)))
    return [
        (range(layer, min(layer + down, layers)), range(head, min(head + across, heads)))
        for layer in range(0, layers, down)
        for head in range(0, heads, across)
    ]


AROUND = 1.7
"""Inches: height of title, footnote and the symbols of the last row."""


def _room(names: Sequence[str]) -> float:
    """Return the width that panels leave to symbols, colour bar and margins."""
    return max(0.2, *(dots(name, TYPE, "normal") / DOTS for name in names)) + 0.3 + RIGHT + BAR - BESIDE


def _side(width: float, room: float, heads: int) -> float:
    """Return the side of a panel in a figure of a width."""
    return (width - room) / heads - BESIDE


def _labels(axes: Axes, names: Sequence[str] | None, *, left: bool, bottom: bool) -> None:
    """Name the tokens of both axes, in the first column and in the last row."""
    axes.tick_params(length=0, labelsize=TYPE, pad=1, labelleft=left, labelbottom=bottom)
    if names:
        axes.set_yticks(range(len(names)), names, parse_math=False)
        turn = 90 if max(map(len, names)) > 1 else 0
        axes.set_xticks(range(len(names)), names, rotation=turn, parse_math=False)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(3, integer=True, prune="upper"))
        axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    if left:
        axes.set_ylabel("query", size=7, labelpad=2)
    if bottom:
        axes.set_xlabel("key", size=7, labelpad=2)
