"""Every scheme in configs/positions keeps the contract of `lengen.positions`."""

from inspect import signature

import pytest
from tests.options import files, named, read

from lengen.positions.abacus import Abacus
from lengen.positions.contiguous import Contiguous
from lengen.positions.coupled import Coupled
from lengen.positions.offset import Offset
from lengen.positions.randomized import Randomized
from lengen.task import PAD
from lengen.testing.positions import CHECKS, examples, generator

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
@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_contract(scheme, training, check):
    check(scheme, examples(), training=training)


@pytest.mark.parametrize(
    "scheme", [Contiguous(), Offset(30), Randomized(30), Coupled(14), Abacus(7)], ids=repr
)
@TRAINING
def test_largest_is_reached(scheme, training):
    batch = examples()
    bound = scheme.largest(batch, training=training)
    own = batch.tokens != PAD
    drawn = [scheme(batch, generator(seed), training=training).expand(len(batch), -1) for seed in range(200)]
    assert max(int(each[own].max()) for each in drawn) == bound
