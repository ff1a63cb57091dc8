"""Chunks of tokens, and decays between the tokens of a chunk."""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

SCALAR, CHANNELS = 64, 16
"""Tokens per chunk with one decay per head, and with one per channel, whose pairs of tokens are held for every channel."""


def chunk_size(log_decay: Tensor, chunk: int | None) -> int:
    """Return the tokens per chunk, at most those that there are.

    Args:
        log_decay: logarithms of decays, "batch time heads channel".
        chunk: the wanted number; None decides by the number of channels.
    """
    return min(chunk or (SCALAR if log_decay.shape[-1] == 1 else CHANNELS), log_decay.shape[1])


def in_chunks(
    x: Float[Tensor, "batch time heads channel"], size: int
) -> Float[Tensor, "batch heads chunks size channel"]:
    """Divide tokens into chunks of a size; zeros follow the last token, which neither decay nor write."""
    padded = nn.functional.pad(x, (0, 0, 0, 0, 0, -x.shape[1] % size))
    return rearrange(
        padded, "batch (chunks size) heads channel -> batch heads chunks size channel", size=size
    )


def in_time(
    x: Float[Tensor, "batch heads chunks size channel"], time: int
) -> Float[Tensor, "batch time heads channel"]:
    """Undo `in_chunks`."""
    return rearrange(x, "batch heads chunks size channel -> batch (chunks size) heads channel")[:, :time]


def segments(
    log_decay: Float[Tensor, "*batch size channel"],
) -> Float[Tensor, "*batch size size channel"]:
    """Return the sum of the logarithms after token j up to token i at [i, j], and minus infinity if j comes later.

    Sums are taken of each segment alone, as in Mamba-2 (Dao and Gu 2024, listing 1): differences of sums over the whole
    chunk would lose small decays behind a large one.
    """
    size = log_decay.shape[-2]
    pairs = torch.ones(size, size, dtype=torch.bool, device=log_decay.device).unsqueeze(-1)
    terms = log_decay.unsqueeze(-2).expand(*log_decay.shape[:-1], size, log_decay.shape[-1])
    sums = terms.masked_fill(~pairs.squeeze(-1).tril(-1).unsqueeze(-1), 0).cumsum(-3)
    return sums.masked_fill(~pairs.squeeze(-1).tril().unsqueeze(-1), -torch.inf)


def products(
    left: Float[Tensor, "*batch size channel"],
    right: Float[Tensor, "*batch size channel"],
    decay: Float[Tensor, "*batch size size decays"],
) -> Float[Tensor, "*batch size size"]:
    """Return the product of left i and right j over channels, each with the decay from j to i, which may be one for all."""
    if decay.shape[-1] == 1:
        return (left @ right.mT) * decay.squeeze(-1)
    return (left.unsqueeze(-2) * right.unsqueeze(-3) * decay).sum(-1)
