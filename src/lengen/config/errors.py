"""How a user's value is refused."""

from __future__ import annotations


def require(holds: bool, message: str) -> None:
    """Refuse a user's value with one readable line.

    Raises:
        ValueError: `holds` is false.
    """
    if not holds:
        raise ValueError(message)
