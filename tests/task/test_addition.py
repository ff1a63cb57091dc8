"""Addition against pencil and paper: integers of Python, written from the specification on text alone."""

import re
from collections import Counter
from itertools import groupby
from string import ascii_lowercase, digits

import pytest
from scipy.stats import chisquare

from lengen.task.addition import Addition

from .reading import combinations, draw, name

LENGTHS = (1, 2, 3, 9, 40)
COMBINATIONS = combinations(Addition, scratchpad=("none", "columns"))
COUNT = 40
UNLIKELY = 1e-3


def numbers(text):
    """Each operand of a prompt as [(marker, digit)…] in the order of writing, blanks dropped; a marker may be ''."""
    *body, equals = text
    assert equals == "="
    parts = "".join(body).replace(" ", "").split("+")
    assert len(parts) == 2
    return [re.findall("([a-z]?)([0-9])", part) for part in parts]


def operands(text, order):
    """Digits of both operands, least significant first, as strings."""
    strings = ["".join(digit for _, digit in number) for number in numbers(text)]
    return strings if order == "little_endian" else [string[::-1] for string in strings]


def carries(first, second):
    """Carry out of every column of two strings of digits, least significant first."""
    found, carry = [], 0
    for column in range(max(len(first), len(second))):
        carry = (int(first[column : column + 1] or 0) + int(second[column : column + 1] or 0) + carry) // 10
        found.append(carry)
    return found


def solve(text, options):
    """The answer that belongs to the text of a prompt."""
    first, second = operands(text, options["order"])
    width = max(len(first), len(second))
    total = str(int(first[::-1]) + int(second[::-1]))
    if options["pad"] == "zero":
        total = total.zfill(width + 1)
    answer = list(total[::-1])
    if options["hints"]:
        markers = markers_by_significance(text, options["order"])
        start = ascii_lowercase.index(markers[0])
        answer = [ascii_lowercase[(start + column) % 26] + digit for column, digit in enumerate(answer)]
    if options["order"] == "plain":
        answer.reverse()
    written = "".join(answer)
    if options["scratchpad"] == "columns":
        a, b = first.ljust(width, "0"), second.ljust(width, "0")
        s = str(int(first[::-1]) + int(second[::-1])).zfill(width + 1)[::-1]
        trace = "".join(f"{a[i]}{b[i]}{s[i]}{carry}," for i, carry in enumerate(carries(first, second)))
        written = trace + ">" + written
    return written


def markers_by_significance(text, order):
    """The markers of the longer operand, least significant first; the shorter one's must be the same."""
    found = ["".join(marker for marker, _ in number) for number in numbers(text)]
    if order != "little_endian":
        found = [markers[::-1] for markers in found]
    shorter, longer = sorted(found, key=len)
    assert longer.startswith(shorter)
    return longer


@pytest.mark.parametrize("options", COMBINATIONS, ids=name)
@pytest.mark.sampled(5)
def test_answers(options):
    for length in LENGTHS:
        _, pairs = draw(Addition(**options), length, COUNT, seed=length)
        for read, written in pairs:
            text = "".join(read)
            assert "".join(written) == solve(text, options)
            check_form(text, length, options)


def check_form(text, length, options):
    """The prompt is written as the options say."""
    cell = f"{'[ ]?' * options['blanks']}{'[a-z]' * options['hints']}[0-9]"
    assert re.fullmatch(rf"({cell})+\+({cell})+=", text)
    first, second = operands(text, options["order"])
    assert max(len(first), len(second)) == length
    if options["pad"] == "zero" or options["operands"] == "equal":
        assert len(first) == len(second)
    if options["pad"] == "none":
        assert all(number == "0" or number[-1] != "0" for number in (first, second))
        assert length == 1 or "0" not in {number for number in (first, second) if len(number) == length}
    if options["hints"]:
        markers = markers_by_significance(text, options["order"])
        start = ascii_lowercase.index(markers[0])
        assert markers == "".join(ascii_lowercase[(start + column) % 26] for column in range(length))


def matched(symbols, places, turned):
    """(significance, place) of every digit and marker of the numbers among some symbols."""
    found, signs = [], "+=>"
    cells = [cell for cell in zip(symbols, places, strict=True) if cell[0] != " "]
    for is_sign, run in groupby(cells, key=lambda cell: cell[0] in signs):
        number = [] if is_sign else list(run)
        size, seen = sum(symbol in digits for symbol, _ in number), 0
        for symbol, place in number:
            found.append((seen if turned else size - 1 - seen, place))
            seen += symbol in digits
    return found


@pytest.mark.parametrize("options", [o for o in COMBINATIONS if o["scratchpad"] == "none"], ids=name)
def test_digits_of_one_significance_share_a_place(options):
    batch, pairs = draw(Addition(**options), 7, 20)
    if options["order"] == "plain" and options["pad"] == "none":
        assert batch.places is None  # the first place of the answer would tell how long it is
        return
    for (read, written), row in zip(pairs, batch.places.tolist(), strict=True):
        prompt = matched(read, row[: len(read)], options["order"] == "little_endian")
        answer = matched(written, row[len(read) : len(read) + len(written)], options["order"] != "plain")
        assert {significance for significance, _ in answer} == set(
            range(sum(symbol in digits for symbol in written))
        )
        places = dict(prompt + answer)
        assert set(prompt + answer) == set(places.items())  # one place for each significance
        assert [places[significance] - places[0] for significance in sorted(places)] == list(
            range(len(places))
        )
        # the sign before the answer continues the answer's run of places, as in Cho et al. 2024
        step = 1 if options["order"] == "plain" else -1
        assert row[len(read) - 1] == row[len(read)] + step
        assert all(place == 0 for symbol, place in zip(read, row, strict=False) if symbol == " ")


@pytest.mark.parametrize("order", ["reversed", "plain", "little_endian"])
def test_columns_share_the_place_of_their_digits(order):
    length = 6
    batch, pairs = draw(Addition(order=order, scratchpad="columns"), length, 20)
    for (read, written), row in zip(pairs, batch.places.tolist(), strict=True):
        first = row[:length] if order == "little_endian" else row[:length][::-1]
        trace, answer = (
            row[len(read) : len(read) + 5 * length],
            row[len(read) + 5 * length : len(read) + len(written)],
        )
        assert trace == [place for place in first for _ in range(5)]
        assert row[len(read) - 1] == trace[0] - 1  # the column with place 2 is written behind it
        assert answer[0] == answer[1] + (1 if order == "plain" else -1)
        run = answer[1:][::-1] if order == "plain" else answer[1:]
        assert run[:length] == first


def longest_carry(task, length, count):
    """Mean over examples of the longest run of columns that carry."""
    _, pairs = draw(task, length, count)
    runs = [
        max(
            (
                len(list(run))
                for carry, run in groupby(carries(*operands("".join(read), task.order)))
                if carry
            ),
            default=0,
        )
        for read, _ in pairs
    ]
    return sum(runs) / count


@pytest.mark.parametrize("pad", ["zero", "none"])
@pytest.mark.parametrize("uneven", ["equal", "uneven"])
def test_heavy_carries_run_far(uneven, pad):
    usual, heavy = (
        longest_carry(Addition(carry=carry, operands=uneven, pad=pad), 30, 300)
        for carry in ("uniform", "heavy")
    )
    # of 30 columns the stretch takes 8.5 in the mean; chance gives a longest run of four or five
    assert heavy > usual + 3


def test_heavy_carries_reach_every_column():
    _, pairs = draw(Addition(carry="heavy", pad="none"), 30, 2000)
    runs = [carries(*operands("".join(read), "reversed")) for read, _ in pairs]
    assert all(any(row) for row in runs)
    assert any(all(row) for row in runs)


@pytest.mark.parametrize("carry", ["uniform", "heavy"])
def test_shorter_operand_has_a_uniform_size(carry):
    length = 6
    _, pairs = draw(Addition(operands="uneven", pad="none", carry=carry), length, 2000)
    sizes = [[len(number) for number in operands("".join(read), "reversed")] for read, _ in pairs]
    assert all(max(pair) == length for pair in sizes)
    counts = [sum(min(pair) == size for pair in sizes) for size in range(1, length + 1)]
    assert chisquare(counts).pvalue > UNLIKELY
    swapped = [sum(first < second for first, second in sizes), sum(first > second for first, second in sizes)]
    assert chisquare(swapped).pvalue > UNLIKELY


@pytest.mark.parametrize("carry", ["uniform", "heavy"])
def test_pairs_of_sizes_are_equally_likely(carry):
    _, pairs = draw(Addition(operands="pairs", pad="none", carry=carry), 4, 2100)
    sizes = Counter(tuple(len(number) for number in operands("".join(read), "reversed")) for read, _ in pairs)
    assert set(sizes) == {(4, size) for size in range(1, 5)} | {(size, 4) for size in range(1, 5)}
    assert chisquare(list(sizes.values())).pvalue > UNLIKELY


def test_digits_are_uniform():
    _, pairs = draw(Addition(), 5, 1000)
    text = "".join(symbol for read, _ in pairs for symbol in read)
    assert chisquare([text.count(digit) for digit in digits]).pvalue > UNLIKELY
    # without padding: the leading digit is uniform over 1 to 9
    _, pairs = draw(Addition(pad="none"), 5, 1000)
    text = "".join(read[0] for read, _ in pairs)
    assert chisquare([text.count(digit) for digit in digits[1:]]).pvalue > UNLIKELY


def test_blanks_stand_before_half_of_the_digits():
    length = 10
    _, pairs = draw(Addition(blanks=True), length, 500)
    blanks = sum(symbol == " " for read, _ in pairs for symbol in read)
    assert chisquare([blanks, 2 * length * 500 - blanks]).pvalue > UNLIKELY
    assert not any(" " in written for _, written in pairs)


def test_hints_start_anywhere():
    _, pairs = draw(Addition(hints=True), 3, 2600)
    starts = "".join(markers_by_significance("".join(read), "reversed")[0] for read, _ in pairs)
    assert chisquare([starts.count(marker) for marker in ascii_lowercase]).pvalue > UNLIKELY


@pytest.mark.parametrize("options", [o for o in COMBINATIONS if o["carry"] == "full"], ids=name)
def test_full_carries_run_through_every_column(options):
    for length in (1, 2, 7):
        _, pairs = draw(Addition(**options), length, COUNT)
        for read, _ in pairs:
            first, second = operands("".join(read), options["order"])
            assert carries(first, second) == [1] * length


@pytest.mark.parametrize("pad", ["zero", "none"])
@pytest.mark.parametrize("uneven", ["equal", "uneven"])
def test_full_carries_are_of_both_kinds(uneven, pad):
    _, pairs = draw(Addition(carry="full", operands=uneven, pad=pad), 6, 1000)
    numbers = [tuple(int(n[::-1]) for n in operands("".join(read), "reversed")) for read, _ in pairs]
    extremes = [numbers.count((999999, 1)), numbers.count((1, 999999))]
    if uneven == "equal" and pad == "none":
        assert extremes == [0, 0]  # 1 would have leading zeros, or be shorter than what training sees
    else:
        assert chisquare([*extremes, 1000 - sum(extremes)], [250, 250, 500]).pvalue > UNLIKELY / 10
    assert len(set(numbers)) > 300


def test_stress_sets():
    stress_sets = Addition(pad="none", hints=True).stress_sets()
    assert stress_sets["carry"] == Addition(pad="none", hints=True, carry="full")
    _, pairs = draw(stress_sets["uneven"], 6, 50)
    assert {len(min(operands("".join(read), "reversed"), key=len)) for read, _ in pairs} == {1, 2, 3, 4, 5, 6}
