"""Every distribution in configs/lengths keeps the contract of `lengen.lengths`."""

import hashlib
from dataclasses import dataclass
from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from scipy.stats import chisquare

from lengen.config.errors import require_length
from lengen.lengths import Lengths
from lengen.lengths.bucketed import Bucketed
from lengen.lengths.cyclic import Cyclic
from lengen.lengths.growing import Growing
from lengen.lengths.listed import Listed
from lengen.lengths.size_pairs import SizePairs
from lengen.lengths.uniform import Uniform
from lengen.task.copy import Copy

FILES = sorted((Path(__file__).parents[2] / "configs" / "lengths").glob("*.yaml"))
TRAINED, STEPS = 12, 100
every_yaml = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def load(path):
    """The class that a YAML names, and its options at a training length and a number of steps."""
    node = OmegaConf.create({"train_length": TRAINED, "steps": STEPS, "lengths": OmegaConf.load(path)})
    options = OmegaConf.to_container(node, resolve=True)["lengths"]
    module, _, kind = options.pop("_target_").rpartition(".")
    return getattr(import_module(module), kind), options


def draw(lengths, count, step=0, seed=0):
    return lengths.draw(count, step, torch.Generator().manual_seed(seed))


@dataclass(frozen=True)
class Odd(Copy):
    """A copy of odd lengths alone."""

    def sample(self, length, count, generator):
        require_length(length % 2 == 1, length, "the length must be odd")
        return super().sample(length, count, generator)


def test_there_are_distributions():
    assert {"uniform", "fixed", "list"} <= {path.stem for path in FILES}


@every_yaml
def test_yaml_names_every_option(path):
    kind, options = load(path)
    assert set(options) == set(signature(kind).parameters)


@every_yaml
def test_support(path):
    kind, options = load(path)
    lengths = kind(**options)
    assert isinstance(lengths, Lengths)
    assert lengths.per_batch >= 1
    assert lengths.support == sorted(set(lengths.support))
    assert lengths.support[0] >= 1
    assert lengths.support[-1] == TRAINED


@every_yaml
def test_draws(path):
    kind, options = load(path)
    lengths = kind(**options)
    for count in (1, 3, 200):
        drawn = draw(lengths, count, step=7, seed=count)
        assert len(drawn) == count
        assert all(type(length) is int for length in drawn)
        assert set(drawn) <= set(lengths.support)
        assert drawn == draw(lengths, count, step=7, seed=count)
    if len(lengths.support) > 1:
        assert draw(lengths, 200, seed=1) != draw(lengths, 200, seed=2)


@every_yaml
def test_every_length_comes_and_every_step_has_its_own_chance(path):
    kind, options = load(path)
    lengths = kind(**options)
    drawn = [draw(lengths, 8, step=step, seed=step) for step in range(STEPS)]
    assert {length for batch in drawn for length in batch} == set(lengths.support)
    state = torch.get_rng_state()
    for step in (STEPS - 1, 3, STEPS // 2):  # in any order, and whatever was drawn before
        assert draw(lengths, 8, step=step, seed=step) == drawn[step]
    assert torch.equal(torch.get_rng_state(), state)


@every_yaml
def test_a_task_that_has_all_lengths_changes_nothing(path):
    kind, options = load(path)
    lengths = kind(**options)
    assert lengths.of(Copy()).support == lengths.support
    for step in (0, 7, STEPS - 1):
        assert draw(lengths.of(Copy()), 50, step=step) == draw(lengths, 50, step=step)


@pytest.mark.parametrize("name", ["uniform", "growing", "cyclic", "bucketed", "size_pairs"])
def test_lengths_that_a_task_lacks_are_left_out(name):
    kind, options = load(FILES[0].with_name(f"{name}.yaml"))
    lengths = kind(**options).of(Odd())
    assert lengths.support == [1, 3, 5, 7, 9, 11, 12]
    drawn = {length for step in range(STEPS) for length in draw(lengths, 8, step=step, seed=step)}
    assert drawn == set(lengths.support)


def test_lengths_that_were_named_stay_and_so_do_the_ends():
    assert Listed([2, 3, 5]).of(Odd()).support == [2, 3, 5]
    assert Uniform(minimum=2, maximum=6).of(Odd()).support == [2, 3, 5, 6]
    assert draw(Growing(maximum=8, steps=10, start=2).of(Odd()), 3) == [1, 1, 1]  # 2 is no end


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        (Uniform(maximum=9), "3804d9a409b8"),
        (Growing(maximum=9, steps=10), "bf4e9643cf6f"),
        (Bucketed(maximum=9), "adc531f7f0a7"),
        (Cyclic(maximum=9, steps=10), "e88e49bdc4b9"),
        (Listed([9, 2, 4]), "71cc6b4a56d0"),
        (SizePairs(maximum=9), "4fcbb06c3572"),
    ],
)
def test_draws_are_those_of_every_version(lengths, expected):
    drawn = [draw(lengths, 9, step=seed % 10, seed=seed) for seed in range(500)]
    assert hashlib.sha256(str(drawn).encode()).hexdigest()[:12] == expected


@pytest.mark.parametrize(
    "lengths", [Uniform(maximum=6), Uniform(minimum=3, maximum=5), Listed([9, 2, 4]), Listed([7])]
)
def test_equally_likely(lengths):
    drawn = draw(lengths, 1200)
    assert set(drawn) == set(lengths.support)
    if len(lengths.support) > 1:
        assert chisquare([drawn.count(length) for length in lengths.support]).pvalue > 1e-3


def test_support_of_a_list_is_ascending():
    assert Listed([9, 2, 4, 2]).support == [2, 4, 9]
    assert Uniform(minimum=3, maximum=5).support == [3, 4, 5]


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        (Uniform, {"maximum": 5, "minimum": 0}, ["lengths.minimum=0", "1 to", "5"]),
        (Uniform, {"maximum": 5, "minimum": 6}, ["lengths.minimum=6", "1 to", "5"]),
        (Uniform, {"maximum": 5, "per_batch": 0}, ["lengths.per_batch=0", "at least 1"]),
        (Listed, {"values": []}, ["lengths.values=[]", "a list of lengths of at least 1"]),
        (Listed, {"values": [3, 0]}, ["lengths.values=[3, 0]", "a list of lengths of at least 1"]),
        (Listed, {"values": [3], "per_batch": 0}, ["lengths.per_batch=0", "at least 1"]),
    ],
)
def test_refusals(kind, options, words):
    with pytest.raises(ValueError) as refusal:
        kind(**options)
    assert all(word in str(refusal.value) for word in words)
