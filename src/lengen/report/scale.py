"""Scale and ticks of the axis of lengths, shared by figures and terminal plots."""

from __future__ import annotations

from collections.abc import Callable, Sequence

WIDE = 8
"""The axis is logarithmic if longest / shortest length is at least this."""


def logarithmic(lengths: Sequence[float]) -> bool:
    """Whether ascending lengths span enough for a logarithmic axis (base 2)."""
    return lengths[0] > 0 and lengths[-1] >= WIDE * lengths[0]


def ticks(
    lengths: Sequence[int], train: int, place: Callable[[int], float], character: float, unit: int = 1
) -> list[int]:
    """Choose the lengths to label so that labels do not overlap: train length and ends, then doublings, then the rest.

    Args:
        lengths: evaluated lengths, ascending, at least one.
        train: the train length.
        place: maps a length to its position on the axis.
        character: width of a character, in the unit of positions.
        unit: labels show length / unit.
    """
    factors = {length: length // train for length in lengths if length % train == 0}
    doublings = [length for length, factor in factors.items() if factor.bit_count() == 1]
    first = [length for length in (train, lengths[-1], lengths[0]) if length in lengths]
    chosen: dict[int, float] = {}
    for length in (*first, *doublings, *lengths):
        position, size = place(length), _width(length, unit) / 2 + 1.5
        if all(
            abs(position - other) >= character * (size + _width(labelled, unit) / 2)
            for labelled, other in chosen.items()
        ):
            chosen[length] = position
    return sorted(chosen)


def _width(length: int, unit: int) -> int:
    """Return the number of characters of a label."""
    return len(str(length) if unit == 1 else f"{length / unit:.3g}")
