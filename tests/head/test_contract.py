"""Every head in configs/head keeps the contract of `lengen.head`, under every choice that its options name."""

from inspect import signature

import pytest
import torch
from tests.options import files, read, variations

from lengen.config.option_page import described
from lengen.head import Output
from lengen.testing.head import CHECKS

MADE = list(variations("head"))
EVERY_YAML = pytest.mark.parametrize("path", files("head"), ids=lambda path: path.stem)


@pytest.mark.parametrize("make", MADE)
@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_contract(make, check):
    check(make)


@EVERY_YAML
def test_options_are_the_constructors(path):
    kind, options = read(path)
    assert set(options) == set(signature(kind).parameters) - {"output"}
    plain, named = kind(Output(8, 13)), kind(Output(8, 13), **options)
    assert vars(plain).keys() == vars(named).keys()
    for name in options:
        assert getattr(plain, name, None) == getattr(named, name, None), "defaults differ"


@EVERY_YAML
def test_what_list_says_is_there(path):
    _, facts = described(path)
    assert {"paper", "learned", "cost", "beyond"} <= set(facts)


@pytest.mark.parametrize("make", MADE)
def test_built_without_memory(make):
    with torch.device("meta"):
        assert all(weight.is_meta for weight in make(Output(8, 13)).parameters())
