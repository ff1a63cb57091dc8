"""The longest length of a growing curriculum, against a schedule written step by step."""

import pytest
import torch
from scipy.stats import chisquare

from lengen.lengths.growing import Growing


@pytest.mark.parametrize("stages", [None, 2, 3, 9])
@pytest.mark.parametrize(
    ("start", "until", "steps"), [(1, 0.5, 200), (3, 1.0, 77), (12, 0.1, 50), (2, 0.25, 9)]
)
def test_longest_rises_from_start_to_maximum(stages, start, until, steps):
    curriculum = Growing(maximum=12, steps=steps, start=start, until=until, stages=stages)
    longest = [curriculum.longest(step) for step in range(2 * steps)]
    assert longest[0] == start
    assert longest == sorted(longest)
    assert all(length == 12 for step, length in enumerate(longest) if step >= until * steps)
    assert curriculum.support == list(range(1, 13))
    if start < 12 and steps > 50:
        assert longest[int(until * steps) - 1] < 12  # not before
        values = list(dict.fromkeys(longest))
        assert len(values) == (13 - start if stages is None else min(stages, 13 - start))
        sizes = [longest[: int(until * steps)].count(value) for value in values[:-1]]
        assert max(sizes) - min(sizes) <= (1 if stages is None or stages <= 3 else max(sizes) / 2)


def test_draws_are_uniform_up_to_the_longest():
    curriculum = Growing(maximum=10, steps=100, start=2, until=0.5)
    for step, longest in ((0, 2), (25, 6), (99, 10)):
        drawn = curriculum.draw(2000, step, torch.Generator().manual_seed(step))
        assert set(drawn) == set(range(1, longest + 1))
        assert chisquare([drawn.count(length) for length in range(1, longest + 1)]).pvalue > 1e-3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"start": 0}, r"lengths\.start=0: must be from 1 to the longest training length, 5"),
        ({"start": 6}, r"lengths\.start=6: must be from 1 to the longest training length, 5"),
        ({"until": 0.0}, r"lengths\.until=0\.0: must be in \(0, 1\]"),
        ({"until": 1.5}, r"lengths\.until=1\.5: must be in \(0, 1\]"),
        ({"stages": 1}, r"lengths\.stages=1: must be null or at least 2"),
        ({"per_batch": 0}, r"lengths\.per_batch=0: must be at least 1"),
    ],
)
def test_refusals(options, words):
    with pytest.raises(ValueError, match=words):
        Growing(**{"maximum": 5, "steps": 10, **options})
