"""Softmax attention against a loop over its formula."""

import math

import pytest
import torch
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.attention.softmax import Softmax
from lengen.block.inputs import Shape

SHAPE = Shape(10, 2)


def slow(query, key, value, bias, scale):
    """One head of one example, in plain Python: weights are exp(scale * q.k + bias), normalised."""
    mixed = []
    for i, q in enumerate(query):
        seen = len(key) - len(query) + i + 1
        logits = [
            scale * sum(a * b for a, b in zip(q, key[j], strict=True)) + bias[i][j] for j in range(seen)
        ]
        weights = [math.exp(x - max(logits)) for x in logits]
        mixed.append(
            [sum(w * value[j][c] for j, w in enumerate(weights)) / sum(weights) for c in range(len(value[0]))]
        )
    return mixed


@pytest.mark.parametrize(("scale", "factor"), [("head_dim", 5**-0.5), ("none", 1.0)])
@pytest.mark.parametrize(
    ("queries", "keys", "biased"),  # without a bias there is one query, or as many as keys
    [(7, 7, False), (7, 7, True), (1, 7, False), (1, 7, True), (3, 7, True)],
)
def test_formula(scale, factor, queries, keys, biased):
    chance = torch.Generator().manual_seed(0)
    query, key, value = (
        torch.randn(2, 2, n, 5, generator=chance, dtype=torch.float64) for n in (queries, keys, keys)
    )
    bias = torch.randn(1, 2, queries, keys, generator=chance, dtype=torch.float64)
    later = torch.ones(queries, keys, dtype=torch.bool).triu(keys - queries + 1)
    ours = Softmax(SHAPE, scale)(
        query,
        key,
        value,
        bias.masked_fill(later, -torch.inf) if biased else None,
        inputs(queries, keys, dim=10),
    )
    for row in range(2):
        for head in range(2):
            added = bias[0, head] * biased
            parts = (query[row, head], key[row, head], value[row, head], added)
            expected = slow(*(part.tolist() for part in parts), factor)
            assert_close(ours[row, head], torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-10)
