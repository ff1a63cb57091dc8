"""What W&B has not received yet, and the command that uploads it: one line for a run, and one for a study."""

from __future__ import annotations

import glob
import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
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

    `wandb sync` takes folders that have folders of runs in them, and leaves out what it has uploaded before. The line names no run of
    another study.
    """
    runs = {folder.resolve(): folder for folder in folders}
    left = [found for folder in runs.values() if (found := unsent(folder))]
    if not left:
        return None
    sync_dirs = [each for found in left for each in found]
    named = " ".join(patterns([*map(_from_here, _named(sync_dirs))]))
    many = f"{len(left)} runs" if len(left) > 1 else "1 run"
    return f"W&B has not received {many}; to upload: {sync_command(sync_dirs, named)}"


def sync_command(sync_dirs: Iterable[Path], named: str) -> str:
    """Return the command that uploads folders of runs, by what names them; without the flag it leaves out those begun online.

    >>> sync_command([Path("/a/wandb/run-2026-x")], "/a/wandb"), sync_command([Path("/a/offline-run-2026-x")], "/a")
    ('wandb sync --include-online /a/wandb', 'wandb sync /a')
    """
    online = any(map(_begun_online, sync_dirs))
    return f"wandb sync {'--include-online ' * online}{named}"


def _begun_online(sync_dir: Path) -> bool:
    """Whether a run was begun online, so that `wandb sync` leaves it out without a flag."""
    return not sync_dir.name.startswith("offline-")


def _from_here(folder: Path) -> Path:
    """Return a folder as relative to the working directory if it lies below it."""
    return Path(os.path.relpath(folder)) if folder.is_relative_to(Path.cwd()) else folder


def _named(sync_dirs: Sequence[Path]) -> list[Path]:
    """Return what names the folders of runs: the folder around some, unless `wandb sync` would take others in it, too."""
    own = {*sync_dirs}
    kinds = ("offline-run-*", "run-*") if any(map(_begun_online, own)) else ("offline-run-*",)
    whole = {
        around
        for around in {each.parent for each in own}
        if all(each in own or any(each.glob(SYNCED)) for kind in kinds for each in around.glob(kind))
    }
    return sorted({each.parent if each.parent in whole else each for each in own})


def patterns(folders: Sequence[Path]) -> list[str]:
    """Name some folders in words of the shell: as patterns, with * where they differ, that match no other folder.

    >>> patterns([Path("/a/b c")]), patterns([Path("/a/b/seed=0/wandb"), Path("/a/c/seed=0/wandb")])
    (["'/a/b c'"], ['/a/b/seed=0/wandb', '/a/c/seed=0/wandb'])
    """
    if len(folders) == 1:
        return [shlex.quote(str(folders[0]))]
    if len({len(folder.parts) for folder in folders}) > 1:
        return [shlex.quote(str(folder)) for folder in folders]
    names = [sorted({*at}) for at in zip(*(folder.parts for folder in folders), strict=True)]
    root = Path(folders[0].anchor)
    wild = "/".join(glob.escape(at[0]) if len(at) == 1 else "*" for at in names if at != [str(root)])
    if {*root.glob(wild)} == {*folders}:
        quoted = (shlex.quote(at[0]) if len(at) == 1 else "*" for at in names)
        return ["/".join(quoted).replace("//", "/")]
    place = next(place for place, at in enumerate(names) if len(at) > 1)
    alike = ([each for each in folders if each.parts[place] == name] for name in names[place])
    return [word for some in alike for word in patterns(some)]
