"""A machine with a head, stepped by hand: every symbol of a trace, its place, and what is the result."""

import pytest

from lengen.task import PAD
from lengen.task.addition import Addition
from lengen.task.copy import Copy
from lengen.task.parity import Parity
from task.reading import combinations, draw, name

LENGTHS = (1, 2, 3, 10, 41)
COUNT = 12


def step(head, fetched, written):
    """(symbol, place) of one step."""
    return [(symbol, head + 1) for symbol in (*str(head), ":", *fetched, "=", *written, ",")]


def check(task, machine, length):
    """Hold a task's examples against a machine that gives (symbol, place) of the trace and the size of the result."""
    batch, pairs = draw(task, length, COUNT, seed=length)
    for row, (read, written) in enumerate(pairs):
        trace = machine(read)
        assert written[: len(trace)] == [symbol for symbol, _ in trace]
        assert written[len(trace)] == ">"
        size = int((batch.tokens[row] != PAD).sum())
        assert int(batch.result[row].sum()) == size - len(read) - len(trace)
        if batch.places is not None:
            places = batch.places[row].tolist()[len(read) : len(read) + len(trace)]
            assert places == [place for _, place in trace]
    return batch, pairs


@pytest.mark.parametrize("options", combinations(Parity, scratchpad=("tail",)), ids=name)
@pytest.mark.parametrize("length", LENGTHS)
def test_parity(options, length):
    def machine(read):
        trace, state = [], "0"
        for head, bit in enumerate(read[:-1], 1):
            after = str((int(bit) + int(state)) % 2)
            trace += step(head, bit + state, after)
            state = after
        return trace

    batch, pairs = check(Parity(**options), machine, length)
    for (read, written), places in zip(pairs, batch.places.tolist(), strict=True):
        assert len(read) == length + 1
        assert written[-2:] == [">", str(read[:-1].count("1") % 2)]
        assert places[len(read) + len(written) - 2 : len(read) + len(written)] == [length, length + 1]


@pytest.mark.parametrize("options", combinations(Copy, alphabet=(60,), scratchpad=("tail",)), ids=name)
@pytest.mark.parametrize("length", LENGTHS)
def test_copy(options, length):
    def parts(read):
        rule = (read[0], read[2]) if options["substitute"] else (None, None)
        return rule, read[-1 - length : -1]

    def machine(read):
        (old, new), items = parts(read)
        once = [
            cell
            for head, item in enumerate(items, 1)
            for cell in step(head, [item], [new if item == old else item])
        ]
        return once * options["times"]

    _, pairs = check(Copy(**options), machine, length)
    for read, written in pairs:
        (old, new), items = parts(read)
        answer = [new if item == old else item for item in items] * options["times"]
        assert written[-len(answer) - 1 :] == [">", *answer]


@pytest.mark.parametrize(
    "options", combinations(Addition, scratchpad=("tail",), hints=(False,), blanks=(False,)), ids=name
)
@pytest.mark.parametrize("length", LENGTHS)
def test_addition(options, length):
    def numbers(read):
        strings = "".join(read).removesuffix("=").split("+")
        return [string if options["order"] == "little_endian" else string[::-1] for string in strings]

    def machine(read):
        first, second = (string.ljust(length, "0") for string in numbers(read))
        trace, carry = [], 0
        for column in range(length):
            total = int(first[column]) + int(second[column]) + carry
            fetched = f"{first[column]}{second[column]}{carry}"
            carry = total // 10
            trace += step(column + 1, fetched, f"{total % 10}{carry}")
        return trace

    _, pairs = check(Addition(**options), machine, length)
    for read, written in pairs:
        answer = "".join(written).partition(">")[2]
        number = answer if options["order"] == "plain" else answer[::-1]
        assert int(number) == sum(int(string[::-1]) for string in numbers(read))
        assert len(number) == length + 1 if options["pad"] == "zero" else number == str(int(number))


@pytest.mark.parametrize("kind", [Addition, Copy, Parity])
def test_ids_of_the_task_stay(kind):
    own = kind(scratchpad="none").vocabulary.symbols
    assert kind(scratchpad="tail").vocabulary.symbols[: len(own)] == own


@pytest.mark.parametrize("kind", [Addition, Copy, Parity])
def test_it_is_no_text(kind):
    with pytest.raises(ValueError, match=r"task\.scratchpad=tail with task\.style=text: must be none"):
        kind(scratchpad="tail", style="text")
