"""How a user's mistake is refused: one line that names the option, what was got and what is allowed."""

from __future__ import annotations


class UsageError(ValueError):
    """A mistake of the user: reported on one line, without a traceback; the exit code is 2."""


class LengthUnavailable(ValueError):  # noqa: N818  # what it says is a fact about a task, not an error yet
    """A task has no problem of a length under its options; raised by tasks alone."""


def require(holds: bool, message: str) -> None:
    """Refuse a user's value with one readable line.

    Raises:
        UsageError: `holds` is false.
    """
    if not holds:
        raise UsageError(message)
