"""Markers and blanks: an independent writer puts them in one token at a time; its draws are read off the batch."""

from itertools import product

import pytest
import torch
from scipy.stats import chisquare

from lengen.format.interleaved import Interleaved
from lengen.task import PAD
from lengen.task.addition import Addition
from lengen.task.copy import Copy
from lengen.task.many_addition import ManyAddition
from lengen.task.parity import Parity
from lengen.task.passkey import Passkey
from lengen.task.sort import Sort

UNLIKELY = 1e-4
MARKS = "ⓐⓑⓒⓓⓔⓕⓖⓗⓘⓙⓚⓛⓜⓝⓞⓟⓠⓡⓢⓣⓤⓥⓦⓧⓨⓩ"
SIGNS = set("+=,>!?# ") | {"<eos>"}
TASKS = {
    "addition": Addition(),
    "ragged": Addition(pad="none", operands="uneven"),
    "columns": Addition(scratchpad="columns"),
    "copy": Copy(substitute=True),
    "parity": Parity(scratchpad="running"),
    "passkey": Passkey(keys=2),
}
SWITCHES = [
    {"hints": hints, "blanks": blanks, "spacing": spacing}
    for hints, blanks, spacing in product((False, True), ("none", "random", "aligned"), (0, 2))
]


def rows(batch):
    """(symbol, place, scored, result) of every token of every example."""
    places = torch.zeros_like(batch.tokens) if batch.places is None else batch.places
    for tokens, where, answer, result in zip(batch.tokens, places, batch.answer, batch.result, strict=True):
        names = batch.vocabulary.decode(tokens.tolist())
        cells = list(zip(names, where.tolist(), answer.tolist(), result.tolist(), strict=True))
        yield [cell for cell, token in zip(cells, tokens.tolist(), strict=True) if token != PAD]


def write(own, start, before, spacing):
    """One example, put together token by token.

    Args:
        own: (symbol, place, scored, result) as the task writes it.
        start: the marker of place 0; None without hints.
        before: whether a blank was drawn, by (index, place, symbol, scored).
        spacing: blanks between tokens.
    """
    made = []
    for index, (symbol, place, scored, result) in enumerate(own):
        if index and symbol != "<eos>":
            made += [(" ", 0, *own[index - 1][2:])] * spacing
        if before(index, place, symbol, scored):
            made.append((" ", 0, scored, result))
        if start is not None and place and symbol not in SIGNS:
            made.append((MARKS[(start + place) % len(MARKS)], place, scored, result))
        made.append((symbol, place, scored, result))
    return made


def drawn(own, found, options):
    """The chance that made an example: the marker of place 0, and which tokens have a blank of their own."""
    start, index, gap, had = None, 0, 0, []
    for symbol, place, *_ in found:
        if symbol in MARKS:
            start = (MARKS.index(symbol) - place) % len(MARKS)
        elif symbol == " ":
            gap += 1
        else:
            usual = options["spacing"] if index and symbol != "<eos>" else 0
            had.append(gap - usual)
            index, gap = index + 1, 0
    assert len(had) == len(own)
    return start, had


@pytest.mark.parametrize("options", SWITCHES, ids=lambda options: "-".join(map(str, options.values())))
@pytest.mark.parametrize("task", TASKS.values(), ids=list(TASKS))
@pytest.mark.parametrize("length", [1, 2, 10, 41])
def test_token_by_token(task, options, length):
    form = Interleaved(**options)
    own, batch = (
        each.sample(length, 8, torch.Generator().manual_seed(length)) for each in (task, form.applied(task))
    )
    for plain, found in zip(rows(own), rows(batch), strict=True):
        start, had = drawn(plain, found, options)
        assert set(had) <= {0, 1}
        shown = {}  # place -> its blank, as the prompt has it
        for (symbol, place, scored, _), blank in zip(plain, had, strict=True):
            if place and symbol not in SIGNS and not scored:
                shown.setdefault(place, bool(blank))

        def before(index, place, symbol, scored, had=had, shown=shown):
            if options["blanks"] == "random":
                return bool(had[index]) and not scored
            return options["blanks"] == "aligned" and symbol not in SIGNS and shown.get(place, False)

        assert found == write(plain, start, before, options["spacing"])
        assert (start is None) == (not options["hints"])


@pytest.mark.parametrize("options", SWITCHES, ids=lambda options: "-".join(map(str, options.values())))
def test_numbers_keep_their_groups(options):
    task = ManyAddition(other=2, scratchpad="running")
    own, batch = (
        each.sample(4, 8, torch.Generator().manual_seed(0))
        for each in (task, Interleaved(**options).applied(task))
    )
    items = batch.groups > 0
    plain = items & (batch.tokens < len(task.vocabulary))  # neither blank nor marker
    for row in range(8):
        assert batch.groups[row][plain[row]].tolist() == own.groups[row][own.groups[row] > 0].tolist()
        assert batch.places[row][plain[row]].tolist() == own.places[row][own.groups[row] > 0].tolist()
    for row, column in (items & ~plain).nonzero().tolist():  # a marker is of the number that it stands before
        assert batch.groups[row, column] == batch.groups[row, column + 1]


def test_markers_start_anywhere():
    batch = Interleaved(hints=True).applied(Copy()).sample(3, 2600, torch.Generator().manual_seed(0))
    counts = torch.bincount(batch.tokens[:, 0] - batch.vocabulary[MARKS[0]], minlength=26)
    assert chisquare(counts.tolist()).pvalue > UNLIKELY


@pytest.mark.parametrize("blanks", ["random", "aligned"])
@pytest.mark.parametrize("probability", [0.0, 0.2, 1.0])
def test_blanks_come_as_often_as_they_should(blanks, probability):
    length, count = 9, 400
    task = Interleaved(blanks=blanks, probability=probability).applied(Copy())
    batch = task.sample(length, count, torch.Generator().manual_seed(1))
    blank = (batch.tokens == batch.vocabulary[" "]) & ~batch.answer
    places = length + (blanks == "random")  # the separator has none of its own where blanks are aligned
    share = int(blank.sum()) / (count * places)
    if probability in (0.0, 1.0):
        assert share == probability
    else:
        expected = [count * places * probability, count * places * (1 - probability)]
        assert chisquare([int(blank.sum()), count * places - int(blank.sum())], expected).pvalue > UNLIKELY


def test_more_markers_than_letters():
    form = Interleaved(hints=True, markers=30)
    assert len(set(form.symbols)) == 30
    assert not set(form.symbols) & set(Copy(alphabet=90).vocabulary.symbols)


@pytest.mark.parametrize("switch", [{"hints": True}, {"blanks": "aligned"}], ids=str)
def test_a_task_without_places_is_refused(switch):
    with pytest.raises(ValueError, match=r"format\..* no places \(length 5\)"):
        Interleaved(**switch).applied(Sort()).sample(5, 2, torch.Generator())
    assert Interleaved(blanks="random", spacing=1).applied(Sort()).show(length=3)


@pytest.mark.parametrize("options", [{"markers": 1}, {"probability": 1.5}, {"spacing": -1}], ids=str)
def test_values_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match=f"format.{next(iter(options))}"):
        Interleaved(**options)
