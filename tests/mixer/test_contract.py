"""Every mixer in configs/mixer keeps the contract of `lengen.mixer`, under every choice that its options name."""

from functools import partial
from inspect import signature

import pytest
import torch
from tests.options import choices, files, read, variations

from lengen.config.option_page import described
from lengen.mixer import Recurrent
from lengen.testing.mixer import CHECKS, LAYERS, RECURRENT


def mixers():
    """Every YAML that names one mixer; patterns of several are tested with the decoder."""
    return [path for path in files("mixer") if path.stem != "pattern"]


NUMBERS = {
    "heads": (1, 8),
    "state": (2, 12),
    "size": (5, 40),
    "expand": (1, 3),
    "rank": (1, 5),
    "steps": (1, 3),
    "matrices": (2, 5),
    "norm": (1.0, 2.0),
    "kernel": (2, 7),
    "rows": (1, 32),
    "window": (2, 40),
    "block": (1, 8),
    "sharpness": (1.0, 64.0),
    "base": (2.0, 1e6),
    "rotated": (1.0, 0.0),
    "forget": (0.0, 3.0),
    "least": (0.5, 0.9),
    "most": (0.6, 0.99),
    "phase": (0.1, 3.0),
    "reach": (4.0, 500.0),
    "bands": (2, 4),
    "hidden": (1, 24),
    "depth": (1, 6),
    "conv": (2, 5),
    "span": (2, 20),
    "cell": (1, 12),
    "stacks": (2, 3),
    "tapes": (2, 3),
    "jump": (1, 7),
    "length": (5, 90),
}
"""Two further values of every option that is a number, by its name: few or weak, and many or strong."""


def numbers():
    """Every mixer with other numbers than those of its YAML, all of them few, or all many; their names and the mixer."""
    for path in mixers():
        kind, options = read(path)
        names = [name for name in options if name not in choices(kind)]
        for place, which in enumerate(("few", "many")):
            other = {name: NUMBERS[name][place] for name in names if name in NUMBERS}
            yield pytest.param(
                partial(kind, **options | other), id=f"{path.stem}-{which}", marks=pytest.mark.long
            )


MADE = [case for case in (*variations("mixer"), *numbers()) if issubclass(case.values[0].func, Recurrent)]
EVERY_YAML = pytest.mark.parametrize("path", mixers(), ids=lambda path: path.stem)


@pytest.mark.parametrize("make", MADE)
@pytest.mark.parametrize("check", (CHECKS | RECURRENT).values(), ids=CHECKS | RECURRENT)
@pytest.mark.sampled(5, alike="=")
def test_contract(make, check):
    check(make)


@EVERY_YAML
def test_numbers_have_other_values(path):
    kind, options = read(path)
    assert set(options) - set(choices(kind)) - {"pe", "attention"} <= set(NUMBERS), (
        "tests/mixer/test_contract.py: two values in NUMBERS"
    )
    for name in set(options) & set(NUMBERS):
        assert options[name] not in NUMBERS[name]


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
