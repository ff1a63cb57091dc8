"""Attention weights against an explicit softmax, query by query, and head statistics against slow loops."""

from __future__ import annotations

import math

import pytest
import torch
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.analysis.attention_stats import layer_stats
from lengen.analysis.attention_weights import weights_in_chunks
from lengen.attention.softmax import Softmax
from lengen.decoder import Architecture, Decoder
from lengen.evaluation.attention_weights import weights
from lengen.pe.alibi import ALiBi
from lengen.pe.nope import NoPE
from lengen.pe.rope import RoPE
from lengen.pe.t5 import T5
from lengen.positions.contiguous import Contiguous
from lengen.positions.randomized import Randomized
from lengen.task.addition import Addition
from lengen.task.passkey import Passkey

SIZES = {"layers": 2, "dim": 24, "heads": 3}
TIME = 11  # no multiple of the 8 channels of a head


def decoder(pe, **options):
    torch.manual_seed(0)
    return Decoder(Architecture(**(SIZES | options)), 40, pe, Softmax).eval()


def by_hand(model, tokens, positions):
    """Weights of the first layer, from its own projections: softmax(q k / sqrt(head_dim) + bias) over earlier keys."""
    with torch.no_grad():
        x = model.pe.embed(model.embedding(tokens), positions)
        block = model.blocks[0]
        x = block.attention_norm(x)
        heads, size = SIZES["heads"], SIZES["dim"] // SIZES["heads"]
        query, key = (
            project(x).view(*tokens.shape, heads, size).transpose(1, 2)
            for project in (block.attention.query, block.attention.key)
        )
        table = model.pe.make_table(positions)
        query, key, _ = model.pe.transform(query, key, key, table, inputs(TIME, positions=positions))
        bias = model.pe.logit_bias(positions, positions)
        found = torch.zeros(len(tokens), heads, TIME, TIME)
        for row in range(len(tokens)):
            for head in range(heads):
                for time in range(TIME):
                    scores = [
                        float(query[row, head, time] @ key[row, head, other]) / math.sqrt(size)
                        + (0.0 if bias is None else float(bias[0, head, time, other]))
                        for other in range(time + 1)
                    ]
                    total = sum(math.exp(score) for score in scores)
                    for other, score in enumerate(scores):
                        found[row, head, time, other] = math.exp(score) / total
    return found


@pytest.mark.parametrize("pe", [NoPE, RoPE, ALiBi, lambda shape: T5(shape, std=2.0)])
def test_weights_are_the_softmax(pe):
    model = decoder(pe)
    tokens = torch.randint(40, (2, TIME), generator=torch.Generator().manual_seed(1))
    positions = torch.arange(TIME).unsqueeze(0)
    found = weights(model, tokens, positions)
    assert list(found) == [(0, 0), (0, 1)]
    assert_close(found[0, 0], by_hand(model, tokens, positions), atol=1e-5, rtol=1e-4)
    for paid in found.values():
        assert_close(paid.sum(-1), torch.ones(2, 3, TIME))
        assert not paid.triu(1).any()


def test_loops_have_weights_of_their_own_and_hooks_go_away():
    model = decoder(RoPE, loops=2)
    tokens, positions = torch.randint(40, (1, TIME)), torch.arange(TIME).unsqueeze(0)
    before = model(tokens, positions)
    found = weights(model, tokens, positions)
    assert list(found) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert (found[0, 0] - found[1, 0]).abs().max() > 1e-3
    assert not any(block.attention.rule._forward_hooks for block in model.blocks)
    assert torch.equal(model(tokens, positions), before)


@pytest.mark.parametrize("positions", [Contiguous(), Randomized(maximum=60)])
def test_pieces_give_what_all_at_once_gives(positions):
    model = decoder(RoPE)
    batch = Addition(pad="none", operands="uneven").sample(5, 7, torch.Generator().manual_seed(2))
    ((_, whole),) = weights_in_chunks(model, batch, positions, ("x", 1))
    pieces = list(weights_in_chunks(model, batch, positions, ("x", 1), rows=3))
    assert [len(part) for part, _ in pieces] == [3, 3, 1]
    start = 0
    for part, slots in pieces:
        assert (part.tokens[:, 0] == 1).all()
        for slot, paid in slots.items():
            all_ = whole[slot][start : start + len(part), :, : part.time, : part.time]
            assert_close(paid, all_, atol=1e-5, rtol=1e-4)
        start += len(part)


@pytest.mark.parametrize(
    "task", [Passkey(alphabet=4), Addition(pad="none", operands="uneven", order="plain")]
)
def test_look_by_a_slow_loop(task):
    chance = torch.Generator().manual_seed(3)
    batch = task.sample(6, 5, chance).begin()
    time, heads = batch.time, 2
    paid = torch.rand((5, heads, time, time), generator=chance).tril()
    paid = paid / paid.sum(-1, keepdim=True)
    found = layer_stats(paid, batch, time + 3)
    histogram = [[0.0] * (time + 3) for _ in range(heads)]
    entropy, source, first = ([0.0] * heads for _ in range(3))
    uniform = queries = sourced = 0.0
    for row in range(5):
        for query in range(time - 1):
            if not batch.answer[row, query + 1]:
                continue
            queries += 1
            place = 0 if batch.places is None else int(batch.places[row, query + 1])
            keys = [
                key
                for key in range(query + 1)
                if place and int(batch.places[row, key]) == place and not batch.answer[row, key]
            ]
            uniform += len(keys) / (query + 1)
            sourced += bool(keys)
            for head in range(heads):
                for key in range(query + 1):
                    share = float(paid[row, head, query, key])
                    histogram[head][query - key] += share
                    entropy[head] -= share * math.log(share)
                    source[head] += share * (key in keys)
                    first[head] += share * (key == 0)
    expected = (histogram, entropy, source, first, uniform, queries, sourced)
    for mine, theirs in zip(found, expected, strict=True):
        assert_close(mine, torch.tensor(theirs, dtype=torch.float64), atol=1e-4, rtol=1e-4)
    assert sourced == (15 if isinstance(task, Passkey) else 0)
    assert queries == int(batch.answer.sum())
