"""Every rule in configs/attention keeps the contract of `lengen.attention`."""

from functools import partial
from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from tests.scenes import scene
from torch.testing import assert_close

from lengen.pe import Shape
from lengen.scene import Kept

FILES = sorted((Path(__file__).parents[2] / "configs" / "attention").glob("*.yaml"))
SHAPE = Shape(32, 4)


def load(path):
    """The class that a YAML names, and its options."""
    options = OmegaConf.to_container(OmegaConf.load(path))
    options = options.get("attention", options)
    module, _, name = options.pop("_target_").rpartition(".")
    return getattr(import_module(module), name), options


RULES = pytest.mark.parametrize(
    "rule",
    [pytest.param(partial(cls, **options), id=path.stem) for path in FILES for cls, options in [load(path)]],
)


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


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_options_are_the_constructors(path):
    cls, options = load(path)
    assert set(options) == set(signature(cls).parameters) - {"shape"}
    assert cls(SHAPE).shape == SHAPE


@RULES
def test_no_bias_means_causal(rule):
    query, key, value, _, plain = draw(9, 9)
    attend = rule(SHAPE).double()
    full = attend(query, key, value, None, scene(9))
    assert_close(attend(query, key, value, plain[None, None].double(), scene(9)), full, rtol=0, atol=1e-10)
    memory = Kept()
    for time in range(9):  # a single query, as in decoding, sees every key that there is
        now = slice(time, time + 1)
        view = scene(1, time + 1, memory=memory)
        single = attend(query[:, :, now], key[:, :, : time + 1], value[:, :, : time + 1], None, view)
        assert_close(single, full[:, :, now], rtol=0, atol=1e-10)


@RULES
@pytest.mark.parametrize("queries", [1, 4, 9])
def test_some_queries_equal_all(rule, queries):
    query, key, value, bias, _ = draw(9, 9)
    attend = rule(SHAPE).double()
    full = attend(query, key, value, bias, scene(9))
    memory, early = Kept(), 9 - queries
    if early:  # what was read before
        view = scene(early, memory=memory)
        attend(query[:, :, :early], key[:, :, :early], value[:, :, :early], bias[:, :, :early, :early], view)
    part = attend(query[:, :, -queries:], key, value, bias[:, :, -queries:], scene(queries, 9, memory=memory))
    assert_close(part, full[:, :, -queries:], rtol=0, atol=1e-10)


@RULES
@pytest.mark.parametrize("biased", [False, True])
def test_causality_by_gradient(rule, biased):
    query, key, value, bias, _ = draw(6, 6)
    inputs = [x.requires_grad_() for x in (query, key, value)]
    mixed = rule(SHAPE).double()(*inputs, bias if biased else None, scene(6))
    for time in range(6):
        for gradient in torch.autograd.grad(mixed[:, :, time].sum(), inputs[1:], retain_graph=True):
            assert not gradient[:, :, time + 1 :].any()
        assert gradient[:, :, : time + 1].any(-1).all()


@RULES
def test_gradient_reaches_the_bias(rule):
    query, key, value, bias, _ = draw(6, 6)
    rule(SHAPE).double()(query, key, value, bias.requires_grad_(), scene(6)).square().sum().backward()
    assert (bias.grad != 0)[:, :, 1:].any()
    assert not bias.grad[bias == -torch.inf].any()


@RULES
@pytest.mark.parametrize("biased", [False, True])
def test_keeps_the_precision_of_activations(rule, biased):
    query, key, value, bias, _ = (x.bfloat16() for x in draw(5, 5))
    view = scene(5, x=scene(5).x.bfloat16())
    mixed = rule(SHAPE).bfloat16()(query, key, value, bias.float() if biased else None, view)
    assert mixed.dtype == torch.bfloat16
    assert mixed.shape == (2, 4, 5, 8)
