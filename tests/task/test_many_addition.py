"""Addition of many numbers against integers of Python, written from the specification on text alone."""

from string import digits

import pytest
import torch
from scipy.stats import chisquare

from lengen.task.many_addition import ManyAddition

from .reading import combinations, draw, name

COMBINATIONS = combinations(ManyAddition, other=(1, 4))
COUNT = 10
UNLIKELY = 1e-3


def operands(read):
    """The operands of a prompt, as strings."""
    text = "".join(read)
    assert text.endswith("=")
    numbers = text[:-1].split("+")
    assert all(number.isdecimal() for number in numbers)
    return numbers


def solve(numbers, options):
    """The scratchpad and the answer that belong to some operands."""
    width = len(str(len(numbers) * int("9" * max(map(len, numbers)))))
    sums = [sum(map(int, numbers[:end])) for end in range(len(numbers) + 1)]
    order = -1 if options["order"] == "reversed" else 1
    spelt = [str(total).zfill(width if options["pad"] == "zero" else 1)[::order] for total in sums]
    trace = "".join(f"{total}>" for total in spelt[:-1])
    return trace * (options["scratchpad"] == "running"), spelt[-1]


@pytest.mark.parametrize("options", COMBINATIONS, ids=name)
def test_answers(options):
    for length in (1, 2, 3, 10, 41):
        batch, pairs = draw(ManyAddition(**options), length, COUNT, seed=length)
        for (read, written), result in zip(pairs, batch.result, strict=True):
            numbers = operands(read)
            sizes = (len(numbers), max(map(len, numbers)))
            asked = (length, options["other"])
            assert sizes == (asked if options["length_of"] == "operands" else asked[::-1])
            trace, answer = solve(numbers, options)
            assert "".join(written) == trace + answer
            assert int(result.sum()) == len(answer) + 1
            if options["pad"] == "zero" or options["sizes"] == "equal":
                assert len({len(number) for number in numbers}) == 1
            if options["pad"] == "none":
                assert all(number == "0" or number[0] != "0" for number in numbers)


def test_form_of_the_scratchpad():
    # 0, the first operand, the sum of the first two…, all at one width and reversed
    trace, answer = solve(
        ["057", "048", "096", "160"], {"order": "reversed", "pad": "zero", "scratchpad": "running"}
    )
    assert trace + answer == "0000>7500>5010>1020>1630"


def test_width_of_sums_is_that_of_the_largest():
    for count, size in ((1, 3), (2, 1), (10, 1), (11, 1), (11, 2), (12, 1), (101, 2), (102, 2), (112, 1)):
        _, pairs = draw(ManyAddition(other=size), count, 3)
        assert {len(written) for _, written in pairs} == {len(str(count * int("9" * size)))}


@pytest.mark.parametrize("order", ["reversed", "plain"])
@pytest.mark.parametrize("scratchpad", ["none", "running"])
def test_places_are_significances(order, scratchpad):
    batch, pairs = draw(ManyAddition(other=2, order=order, scratchpad=scratchpad), 3, 5)
    number, before = ([2, 3, 4], 1) if order == "reversed" else ([4, 3, 2], 5)
    expected = [
        3,
        2,
        1,
        3,
        2,
        1,
        3,
        2,
        before,
        *[*number, before] * (3 * (scratchpad == "running")),
        *number,
        0,
    ]
    assert len(pairs) == 5
    assert batch.places.tolist() == [expected] * 5
    assert draw(ManyAddition(order="plain", pad="none"), 3, 2)[0].places is None


def test_digits_are_uniform():
    _, pairs = draw(ManyAddition(), 5, 500)
    text = "".join(symbol for read, _ in pairs for symbol in read)
    assert chisquare([text.count(digit) for digit in digits]).pvalue > UNLIKELY


def test_sizes_are_uniform_but_for_the_longest_which_is_anywhere():
    _, pairs = draw(ManyAddition(length_of="digits", other=3, sizes="uneven", pad="none"), 5, 2000)
    sizes = [[len(number) for number in operands(read)] for read, _ in pairs]
    first = [row[0] for row in sizes]
    # the longest with a third, else uniform
    expected = [2000 * (2 / 3 / 5 + (size == 5) / 3) for size in range(1, 6)]
    assert chisquare([first.count(size) for size in range(1, 6)], expected).pvalue > UNLIKELY
    alone = [row.index(5) for row in sizes if row.count(5) == 1]
    assert chisquare([alone.count(place) for place in range(3)]).pvalue > UNLIKELY


def carries(numbers):
    """What comes into every column above the last, from the right."""
    found, carry = [], 0
    for column in range(max(map(len, numbers)) - 1):
        carry += sum(int(number[-1 - column]) for number in numbers if len(number) > column)
        carry //= 10
        found.append(carry)
    return found


@pytest.mark.parametrize(
    "options", [o for o in COMBINATIONS if o["carry"] == "full" and o["other"] > 1], ids=name
)
def test_full_carries_run_into_the_first_column(options):
    for length in (2, 3, 12):
        _, pairs = draw(ManyAddition(**options), length, 50)
        for read, _ in pairs:
            assert all(carries(operands(read)))
        assert len({tuple(read) for read, _ in pairs}) > 40


def test_full_carries_depend_on_the_last_column():
    _, pairs = draw(ManyAddition(carry="full", other=6), 3, 100)
    for read, _ in pairs:
        numbers = operands(read)
        middle = [sum(int(number[column]) for number in numbers) % 10 for column in range(1, 5)]
        assert middle == [9] * 4


def test_stress_sets():
    task = ManyAddition(other=4, pad="none")
    assert task.stress_sets() == {
        "carry": ManyAddition(other=4, pad="none", carry="full"),
        "uneven": ManyAddition(other=4, pad="none", sizes="uneven"),
    }


def test_refusals():
    with pytest.raises(ValueError, match=r"task\.other=0: must be at least 1"):
        ManyAddition(other=0)


@pytest.mark.parametrize("scratchpad", ["none", "running"])
@pytest.mark.parametrize("pad", ["zero", "none"])
def test_groups_are_operands_and_the_sums_up_to_them(scratchpad, pad):
    """Read off the text: a sign closes its number; operand k and the sum of the first k share group k + 1."""
    task = ManyAddition(other=3, sizes="uneven", scratchpad=scratchpad, pad=pad)
    batch = task.sample(4, COUNT, torch.Generator().manual_seed(0))
    for tokens, answer, groups in zip(batch.tokens, batch.answer, batch.groups, strict=True):
        signs = batch.vocabulary.decode(tokens.tolist())
        operand, total = 2, 1 if scratchpad == "running" else 5
        for sign, mine, group in zip(signs, answer.tolist(), groups.tolist(), strict=True):
            if sign in ("<eos>", "<pad>"):
                assert group == 0
            else:
                assert group == (total if mine else operand)
            operand += sign == "+"
            total += sign == ">"
        assert (operand, total) == (5, 5)
