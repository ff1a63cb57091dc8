"""Selection sort by hand: lists of Python, swapped one pair at a time."""

from itertools import product
from string import ascii_letters

import pytest

from lengen.task import PAD
from lengen.task.sort import Sort
from task.reading import draw, name

OPTIONS = [
    {"duplicates": duplicates, "digits": digits, "hint": hint, "given": given}
    for duplicates, digits, hint, given in product(
        (False, True), (1, 2), ("none", "successor"), ("shuffled", "sorted", "reversed", "equal")
    )
]


def value(item):
    return ascii_letters.index(item) if item.isalpha() else int(item)


def lists(items):
    """The list after each swap, the last one included."""
    state, made = list(items), []
    for start in range(len(state) - 1):
        least = start
        for index in range(start + 1, len(state)):
            if value(state[index]) < value(state[least]):
                least = index
        state[start], state[least] = state[least], state[start]
        made.append(list(state))
    return made or [state]


@pytest.mark.parametrize("options", OPTIONS, ids=name)
def test_symbol_by_symbol(options):
    comma = "" if options["digits"] == 1 else ","
    for length in (1, 2, 3, 4, 10, 41):
        task = Sort(alphabet=50, scratchpad="selection", **options)
        batch, pairs = draw(task, length, 12, seed=length)
        for row, (read, written) in enumerate(pairs):
            result = batch.result[row] & (batch.tokens[row] != PAD)
            if "?" in read:
                assert ";" not in written
                continue
            text = "".join(read).removesuffix("#")
            items = list(text) if options["digits"] == 1 else text.split(",")
            *before, last = [comma.join(state) for state in lists(items)]
            assert "".join(written) == "".join(f"{state};" for state in before) + last
            assert int(result.sum()) == len(last) + 1  # the sorted list and the end token
            assert len(before) == max(length - 2, 0)


def test_of_equal_items_the_first_is_taken():
    from torch import tensor

    from lengen.task.scratchpad.selection import swaps

    # by value these are 1 1 0 0: the first 0 goes in front, and the 1 that stood there takes its place
    assert swaps(tensor([[1, 1, 0, 0], [0, 0, 0, 0]])).tolist() == [
        [[0, 1, 1, 0], [0, 0, 1, 1]],
        [[0, 0, 0, 0]] * 2,
    ]


def test_without_a_scratchpad_the_alphabet_is_the_old_one():
    assert ";" not in Sort().vocabulary.symbols
    assert Sort(scratchpad="selection").vocabulary.symbols == (*Sort().vocabulary.symbols, ";")
