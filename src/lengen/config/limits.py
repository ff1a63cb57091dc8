"""Limits on what the options of a command may imply: memory, numbers of lengths and of jobs. Imports no torch."""

from __future__ import annotations

import math
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lengen.config.errors import UsageError, require

MOST_LENGTHS = 100_000
"""Most lengths of a sweep or of training: each is drawn once before training, to see whether the task has it."""
MOST_JOBS = 10_000
"""Most jobs of a multirun."""
UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
"""Units of memory, in bytes."""


@dataclass(frozen=True)
class Limits:
    """What a run may use at most; what its options imply is computed before anything is drawn or trained.

    Args:
        memory: memory of the run, such as `8GB`, or a number of bytes; null for the memory that is available.
    """

    memory: str | int | None = None

    def __post_init__(self) -> None:
        self.bytes  # noqa: B018  # refuses what is no amount

    @property
    def bytes(self) -> int:
        """The limit in bytes."""
        if self.memory is None:
            return available_memory()
        found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,3})?) ?([KMGT]?B)?", str(self.memory))
        amount = int(float(found[1]) * UNITS[found[2] or ""]) if found else 0
        if amount < 1:
            raise UsageError(f"limits.memory={self.memory}: must be null or an amount of memory, such as 8GB")
        return amount

    def require_memory(self, needed: int, options: str, what: str, held: int | None = None) -> None:
        """Refuse options that need more memory than there is.

        Args:
            needed: bytes that are needed at least.
            options: the options that imply it, with their values.
            what: what needs it, such as `12,000 parameters`.
            held: memory of another device, which is the limit if none is stated.

        Raises:
            UsageError: `needed` is above the limit.
        """
        limit = held if self.memory is None and held is not None else self.bytes
        if needed > limit:
            stated = f"limits.memory={self.memory or 'null'}"
            raise UsageError(
                f"{options}: {what} need at least {amount(needed)}, more than the {amount(limit)} of {stated}"
            )


def available_memory() -> int:
    """Return the memory that this process may still use, in bytes: that of the machine, or of its container if that is less."""
    free = [_machine_memory()]
    for place, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        try:
            free.append(int(Path(place).read_text()) - int(Path(used).read_text()))
        except (OSError, ValueError):  # no container, or one without a limit
            continue
    return max(min(free), 1)


def _machine_memory() -> int:
    """Return the available memory of the machine in bytes; where the system does not tell, all of its memory."""
    with suppress(OSError, ValueError):  # Linux
        found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
        if found:
            return int(found[1]) * 1024
    with suppress(AttributeError, ValueError, OSError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 2**63


def require_count(count: int, most: int, option: str, what: str) -> None:
    """Refuse an option that implies too many of something.

    Args:
        count: how many it implies.
        most: the most that are allowed.
        option: the option with its value.
        what: what is counted.

    Raises:
        UsageError: `count` is above `most`.
    """
    require(count <= most, f"{option}: {short(count)} {what}, must be at most {most:,}")


def short(count: int) -> str:
    """Write a count with separators; a very large one as a power of ten.

    >>> short(1234), short(3 * 10**40)
    ('1,234', '3.0e40')
    """
    if count < 10**15:
        return f"{count:,}"
    exponent = len(str(count)) - 1 if count < 10**4000 else int(math.log10(count))
    return f"{count // 10 ** (exponent - 1) / 10}e{exponent}"


def amount(size: int) -> str:
    """Write a number of bytes in the largest unit that fits.

    >>> amount(12), amount(25_300_000), amount(10**18)
    ('12 B', '25.3 MB', '1,000,000.0 TB')
    """
    for unit in ("TB", "GB", "MB", "KB"):
        if size >= UNITS[unit]:
            whole = size * 10 // UNITS[unit]
            return f"{whole / 10:,.1f} {unit}" if whole < 10**10 else f"{short(whole // 10)} {unit}"
    return f"{size} B"


def duration(seconds: float) -> str:
    """Write a time in the units in which it is read.

    >>> duration(20), duration(200), duration(5000), duration(400000)
    ('20 s', '3 min', '83 min', '4 d 15 h')
    """
    minutes = round(seconds / 60)
    if seconds < 90:  # noqa: PLR2004
        return f"{max(seconds, 1):.0f} s"
    if minutes < 90:  # noqa: PLR2004
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"
