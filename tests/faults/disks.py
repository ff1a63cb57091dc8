"""File systems of their own: small ones, read-only ones, and ones whose power is cut. They need root."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

SHUTDOWN, WITHOUT_LOG = 0x8004587D, 2
"""`FS_IOC_SHUTDOWN`: the file system is gone at once, and what its log has in memory is lost."""
OPTIONS = {"ext4": "loop,noauto_da_alloc", "xfs": "loop"}
"""Without the help that ext4 gives to programs that rename without a flush."""


@dataclass
class Disk:
    """A mounted file system.

    Args:
        kind: tmpfs, ext4 or xfs.
        folder: where it is mounted.
        source: the file that holds it; the name of a tmpfs.
        options: of mounting.
    """

    kind: str
    folder: Path
    source: str
    options: str

    def mount(self) -> None:
        """Mount it."""
        ran = subprocess.run(
            ["mount", "-t", self.kind, "-o", self.options, self.source, str(self.folder)],
            capture_output=True,
            text=True,
        )
        if ran.returncode:
            pytest.skip(f"{self.kind} cannot be mounted here: {ran.stderr.strip()}")

    def unmounts(self) -> bool:
        """Unmount it; return False if it is still in use."""
        return subprocess.run(["umount", str(self.folder)], capture_output=True).returncode == 0

    def read_only(self) -> None:
        """Refuse all writes from now on."""
        subprocess.run(["mount", "-o", "remount,ro", str(self.folder)], check=True)

    def cut_power(self) -> None:
        """Lose what has not reached the disk; nothing can be read or written until it is mounted again."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", WITHOUT_LOG))
        finally:
            os.close(descriptor)

    def leave(self, free: int, ballast: Path) -> None:
        """Fill it with a file until so many bytes are free."""
        ballast.unlink(missing_ok=True)
        size = shutil.disk_usage(self.folder).free - free
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, size))


@contextmanager
def mounted(kind: str, folder: Path, megabytes: int) -> Iterator[Disk]:
    """Mount a new file system while the block runs; skip the test, by name, where that is not possible.

    Args:
        kind: tmpfs, ext4 or xfs.
        folder: where it is mounted; created.
        megabytes: its size.
    """
    if os.geteuid():
        pytest.skip(f"{kind}: only root may mount")
    folder.mkdir()
    if kind == "tmpfs":
        disk = Disk(kind, folder, "lengen-faults", f"size={megabytes}M")
    else:
        if not shutil.which(f"mkfs.{kind}"):
            pytest.skip(f"{kind}: there is no mkfs.{kind}")
        source = folder.with_suffix(".img")
        with source.open("wb") as file:
            file.truncate(megabytes << 20)
        subprocess.run([f"mkfs.{kind}", "-q", str(source)], check=True)
        disk = Disk(kind, folder, str(source), OPTIONS[kind])
    disk.mount()
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)
