"""Distances of attention against scipy, in a slow loop."""

from __future__ import annotations

import pytest
import torch
from scipy.spatial.distance import jensenshannon

from lengen.analysis.attention_distance import head_distances, jensen_shannon


def causal(*shape: int, seed: int) -> torch.Tensor:
    """Weights that sum to 1 over earlier keys."""
    drawn = torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) ** 4
    drawn = drawn.tril()
    return drawn / drawn.sum(-1, keepdim=True)


def test_distances_of_head_pairs():
    first, second = causal(2, 3, 6, 6, seed=0), causal(2, 2, 6, 6, seed=1)
    real = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    found = head_distances(first, second, real)
    for row, time in ((0, 6), (1, 4)):
        for head in range(3):
            for other in range(2):
                apart = [
                    jensenshannon(first[row, head, t].numpy(), second[row, other, t].numpy(), base=2) ** 2
                    for t in range(time)
                ]
                assert float(found[row, head, other]) == pytest.approx(sum(apart) / time, abs=1e-9)


def test_the_same_is_at_0_and_what_never_meets_at_1():
    first = causal(1, 1, 5, 5, seed=0)
    assert float(jensen_shannon(first, first).max()) == pytest.approx(0, abs=1e-12)
    apart = jensen_shannon(torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 0.5, 0.5]))
    assert float(apart) == pytest.approx(1)


def test_a_rule_that_leaves_weight_out_is_normalised():
    first, second = causal(1, 1, 5, 5, seed=0), causal(1, 1, 5, 5, seed=1)
    real = torch.ones(1, 5, dtype=torch.bool)
    assert float(head_distances(first * 0.3, second, real)) == pytest.approx(
        float(head_distances(first, second, real))
    )
