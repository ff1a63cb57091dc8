"""Attention in plain Python, one weight after the other, and what to feed it with."""

import math

import pytest
import torch

from lengen.block.inputs import Shape

SHAPE = Shape(10, 2)
SIZES = pytest.mark.parametrize(("queries", "keys"), [(9, 9), (1, 9), (4, 9), (1, 1)])


def draw(queries, keys, rows=2, size=1.0, seed=0):
    """Queries, keys and values of two heads with 5 channels, and a bias that hides later keys."""
    chance = torch.Generator().manual_seed(seed)
    query, key, value, bias = (
        size * torch.randn(rows, 2, *last, generator=chance, dtype=torch.float64)
        for last in ((queries, 5), (keys, 5), (keys, 5), (queries, keys))
    )
    return query, key, value, hidden(bias)


def hidden(bias):
    """Minus infinity at later keys."""
    queries, keys = bias.shape[-2:]
    later = torch.ones(queries, keys, dtype=torch.bool).triu(keys - queries + 1)
    return bias.masked_fill(later, -torch.inf)


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def softmax(logits):
    powers = [math.exp(x - max(logits)) for x in logits]
    return [x / sum(powers) for x in powers]


def slow(query, key, value, bias, weigh):
    """Mix of the values under weights of a formula.

    Args:
        query: of the newest tokens.
        key: of all.
        value: of all.
        bias: only its entries at keys up to the query's own are read.
        weigh: from row, head, the token's number from 0, its query, and the keys and biases up to its own, to weights.
    """
    mixed = torch.zeros_like(query)
    first = key.shape[2] - query.shape[2]
    for row in range(query.shape[0]):
        for head in range(query.shape[1]):
            keys, values = key[row, head].tolist(), value[row, head].tolist()
            for i, vector in enumerate(query[row, head].tolist()):
                seen = first + i + 1
                added = bias[row, head, i].tolist()[:seen]
                paid = weigh(row, head, seen - 1, vector, keys[:seen], added)
                for channel in range(query.shape[-1]):
                    mixed[row, head, i, channel] = sum(
                        w * v[channel] for w, v in zip(paid, values[:seen], strict=True)
                    )
    return mixed
