"""Inverse permutation by searching for one number after the other, written from the specification."""

from itertools import permutations

import pytest
from scipy.stats import chisquare

from lengen.task.inverse_permutation import InversePermutation

from .reading import combinations, draw, name

LENGTHS = (1, 2, 3, 10, 41)
COUNT = 40
UNLIKELY = 1e-3


def parse(read):
    """The numbers, the symbols and the scratch tokens of a prompt."""
    assert read[-1] == "#"
    colon = read.index(":")
    numbers, rest = [int(symbol.removesuffix(".")) for symbol in read[:colon]], read[colon + 1 : -1]
    return numbers, rest[: len(numbers)], rest[len(numbers) :]


def solve(numbers, symbols, scratchpad):
    """What is written."""
    pairs, number = [], min(numbers)
    while number in numbers:
        pairs.append((f"{number}.", symbols[numbers.index(number)]))
        number += 1
    answer = [symbol for _, symbol in pairs]
    return [*sum(pairs, ()), ":", *answer] if scratchpad == "pairs" else answer


@pytest.mark.parametrize(
    "options", combinations(InversePermutation, numbers=(41, 100), alphabet=(60,)), ids=name
)
def test_answers(options):
    for length in LENGTHS:
        batch, pairs = draw(InversePermutation(**options), length, COUNT, seed=length)
        assert batch.places is None
        for (read, written), result in zip(pairs, batch.result.sum(1).tolist(), strict=True):
            numbers, symbols, blanks = parse(read)
            assert len(numbers) == len(symbols) == length
            first = min(numbers)
            assert sorted(numbers) == list(range(first, first + length))
            assert first >= 1
            assert max(numbers) <= options["numbers"]
            assert blanks == ["_"] * (length if options["scratchpad"] == "blanks" else 0)
            assert written == solve(numbers, symbols, options["scratchpad"])
            assert result == length + 1 + (
                options["scratchpad"] == "pairs"
            )  # a colon before it, the end behind
            if options["order"] != "shuffled":
                assert numbers == sorted(numbers, reverse=options["order"] == "reversed")


def test_permutations_and_starts_are_uniform():
    _, pairs = draw(InversePermutation(numbers=7), 3, 2400)
    parsed = [parse(read) for read, _ in pairs]
    starts = [min(numbers) for numbers, _, _ in parsed]
    assert chisquare([starts.count(start) for start in range(1, 6)]).pvalue > UNLIKELY
    orders = [tuple(number - min(numbers) for number in numbers) for numbers, _, _ in parsed]
    assert chisquare([orders.count(order) for order in permutations(range(3))]).pvalue > UNLIKELY


def test_symbols_are_uniform():
    _, pairs = draw(InversePermutation(alphabet=3), 2, 1800)
    seen = ["".join(written) for _, written in pairs]
    assert chisquare([seen.count(first + second) for first in "abc" for second in "abc"]).pvalue > UNLIKELY


def test_stress_sets_are_in_order():
    assert InversePermutation(alphabet=3).stress_sets() == {
        order: InversePermutation(alphabet=3, order=order) for order in ("identity", "reversed")
    }


def test_refusals():
    with pytest.raises(ValueError, match=r"task\.numbers=0: must be at least 1"):
        InversePermutation(numbers=0)
    with pytest.raises(ValueError, match=r"task\.alphabet=0: must be at least 1"):
        InversePermutation(alphabet=0)
    with pytest.raises(ValueError, match=r"length 9: task\.numbers=8 allows at most 8 items"):
        draw(InversePermutation(numbers=8), 9, 1)
