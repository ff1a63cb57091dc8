"""The axis of lengths, as figures and terminal plots have it in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence

WIDE = 8
"""Longest over shortest length from which the axis is logarithmic."""


def logarithmic(lengths: Sequence[float]) -> bool:
    """Whether ascending lengths span so much that the axis should be logarithmic, base 2."""
    return lengths[0] > 0 and lengths[-1] >= WIDE * lengths[0]


def ticks(
    lengths: Sequence[int], train: int, place: Callable[[int], float], character: float, unit: int = 1
) -> list[int]:
    """Lengths to label: the train length and the ends first, then doublings, then the rest, as labels keep clear.

    Args:
        lengths: ascending, at least one.
        train: the train length.
        place: where a length is on the axis.
        character: width of a character of a label, in the unit of the places.
        unit: what lengths are divided by in their labels.
    """
    factors = {length: length // train for length in lengths if length % train == 0}
    doublings = [length for length, factor in factors.items() if factor.bit_count() == 1]
    first = [length for length in (train, lengths[-1], lengths[0]) if length in lengths]
    chosen: dict[int, float] = {}
    for length in (*first, *doublings, *lengths):
        here, size = place(length), _width(length, unit) / 2 + 1.5
        if all(
            abs(here - there) >= character * (size + _width(known, unit) / 2)
            for known, there in chosen.items()
        ):
            chosen[length] = here
    return sorted(chosen)


def _width(length: int, unit: int) -> int:
    """Characters of a label."""
    return len(str(length) if unit == 1 else f"{length / unit:.3g}")
