"""What W&B has not received yet, and the command that uploads it: one line for a run, and one for a study."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

MARK = "wandb/unsent"
"""File of a run that names the folders that W&B has not received, one a line."""
SYNCED = "*.wandb.synced"
"""What `wandb sync` leaves in a folder that it has uploaded."""
_LATER: ContextVar[bool] = ContextVar("later", default=False)


@contextmanager
def named_by_the_study() -> Iterator[None]:
    """Leave the line to the study of a run while the block runs."""
    token = _LATER.set(True)
    try:
        yield
    finally:
        _LATER.reset(token)


def left_to_the_study() -> bool:
    """Whether the study will print the line."""
    return _LATER.get()


def mark(folder: Path, sync_dir: Path) -> None:
    """Note that W&B has not received a folder of a run.

    Args:
        folder: of the run.
        sync_dir: what is to be uploaded.
    """
    path = folder / MARK
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{sync_dir}\n")


def unsent(folder: Path) -> list[Path]:
    """Return the folders of a run that W&B has not received, as far as this machine knows."""
    path = folder / MARK
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    folders = [Path(line) for line in dict.fromkeys(lines)]
    return [each for each in folders if each.is_dir() and not any(each.glob(SYNCED))]


def study_line(folders: Iterable[Path]) -> str | None:
    """Return the line that says how to upload the runs of a study; None if W&B has all of them.

    `wandb sync` takes folders that have folders of runs in them, and leaves out what it has uploaded before.
    """
    runs = {folder.resolve(): folder for folder in folders}
    left = [found for folder in runs.values() if (found := unsent(folder))]
    if not left:
        return None
    sync_dirs = [each for found in left for each in found]
    named = common(sorted({each.parent for each in sync_dirs}))
    many = f"{len(left)} runs" if len(left) > 1 else "1 run"
    return f"W&B has not received {many}; to upload: {sync_command(sync_dirs, named)}"


def sync_command(sync_dirs: Iterable[Path], named: str) -> str:
    """Return the command that uploads folders of runs, by what names them; without the flag it leaves out those begun online.

    >>> sync_command([Path("/a/wandb/run-2026-x")], "/a/wandb"), sync_command([Path("/a/offline-run-2026-x")], "/a")
    ('wandb sync --include-online /a/wandb', 'wandb sync /a')
    """
    online = any(not each.name.startswith("offline-") for each in sync_dirs)
    return f"wandb sync {'--include-online ' * online}{named}"


def common(folders: list[Path]) -> str:
    """Name some folders in one word of the shell: their own name, or a pattern with * where they differ.

    >>> common([Path("/a/b/seed=0/wandb"), Path("/a/c/seed=0/wandb")])
    '/a/*/seed=0/wandb'
    """
    shown = [
        Path(os.path.relpath(folder)) if folder.is_relative_to(Path.cwd()) else folder for folder in folders
    ]
    if len({len(folder.parts) for folder in shown}) > 1:
        return shlex.join(map(str, shown))
    parts = [
        shlex.quote(names[0]) if len({*names}) == 1 else "*"
        for names in zip(*(folder.parts for folder in shown), strict=True)
    ]
    return "/".join(parts).replace("//", "/")
