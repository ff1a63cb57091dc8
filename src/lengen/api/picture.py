"""A figure that shows itself in a notebook and saves itself."""

from __future__ import annotations

import base64
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lengen.config.errors import UsageError


@dataclass(frozen=True)
class Picture:
    """A figure, from its file or drawn when it is looked at.

    Args:
        path: of its PNG; a file of the same name that ends in `.svg` may stand beside it.
        draw: writes it anew to a path that ends in `.png` or `.svg`; None where there are files alone.
    """

    path: Path | None = None
    draw: Callable[[Path], object] | None = None

    @cached_property
    def png(self) -> bytes:
        """The picture as the bytes of a PNG."""
        if self.path is not None:
            return self.path.read_bytes()
        with tempfile.TemporaryDirectory() as place:
            return self.save(Path(place) / "figure.png").read_bytes()

    def save(self, to: str | Path) -> Path:
        """Write it to a file.

        Args:
            to: a path that ends in `.png` or `.svg`.

        Raises:
            UsageError: there is no such picture.
        """
        to = Path(to)
        there = self.path.with_suffix(to.suffix) if self.path is not None and to.suffix else None
        if to.suffix not in (".png", ".svg") or not (self.draw or (there and there.exists())):
            raise UsageError(f"{to}: must be a path that ends in .png{' or .svg' if self.draw else ''}")
        if there is not None and there.exists():
            shutil.copyfile(there, to)
        elif self.draw:
            self.draw(to)
        return to

    def _repr_png_(self) -> bytes:
        return self.png

    def html(self) -> str:
        """The picture as an element of a page."""
        return (
            f'<img style="max-width: 40em" src="data:image/png;base64,{base64.b64encode(self.png).decode()}">'
        )
