"""Lines of text that fit a width in print."""

from __future__ import annotations

from typing import Literal

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
    figure = Figure(figsize=(1, 1), dpi=DOTS)
    probe = figure.text(0, 0, "", size=size, weight=weight, parse_math=False)
    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]

    def fits(line: str) -> bool:
        probe.set_text(line)
        return float(probe.get_window_extent(renderer).width) <= inches * DOTS

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
