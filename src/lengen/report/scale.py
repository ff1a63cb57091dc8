"""Scale and ticks of the axis of lengths, shared by figures and terminal plots."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

WIDE = 8
"""The axis is logarithmic if longest / shortest length is at least this."""
BETWEEN = 1.5
"""Characters: space between two labels."""


def logarithmic(lengths: Sequence[float]) -> bool:
    """Whether ascending lengths span enough for a logarithmic axis (base 2)."""
    return lengths[0] > 0 and lengths[-1] >= WIDE * lengths[0]


def ticks(
    lengths: Sequence[float],
    train: float,
    place: Callable[[float], float],
    character: float,
    unit: int = 1,
    *,
    continuous: bool = False,
    more: Iterable[float] | None = None,
) -> dict[float, int]:
    """Choose the lengths to label, each with the row of its label.

    The train length, the last and the first are always labelled: in row 0, or in a lower row where the label would overlap
    another. The rest fills row 0 as far as there is room.

    Args:
        lengths: evaluated lengths, ascending, at least one.
        train: the train length.
        place: maps a length to its position on the axis.
        character: width of a character, in the unit of positions.
        unit: labels show length / unit.
        continuous: whether the axis has a place for a train length that was not evaluated.
        more: what fills row 0, in order of preference; None for doublings of the train length, then all lengths.

    Returns:
        The row of every labelled length, ascending in length.
    """
    if more is None:
        factors = {length: int(length // train) for length in lengths if length % train == 0}
        more = [*(length for length, factor in factors.items() if factor.bit_count() == 1), *lengths]
    always = [each for each in (train, lengths[-1], lengths[0]) if continuous or each in lengths]
    rows: list[dict[float, float]] = [{} for _ in range(1 + len(always))]

    def fits(length: float, row: dict[float, float]) -> bool:
        size = len(label(length, unit)) / 2 + BETWEEN
        return all(
            abs(place(length) - at) >= character * (size + len(label(other, unit)) / 2)
            for other, at in row.items()
        )

    for length in dict.fromkeys(always):
        next(row for row in rows if fits(length, row))[length] = place(length)
    for extra in more:
        if extra not in always and fits(extra, rows[0]):
            rows[0][extra] = place(extra)
    return dict(sorted((length, index) for index, row in enumerate(rows) for length in row))


def label(length: float, unit: int = 1) -> str:
    """Write a length, or a factor of the train length, below an axis."""
    value = length / unit
    return f"{value:.0f}" if value == int(value) else f"{value:.3g}"
