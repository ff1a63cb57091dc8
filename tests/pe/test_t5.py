"""T5 biases against transformers, x-transformers and the formula."""

import math
from functools import partial

import pytest
import torch
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.attention.softmax import Softmax
from lengen.block.inputs import Shape
from lengen.decoder import Architecture, Decoder
from lengen.pe.nope import NoPE
from lengen.pe.t5 import T5

SHAPE = Shape(32, 4)
SIZES = pytest.mark.parametrize(
    ("buckets", "distance"), [(32, 128), (16, 64), (8, 20), (32, 1000), (64, 128), (2, 10), (3, 50), (33, 40)]
)


def test_first_distances():
    bucket = T5(SHAPE).bucket(torch.arange(400)).tolist()
    assert [bucket.index(b) for b in range(16)] == list(range(16))
    known = [16, 19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113]
    assert [bucket.index(b) for b in range(16, 32)] == known
    assert set(bucket[113:]) == {31}
    assert T5(SHAPE).bucket(torch.tensor([-1, -500])).tolist() == [0, 0]


def test_layers_share_or_do_not():
    pe, one = T5(Shape(32, 4, layers=3), share_layers=False), T5(SHAPE)
    places = torch.arange(60).unsqueeze(0)
    assert pe.logit_bias(places, places) is None
    query = torch.zeros(1, 4, 60, 8)
    for layer in range(3):
        one.rows.data = pe.rows.data[32 * layer : 32 * (layer + 1)]
        assert torch.equal(pe.context(query, query, inputs(60, layer=layer)), one.logit_bias(places, places))
    assert one.context(query, query, inputs(60)) is None


@SIZES
def test_buckets_of_packages(foreign, buckets, distance):
    distances = torch.arange(-5, 5000)
    ours = T5(SHAPE, buckets, distance).bucket(distances)
    for module, owner, option in (
        ("transformers.models.t5.modeling_t5", "T5Attention", {"bidirectional": False}),
        ("x_transformers.x_transformers", "RelativePositionBias", {"causal": True}),
    ):
        theirs = getattr(foreign(module), owner)._relative_position_bucket
        assert torch.equal(ours, theirs(-distances, num_buckets=buckets, max_distance=distance, **option))


@SIZES
def test_buckets_of_the_formula(buckets, distance):
    exact = buckets // 2
    ours = T5(SHAPE, buckets, distance).bucket(torch.arange(3000)).tolist()
    for delta in range(3000):
        if delta < exact:
            assert ours[delta] == delta
            continue
        steps = (buckets - exact) * math.log(delta / exact) / math.log(distance / exact)
        if abs(steps - round(steps)) > 1e-4:  # at a whole number the float32 logarithm decides, as in T5
            assert ours[delta] == min(exact + math.floor(steps), buckets - 1)


@pytest.mark.parametrize(("queries", "keys"), [(40, 40), (1, 200), (7, 30)])
def test_bias_of_x_transformers(foreign, queries, keys):
    theirs = foreign("x_transformers.x_transformers").RelativePositionBias(1.0, causal=True, heads=4)
    ours = T5(SHAPE)
    with torch.no_grad():
        theirs.relative_attention_bias.weight.copy_(ours.rows)
        key = torch.arange(keys).unsqueeze(0)
        assert torch.equal(ours.logit_bias(key[:, keys - queries :], key)[0], theirs(queries, keys))


def test_bias_of_transformers(foreign):
    module = foreign("transformers.models.t5.modeling_t5")
    config = module.T5Config(d_model=32, num_heads=4, d_kv=8, is_decoder=True)
    theirs, ours = module.T5Attention(config, has_relative_attention_bias=True), T5(SHAPE)
    with torch.no_grad():
        theirs.relative_attention_bias.weight.copy_(ours.rows)
        position = torch.arange(150).unsqueeze(0)
        assert torch.equal(ours.logit_bias(position, position), theirs.compute_bias(150, 150))


def test_zero_table_is_nope():
    tokens, positions = torch.arange(20).view(1, 20) % 7, torch.arange(20).view(1, 20)
    logits = []
    for encoding in (NoPE, partial(T5, std=0.0)):
        torch.manual_seed(0)
        logits.append(Decoder(Architecture(), 7, encoding, Softmax)(tokens, positions))
    assert_close(*logits, rtol=0, atol=1e-5)


def test_table_is_learned_where_distances_occur():
    pe, position = T5(SHAPE), torch.arange(10).unsqueeze(0)
    pe.logit_bias(position, position).tril().sum().backward()
    assert pe.rows.grad[:10].all()
    assert not pe.rows.grad[10:].any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"buckets": 1}, "pe.buckets=1"),
        ({"max_distance": 16}, "pe.max_distance=16: must be above 16"),
        ({"std": -1.0}, "pe.std=-1.0"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        T5(SHAPE, **options)
