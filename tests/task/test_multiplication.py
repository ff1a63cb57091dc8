"""Multiplication against integers of Python, written from the specification on text alone."""

import re
from string import digits

import pytest
from scipy.stats import chisquare

from lengen.task.multiplication import Multiplication

from .reading import combinations, draw, name

COMBINATIONS = combinations(Multiplication, second=(1, 3, None))
COUNT = 10
UNLIKELY = 1e-3


def operands(read):
    """Both operands of a prompt, as strings."""
    whole = re.fullmatch(r"(\d+)\*(\d+)=", "".join(read))
    return whole[1], whole[2]


def solve(first, second, options):
    """The scratchpad and the answer that belong to two operands."""
    order = -1 if options["order"] == "reversed" else 1

    def spell(value, width):
        return str(value).zfill(width if options["pad"] == "zero" else 1)[::order]

    n, m, total, trace = len(first), len(second), 0, ""
    for index, digit in enumerate(second[::-1]):
        part = int(first) * int(digit) * 10**index
        total += part
        trace += "+" * (index > 0) + spell(part, n + 1 + index)
        if 0 < index < m - 1:
            trace += f"({spell(total, n + 1 + index)})"
    assert total == int(first) * int(second)
    return (trace + ">") * (options["scratchpad"] != "none"), spell(total, n + m)


@pytest.mark.parametrize("options", COMBINATIONS, ids=name)
def test_answers(options):
    for length in (1, 2, 3, 10, 41):
        batch, pairs = draw(Multiplication(**options), length, COUNT, seed=length)
        for (read, written), result in zip(pairs, batch.result, strict=True):
            first, second = operands(read)
            assert len(first) == length
            assert len(second) == (options["second"] or length)
            trace, answer = solve(first, second, options)
            assert "".join(written) == trace + answer
            assert int(result.sum()) == len(answer) + 1
            check_digits(first, second, options)


def check_digits(first, second, options):
    """The operands are drawn as the options say."""
    for number in (first, second):
        if options["digits"] == "zeros" or (options["pad"] == "none" and len(number) > 1):
            assert number[0] != "0"
    if options["digits"] == "nines":
        assert set(second) == {"9"}
        assert first.count("9") >= len(first) - 1


def test_form_of_the_scratchpad():
    # an example of the data of Deng et al. 2023, whose operands are reversed too
    options = {"order": "reversed", "pad": "zero", "scratchpad": "partial_products"}
    trace, answer = solve("5431", "3918", options)
    assert trace + answer == "84434+013450(857790)+0097884(8565894)+00039261>85687212"


@pytest.mark.parametrize("scratchpad", ["none", "partial_products"])
@pytest.mark.parametrize("second", [2, None])
def test_places_are_significances(second, scratchpad):
    task = Multiplication(second=second, scratchpad=scratchpad)
    batch, pairs = draw(task, 4, 10)
    for (read, written), row in zip(pairs, batch.places.tolist(), strict=True):
        n, m = map(len, operands(read))
        assert row[: len(read)] == [*range(n + 1, 0, -1), *range(m + 1, 0, -1)]
        places, expected = row[len(read) :], []
        for symbol in written:
            expected.append(
                expected[-1] + 1 if symbol in digits and expected else 2 if symbol in digits else 1
            )
        assert places == [*expected, 0]


def test_places_of_plain_numbers():
    batch, pairs = draw(Multiplication(order="plain", second=2), 3, 2)
    for read, _ in pairs:
        assert len(read) == 7
    # the sign before the answer continues the answer's run of places
    assert batch.places[0].tolist() == [4, 3, 2, 1, 3, 2, 7, 6, 5, 4, 3, 2, 0]
    assert draw(Multiplication(order="plain", pad="none"), 3, 2)[0].places is None


def test_digits_are_uniform():
    _, pairs = draw(Multiplication(second=None), 4, 500)
    text = "".join(symbol for read, _ in pairs for symbol in read)
    assert chisquare([text.count(digit) for digit in digits]).pvalue > UNLIKELY
    _, pairs = draw(Multiplication(second=None, pad="none"), 4, 500)
    text = "".join(number[0] for read, _ in pairs for number in operands(read))
    assert chisquare([text.count(digit) for digit in digits[1:]]).pvalue > UNLIKELY


def test_zeros_are_three_quarters_and_chance_makes_a_few_more():
    _, pairs = draw(Multiplication(digits="zeros"), 9, 500)
    text = "".join(operands(read)[0][1:] for read, _ in pairs)
    share = 0.75 + 0.25 * 0.1
    expected = [len(text) * share, len(text) * (1 - share)]
    assert chisquare([text.count("0"), len(text) - text.count("0")], expected).pvalue > UNLIKELY


def test_nines_have_one_digit_that_may_differ():
    _, pairs = draw(Multiplication(digits="nines"), 4, 1000)
    numbers = [operands(read)[0] for read, _ in pairs]
    places = [
        next(i for i, digit in enumerate(number) if digit != "9") for number in numbers if set(number) > {"9"}
    ]
    assert chisquare([places.count(place) for place in range(4)]).pvalue > UNLIKELY
    assert chisquare([len(places), 1000 - len(places)], [900, 100]).pvalue > UNLIKELY


def test_stress_sets():
    task = Multiplication(second=3, order="plain")
    assert task.stress_sets() == {
        name: Multiplication(second=3, order="plain", digits=name) for name in ("nines", "zeros")
    }


def test_refusals():
    with pytest.raises(ValueError, match=r"task\.second=0: must be null \(.*\) or at least 1"):
        Multiplication(second=0)
