"""Symbolic links in results: a folder that comes from somebody else must not lead lengen to files elsewhere.

A results folder may itself be a link. A link below it may lead to a place below it (W&B makes such links), and nowhere else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from lengen.config.errors import require

OF_WANDB = r"wandb/[^/]+/logs/debug-core\.log"
"""The log of W&B's process, which leads to W&B's cache."""


def require_inside(path: Path, top: Path) -> None:
    """Refuse a path that links lead out of the folder above it.

    Args:
        path: below `top`; it need not exist.
        top: the folder that it must stay in.

    Raises:
        UsageError: it leads elsewhere.
    """
    real, allowed = path.resolve(), top.resolve()
    require(
        real.is_relative_to(allowed),
        f"{path}: a link leads out of {top}, to {real}; remove it, or copy what it leads to",
    )


def require_no_way_out(folder: Path) -> None:
    """Refuse a folder in which a link, at any depth, leads out of it; but for one that W&B leaves, and nothing writes through.

    Raises:
        UsageError: there is such a link; it is named.
    """
    for link in links(folder):
        if not re.fullmatch(OF_WANDB, link.relative_to(folder).as_posix()):
            require_inside(link, folder)


def links(folder: Path) -> Iterator[Path]:
    """Yield the links in a folder, at any depth, without following them."""
    for directory, folders, files in os.walk(folder):
        for name in (*folders, *files):
            if (path := Path(directory) / name).is_symlink():
                yield path
