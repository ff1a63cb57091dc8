"""Options of `eval` that a command has under a name of its own: `checkpoint` for `eval.checkpoint`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

SHORT: Mapping[str, tuple[str, ...]] = {
    "eval": (
        "lengths", "decode", "examples", "seed", "checkpoint", "stress", "loops", "tolerance", "most_loops",
    ),
    "tune": ("lengths", "decode", "examples", "checkpoint"),
}  # fmt: skip
"""By command: options that may be written without `eval.` in front, and are named so in its messages."""


def short_names(message: str, names: Iterable[str], words: Sequence[str] = ()) -> str:
    """Return a message in which options of `eval` have the names that a command has for them.

    >>> short_names("eval.checkpoint=first: must be one of last, best", ["checkpoint"])
    'checkpoint=first: must be one of last, best'

    Args:
        message: the message.
        names: the options, without `eval.` in front.
        words: of the command line; an option that is written with `eval.` in front keeps it.
    """
    for name in names:
        if not any(word.lstrip("+").startswith(f"eval.{name}=") for word in words):
            message = re.sub(rf"(?<![\w.])eval\.{name}\b", name, message)
    return message
