"""Missing duplicate by comparing both halves, written from the specification."""

import pytest
from scipy.stats import chisquare

from lengen.task.missing_duplicate import MissingDuplicate

from .reading import combinations, draw, name

LENGTHS = (1, 2, 3, 10, 41)
COUNT = 80
UNLIKELY = 1e-3


def halves(read):
    """The string and its copy, one of them with a gap."""
    assert read[-1] == "#"
    middle = (len(read) - 1) // 2
    assert len(read) == 2 * middle + 1
    return read[:middle], read[middle:-1]


@pytest.mark.parametrize("options", combinations(MissingDuplicate, alphabet=(2, 3, 30)), ids=name)
def test_answers(options):
    for length in LENGTHS:
        batch, pairs = draw(MissingDuplicate(**options), length, COUNT, seed=length)
        for (read, written), places in zip(pairs, batch.places.tolist(), strict=True):
            first, second = halves(read)
            assert len(first) == length
            assert (first + second).count("_") == 1
            gap = (first + second).index("_") % length
            assert first[:gap] == second[:gap]
            assert first[gap + 1 :] == second[gap + 1 :]
            assert written == [({first[gap], second[gap]} - {"_"}).pop()]
            if options["symbols"] == "odd":
                rest = first[:gap] + first[gap + 1 :]
                assert len(set(rest)) <= 1
                assert not set(rest) & set(written)
            index = list(range(2, length + 2))
            assert places == [*index, *index, 1, 1, 0]  # both halves are alike, whatever is hidden


@pytest.mark.parametrize("symbols", ["uniform", "odd"])
def test_what_is_hidden_is_uniform(symbols):
    _, pairs = draw(MissingDuplicate(alphabet=3, symbols=symbols), 4, 2400)
    gaps = [read.index("_") for read, _ in pairs]
    assert chisquare([gaps.count(gap) for gap in range(8)]).pvalue > UNLIKELY
    hidden = [written[0] for _, written in pairs]
    assert chisquare([hidden.count(symbol) for symbol in "abc"]).pvalue > UNLIKELY


def test_strings_are_uniform():
    _, pairs = draw(MissingDuplicate(), 2, 1600)
    seen = []
    for read, written in pairs:
        first, second = halves(["".join(written) if symbol == "_" else symbol for symbol in read])
        assert first == second
        seen.append("".join(first))
    assert chisquare([seen.count(string) for string in ("aa", "ab", "ba", "bb")]).pvalue > UNLIKELY


def test_stress_set_is_the_odd_one():
    assert MissingDuplicate(alphabet=5).stress_sets() == {"odd": MissingDuplicate(alphabet=5, symbols="odd")}


def test_refusals():
    with pytest.raises(ValueError, match=r"task\.alphabet=1: must be at least 2"):
        MissingDuplicate(alphabet=1)
