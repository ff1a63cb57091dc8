"""Sum modulo a number by Python's own, written from the specification."""

import pytest
from scipy.stats import chisquare

from lengen.task.modular_sum import ModularSum

from .reading import combinations, draw, name

LENGTHS = (1, 2, 3, 10, 41)
COMBINATIONS = combinations(ModularSum, modulus=(2, 7, 10))
COUNT = 60
UNLIKELY = 1e-3


def terms(read):
    """The terms of a prompt."""
    text = "".join(read)
    assert text.endswith("=")
    return [int(term) for term in text[:-1].split("+")]


@pytest.mark.parametrize("options", COMBINATIONS, ids=name)
def test_answers(options):
    for length in LENGTHS:
        batch, pairs = draw(ModularSum(**options), length, COUNT, seed=length)
        for read, written in pairs:
            numbers = terms(read)
            assert len(numbers) == length
            least = 0 if options["terms"] == "sparse" else options["least"]
            assert set(numbers) <= set(range(least, options["modulus"]))
            sums = [sum(numbers[: end + 1]) % options["modulus"] for end in range(length)]
            kept = sums if options["scratchpad"] == "running" else sums[-1:]
            assert written == [str(total) for total in kept]
            if options["terms"] == "equal":
                assert len(set(numbers)) == 1
            if options["terms"] == "sparse":
                assert numbers.count(0) >= length - 1
        assert (batch.result.sum(1) == 2).all()  # the last digit and the end token


@pytest.mark.parametrize("scratchpad", ["none", "running"])
def test_places(scratchpad):
    batch, pairs = draw(ModularSum(scratchpad=scratchpad), 5, 3)
    for (read, _), row in zip(pairs, batch.places.tolist(), strict=True):
        places = [place for place, symbol in zip(row, read, strict=False) if symbol not in "+="]
        assert [place for place, symbol in zip(row, read, strict=False) if symbol in "+="] == [0] * 4 + [1]
        if scratchpad == "none":
            assert set(places) == {2}  # all terms matter to the answer alike
            assert row[len(read) :] == [2, 0]
        else:
            assert places == [2, 3, 4, 5, 6]
            assert row[len(read) :] == [*places, 0]


def test_terms_are_uniform():
    _, pairs = draw(ModularSum(), 5, 1000)
    drawn = [term for read, _ in pairs for term in terms(read)]
    assert chisquare([drawn.count(digit) for digit in range(10)]).pvalue > UNLIKELY


def test_sparse_terms_come_half_of_the_time_and_anywhere():
    _, pairs = draw(ModularSum(terms="sparse"), 6, 3000)
    rows = [terms(read) for read, _ in pairs]
    places = [next(index for index, term in enumerate(row) if term) for row in rows if any(row)]
    share = 0.5 * 0.9  # a term that comes is 0 itself one time in ten
    assert chisquare([len(places), 3000 - len(places)], [3000 * share, 3000 * (1 - share)]).pvalue > UNLIKELY
    assert chisquare([places.count(place) for place in range(6)]).pvalue > UNLIKELY


def test_stress_sets():
    task = ModularSum(modulus=7, scratchpad="running")
    assert task.stress_sets() == {
        name: ModularSum(modulus=7, scratchpad="running", terms=name) for name in ("equal", "sparse")
    }


@pytest.mark.parametrize("modulus", [1, 11])
def test_refusals(modulus):
    with pytest.raises(ValueError, match=rf"task\.modulus={modulus}: must be from 2 to 10"):
        ModularSum(modulus=modulus)
