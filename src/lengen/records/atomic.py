"""Writing that survives a power cut: a file or folder is complete or absent, whatever stops its writer.

A file is written under a temporary name that cannot be guessed, flushed to the disk, and renamed; its folder is flushed
too. The temporary file is new: a link that somebody has left in the folder is never followed, and a link in the place of
the file is replaced, not written through.
"""

from __future__ import annotations

import glob
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

PART = ".part"
"""Ending of temporary names."""


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Write a file atomically and durably: yield a temporary path, which replaces the file at the end.

    Raises:
        OSError: the folder cannot be written; the temporary file is removed, and an earlier file is as it was.
    """
    with named(path):
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=PART, dir=path.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        with named(path, temporary):
            yield temporary
            temporary.chmod(0o666 & ~_umask())  # a temporary file is for its owner only
            flush(temporary)
            temporary.replace(path)
            flush(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Create a folder atomically and durably: yield a temporary folder, rename it at the end, remove it on failure."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PART}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with named(path, temporary):
            temporary.mkdir()
            yield temporary
            for each in (*temporary.rglob("*"), temporary):
                flush(each)
            temporary.rename(path)
        flush(path.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def remove_abandoned(folder: Path, inside: Iterable[str] = ()) -> None:
    """Remove the temporary files of writers that were killed; for the process that has the folder to itself.

    Args:
        folder: files in it are removed, and what was to become the folder; it need not exist.
        inside: its subfolders of which the same holds.
    """
    for place in (folder, *(folder / name for name in inside)):
        for path in place.glob(f".*{PART}"):
            path.unlink(missing_ok=True)
    for path in folder.parent.glob(f".{glob.escape(folder.name)}.*{PART}"):
        shutil.rmtree(path, ignore_errors=True)


def flush(path: Path) -> None:
    """Flush a file or folder to the disk."""
    if os.name == "nt" and path.is_dir():  # Windows cannot open folders
        return
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    """The umask of this process."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


@contextmanager
def named(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Let the error of a full or read-only disk name what could not be written, not its temporary name.

    Args:
        path: what is to be written.
        temporary: its temporary name; None while it has none.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        unnamed = error.filename is None or temporary is None
        name = str(path) if unnamed else str(error.filename).replace(str(temporary), str(path))
        raise OSError(error.errno, os.strerror(error.errno), name) from error
