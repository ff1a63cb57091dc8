"""A folder belongs to one process at a time, on one machine or on several that share the folder.

A claim is a file beside the folder, created exclusively. It says which process of which machine has the folder, and its
time is renewed as long as the process lives. A claim of a process that is gone is taken over: at once on the same machine;
on another one when its time has not been renewed for `STALE` seconds. Locks of the system are not used: on network
folders they cannot be trusted.
"""

from __future__ import annotations

import _thread
import os
import re
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import SoftFileLease, Timeout

from lengen.config.errors import UsageError
from lengen.records.atomic import flush, named

STALE = 300.0
"""Seconds without renewal after which a claim of another machine is taken over."""
LEASE = 60.0
"""The last of these seconds: the newcomer sees for itself that the claim is not renewed, by its own clock."""
BEAT = 10.0
"""Seconds between renewals."""
TORN = 3.0
"""Seconds to see that a claim that says nonsense is not being written at this moment."""
QUIET = 3 * BEAT
"""Seconds without renewal after which an empty claim is one that a power cut or a full disk has left."""
OWNER = re.compile(r"^pid=(?P<pid>\d{1,9})\nhost=(?P<host>[\w.-]+)$", re.MULTILINE)
"""In a claim: the process that has it."""


class ClaimedError(UsageError):
    """Another process has the folder.

    Args:
        folder: the folder.
        text: what is said of it.
    """

    def __init__(self, folder: Path, text: str) -> None:
        super().__init__(f"{folder}: {text}")
        self.folder, self.text = folder, text

    def __reduce__(self) -> tuple[type[ClaimedError], tuple[Path, str]]:
        return ClaimedError, (self.folder, self.text)


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Claim a folder, which need not exist, while the block runs.

    Raises:
        ClaimedError: another process has it; or another machine took it over while this one was suspended.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    path = _file(folder)
    lease = SoftFileLease(path, lease_duration=LEASE, heartbeat_interval=BEAT, on_compromise=_stop)
    try:
        with named(path):
            _acquire(lease, path, folder)
        flush(path)  # or it is empty after a power cut, and says of no process that it is gone
        flush(path.parent)
    except Timeout:
        raise ClaimedError(folder, f"another process is working on this run{_owner(path)}") from None
    try:
        yield
    except KeyboardInterrupt:
        if lease.compromise is None:
            raise
        raise ClaimedError(
            folder,
            "another process has taken over this run: this one was suspended, or could not reach its folder",
        ) from None
    finally:
        lease.release()


def _stop(_: object) -> None:
    """Stop the main thread by a signal that it heeds: Ctrl-C is ignored by workers, and by what a shell starts in the background."""
    heeded = (number for number in (signal.SIGINT, signal.SIGTERM) if callable(signal.getsignal(number)))
    _thread.interrupt_main(next(heeded, signal.SIGINT))


def holder(folder: Path) -> str:
    """Say which process has a folder, such as `process 12 on node-7`; empty if none has, or if it may be taken over.

    Reads without claiming.
    """
    import psutil

    path = _file(folder)
    if not os.path.lexists(path):
        return ""
    owner = OWNER.search(_content(path))
    gone = (
        owner is not None
        and owner["host"] == socket.gethostname()
        and not psutil.pid_exists(int(owner["pid"]))
    )
    if gone or _age(path) > (STALE if _content(path) else QUIET):
        return ""
    return f"process {owner['pid']} on {owner['host']}" if owner else "a process that does not say which"


def _file(folder: Path) -> Path:
    """The file of a claim."""
    return folder.parent / f".{folder.name}.claim"


def _acquire(lease: SoftFileLease, path: Path, folder: Path) -> None:
    """Acquire a claim, waiting only where it may be one of a process that is gone."""
    with suppress(Timeout):
        lease.acquire(timeout=0)
        return
    if path.is_symlink():
        raise UsageError(f"{path}: a link, where the claim of a process should be: remove it")
    if not _content(path):  # left by a power cut, or being written
        _wait_for_content(path, folder)
        lease.acquire(timeout=0)
    elif not _owner(path):
        lease.acquire(timeout=TORN)
    elif _age(path) > STALE - LEASE:
        print(  # noqa: T201
            f"lengen: {folder}: waiting {LEASE:.0f} s to see whether its process is alive{_owner(path)}",
            file=sys.stderr,
        )
        lease.acquire(timeout=LEASE + BEAT)
    else:
        lease.acquire(timeout=0)


def _wait_for_content(path: Path, folder: Path) -> None:
    """Wait until an empty claim has been written; remove one that is not renewed either."""
    deadline = time.monotonic() + QUIET
    with suppress(OSError):  # it may be gone at any moment
        if (left := QUIET - _age(path)) > TORN:
            print(  # noqa: T201
                f"lengen: {folder}: waiting {left:.0f} s to see whether the process that claims it is alive",
                file=sys.stderr,
            )
        while not path.stat().st_size and _age(path) < QUIET and time.monotonic() < deadline:
            time.sleep(0.1)
        if not path.stat().st_size and _age(path) >= QUIET:
            path.unlink()


def _content(path: Path) -> str:
    """Text of a claim, without following a link; empty if it cannot be read."""
    with (
        suppress(OSError),
        os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file,
    ):
        return file.read(1024).decode(errors="replace")
    return ""


def _owner(path: Path) -> str:
    """Process and machine of a claim, for a message; empty if it does not say."""
    found = OWNER.search(_content(path))
    return f" (process {found['pid']} on {found['host']})" if found else ""


def _age(path: Path) -> float:
    """Seconds since a claim was renewed, by the clock of the file system that holds it; 0 if it is gone."""
    with suppress(OSError), tempfile.NamedTemporaryFile(dir=path.parent) as now:
        return os.fstat(now.fileno()).st_mtime - path.lstat().st_mtime
    return 0.0
