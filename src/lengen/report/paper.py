"""The paper that figures are printed on: widths of its columns, font, and formats of the files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from matplotlib import rc_context
from matplotlib.font_manager import FontProperties, findfont, fontManager

from lengen.config.errors import UsageError, require

FORMATS = ("png", "svg", "pdf")
"""Formats in which figures are written."""
FONT = "DejaVu Sans"
"""The font that matplotlib brings along. It also has the characters that another font lacks."""
HEIGHT = 9.0
"""Inches: maximum height of a figure that is paged, which fits A4 and US letter with its caption."""
FULL = 4.6
"""Inches: a text width of more than this is a whole page wide, and no figure is wider."""
NARROWEST, WIDEST = 2.5, 12.0
"""Inches: the least and the largest width of a column."""
GENERIC = ("serif", "sans-serif", "monospace")
"""Families that stand for whichever such font the machine has."""


@dataclass(frozen=True)
class PrintStyle:
    """Looks of every figure: the keys of `style` in `configs/train.yaml` and `configs/eval.yaml`.

    Args:
        width: width of a column, in inches; wide figures take two of them.
        font: font family of the figures: one of this machine, or serif, sans-serif, monospace.
        title: whether figures have their title.
        note: whether figures have their footnote; it is in the file's description all the same.
    """

    width: float = 3.4
    font: str = FONT
    title: bool = True
    note: bool = True

    def __post_init__(self) -> None:
        require(
            NARROWEST <= self.width <= WIDEST,
            f"style.width={self.width:g}: must be from {NARROWEST:g} to {WIDEST:g} inches",
        )
        if self.font in (FONT, *GENERIC):
            return
        try:
            findfont(FontProperties(family=self.font), fallback_to_default=False)
        except ValueError:
            known = sorted({entry.name for entry in fontManager.ttflist})
            near = get_close_matches(self.font, known, 3, 0.5) or [FONT]
            raise UsageError(
                f"style.font={self.font}: must be {', '.join(GENERIC)}, or one of the {len(known)} fonts of this machine, such as {', '.join(near)}"
            ) from None


@dataclass(frozen=True)
class Paper:
    """Where figures are printed.

    Args:
        width: width of a column, in inches.
        font: font family of all text.
        formats: formats of the files, of `FORMATS`.
        title: whether figures have their title.
        note: whether figures have their footnote.
    """

    width: float = 3.4
    font: str = FONT
    formats: tuple[str, ...] = FORMATS[:2]
    title: bool = True
    note: bool = True

    @property
    def double(self) -> float:
        """Inches: width of wide figures: two columns and 0.2 inches between them, or the width of the text."""
        return self.width if self.width > FULL else 2 * self.width + 0.2

    @classmethod
    def of(cls, style: PrintStyle, formats: Sequence[str]) -> Paper:
        """Return the paper of the options `style` and `formats`.

        Raises:
            UsageError: a format is not known or named twice, or there is none.
        """
        require(
            bool(formats) and set(formats) <= set(FORMATS) and len(set(formats)) == len(formats),
            f"formats=[{','.join(formats)}]: must be one or more of {', '.join(FORMATS)}, each once",
        )
        return cls(style.width, style.font, tuple(formats), style.title, style.note)

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

    def draw(self, stem: Path, figure: Callable[[Path], object]) -> None:
        """Draw a figure in every format.

        Args:
            stem: path without its suffix.
            figure: draws one file.
        """
        with self.fonts():
            for path in self.files(stem):
                figure(path)


COLUMN = Paper()
"""One column of a two-column paper, PNG and SVG."""
SCREEN = Paper(formats=("png",))
"""The same as PNG alone: what runs and evaluations draw without being asked for more."""


def page_stem(stem: Path, page: int) -> Path:
    """Return the path without suffix of a page of a figure; pages count from 0.

    >>> page_stem(Path("out/multiples"), 0).name, page_stem(Path("out/multiples"), 1).name
    ('multiples', 'multiples-2')
    """
    return stem.with_name(f"{stem.name}-{page + 1}") if page else stem
