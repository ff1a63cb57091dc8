"""Lines of text that fit a width in print."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

DOTS = 300
"""Pixels an inch, of figures and of the measure taken here."""


def wrap(text: str, inches: float, size: float, weight: Literal["normal", "bold"] = "normal") -> list[str]:
    """Break a text into lines that fit a width, at spaces where there are any.

    Args:
        text: may have line breaks of its own.
        inches: the width.
        size: of the type, in points.
        weight: of the type.
    """

    def fits(line: str) -> bool:
        words = line.split(" ")
        blanks = (len(words) - 1) * (width("n n", size, weight) - 2 * width("n", size, weight))
        return sum(width(word, size, weight) for word in words) + blanks <= inches * DOTS

    lines: list[str] = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split():
            if fits(f"{line} {word}".strip()):
                line = f"{line} {word}".strip()
                continue
            lines += [line] if line else []
            line = word
            while len(line) > 1 and not fits(line):
                end = next(end for end in range(len(line) - 1, 0, -1) if end == 1 or fits(line[:end]))
                lines.append(line[:end])
                line = line[end:]
        lines.append(line)
    return lines


@lru_cache(maxsize=10_000)
def width(word: str, size: float, weight: str) -> float:
    """Dots that a word is wide; the same words come again in every figure."""
    probe, renderer = _probe(size, weight)
    probe.set_text(word)
    return float(probe.get_window_extent(renderer).width)


@lru_cache(maxsize=10)
def _probe(size: float, weight: str) -> tuple[Any, Any]:
    """A text to be measured, and what measures it."""
    figure = Figure(figsize=(1, 1), dpi=DOTS)
    probe = figure.text(0, 0, "", size=size, weight=weight, parse_math=False)
    return probe, FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
