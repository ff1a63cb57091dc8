"""Factors on the weights against a loop over the formula."""

import math
from functools import partial

import pytest
import torch
from tests.attention.loops import SHAPE, dot, draw, slow, softmax
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.attention.softmax import Softmax
from lengen.attention.urpe import URPE
from lengen.decoder import Architecture, Decoder
from lengen.optimizer import split
from lengen.pe.t5 import T5

GAPS = torch.tensor([[0, 1, 2, 5, 6, 7, 9, 10, 40], [0, 3, 4, 5, 20, 21, 22, 23, 90]])
BOUNDS = [4 * (10 / 4) ** (k / 4) for k in range(1, 4)]


def trained():
    rule, chance = URPE(SHAPE, buckets=8, max_distance=10).double(), torch.Generator().manual_seed(3)
    rule.table.rows.data = torch.randn(8, 2, generator=chance, dtype=torch.float64)
    return rule


def bucket(distance):
    """Four buckets of one distance each, then four in equal steps of the logarithm from 4 to 10."""
    return distance if distance < 4 else 4 + sum(distance >= bound for bound in BOUNDS)


@pytest.mark.parametrize("queries", [9, 4, 1])
def test_formula(queries):
    parts, rule = draw(queries, 9), trained()

    def weigh(row, head, i, q, seen, bias):
        weights = softmax([dot(q, k) / math.sqrt(5) + b for k, b in zip(seen, bias, strict=True)])
        distances = [(GAPS[row, i] - GAPS[row, j]).item() for j in range(i + 1)]
        return [
            w * (1 + rule.table.rows[bucket(d), head].item()) for w, d in zip(weights, distances, strict=True)
        ]

    ours = rule(*parts, inputs(queries, 9, positions=GAPS))
    assert_close(ours, slow(*parts, weigh), rtol=0, atol=1e-6)


def test_starts_as_softmax():
    parts = draw(9, 9)
    assert_close(URPE(SHAPE)(*parts, inputs(9)), Softmax(SHAPE)(*parts, inputs(9)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("shared", [True, False])
def test_layers_share_a_table(shared):
    model = Decoder(Architecture(layers=3), 7, T5, partial(URPE, share_layers=shared))
    assert len({id(rule.table.rows) for rule in model.rules}) == (1 if shared else 3)
    tokens = torch.arange(20).view(1, 20) % 7
    model(tokens, torch.arange(20).unsqueeze(0)).square().sum().backward()
    assert all(rule.table.rows.grad.any() for rule in model.rules)


def test_the_table_does_not_decay():
    model = Decoder(Architecture(), 7, T5, URPE)
    matrices, others = ([id(weight) for weight in part] for part in split(model))
    assert id(model.rules[0].table.rows) in others
    assert id(model.rules[0].table.rows) not in matrices


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"buckets": 1}, "attention.buckets=1"),
        ({"max_distance": 8}, "attention.max_distance=8: must be above 8"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        URPE(SHAPE, **options)
