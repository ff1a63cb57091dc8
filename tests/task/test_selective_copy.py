"""Selective copying by leaving out the blanks, written from the specification."""

from itertools import combinations as subsets

import pytest
from scipy.stats import chisquare

from lengen.task.selective_copy import SelectiveCopy

from .reading import combinations, draw, name

LENGTHS = (1, 2, 3, 10, 41, 300)
COUNT = 40
UNLIKELY = 1e-3


@pytest.mark.parametrize(
    "options", combinations(SelectiveCopy, alphabet=(1, 60), symbols=(1, 3, 41)), ids=name
)
def test_answers(options):
    for length in LENGTHS:
        batch, pairs = draw(SelectiveCopy(**options), length, COUNT, seed=length)
        for (read, written), row in zip(pairs, batch.places.tolist(), strict=True):
            body = read[:-1]
            assert read[-1] == "#"
            assert len(body) == length
            assert written == [symbol for symbol in body if symbol != "."]
            assert len(written) == min(options["symbols"], length)
            if options["spacing"] == "early":
                assert body == written + ["."] * (length - len(written))
            # a symbol and its copy share a place, from left to right; blanks have none
            index = list(range(2, len(written) + 2))
            assert [place for place, symbol in zip(row, body, strict=False) if symbol != "."] == index
            assert {place for place, symbol in zip(row, body, strict=False) if symbol == "."} <= {0}
            assert row[length:] == [1, *index, 0]


def test_columns_and_symbols_are_uniform():
    _, pairs = draw(SelectiveCopy(alphabet=3, symbols=2), 5, 2000)
    columns = [tuple(column for column in range(5) if read[column] != ".") for read, _ in pairs]
    assert chisquare([columns.count(pair) for pair in subsets(range(5), 2)]).pvalue > UNLIKELY
    seen = ["".join(written) for _, written in pairs]
    assert chisquare([seen.count(first + second) for first in "abc" for second in "abc"]).pvalue > UNLIKELY


def test_stress_set_has_the_symbols_early():
    assert SelectiveCopy(symbols=3).stress_sets() == {"early": SelectiveCopy(symbols=3, spacing="early")}


@pytest.mark.parametrize("option", ["alphabet", "symbols"])
def test_refusals(option):
    with pytest.raises(ValueError, match=rf"task\.{option}=0: must be at least 1"):
        SelectiveCopy(**{option: 0})
