"""One colour and marker per encoding, the same in every figure, distinct for colour-blind readers and in greyscale."""

from __future__ import annotations

import zlib

GREY, SHADE, LIGHT, ALARM = "#666666", "#EFEFEF", "#F8F8F8", "#B00020"
"""Colours of secondary lines and notes, of trained lengths, of lengths that only some runs were trained on, and of warnings."""

STYLES = {
    "nope": ("#0072B2", "o"),
    "rope": ("#D55E00", "s"),
    "alibi": ("#009E73", "^"),
    "t5": ("#CC79A7", "D"),
    "learned": ("#E69F00", "v"),
    "sinusoidal": ("#56B4E9", "P"),
}
"""Colours of Okabe and Ito 2008 for the most common encodings; others need no entry."""

OTHERS = ("#332288", "#882255", "#117733", "#999933", "#AA4499", "#44AA99", "#CC6677", "#661100")
"""Colours of Tol's muted scheme, for all other encodings."""

MARKERS = "oXhdp<>*"

DISTINCT = (*STYLES.values(), *zip(OTHERS, MARKERS[1:] + MARKERS[:1], strict=True))
"""Colours and markers for cells that are not distinguished by their encoding."""


def colour(pe: str) -> str:
    """Return the colour of an encoding, as `#rrggbb`; names that are not listed get one by hash.

    >>> colour("nope")
    '#0072B2'
    """
    return STYLES[pe][0] if pe in STYLES else OTHERS[zlib.crc32(pe.encode()) % len(OTHERS)]


def marker(pe: str) -> str:
    """Return the matplotlib marker of an encoding.

    >>> marker("nope")
    'o'
    """
    return STYLES[pe][1] if pe in STYLES else MARKERS[zlib.crc32(pe.encode()) // len(OTHERS) % len(MARKERS)]
