"""Every rule in configs/attention keeps the contract of `lengen.attention`, under every choice that its options name."""

from inspect import signature

import pytest
import torch
from tests.options import files, read, variations
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.analysis.attention_weights import of_rule
from lengen.block.inputs import DecodingCache, Shape
from lengen.cli.commands.list import described

EVERY_YAML = pytest.mark.parametrize("path", files("attention"), ids=lambda path: path.stem)
SHAPE = Shape(32, 4)


RULES = pytest.mark.parametrize("rule", list(variations("attention")))


def draw(queries, keys):
    """Queries, keys and values, and a bias that hides later keys."""
    chance = torch.Generator().manual_seed(0)
    query, key, value, bias = (
        torch.randn(shape, generator=chance, dtype=torch.float64)
        for shape in ((2, 4, queries, 8), (2, 4, keys, 8), (2, 4, keys, 8), (2, 4, queries, keys))
    )
    later = torch.ones(queries, keys, dtype=torch.bool).triu(keys - queries + 1)
    return (
        query,
        key,
        value,
        bias.masked_fill(later, -torch.inf),
        torch.zeros(queries, keys).masked_fill(later, -torch.inf),
    )


@EVERY_YAML
def test_options_are_the_constructors(path):
    cls, options = read(path)
    assert set(options) == set(signature(cls).parameters) - {"shape"}
    assert cls(SHAPE).shape == SHAPE


@EVERY_YAML
def test_what_list_says_is_true(path):
    """What it learns, whether a block keeps more than keys and values, whether weights are explicit."""
    cls, options = read(path)
    facts, attend, memory = described(path), cls(SHAPE, **options), DecodingCache()
    query, key, value, *_ = draw(9, 9)
    attend.double()(query, key, value, None, inputs(9, memory=memory))
    assert (facts["learned"] == "none") == (not list(attend.parameters()))
    assert facts["cache"].endswith("and state") == bool(memory.last or memory.lines)
    assert (facts["cost"].partition(",")[0] == "explicit weights") == (not attend.fused)


@RULES
def test_no_bias_means_causal(rule):
    query, key, value, _, plain = draw(9, 9)
    attend = rule(SHAPE).double()
    full = attend(query, key, value, None, inputs(9))
    assert_close(attend(query, key, value, plain[None, None].double(), inputs(9)), full, rtol=0, atol=1e-10)
    memory = DecodingCache()
    for time in range(9):  # a single query, as in decoding, sees every key that there is
        now = slice(time, time + 1)
        view = inputs(1, time + 1, x=inputs(9).x, memory=memory)
        single = attend(query[:, :, now], key[:, :, : time + 1], value[:, :, : time + 1], None, view)
        assert_close(single, full[:, :, now], rtol=0, atol=1e-10)


@RULES
@pytest.mark.parametrize("queries", [1, 4, 9])
def test_some_queries_equal_all(rule, queries):
    query, key, value, bias, _ = draw(9, 9)
    attend = rule(SHAPE).double()
    full = attend(query, key, value, bias, inputs(9))
    memory, early = DecodingCache(), 9 - queries
    if early:  # what was read before
        view = inputs(early, x=inputs(9).x, memory=memory)
        attend(query[:, :, :early], key[:, :, :early], value[:, :, :early], bias[:, :, :early, :early], view)
    part = attend(
        query[:, :, -queries:], key, value, bias[:, :, -queries:], inputs(queries, 9, memory=memory)
    )
    assert_close(part, full[:, :, -queries:], rtol=0, atol=1e-10)


@RULES
@pytest.mark.parametrize("biased", [False, True])
def test_causality_by_gradient(rule, biased):
    query, key, value, bias, _ = draw(6, 6)
    tensors = [x.requires_grad_() for x in (query, key, value)]
    attend = rule(SHAPE).double()
    mixed = attend(*tensors, bias if biased else None, inputs(6))
    for time in range(6):
        for gradient in torch.autograd.grad(mixed[:, :, time].sum(), tensors[1:], retain_graph=True):
            assert not gradient[:, :, time + 1 :].any()
        assert attend.sparse or gradient[:, :, : time + 1].any(-1).all()
    assert gradient.any()


@RULES
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("size", [0.0, 1.0, 1e4])
def test_sharp_and_flat_rows_are_finite(rule, biased, size):
    """Logits that are all alike or thousands apart make no NaN, and none in a gradient."""
    query, key, value, bias, _ = (x.float() for x in draw(9, 9))
    attend = rule(SHAPE)
    tensors = [(query * size).requires_grad_(), key.requires_grad_(), value.requires_grad_()]
    mixed = attend(*tensors, bias.requires_grad_() if biased else None, inputs(9, x=inputs(9).x.float()))
    assert mixed.isfinite().all()
    mixed.square().sum().backward()
    learned = [x for x in attend.parameters() if x.grad is not None]
    for leaf in [*tensors, *learned, *([bias] if biased else [])]:
        assert leaf.grad.isfinite().all()


@RULES
@pytest.mark.parametrize("queries", [1, 9])
def test_linear_in_the_values(rule, queries):
    """So that the weights can be seen: `lengen.analysis.attention_weights` mixes one-hot values."""
    query, key, value, bias, _ = draw(queries, 9)
    attend, view = rule(SHAPE).double(), inputs(queries, 9)
    paid = of_rule(attend, query, key, bias, view)
    assert_close(paid @ value, attend(query, key, value, bias, view), rtol=0, atol=1e-10)


@RULES
def test_reads_is_true(rule):
    """Positions change the mix if and only if the rule says that it reads them."""
    query, key, value, bias, _ = draw(9, 9)
    attend = rule(SHAPE).double()
    moved = attend.state_dict()
    attend.load_state_dict({name: torch.rand_like(weight) for name, weight in moved.items()})
    near = attend(query, key, value, bias, inputs(9))
    far = attend(query, key, value, bias, inputs(9, positions=(torch.arange(9) * 9).unsqueeze(0)))
    assert ((near - far).abs().max() > 1e-6) == attend.reads


@RULES
def test_whole_is_true(rule):
    """Positions between integers are told apart, or the rule says that it is defined at integers alone."""
    query, key, value, bias, _ = draw(9, 9)
    attend = rule(SHAPE).double()
    attend.load_state_dict({name: torch.rand_like(weight) for name, weight in attend.state_dict().items()})
    near, far = (
        attend(query, key, value, bias, inputs(9, positions=(torch.arange(9) * step).unsqueeze(0)))
        for step in (4, 3.6)
    )
    assert not attend.reads or attend.whole or (near - far).abs().max() > 1e-6


@RULES
@pytest.mark.parametrize("size", [0.5, 3.0])
def test_directions_is_true(rule, size):
    """The lengths of queries and keys matter if and only if the rule does not say that directions alone do."""
    query, key, value, bias, _ = draw(9, 9)
    attend = rule(SHAPE).double()
    change = attend(size * query, key, value, bias, inputs(9)) - attend(query, key, value, bias, inputs(9))
    assert (change.abs().max() < 1e-9) == attend.directions


@RULES
def test_factors_are_float32_under_autocast(rule):
    """What a rule computes from counts, positions and the stream is the same with autocast and without."""
    *_, bias, _ = (x.float() for x in draw(9, 9))
    attend, view = rule(SHAPE), inputs(9, x=100 * inputs(9).x.float())
    weights = bias.softmax(-1)
    plain = [attend.sharpen(view), attend.reweigh(weights, view)]
    with torch.autocast("cpu", torch.bfloat16):
        cast = [attend.sharpen(view), attend.reweigh(weights, view)]
    for expected, got in zip(plain, cast, strict=True):
        if expected is None:
            continue
        assert got.dtype == torch.float32
        assert torch.equal(got, expected)


@RULES
def test_nothing_is_held_in_the_module(rule):
    """No buffers; and a rule is built without memory."""
    with torch.device("meta"):
        assert all(weight.is_meta for weight in rule(SHAPE).parameters())
    assert not list(rule(SHAPE).buffers())


@RULES
def test_gradient_reaches_the_bias(rule):
    query, key, value, bias, _ = draw(6, 6)
    rule(SHAPE).double()(query, key, value, bias.requires_grad_(), inputs(6)).square().sum().backward()
    assert (bias.grad != 0)[:, :, 1:].any()
    assert not bias.grad[bias == -torch.inf].any()


@RULES
@pytest.mark.parametrize("biased", [False, True])
def test_keeps_the_precision_of_activations(rule, biased):
    query, key, value, bias, _ = (x.bfloat16() for x in draw(5, 5))
    view = inputs(5, x=inputs(5).x.bfloat16())
    mixed = rule(SHAPE).bfloat16()(query, key, value, bias.float() if biased else None, view)
    assert mixed.dtype == torch.bfloat16
    assert mixed.shape == (2, 4, 5, 8)
