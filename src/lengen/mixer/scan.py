"""Elementwise linear recurrences of all tokens at once."""

from __future__ import annotations

import torch
from jaxtyping import Inexact
from torch import Tensor

CHUNK = 8
"""Tokens that are combined by doubling; the ends of chunks are then combined likewise. With 8 tokens three passes over all, and few over
the ends, take two thirds of the time of doubling over all tokens."""


def scan(
    decay: Inexact[Tensor, "#batch time ..."],
    write: Inexact[Tensor, "batch time ..."],
    start: Inexact[Tensor, "batch ..."] | None = None,
    chunk: int = CHUNK,
) -> Inexact[Tensor, "batch time ..."]:
    """Return all h_t = decay_t * h_{t-1} + write_t, by doubling within chunks (Hillis and Steele 1986) and over their ends.

    Real or complex, of any sign: only products and sums of the arguments are taken.

    Args:
        decay: factors; its channels may have size 1 where those of `write` have more.
        write: summands.
        start: h before the first token; None is 0.
        chunk: tokens per chunk, at least 2; does not change the result.
    """
    if start is not None:
        first = write[:, :1] + decay[:, :1] * start.unsqueeze(1)
        write = torch.cat([first, write[:, 1:]], 1)
    time = write.shape[1]
    if time <= chunk:
        return _doubled(decay, write, 1)[1]
    missing = -time % chunk
    decay, write = (
        torch.cat([part, part.new_full((part.shape[0], missing, *part.shape[2:]), filler)], 1)
        for part, filler in ((decay, 1), (write, 0))
    )
    decay, write = (part.reshape(part.shape[0], -1, chunk, *part.shape[2:]) for part in (decay, write))
    kept, inside = _doubled(decay, write, 2)
    ends = scan(kept[:, :, -1], inside[:, :, -1], chunk=chunk)
    before = torch.cat([torch.zeros_like(ends[:, :1]), ends[:, :-1]], 1)
    return (inside + kept * before.unsqueeze(2)).flatten(1, 2)[:, :time]


def _doubled(decay: Tensor, write: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Products of all decays up to a token, and h of it from 0 before the first, along an axis."""
    step, time = 1, write.shape[axis]
    while step < time:
        early, late, rest = ((axis, 0, step), (axis, step, time - step), (axis, 0, time - step))
        write = torch.cat(
            [write.narrow(*early), write.narrow(*late) + decay.narrow(*late) * write.narrow(*rest)], axis
        )
        decay = torch.cat([decay.narrow(*early), decay.narrow(*late) * decay.narrow(*rest)], axis)
        step *= 2
    return decay, write
