"""Recurrences whose step also reads the state: the delta rule, and others of a diagonal and a matrix of rank one."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from lengen.mixer.chunks import Decays, chunk_size, in_chunks, in_time


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
    return rank_one(query, None, value, log_decay, -log_decay.exp() * key, beta * key, state, chunk)


def rank_one(
    query: Float[Tensor, "batch time heads key"],
    key: Float[Tensor, "batch time heads key"] | None,
    value: Float[Tensor, "batch time heads value"],
    log_decay: Float[Tensor, "batch time heads decays"],
    read: Float[Tensor, "batch time heads key"],
    write: Float[Tensor, "batch time heads key"],
    state: Float[Tensor, "batch heads key value"] | None = None,
    chunk: int | None = None,
    least: float | None = None,
) -> tuple[Float[Tensor, "batch time heads value"], Float[Tensor, "batch heads key value"]]:
    """Return all o_t = q_t S_t of S_t = (diag(exp g_t) + write_t read_t^T) S_{t-1} + k_t v_t^T, and the last S.

    Within a chunk what the tokens read solves a unit lower triangular system (the form of Yang, Wang, Zhang et al. 2024, section 3).

    Args:
        query: not scaled.
        key: keys; None are those that are written to.
        value: values.
        log_decay: g, at most 0, one per head or one per key channel.
        read: what a token reads of the state before it, before that decays.
        write: where it is written.
        state: S before the first token; None is 0.
        chunk: tokens per chunk; does not change the result.
        least: the least that g can be, if that is known: with one g per channel it saves most of the time.
    """
    batch, time, heads, width = query.shape
    size = chunk_size(log_decay, chunk, least)
    query, value, log_decay, read, write = (
        in_chunks(part, size) for part in (query, value, log_decay, read, write)
    )
    decays = Decays(log_decay, least)
    key = None if key is None else in_chunks(key, size)
    back = decays.products(read, write, earlier=True)
    of_values = back if key is None else decays.products(read, key, earlier=True)
    system = torch.eye(size, dtype=query.dtype, device=query.device) - back
    known = torch.cat([of_values @ value, read * decays.earlier_since], -1)
    seen, of_start = torch.linalg.solve_triangular(system, known, upper=False, unitriangular=True).split(
        [value.shape[-1], width], -1
    )  # what each token reads is `seen` + `of_start` times the state before the chunk
    ends = (write * decays.to_end).mT
    added = ends @ (seen + value) if key is None else ends @ seen + (key * decays.to_end).mT @ value
    turned = torch.diag_embed(decays.since[..., -1, :].expand(batch, heads, -1, width)) + ends @ of_start
    current = query.new_zeros(batch, heads, width, value.shape[-1]) if state is None else state
    before = []
    for index in range(added.shape[2]):
        before.append(current)
        current = turned[:, :, index] @ current + added[:, :, index]
    starts = torch.stack(before, 2)
    changed = seen + of_start @ starts
    mixed = decays.products(query, write) @ (changed + value if key is None else changed)
    mixed = mixed if key is None else mixed + decays.products(query, key) @ value
    return in_time(mixed + (query * decays.since) @ starts, time), current
