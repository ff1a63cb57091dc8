"""Keys that rows see, against slow loops from the rules: selection by blocks, eviction, drawn positions."""

import math

import pytest
import torch
from tests.extend.test_contract import placed
from torch.testing import assert_close

from lengen.attention.softmax import Softmax
from lengen.block.inputs import BlockCache, BlockInputs, Shape
from lengen.extend import Parts, Sizes
from lengen.extend.evict import Evict
from lengen.extend.randomized import Randomized
from lengen.extend.select import Select
from lengen.pe.nope import NoPE
from lengen.pe.rope import RoPE
from lengen.positions import randomized
from lengen.positions.contiguous import Contiguous

SHAPE, TIME = Shape(16, 2), 23


def both(extension):
    """What a rule with an extension returns, and queries, keys and values of the two heads."""
    query, key, value = torch.randn(3, 2, 2, TIME, 8, generator=torch.Generator().manual_seed(0)).double()
    positions = torch.arange(TIME)[None]
    inputs = BlockInputs(torch.zeros(2, TIME, 16).double(), 0, positions, positions, BlockCache())
    parts = extension.changed(Parts(NoPE(SHAPE), (Softmax(SHAPE),), Contiguous()), Sizes(9, 9, TIME))
    return parts.rules[0](query, key, value, None, inputs), query, key, value


@pytest.mark.parametrize("score", ["received", "mean", "value", "norm"])
@pytest.mark.parametrize(("budget", "first", "recent"), [(5, 1, 2), (9, 0, 1), (6, 3, 3)])
def test_eviction_row_by_row(score, budget, first, recent):
    found, query, key, value = both(Evict(budget, first, recent, score))
    for row in range(2):
        for head in range(2):
            held, received = [], dict.fromkeys(range(TIME), 0.0)
            for t in range(TIME):
                held.append(t)
                logits = [float(query[row, head, t] @ key[row, head, j]) / math.sqrt(8) for j in held]
                weights = torch.tensor(logits, dtype=torch.float64).softmax(0)
                assert_close(found[row, head, t], weights @ value[row, head, held], rtol=0, atol=1e-9)
                for j, weight in zip(held, weights.tolist(), strict=True):
                    received[j] += weight
                if len(held) > budget:
                    free = [j for j in held if first <= j <= t - recent]
                    scores = {
                        "received": [received[j] for j in free],
                        "mean": [received[j] / (t - j + 1) for j in free],
                        "value": [received[j] * float(value[row, head, j].abs().sum()) for j in free],
                        "norm": [-float(key[row, head, j].norm()) for j in free],
                    }[score]
                    held.remove(free[scores.index(min(scores))])
            assert len(held) == budget


@pytest.mark.parametrize(("keys", "block"), [(4, 1), (4, 2), (5, 3), (6, 4)])
def test_selection_of_blocks(keys, block):
    found, query, key, value = both(Select(keys, first=1, recent=2, block=block))
    for head in range(2):
        for t in range(TIME):
            logits = {j: float(query[0, head, t] @ key[0, head, j]) / math.sqrt(8) for j in range(t + 1)}
            always = {j for j in logits if j < 1 or t - j < 2}
            groups = {}
            for j in logits.keys() - always:
                groups.setdefault(j // block, []).append(j)
            best = sorted(groups.values(), key=lambda group: -sum(logits[j] for j in group) / len(group))
            seen = sorted(always | {j for group in best[: -(-keys // block)] for j in group})
            weights = torch.tensor([logits[j] for j in seen], dtype=torch.float64).softmax(0)
            assert_close(found[0, head, t], weights @ value[0, head, seen], rtol=0, atol=1e-9)


@pytest.mark.parametrize("kind", ["draw", "even"])
def test_positions_are_some_of_the_trained_ones_in_order(kind):
    extension, parts = Randomized(kind), Parts(RoPE(SHAPE), (Softmax(SHAPE),), Contiguous())
    for tokens in (3, 12, 40):
        scheme = extension.changed(parts, Sizes(40, 40, tokens)).positions
        found = placed(scheme, tokens)[0]
        assert (found.diff() > 0).all()
        assert found[0] >= 0
        assert found[-1] <= 39
        if kind == "even":
            assert (found[0], found[-1]) == (0, 39)
        beyond = placed(scheme, tokens + 6)[0]
        assert torch.equal(beyond[:tokens], found)
        assert (beyond.diff() > 0).all()
    assert torch.equal(placed(extension.changed(parts, Sizes(40, 40, 50)).positions, 50)[0], torch.arange(50))
    assert extension.fit(parts) == "approximate"


def test_draws_differ_by_seed_and_are_exact_for_decoders_that_were_trained_with_them():
    trained = Parts(RoPE(SHAPE), (Softmax(SHAPE),), randomized.Randomized(64))
    draws = [
        placed(Randomized(seed=seed).changed(trained, Sizes(12, 64, 12)).positions, 12) for seed in (0, 0, 1)
    ]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert Randomized().fit(trained) == "exact"
