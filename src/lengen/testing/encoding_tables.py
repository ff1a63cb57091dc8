"""Contract tests of what an encoding computes from positions: its tables and biases, and their precision."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from jaxtyping import Real
from torch import Tensor

from lengen.block.inputs import Shape
from lengen.block.shared import DecoderCache
from lengen.pe import PositionalEncoding
from lengen.testing import made_up
from lengen.testing.made_up import SHAPE, counted, draw, inputs, streamed
from lengen.testing.report import expect, expect_close

Make = Callable[[Shape], PositionalEncoding]


def of_positions(pe: PositionalEncoding, positions: Real[Tensor, "#batch time"]) -> list[Tensor]:
    """Return everything that an encoding computes from positions alone."""
    zeros = torch.zeros(*positions.shape, pe.shape.dim)
    positions = streamed(pe, positions)
    parts = [pe.embed(zeros, positions), pe.make_table(positions), pe.logit_bias(positions, positions)]
    return [part for part in parts if part is not None]


def float32_tables(make: Make) -> None:
    """Tables of positions are float32, and the same under autocast, at far positions too."""
    pe = make(SHAPE)
    last = (pe.budget or 8193) - 1
    positions = torch.tensor([[0, 1, 255, 256, 257, 1001, 2049, 4097, 8191, 8192]]).clamp(max=last)
    plain = of_positions(pe, positions)
    with torch.autocast("cpu", torch.bfloat16):
        cast = of_positions(pe, positions)
    for expected, got in zip(plain, cast, strict=True):
        expect(got.dtype == torch.float32, f"under autocast a table is {got.dtype}, not float32")
        expect(torch.equal(got, expected), "under autocast a table has other values")
    if not list(pe.parameters()):
        for expected, got in zip(plain, of_positions(make(SHAPE).bfloat16(), positions), strict=True):
            expect(torch.equal(got, expected), "in a module cast to bfloat16 a table has other values")


def float32_blocks(make: Make) -> None:
    """At far positions, the queries, keys and biases of a block under autocast are close to those without."""
    pe, heads = make(SHAPE), torch.randn(2, 4, 9, 8)
    last = min(pe.budget or 8193, 8193) - 1
    places = counted(pe, 9, last - 8)

    def computed() -> list[Tensor | None]:
        view = inputs(9, x=torch.ones(2, 9, 32), positions=places)
        query, key, value = pe.transform(heads, heads, heads, pe.make_table(places), view)
        return [query, key, value, pe.context(query, key, view)]

    plain = computed()
    with torch.autocast("cpu", torch.bfloat16):
        cast = computed()
    for expected, got in zip(plain, cast, strict=True):
        expect((got is None) == (expected is None), "under autocast a hook gives None, or no longer does")
        if got is not None and expected is not None:
            expect_close(got.float(), expected, 0.05, "a block's queries, keys and bias under autocast")


def bfloat16(make: Make) -> None:
    """Under autocast, in the full pass and cached, logits at far positions are close to those in float64."""
    made, tokens = made_up.decoder(make), draw(2, 24)
    positions = counted(made.pe, 24, min(5000, (made.pe.budget or 5024) - 24))
    with torch.no_grad():
        exact = made(tokens, positions)
        made, cache = made.float(), DecoderCache()
        with torch.autocast("cpu", torch.bfloat16):
            rough = made(tokens, positions)
            parts = [made(tokens[:, a:b], positions[:, a:b], cache) for a, b in pairwise((0, 20, 21, 24))]
    expect(rough.dtype == torch.bfloat16, f"under autocast logits are {rough.dtype}, not bfloat16")
    expect_close(rough, exact, 0.1, "logits under autocast")
    expect_close(torch.cat(parts, 1), exact, 0.1, "cached logits under autocast")


def pairs(make: Make) -> None:
    """`logit_bias` of a pair depends on its two positions alone, for any numbers of queries and keys."""
    pe = make(SHAPE)
    for rows, queries, keys in ((1, 1, 1), (1, 1, 9), (3, 4, 9), (3, 9, 9)):
        generator = torch.Generator().manual_seed(0)
        limit = min(pe.budget or 300, 300)
        key = torch.rand((rows, limit), generator=generator).topk(keys).indices.sort(1).values
        query = key[:, -queries:]
        bias = pe.logit_bias(streamed(pe, query), streamed(pe, key))
        if bias is None:
            return
        expect(bias.dtype == torch.float32, f"logit_bias is {bias.dtype}, not float32")
        for one in (bias, pe.logit_bias(streamed(pe, query[:1]), streamed(pe, key))):
            shape = None if one is None else tuple(one.shape)
            expect(
                shape == (rows, 4, queries, keys),
                f"logit_bias has shape {shape}, not {(rows, 4, queries, keys)}",
            )
        _check_pairs(pe, query, key, bias)


def _check_pairs(pe: PositionalEncoding, query: Tensor, key: Tensor, bias: Tensor) -> None:
    """Check each pair of a query and a visible key by itself."""
    queries, keys = query.shape[1], key.shape[1]
    for row in range(len(bias)):
        for i in range(queries):
            for j in range(keys - queries + i + 1):
                one, other = (streamed(pe, at.view(1, 1)) for at in (query[row, i], key[row, j]))
                single = pe.logit_bias(one, other)
                expect(single is not None, "logit_bias of one query and one key is None")
                assert single is not None
                expect_close(
                    single.flatten(),
                    bias[row, :, i, j],
                    2e-6,
                    f"logit_bias of a pair ({i}, {j}), alone and in a batch",
                )
