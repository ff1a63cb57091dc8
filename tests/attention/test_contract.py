"""Every rule in configs/attention keeps the contract of `lengen.attention`, under every choice that its options name."""

from inspect import signature

import pytest
import torch
from tests.options import files, read, variations
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.block.inputs import DecodingCache, Shape
from lengen.config.option_page import described
from lengen.evaluation.attention_weights import rule_weights
from lengen.testing.attention import CHECKS, heads

EVERY_YAML = pytest.mark.parametrize("path", files("attention"), ids=lambda path: path.stem)
SHAPE = Shape(32, 4)


RULES = pytest.mark.parametrize("rule", list(variations("attention")))


@RULES
@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
@pytest.mark.sampled(4, alike="=")
def test_contract(rule, check):
    check(rule)


@EVERY_YAML
def test_options_are_the_constructors(path):
    cls, options = read(path)
    assert set(options) == set(signature(cls).parameters) - {"shape"}
    assert cls(SHAPE).shape == SHAPE


@EVERY_YAML
def test_what_list_says_is_true(path):
    """What it learns, whether a block keeps more than keys and values, whether weights are explicit."""
    cls, options = read(path)
    (_, facts), attend, memory = described(path), cls(SHAPE, **options), DecodingCache()
    query, key, value, *_ = heads(9, 9)
    attend.double()(query, key, value, None, inputs(9, memory=memory))
    assert (facts["learned"] == "none") == (not list(attend.parameters()))
    assert facts["cache"].endswith("and state") == bool(memory.last or memory.lines)
    assert (facts["cost"].partition(",")[0] == "explicit weights") == (not attend.fused)


@RULES
@pytest.mark.parametrize("queries", [1, 9])
def test_weights_are_read_off_the_values(rule, queries):
    """So that the weights can be seen: `lengen.evaluation.attention_weights` mixes one-hot values."""
    query, key, value, bias, _ = heads(queries, 9)
    attend, view = rule(SHAPE).double(), inputs(queries, 9)
    paid = rule_weights(attend, query, key, bias, view)
    assert_close(paid @ value, attend(query, key, value, bias, view), rtol=0, atol=1e-10)


@RULES
def test_built_without_memory(rule):
    with torch.device("meta"):
        assert all(weight.is_meta for weight in rule(SHAPE).parameters())
