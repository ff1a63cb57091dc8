"""Recurrences whose step also reads the state: the delta rule, and others of a diagonal and a matrix of rank one."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from lengen.mixer.chunks import chunk_size, in_chunks, in_time, products, segments


def delta_rule(
    query: Float[Tensor, "batch time heads key"],
    key: Float[Tensor, "batch time heads key"],
    value: Float[Tensor, "batch time heads value"],
    beta: Float[Tensor, "batch time heads 1"],
    log_decay: Float[Tensor, "batch time heads 1"] | None = None,
    state: Float[Tensor, "batch heads key value"] | None = None,
    chunk: int | None = None,
) -> tuple[Float[Tensor, "batch time heads value"], Float[Tensor, "batch heads key value"]]:
    """Return all o_t = q_t S_t of S_t = exp(g_t) (I - beta_t k_t k_t^T) S_{t-1} + beta_t k_t v_t^T, and the last S.

    Yang, Wang, Zhang et al. 2024 (without g) and Yang, Kautz and Hatamizadeh 2025, equation 10.

    Args:
        query: not scaled.
        key: keys, of length 1 for beta up to 2.
        value: values.
        beta: the part of the old value that is replaced; above 1 it changes its sign.
        log_decay: g, at most 0; None is 0.
        state: S before the first token; None is 0.
        chunk: tokens per chunk; does not change the result.
    """
    log_decay = torch.zeros_like(beta) if log_decay is None else log_decay
    written = beta * key
    return rank_one(query, written, value, log_decay, -log_decay.exp() * key, written, state, chunk)


def rank_one(
    query: Float[Tensor, "batch time heads key"],
    key: Float[Tensor, "batch time heads key"],
    value: Float[Tensor, "batch time heads value"],
    log_decay: Float[Tensor, "batch time heads decays"],
    read: Float[Tensor, "batch time heads key"],
    write: Float[Tensor, "batch time heads key"],
    state: Float[Tensor, "batch heads key value"] | None = None,
    chunk: int | None = None,
) -> tuple[Float[Tensor, "batch time heads value"], Float[Tensor, "batch heads key value"]]:
    """Return all o_t = q_t S_t of S_t = (diag(exp g_t) + write_t read_t^T) S_{t-1} + k_t v_t^T, and the last S.

    Within a chunk what the tokens read solves a unit lower triangular system (the form of Yang, Wang, Zhang et al. 2024, section 3).

    Args:
        query: not scaled.
        key: keys.
        value: values.
        log_decay: g, at most 0, one per head or one per key channel.
        read: what a token reads of the state before it, before that decays.
        write: where it is written.
        state: S before the first token; None is 0.
        chunk: tokens per chunk; does not change the result.
    """
    batch, time, heads, width = query.shape
    size = chunk_size(log_decay, chunk)
    query, key, value, log_decay, read, write = (
        in_chunks(part, size) for part in (query, key, value, log_decay, read, write)
    )
    between = segments(log_decay).exp()  # after token j, up to token i
    earlier = torch.cat([torch.zeros_like(between[..., :1, :, :]), between[..., :-1, :, :]], -3)
    since = log_decay.cumsum(-2).exp()  # the start of the chunk
    earlier_since = torch.cat([torch.ones_like(since[..., :1, :]), since[..., :-1, :]], -2)
    system = torch.eye(size, dtype=query.dtype, device=query.device) - products(read, write, earlier)
    known = torch.cat([products(read, key, earlier) @ value, read * earlier_since], -1)
    seen, of_start = torch.linalg.solve_triangular(system, known, upper=False, unitriangular=True).split(
        [value.shape[-1], width], -1
    )  # what each token reads is `seen` + `of_start` times the state before the chunk
    to_end = between[..., -1, :, :]
    ends, end_keys = (write * to_end).mT, (key * to_end).mT
    added = ends @ seen + end_keys @ value
    turned = torch.diag_embed(since[..., -1, :].expand(batch, heads, -1, width)) + ends @ of_start
    current = query.new_zeros(batch, heads, width, value.shape[-1]) if state is None else state
    before = []
    for index in range(added.shape[2]):
        before.append(current)
        current = turned[:, :, index] @ current + added[:, :, index]
    starts = torch.stack(before, 2)
    mixed = products(query, write, between) @ (seen + of_start @ starts)
    mixed = mixed + products(query, key, between) @ value + (query * since) @ starts
    return in_time(mixed, time), current
