"""Buckets of lengths: one a batch, in the shares that are promised; and the cycles that visit them."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from lengen.lengths.bucketed import Bucketed, buckets
from lengen.lengths.cyclic import Cyclic

UNLIKELY = 1e-3


def bucket(length):
    """Which bucket a length is in: 1, 2 to 3, 4 to 7, 8 to 15."""
    return [1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4][length - 1]


def batches(lengths, steps, count=4):
    """The lengths of some batches."""
    return [lengths.draw(count, step, torch.Generator().manual_seed(step)) for step in range(steps)]


@pytest.mark.parametrize("maximum", [1, 2, 3, 8, 15, 16, 100])
def test_buckets_part_all_lengths(maximum):
    parts = buckets(range(1, maximum + 1))
    assert [length for part in parts for length in part] == list(range(1, maximum + 1))
    assert all(part[-1] < 2 * part[0] for part in parts)
    assert all(second[0] == 2 * first[0] for first, second in pairwise(parts))


@pytest.mark.parametrize("lengths", [Bucketed(15), Bucketed(15, share="tokens"), Cyclic(15, 200)], ids=str)
def test_a_batch_is_of_one_bucket(lengths):
    drawn = batches(lengths, 200)
    assert all(len({bucket(length) for length in batch}) == 1 for batch in drawn)
    assert len({tuple(batch) for batch in drawn}) > 40


def test_equal_shares_of_examples():
    drawn = [length for batch in batches(Bucketed(15), 3000, count=1) for length in batch]
    shares = [sum(bucket(length) == index for length in drawn) for index in (1, 2, 3, 4)]
    assert chisquare(shares).pvalue > UNLIKELY
    assert chisquare([drawn.count(length) for length in range(8, 16)]).pvalue > UNLIKELY


def test_equal_shares_of_tokens():
    drawn = [length for batch in batches(Bucketed(15, share="tokens"), 6000, count=1) for length in batch]
    shares = [sum(length for length in drawn if bucket(length) == index) for index in (1, 2, 3, 4)]
    assert np.allclose(np.array(shares) / sum(shares), 0.25, atol=0.02)
    everywhere = [sum(bucket(length) == index for length in drawn) for index in (1, 2, 3, 4)]
    wanted = np.array([1 / 1, 1 / 2.5, 1 / 5.5, 1 / 11.5])
    assert chisquare(everywhere, 6000 * wanted / wanted.sum()).pvalue > UNLIKELY


def test_cycles_go_from_short_to_long():
    curriculum = Cyclic(15, steps=4000, cycles=4, odds=3.0)
    drawn = [bucket(batch[0]) for batch in batches(curriculum, 4000, count=1)]
    for start in range(0, 4000, 1000):
        means = [np.mean(drawn[start + 250 * part : start + 250 * (part + 1)]) for part in range(4)]
        assert means[0] + 0.3 < means[1] + 0.15 < means[2] < means[3]
        assert means[3] - means[0] > 1
    # at the very start of a cycle 27 : 9 : 3 : 1, at its end the other way round, and even in its middle
    odds = np.array([27, 9, 3, 1]) / 40
    for step, wanted in ((1000, odds), (1500, np.full(4, 0.25)), (1999, odds[::-1])):
        chance = torch.Generator().manual_seed(step)
        found = [bucket(curriculum.draw(1, step, chance)[0]) for _ in range(1000)]
        assert chisquare([found.count(index) for index in (1, 2, 3, 4)], 1000 * wanted).pvalue > UNLIKELY


def test_without_odds_there_is_no_curriculum():
    assert Cyclic(15, steps=100, odds=1.0).weights(3) == [1.0] * 4


@pytest.mark.parametrize(
    ("lengths", "words"),
    [
        (lambda: Bucketed(5, per_batch=0), r"lengths\.per_batch=0: must be at least 1"),
        (lambda: Cyclic(5, 10, cycles=0), r"lengths\.cycles=0: must be at least 1"),
        (lambda: Cyclic(5, 10, odds=0.5), r"lengths\.odds=0\.5: must be at least 1"),
        (lambda: Cyclic(5, 10, per_batch=0), r"lengths\.per_batch=0: must be at least 1"),
    ],
)
def test_refusals(lengths, words):
    with pytest.raises(ValueError, match=words):
        lengths()


@pytest.mark.parametrize("name", ["growing", "bucketed", "cyclic"])
def test_a_fixed_training_set_is_refused(name):
    from config.test_builder import composed
    from lengen.config.builder import Builder
    from lengen.experiment.config import RunConfig
    from lengen.experiment.run import Experiment

    config = composed("task=copy", f"lengths={name}", "trainer.examples=64")
    with pytest.raises(ValueError, match=rf"trainer\.examples=64 with lengths={name}: a fixed training set"):
        Experiment(Builder().build(RunConfig, {**config, "record": config}))
