"""Every scheme in configs/positions keeps the contract of `lengen.positions`."""

from dataclasses import replace
from inspect import signature

import pytest
import torch
from tests.options import files, named, read

from lengen.positions.abacus import Abacus
from lengen.positions.contiguous import Contiguous
from lengen.positions.coupled import Coupled
from lengen.positions.offset import Offset
from lengen.positions.randomized import Randomized
from lengen.task import Batch
from lengen.task.many_addition import ManyAddition


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(rows=3):
    """Additions of two lengths with bos: they have digits, places and groups, so every scheme applies."""
    task = ManyAddition(length_of="digits", other=2, sizes="uneven", pad="none")
    return Batch.join([task.sample(length, rows, chance(length)) for length in (3, 6)]).begin()


SCHEMES = pytest.mark.parametrize(
    "scheme", [pytest.param(case.values[0](), id=case.id) for case in named("positions")]
)
TRAINING = pytest.mark.parametrize("training", [False, True], ids=["sweep", "training"])


@pytest.mark.parametrize("path", files("positions"), ids=lambda path: path.stem)
def test_options_are_the_constructors(path):
    cls, options = read(path)
    assert set(options) == set(signature(cls).parameters)
    assert isinstance(cls(), cls)


@SCHEMES
@TRAINING
def test_shape_and_range(scheme, training):
    read = batch()
    positions = scheme(read, chance(), training=training)
    axes = () if scheme.streams is None else (scheme.streams,)
    assert positions.shape in {(1, read.time, *axes), (*read.tokens.shape, *axes)}
    assert positions.min() >= 0
    if scheme.increasing:
        assert (positions.diff(dim=1) > 0).all()
    if scheme.counts:
        assert (positions == torch.arange(read.time)).all()


@SCHEMES
@TRAINING
def test_largest_bounds_every_draw(scheme, training):
    read = batch()
    bound = scheme.largest(read, training=training)
    drawn = [int(scheme(read, chance(seed), training=training).max()) for seed in range(200)]
    assert max(drawn) <= bound


@pytest.mark.parametrize(
    "scheme", [Contiguous(), Offset(30), Randomized(30), Coupled(14), Abacus(7)], ids=repr
)
@TRAINING
def test_largest_is_reached(scheme, training):
    read = batch()
    bound = scheme.largest(read, training=training)
    drawn = [int(scheme(read, chance(seed), training=training).max()) for seed in range(200)]
    assert max(drawn) == bound


@SCHEMES
@TRAINING
def test_chance_comes_from_the_generator(scheme, training):
    read = batch()
    torch.manual_seed(1)
    first = scheme(read, chance(5), training=training)
    torch.manual_seed(2)
    assert torch.equal(scheme(read, chance(5), training=training), first)


@SCHEMES
@TRAINING
def test_later_tokens_do_not_matter(scheme, training):
    """Change everything from a token on, places included where a place stays a place: earlier positions stay."""
    read = batch()
    before = scheme(read, chance(), training=training)
    for time in range(1, read.time):
        tokens, places = read.tokens.clone(), read.places.clone()
        tokens[:, time:] = torch.randint(len(read.vocabulary), tokens[:, time:].shape, generator=chance(time))
        if (
            not training
        ):  # the room for a random start follows from the largest place, that is, from the length
            places[:, time:] = places[:, time:].flip(1)
        after = scheme(replace(read, tokens=tokens, places=places), chance(), training=training)
        assert torch.equal(after[:, :time], before[:, :time])


@SCHEMES
@TRAINING
def test_inputs_are_left_alone(scheme, training):
    read, same = batch(), batch()
    scheme(read, chance(), training=training)
    assert torch.equal(read.tokens, same.tokens)
    assert torch.equal(read.places, same.places)
