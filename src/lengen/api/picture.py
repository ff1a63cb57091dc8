"""Figures that a notebook displays, and that can be saved."""

from __future__ import annotations

import base64
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path

from lengen.api.checks import path_of
from lengen.config.errors import UsageError, require
from lengen.report.paper import FORMATS


@dataclass(frozen=True)
class Picture:
    """A figure: a file, or drawn when it is displayed.

    Args:
        path: its PNG; an SVG or PDF of the same name may be next to it.
        draw: draws the figure to a path that ends in `.png`, `.svg` or `.pdf`; None if there are only files.
    """

    path: Path | None = None
    draw: Callable[[Path], object] | None = None

    @cached_property
    def png(self) -> bytes:
        """The figure as the bytes of a PNG."""
        if self.path is not None:
            return self.path.read_bytes()
        with tempfile.TemporaryDirectory() as folder:
            return self.save(Path(folder) / "figure.png").read_bytes()

    def save(self, to: str | Path) -> Path:
        """Save the figure to a file.

        Args:
            to: a path that ends in `.png`, `.svg` or `.pdf`.

        Raises:
            UsageError: the figure is not available in this format, or there is no such folder.
        """
        to = path_of(to, "to")
        existing = self.path.with_suffix(to.suffix) if self.path is not None and to.suffix else None
        formats = [
            kind
            for kind in FORMATS
            if self.draw or (self.path and self.path.with_suffix(f".{kind}").exists())
        ]
        if to.suffix.removeprefix(".") not in formats:
            raise UsageError(
                f"{to}: must be a path that ends in {' or '.join(f'.{kind}' for kind in formats)}"
            )
        require(to.parent.is_dir(), f"{to}: there is no folder {to.parent}")
        if existing is not None and existing.exists():
            shutil.copyfile(existing, to)
        elif self.draw:
            self.draw(to)
        return to

    def _repr_png_(self) -> bytes:
        return self.png

    def html(self, text: str) -> str:
        """Return the figure as an HTML element.

        Args:
            text: what it shows, for those who do not see it.
        """
        data = base64.b64encode(self.png).decode()
        return f'<img style="max-width: 40em" alt="{escape(text)}" src="data:image/png;base64,{data}">'
