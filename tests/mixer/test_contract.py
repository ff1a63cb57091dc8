"""Every mixer in configs/mixer keeps the contract of `lengen.mixer`, under every choice that its options name."""

from inspect import signature

import pytest
import torch
from tests.options import files, read, variations

from lengen.config.option_page import described
from lengen.mixer import Recurrent
from lengen.testing.mixer import CHECKS, LAYERS, RECURRENT


def mixers():
    """Every YAML that names one mixer; patterns of several are tested with the decoder."""
    return [path for path in files("mixer") if path.stem != "pattern"]


MADE = [case for case in variations("mixer") if issubclass(case.values[0].func, Recurrent)]
EVERY_YAML = pytest.mark.parametrize("path", mixers(), ids=lambda path: path.stem)


@pytest.mark.parametrize("make", MADE)
@pytest.mark.parametrize("check", (CHECKS | RECURRENT).values(), ids=CHECKS | RECURRENT)
def test_contract(make, check):
    check(make)


@EVERY_YAML
def test_options_are_the_constructors(path):
    cls, options = read(path)
    assert set(options) == set(signature(cls).parameters) - {"layer"}
    plain, named = cls(LAYERS[0]), cls(LAYERS[0], **options)
    assert [(name, part.shape) for name, part in plain.named_parameters()] == [
        (name, part.shape) for name, part in named.named_parameters()
    ], "defaults differ"


@EVERY_YAML
def test_what_list_says_is_true(path):
    """All facts are there, and cost and growth are those of the class."""
    _, facts = described(path)
    assert {"paper", "learned", "cost", "cache", "beyond"} <= set(facts)
    cost = read(path)[0].cost
    assert (facts["cost"] == "one token after the other") == (cost == "loop")
    assert (facts["cost"] == "scan over tokens") == (cost == "scan")
    assert facts["cost"].startswith("quadratic") == (cost == "quadratic")
    growth = read(path)[0](LAYERS[0]).growth
    assert ("every token" in facts["cache"]) == (growth == "linear")
    assert ("logarithm" in facts["cache"]) == (growth == "log")


@pytest.mark.parametrize("make", MADE)
def test_built_without_memory(make):
    with torch.device("meta"):
        assert all(weight.is_meta for weight in make(LAYERS[0]).parameters())
