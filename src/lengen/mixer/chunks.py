"""Chunks of tokens, and decays between the tokens of a chunk."""

from __future__ import annotations

import math

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

SCALAR, CHANNELS = 32, 16
"""Tokens per chunk with one decay per head, and with one per channel, whose pairs of tokens are held for every channel."""

EXPONENT = 24.0
"""Largest sum of logarithms of bounded decays over a chunk; factors are up to the exponential of half of it."""


def chunk_size(log_decay: Tensor, chunk: int | None, least: float | None = None) -> int:
    """Return the tokens per chunk, such that the last chunk lacks few.

    Args:
        log_decay: logarithms of decays, "batch time heads channel".
        chunk: the largest number; None decides by the number of channels.
        least: the least logarithm of a decay, if that is known.
    """
    time, most = log_decay.shape[1], CHANNELS
    if log_decay.shape[-1] == 1:
        most = SCALAR
    elif least is not None:
        most = max(1, min(SCALAR, int(-EXPONENT / least))) if least else SCALAR
    return math.ceil(time / math.ceil(time / (chunk or most)))


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

    Sums are taken of each segment alone, as in Mamba-2 (Dao and Gu 2024, listing 1), here by a product with zeros and ones:
    differences of sums over the whole chunk would lose small decays behind a large one.
    """
    size = log_decay.shape[-2]
    place = torch.arange(size, device=log_decay.device)
    end, after, between = place.view(-1, 1, 1), place.view(1, -1, 1), place.view(1, 1, -1)
    inside = ((between > after) & (between <= end)).to(log_decay.dtype).flatten(0, 1)
    finite = log_decay.clamp(min=-1e30)  # zeros times infinity are no sums
    sums = (finite.mT @ inside.T).mT if log_decay.shape[-1] == 1 else inside @ finite
    later = (place > place.unsqueeze(-1)).unsqueeze(-1)
    return torch.unflatten(sums, -2, (size, size)).masked_fill(later, -torch.inf)


def products(
    left: Float[Tensor, "*batch size channel"],
    right: Float[Tensor, "*batch size channel"],
    decay: Float[Tensor, "*batch size size decays"],
) -> Float[Tensor, "*batch size size"]:
    """Return the product of left i and right j over channels, each with the decay from j to i, which may be one for all."""
    if decay.shape[-1] == 1:
        return (left @ right.mT) * decay.squeeze(-1)
    return (left.unsqueeze(-2) * right.unsqueeze(-3) * decay).sum(-1)


class Decays:
    """Decays within chunks, of pairs of tokens and from start and to end.

    Where decays of channels are known to be bounded, one token of a pair is multiplied by its decay since the start of the chunk, and the
    other by the inverse of its own: no numbers of pairs and channels are held. Otherwise no exponential is taken of a positive number.

    Args:
        log_decay: their logarithms.
        least: the least of these, if it is known.
    """

    def __init__(self, log_decay: Float[Tensor, "*batch size decays"], least: float | None = None) -> None:
        sums = log_decay.cumsum(-2)
        none = torch.zeros_like(sums[..., :1, :])
        self.since = sums.exp()
        """From the start of the chunk."""
        self.earlier_since = torch.cat([none + 1, self.since[..., :-1, :]], -2)
        """The same, of the token before."""
        self.inverse = None
        if least is not None and log_decay.shape[-1] > 1:
            middle = sums - least * sums.shape[-2] / 2  # a constant, so that no token hangs on later ones
            self.left, self.inverse = middle.exp(), (-middle).exp()
            self.earlier_left = (middle - log_decay).exp()
            self.to_end = (sums[..., -1:, :] - sums).exp()
            return
        self.between = segments(log_decay).exp()
        self.to_end = self.between[..., -1, :, :]
        """From a token to the end of the chunk."""

    def products(
        self,
        left: Float[Tensor, "*batch size channel"],
        right: Float[Tensor, "*batch size channel"],
        *,
        earlier: bool = False,
    ) -> Float[Tensor, "*batch size size"]:
        """Return products of left i and right j over channels, with the decay from j to i, or to the token before i; 0 for later j."""
        if self.inverse is not None:
            before = self.earlier_left if earlier else self.left
            return ((left * before) @ (right * self.inverse).mT).tril(-1 if earlier else 0)
        if not earlier:
            return products(left, right, self.between)
        none = torch.zeros_like(self.between[..., :1, :, :])
        return products(left, right, torch.cat([none, self.between[..., :-1, :, :]], -3))
