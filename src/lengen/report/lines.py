"""Break text into lines that fit a printed width."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

from matplotlib import rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

DOTS = 300
"""Pixels per inch, in figures and in the measurements here."""


BREAKS = frozenset(".=,_-/+:;)")
"""A word that is longer than a line is broken after one of these if possible: `attention.` `window=16`."""


def wrap(text: str, inches: float, size: float, weight: Literal["normal", "bold"] = "normal") -> list[str]:
    """Break a text into lines that fit a width, at spaces if possible, otherwise after `.`, `=` and the like.

    Args:
        text: the text; its own line breaks are kept.
        inches: the width.
        size: font size in points.
        weight: font weight.
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
                ends = [end for end in range(len(line) - 1, 0, -1) if end == 1 or fits(line[:end])]
                end = next((end for end in ends if line[end - 1] in BREAKS), ends[0])
                lines.append(line[:end])
                line = line[end:]
        lines.append(line)
    return lines


def width(word: str, size: float, weight: str) -> float:
    """Return the width of a word in pixels, in the present font."""
    return _width(word, size, weight, tuple(rcParams["font.family"]))


@lru_cache(maxsize=10_000)
def _width(word: str, size: float, weight: str, fonts: tuple[str, ...]) -> float:
    """Measure a word; cached, since words recur in every figure."""
    probe, renderer = _probe(size, weight, fonts)
    probe.set_text(word)
    return float(probe.get_window_extent(renderer).width)


@lru_cache(maxsize=10)
def _probe(size: float, weight: str, fonts: tuple[str, ...]) -> tuple[Any, Any]:
    """Return a text object and a renderer to measure words with."""
    figure = Figure(figsize=(1, 1), dpi=DOTS)
    probe = figure.text(0, 0, "", size=size, weight=weight, family=fonts, parse_math=False)
    return probe, FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
