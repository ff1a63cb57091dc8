"""`lengen data`: what it would draw and show fits into memory, or is refused before."""

from __future__ import annotations

import tracemalloc

import pytest

from lengen.cli.commands.data import SHOWN, formatted_example, growth
from lengen.sampling import generator
from lengen.task.copy import Copy


def test_examples_that_do_not_fit_are_refused_before_they_are_drawn(lengen, monkeypatch):
    drawn = Copy.sample

    def sample(self, length, *others):
        assert length < 1000
        return drawn(self, length, *others)

    monkeypatch.setattr(Copy, "sample", sample)
    ran = lengen("data", "task=copy", "length=100000000", "count=1", "limits.memory=8GB")
    assert ran.code == 2
    said = "length=100000000, count=1: 200,000,000 tokens, shown one by one, need at least 31.6 GB"
    assert ran.err.startswith(f"lengen: {said}")


@pytest.mark.parametrize("task", [Copy(), Copy(times=2), Copy(style="text")])
def test_growth_is_that_of_long_examples(task):
    drawn = [task.sample(length, 1, generator("show", 0)).tokens.shape[1] for length in (2000, 3000)]
    assert growth(task, 3000) == (drawn[1] - drawn[0]) / 1000


def test_a_token_that_is_shown_takes_what_is_said():
    batch = Copy().sample(20_000, 1, generator("show", 0))
    tracemalloc.start()
    try:
        formatted_example(batch)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert SHOWN <= peak / batch.tokens.shape[1] <= 3 * SHOWN
