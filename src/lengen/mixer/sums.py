"""The recurrence of mixers that keep a sum that decays; one that is not changed by anything else may be replaced in a trained mixer."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from lengen.mixer.decayed import decayed
from lengen.mixer.scan import scan

Kept = tuple[Tensor, ...]
"""What is kept after some tokens: the tensors with which the state of a mixer begins."""
Queries = Float[Tensor, "batch time #heads key"]
"""Queries or keys, of every head or for all of them."""
Values = Float[Tensor, "batch time heads value"]
Decays = Float[Tensor, "batch time heads #key"]
"""Logarithms of decays, one per head or one per key channel."""


class Sums:
    """S_t = diag(exp g_t) S_{t-1} + k_t v_t^T and o_t = q_t S_t of all tokens at once, by products within chunks (`decayed`)."""

    parts: ClassVar[int] = 1
    """Number of tensors with which the state of its mixer begins."""

    def __call__(
        self, query: Queries, key: Queries, value: Values, log_decay: Decays, state: Kept | None
    ) -> tuple[Float[Tensor, "batch time heads value"], Kept]:
        """Return all o, and what is kept after the last token.

        Args:
            query: not scaled.
            key: keys.
            value: values.
            log_decay: g, at most 0.
            state: what was kept before these tokens; None at the start of an example.
        """
        mixed, after = decayed(query, key, value, log_decay, None if state is None else state[0])
        return mixed, (after,)


class ScannedSums(Sums):
    """The same by a scan over tokens, for heads of one value that share keys, and mostly queries; what is kept has no axis of values."""

    def __call__(
        self, query: Queries, key: Queries, value: Values, log_decay: Decays, state: Kept | None
    ) -> tuple[Float[Tensor, "batch time heads value"], Kept]:
        """See `Sums`."""
        kept = scan(log_decay.exp(), key * value, None if state is None else state[0])
        if query.shape[2] == 1:
            mixed = kept @ query.squeeze(2).unsqueeze(-1)
        else:
            mixed = (kept * query).sum(-1, keepdim=True)
        return mixed, (kept[:, -1],)


class Forgetting(Sums):
    """Decays to a power, and writes times a factor.

    Args:
        sums: the recurrence that gets them.
        decay: the power.
        write: the factor.
    """

    def __init__(self, sums: Sums, decay: float, write: float) -> None:
        self.sums, self.decay, self.write, self.parts = sums, decay, write, sums.parts  # type: ignore[misc]

    def __call__(
        self, query: Queries, key: Queries, value: Values, log_decay: Decays, state: Kept | None
    ) -> tuple[Float[Tensor, "batch time heads value"], Kept]:
        """See `Sums`."""
        return self.sums(query, key, self.write * value, self.decay * log_decay, state)


class Windowed(Sums):
    """The sum over the last tokens alone: S_t less what is left of S_{t-w}, which is kept besides, with the last w keys, values and decays.

    Args:
        sums: the recurrence, a `Sums` or `ScannedSums`.
        tokens: w.
    """

    parts = 5

    def __init__(self, sums: Sums, tokens: int) -> None:
        self.sums, self.tokens = sums, tokens

    def __call__(
        self, query: Queries, key: Queries, value: Values, log_decay: Decays, state: Kept | None
    ) -> tuple[Float[Tensor, "batch time heads value"], Kept]:
        """See `Sums`; the zeros before the first token write nothing and do not decay."""
        window, time = self.tokens, query.shape[1]
        new = key, value, log_decay
        last = (
            state[2:5]
            if state is not None
            else tuple(part.new_zeros(len(part), window, *part.shape[2:]) for part in new)
        )
        joined = [torch.cat(pair, 1) for pair in zip(last, new, strict=True)]
        mixed, (after,) = self.sums(query, *new, None if state is None else state[:1])
        sum_ = (
            joined[2].double().cumsum(1)
        )  # differences of float32 would lose small decays behind a long sum
        left = (sum_[:, window:] - sum_[:, :time]).exp().to(query.dtype)
        keys, values, decays = (part[:, :time] for part in joined)
        old, (gone,) = self.sums(query * left, keys, values, decays, None if state is None else state[1:2])
        return mixed - old, (after, gone, *(part[:, time:] for part in joined))


class Capped(Sums):
    """Every S_t times min(1, c / |S_t|), by a loop over tokens, with c of every head a number, or the largest |S| of its first tokens.

    Args:
        norm: c; None is the largest Frobenius norm of the first `trained` tokens, of the same example and head.
        trained: tokens after which states are scaled, if c is no number.
    """

    parts = 3

    def __init__(self, norm: float | None, trained: int) -> None:
        self.norm, self.trained = norm, trained

    def __call__(
        self, query: Queries, key: Queries, value: Values, log_decay: Decays, state: Kept | None
    ) -> tuple[Float[Tensor, "batch time heads value"], Kept]:
        """See `Sums`; besides S, the largest norm so far and the number of tokens are kept."""
        if state is None:
            kept = value.new_zeros(*value.shape[::2], key.shape[-1], value.shape[-1])
            state = kept, kept.new_zeros(kept.shape[:2]), kept.new_zeros(len(kept), 1)
        kept, largest, count = state
        found = []
        for q, k, v, g in zip(*(part.unbind(1) for part in (query, key, value, log_decay)), strict=True):
            kept = g.exp().unsqueeze(-1) * kept + k.unsqueeze(-1) * v.unsqueeze(-2)
            size = torch.linalg.vector_norm(kept, dim=(-2, -1))
            count = count + 1
            if self.norm is None:
                early = count <= self.trained
                largest = torch.where(early, torch.maximum(largest, size), largest)
                scale = torch.where(early | (size <= largest), 1.0, largest / size.clamp(min=1e-30))
            else:
                scale = torch.where(size <= self.norm, 1.0, self.norm / size.clamp(min=1e-30))
            kept = kept * scale[..., None, None]
            found.append((q.unsqueeze(-2) @ kept).squeeze(-2))
        return torch.stack(found, 1), (kept, largest, count)
