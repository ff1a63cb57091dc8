"""Lines that are worth saying once."""

from __future__ import annotations

from functools import cache


@cache
def say_once(line: str) -> None:
    """Print a line, the first time in this process."""
    print(f"lengen: {line}", flush=True)  # noqa: T201
