"""What options can be, by their words, is what their YAML and constructors take."""

import pytest
from tests.options import files, made

from lengen.config.allowed_values import Interval, can_be
from lengen.config.errors import UsageError
from lengen.config.option_page import option_page, option_pages
from lengen.config.search import groups

CONSTRUCTED = ("task", "loops", "positions")


@pytest.mark.parametrize("group", sorted(groups()))
def test_every_default_can_be(group):
    for page in option_pages(group):
        for argument in page.arguments:
            written = argument.default and "${" not in argument.default and argument.default != "{}"
            if written and argument.default not in ("every", "without_variables"):  # constants of a module
                assert can_be(argument, "=", argument.default), (page.name, argument)


@pytest.mark.parametrize("group", CONSTRUCTED)
def test_numbers_outside_of_a_range_are_those_that_constructors_refuse(group):
    tried = 0
    for path in files(group):
        for argument in option_page(group, path.stem).arguments:
            low = Interval.read(argument.bound).low
            name = argument.name.removeprefix(f"{group}.")
            if (
                low == -float("inf")
                or "." in name
                or path.stem in ("dataset", "uniform", "poisson_lognormal")
            ):
                continue
            outside = int(low) - 1
            assert not can_be(argument, "=", str(outside))
            with pytest.raises(UsageError):
                made(group, path.stem, **{name: outside})
            tried += 1
    assert tried >= 2


@pytest.mark.parametrize(
    ("group", "option", "argument", "allowed", "refused"),
    [
        ("decoder", "tiny", "layers", ("=1", "=3.0", ">=1", "<2", ">9"), ("=0", "=2.5", "=two", "=true", "<1", "<=0", "=null")),
        ("decoder", "tiny", "dropout", ("=0", "=0.5", ">=0.9", "<0.1"), ("=1", ">=1", "<0", "=none")),
        ("decoder", "tiny", "mask", ("=prefix", "=causal"), ("=prefixx", "=1", ">1", "=null")),
        ("decoder", "tiny", "tied", ("=true", "=False"), ("=yes", "=1", "=null", "<1")),
        ("mixer", "deltanet", "conv", ("=0", "=4", "=4.0", ">0", "<=0"), ("=3", ">4", "<0", "=none")),
        ("mixer", "gru", "size", ("=null", "=None", "=8"), ("=0", "=none", "=[]")),
        ("pe", "alibi", "slopes", ("=geometric", "=[0.5, 0.25]", "=null"), ("=linear", "=1", ">1")),
        ("logger", "wandb", "project", ("=anything", "=3"), (">3",)),
        ("attention", "asentmax", "alpha", ("=2", "=1.5", ">1", ">=2"), ("=1", "<=1", ">2")),
        ("task", "lookup", "functions", ("=1", "=26"), ("=0", "=27", ">26")),
    ],
)  # fmt: skip
def test_values_and_comparisons(group, option, argument, allowed, refused):
    page = {each.name: each for each in option_page(group, option).arguments}[f"{group}.{argument}"]
    for texts, expected in ((allowed, True), (refused, False)):
        for text in texts:
            value = text.lstrip("<>=")
            assert can_be(page, text.removesuffix(value), value) is expected, text
