"""Sums of outer products of keys and values that decay over time, of all tokens at once."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from lengen.mixer.chunks import chunk_size, in_chunks, in_time, products, segments
from lengen.mixer.scan import scan


def decayed(
    query: Float[Tensor, "batch time heads key"],
    key: Float[Tensor, "batch time heads key"],
    value: Float[Tensor, "batch time heads value"],
    log_decay: Float[Tensor, "batch time heads decays"] | None = None,
    state: Float[Tensor, "batch heads key value"] | None = None,
    chunk: int | None = None,
    own: Float[Tensor, "batch time heads value"] | None = None,
) -> tuple[Float[Tensor, "batch time heads value"], Float[Tensor, "batch heads key value"]]:
    """Return all o_t = q_t S_t of S_t = diag(exp g_t) S_{t-1} + k_t v_t^T, and the last S.

    Products of matrices within chunks, and the states between them by a scan (the chunk form of Yang et al. 2024, section 4, and
    of Dao and Gu 2024, section 6). No exponential is taken of a positive number, so that no decay overflows.

    Args:
        query: not scaled.
        key: keys.
        value: values.
        log_decay: g, at most 0, one per head or one per key channel; None is 0.
        state: S before the first token; None is 0.
        chunk: tokens per chunk; does not change the result.
        own: the values that tokens read of themselves; None are those that they write for later ones.
    """
    time = query.shape[1]
    of_itself = None if own is None else (query * key).sum(-1, keepdim=True) * own
    log_decay = torch.zeros_like(query[..., :1]) if log_decay is None else log_decay
    size = chunk_size(log_decay, chunk)
    query, key, value, log_decay = (in_chunks(part, size) for part in (query, key, value, log_decay))
    between = segments(log_decay).exp()
    since = log_decay.cumsum(-2).exp()  # the start of the chunk
    written = (key * between[..., -1, :, :]).mT @ value
    after = scan(since[..., -1, :].unsqueeze(-1).transpose(1, 2), written.transpose(1, 2), state)
    start = torch.zeros_like(after[:, 0]) if state is None else state
    before = torch.cat([start.unsqueeze(1), after[:, :-1]], 1).transpose(1, 2)
    weights = products(query, key, between)
    weights = weights if of_itself is None else weights.tril(-1)
    mixed = in_time(weights @ value + (query * since) @ before, time)
    return mixed if of_itself is None else mixed + of_itself, after[:, -1]


def signed(
    query: Float[Tensor, "batch time heads key"],
    key: Float[Tensor, "batch time heads key"],
    value: Float[Tensor, "batch time heads value"],
    decay: Float[Tensor, "batch time heads 1"],
    state: Float[Tensor, "batch heads key value"] | None = None,
    chunk: int | None = None,
) -> tuple[Float[Tensor, "batch time heads value"], Float[Tensor, "batch heads key value"]]:
    """Return what `decayed` does, for one decay per head of either sign in [-1, 1]; at most 1e-12 counts as 1e-12.

    The product of all signs so far turns it into a recurrence with positive decays.

    Args:
        query: not scaled.
        key: keys.
        value: values.
        decay: the decays themselves.
        state: S before the first token; None is 0.
        chunk: tokens per chunk; does not change the result.
    """
    sign = torch.where(decay < 0, -1.0, 1.0).to(decay.dtype).cumprod(1)
    log_decay = decay.abs().clamp(min=1e-12).log()
    mixed, after = decayed(query * sign, key * sign, value, log_decay, state, chunk)
    return mixed, after * sign[:, -1].unsqueeze(-1)
