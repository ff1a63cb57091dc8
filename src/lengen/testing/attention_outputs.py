"""Contract tests of what an attention rule computes: causality, gradients, precision, cached decoding."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor

from lengen.attention import AttentionRule
from lengen.block.inputs import DecodingCache, Shape
from lengen.testing import made_up
from lengen.testing.made_up import SHAPE, TRAINED, counted, inputs
from lengen.testing.report import EQUAL, expect, expect_close
from lengen.testing.whole_pass import expect_parts_equal_the_whole

Make = Callable[[Shape], AttentionRule]


class Heads(NamedTuple):
    """Queries, keys and values; a random bias with a causal mask, and the causal mask alone."""

    query: Tensor
    key: Tensor
    value: Tensor
    bias: Tensor
    plain: Tensor


def heads(queries: int, keys: int, kind: torch.dtype = torch.float64) -> Heads:
    """Draw random heads in float64, converted to a dtype."""
    generator = torch.Generator().manual_seed(0)
    query, key, value, bias = (
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in ((2, 4, queries, 8), (2, 4, keys, 8), (2, 4, keys, 8), (2, 4, queries, keys))
    )
    later = torch.ones(queries, keys, dtype=torch.bool).triu(keys - queries + 1)
    plain = torch.zeros(1, 1, queries, keys, dtype=torch.float64).masked_fill(later, -torch.inf)
    return Heads(*(part.to(kind) for part in (query, key, value, bias.masked_fill(later, -torch.inf), plain)))


def causal(make: Make) -> None:
    """Without a bias the rule is causal, for all queries at once and one at a time."""
    query, key, value, _, plain = heads(9, 9)
    rule = make(SHAPE).double()
    full = rule(query, key, value, None, inputs(9))
    expect_close(
        rule(query, key, value, plain, inputs(9)), full, EQUAL, "without a bias, and with a causal one"
    )
    memory = DecodingCache()
    for time in range(9):  # a single query, as in decoding, sees all keys
        now = slice(time, time + 1)
        view = inputs(1, time + 1, x=inputs(9).x, memory=memory)
        single = rule(query[:, :, now], key[:, :, : time + 1], value[:, :, : time + 1], None, view)
        expect_close(single, full[:, :, now], EQUAL, f"query {time}, alone and among all")


def some_queries(make: Make) -> None:
    """The last queries give the same after a cached prefix as in the full pass."""
    query, key, value, bias, _ = heads(9, 9)
    rule = make(SHAPE).double()
    full = rule(query, key, value, bias, inputs(9))
    for queries in (1, 4, 9):
        memory, early = DecodingCache(), 9 - queries
        if early:  # the prefix
            before, view = slice(early), inputs(early, x=inputs(9).x, memory=memory)
            rule(
                query[:, :, before], key[:, :, before], value[:, :, before], bias[:, :, before, before], view
            )
        view = inputs(queries, 9, memory=memory)
        part = rule(query[:, :, -queries:], key, value, bias[:, :, -queries:], view)
        expect_close(part, full[:, :, -queries:], EQUAL, f"the last {queries} of 9 queries, and all")


def causality(make: Make) -> None:
    """No gradient reaches later keys and values; every earlier one has a weight, unless the class is `sparse`."""
    for biased in (False, True):
        query, key, value, bias, _ = heads(6, 6)
        leaves = [part.requires_grad_() for part in (query, key, value)]
        rule = make(SHAPE).double()
        mixed = rule(*leaves, bias if biased else None, inputs(6))
        for time in range(6):
            for gradient in torch.autograd.grad(mixed[:, :, time].sum(), leaves[1:], retain_graph=True):
                expect(not gradient[:, :, time + 1 :].any(), f"query {time} sees a later key or value")
            expect(
                rule.sparse or gradient[:, :, : time + 1].any(-1).all(),
                f"query {time} gives an earlier key no weight, but the class has sparse=False",
            )
        expect(gradient.any(), "no value has a weight above 0")


def finite(make: Make) -> None:
    """Equal logits, and logits that differ by thousands, give finite values and gradients."""
    for biased, size in product((False, True), (0.0, 1.0, 1e4)):
        query, key, value, bias, _ = heads(9, 9, torch.float32)
        rule = make(SHAPE)
        leaves = [(query * size).requires_grad_(), key.requires_grad_(), value.requires_grad_()]
        added = bias.requires_grad_() if biased else None
        mixed = rule(*leaves, added, inputs(9, x=inputs(9).x.float()))
        expect(mixed.isfinite().all(), f"logits of size {size:g} give values that are not finite")
        mixed.square().sum().backward()
        learned = [part for part in rule.parameters() if part.grad is not None]
        for leaf in [*leaves, *learned, *([bias] if biased else [])]:
            expect(
                leaf.grad is not None and leaf.grad.isfinite().all(),
                f"logits of size {size:g} give a gradient that is not finite",
            )


def linear(make: Make) -> None:
    """The output is linear in the values, so that one-hot values give the weights."""
    for queries in (1, 9):
        query, key, value, bias, _ = heads(queries, 9)
        rule, view = make(SHAPE).double(), inputs(queries, 9)
        weights = torch.cat(
            [
                rule(query, key, part.expand(2, 4, -1, -1), bias, view)[..., :1]
                for part in torch.eye(9).double().unsqueeze(-1).expand(-1, -1, 8)
            ],
            -1,
        )
        expect_close(
            weights @ value,
            rule(query, key, value, bias, view),
            EQUAL,
            "weights times values, and the output",
        )


def float32_factors(make: Make) -> None:
    """Factors from counts, positions and the residual stream are float32, and the same under autocast."""
    weights = heads(9, 9, torch.float32).bias.softmax(-1)
    rule, view = make(SHAPE), inputs(9, x=100 * inputs(9).x.float())
    plain = [rule.sharpen(view), rule.reweigh(weights, view)]
    with torch.autocast("cpu", torch.bfloat16):
        cast = [rule.sharpen(view), rule.reweigh(weights, view)]
    for expected, got in zip(plain, cast, strict=True):
        if expected is None or got is None:
            continue
        expect(got.dtype == torch.float32, f"under autocast a factor is {got.dtype}, not float32")
        expect(torch.equal(got, expected), "under autocast a factor has other values")


def bias_gradient(make: Make) -> None:
    """The bias of visible keys has a gradient, that of hidden keys has none."""
    query, key, value, bias, _ = heads(6, 6)
    make(SHAPE).double()(query, key, value, bias.requires_grad_(), inputs(6)).square().sum().backward()
    gradient = bias.grad
    expect(gradient is not None and (gradient != 0)[:, :, 1:].any(), "no gradient reaches the bias")
    expect(
        gradient is not None and not gradient[bias == -torch.inf].any(),
        "a gradient reaches the bias of a hidden key",
    )


def precision(make: Make) -> None:
    """Activations in bfloat16 give an output in bfloat16, of the same shape."""
    for biased in (False, True):
        query, key, value, bias, _ = heads(5, 5, torch.bfloat16)
        view = inputs(5, x=inputs(5).x.bfloat16())
        mixed = make(SHAPE).bfloat16()(query, key, value, bias.float() if biased else None, view)
        expect(mixed.dtype == torch.bfloat16, f"activations in bfloat16 become {mixed.dtype}")
        expect(mixed.shape == (2, 4, 5, 8), f"the output has shape {tuple(mixed.shape)}, not {(2, 4, 5, 8)}")


def in_decoder(make: Make) -> None:
    """In a decoder: cached decoding equals the full pass, below, at and above a trained length; padding changes nothing."""
    expect_parts_equal_the_whole(made_up.decoder(attention=make))


def state_dict(make: Make) -> None:
    """Saved and loaded parameters give the same logits; a pass changes no state."""
    made, tokens = made_up.decoder(attention=make), made_up.draw(2, TRAINED)
    positions = counted(made.pe, TRAINED)
    with torch.no_grad():
        first = made(tokens, positions)
        saved = {name: weight.clone() for name, weight in made.state_dict().items()}
        made(made_up.draw(3, 2 * TRAINED, seed=1), counted(made.pe, 2 * TRAINED))
        expect_close(made(tokens, positions), first, 0.0, "the same pass, repeated after another")
        fresh = made_up.decoder(attention=make)
        for weight in fresh.parameters():
            weight.add_(torch.randn_like(weight))
        fresh.load_state_dict(saved)
        expect_close(fresh(tokens, positions), first, EQUAL, "logits after state_dict and load_state_dict")
