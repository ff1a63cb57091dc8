"""The paper that figures are printed on: widths of its columns, font, and formats of the files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from matplotlib import rc_context

FORMATS = ("png", "svg", "pdf")
"""Formats in which figures are written."""
FONT = "DejaVu Sans"
"""The font that matplotlib brings along. It also has the characters that another font lacks."""
HEIGHT = 9.0
"""Inches: maximum height of a figure that is paged, which fits A4 and US letter with its caption."""
FULL = 4.6
"""Inches: a text width of more than this is a whole page wide, and no figure is wider."""


@dataclass(frozen=True)
class Paper:
    """Where figures are printed.

    Args:
        width: width of a column, in inches.
        font: font family of all text.
        formats: formats of the files, of `FORMATS`.
    """

    width: float = 3.4
    font: str = FONT
    formats: tuple[str, ...] = FORMATS[:2]

    @property
    def double(self) -> float:
        """Inches: width of wide figures: two columns and 0.2 inches between them, or the width of the text."""
        return self.width if self.width > FULL else 2 * self.width + 0.2

    @contextmanager
    def fonts(self) -> Iterator[None]:
        """Draw in the font of the paper."""
        with rc_context({"font.family": list(dict.fromkeys((self.font, FONT)))}):
            yield

    def files(self, stem: Path) -> list[Path]:
        """Return the paths of a figure, one per format.

        Args:
            stem: path without its suffix.
        """
        return [stem.with_name(f"{stem.name}.{kind}") for kind in self.formats]


COLUMN = Paper()
"""One column of a two-column paper, PNG and SVG."""


def page_stem(stem: Path, page: int) -> Path:
    """Return the path without suffix of a page of a figure; pages count from 0.

    >>> page_stem(Path("out/multiples"), 0).name, page_stem(Path("out/multiples"), 1).name
    ('multiples', 'multiples-2')
    """
    return stem.with_name(f"{stem.name}-{page + 1}") if page else stem
