"""The axis of lengths, as figures and terminal plots have it in common."""

from __future__ import annotations

from collections.abc import Callable

from lengen.curve import Curve

WIDE = 8
"""Longest over shortest length from which the axis is logarithmic."""


def logarithmic(curve: Curve) -> bool:
    """Whether the lengths span so much that the axis should be logarithmic, base 2."""
    return curve.lengths[0] > 0 and curve.lengths[-1] >= WIDE * curve.lengths[0]


def ticks(curve: Curve, place: Callable[[int], float], character: float) -> list[int]:
    """Lengths to label: the train length and the ends first, then doublings, then the rest, as labels keep clear.

    Args:
        curve: at least one row.
        place: where a length is on the axis.
        character: width of a character of a label, in the unit of the places.
    """
    train = curve.rows[0].train_length
    factors = {length: length // train for length in curve.lengths if length % train == 0}
    doublings = [length for length, factor in factors.items() if factor.bit_count() == 1]
    first = [length for length in (train, curve.lengths[-1], curve.lengths[0]) if length in curve]
    chosen: dict[int, float] = {}
    for length in (*first, *doublings, *curve.lengths):
        here, size = place(length), len(str(length)) / 2 + 1.5
        if all(
            abs(here - there) >= character * (size + len(str(known)) / 2) for known, there in chosen.items()
        ):
            chosen[length] = here
    return sorted(chosen)
