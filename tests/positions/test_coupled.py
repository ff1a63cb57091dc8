"""Position coupling against the rule of Cho et al. 2024, read off the text of the problems."""

import pytest
import torch

from lengen.positions.coupled import Coupled
from lengen.task import EOS, PAD, Batch
from lengen.task.addition import Addition
from lengen.task.copy import Copy
from lengen.task.parity import Parity
from lengen.task.passkey import Passkey
from lengen.task.sort import Sort


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def numbers(text, places, start, turned):
    """Places of a run of digits: start + 1 + significance."""
    count = len(text)
    assert text.isdigit()
    assert places == [start + 1 + (t if turned else count - 1 - t) for t in range(count)]


def rows(task, positions, training, lengths=(1, 2, 5)):
    """Prompt, answer and positions of examples as text; special tokens and the end are checked to be at 0."""
    batch = Batch.join([task.sample(length, 6, chance(length)) for length in lengths]).begin()
    placed = positions(batch, chance(), training=training)
    for tokens, answer, place in zip(batch.tokens, batch.answer, placed, strict=True):
        assert place[0] == 0  # bos
        assert not place[(tokens == PAD) | (tokens == EOS)].any()
        inside = answer & (tokens != EOS)
        prompt = ~answer & (tokens != PAD)
        prompt[0] = False
        yield (
            "".join(batch.vocabulary.decode(tokens[prompt].tolist())),
            place[prompt].tolist(),
            "".join(batch.vocabulary.decode(tokens[inside].tolist())),
            place[inside].tolist(),
        )


@pytest.mark.parametrize("order", ["reversed", "plain", "little_endian"])
@pytest.mark.parametrize(("pad", "operands"), [("zero", "equal"), ("zero", "uneven"), ("none", "uneven")])
@pytest.mark.parametrize("training", [False, True])
def test_addition(order, pad, operands, training):
    task = Addition(order=order, pad=pad, operands=operands)
    if order == "plain" and pad == "none":  # places would tell how long the answer is
        with pytest.raises(ValueError, match="no places to couple"):
            list(rows(task, Coupled(20), training))
        return
    started = set()
    for prompt, places, answer, answer_places in rows(task, Coupled(20), training):
        first, plus, second = prompt[:-1].partition("+")
        assert (plus, prompt[-1]) == ("+", "=")
        start = places[len(first)]
        started.add(start)
        numbers(first, places[: len(first)], start, order == "little_endian")
        numbers(second, places[len(first) + 1 : -1], start, order == "little_endian")
        numbers(answer, answer_places, start, order != "plain")
        if order == "plain":  # sources differ on where the sign stands; it never couples with an operand
            assert places[-1] not in places[: len(first)] + places[len(first) + 1 : -1]
        else:
            assert places[-1] == start
    assert len(started) > 1 if training else started == {1}


@pytest.mark.parametrize("training", [False, True])
def test_parity(training):
    task = Parity(scratchpad="running")
    for prompt, places, answer, answer_places in rows(task, Coupled(12), training):
        start = places[-1]
        assert prompt[-1] == "="
        assert places[:-1] == [start + 1 + i for i in range(len(prompt) - 1)]
        assert answer_places == places[:-1]
        assert len(answer) == len(prompt) - 1
    for _, places, _, answer_places in rows(Parity(scratchpad="interleaved"), Coupled(12), training):
        assert answer_places == [place for place in places[:-1] for _ in range(2)]
    for _, places, _, answer_places in rows(Parity(scratchpad="none"), Coupled(12), training):
        assert set(places[:-1]) == set(answer_places) == {places[-1] + 1}  # answer-only: all bits are one


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("times", [1, 2])
def test_copy(training, times):
    for prompt, places, answer, answer_places in rows(Copy(times=times), Coupled(12), training):
        assert answer == prompt[:-1] * times
        assert places[:-1] == [places[0] + i for i in range(len(prompt) - 1)]
        assert answer_places == places[:-1] * times
        assert places[-1] not in places[:-1]


@pytest.mark.parametrize("training", [False, True])
def test_passkey(training):
    for prompt, places, answer, answer_places in rows(Passkey(), Coupled(12), training):
        found = prompt.index(answer)
        assert places[found : found + len(answer)] == answer_places
        assert sum(place > 0 for place in places) == len(answer)


def test_starts_are_uniform_over_what_fits():
    """Each example has its own room: largest place 4 of 10 leaves 7 starts, largest place 8 leaves 3."""
    short, long = (Copy().sample(length, 7000, chance()) for length in (4, 8))
    largest = [int(part.places.max()) for part in (short, long)]
    placed = Coupled(10)(Batch.join([short, long]), chance(), training=True)
    for part, top in zip(placed.split(7000), largest, strict=True):
        counts = torch.bincount(part.amax(1), minlength=11)[top:]
        share = 1 / len(counts)
        assert counts.sum() == 7000  # none above the maximum, none below the lowest
        assert (counts - 7000 * share).abs().max() < 5 * (7000 * share * (1 - share)) ** 0.5


def test_over_budget():
    batch = Copy().sample(9, 2, chance())
    needed = int(batch.places.max())
    assert Coupled(needed)(batch, chance(), training=True).max() == needed
    for training in (False, True):
        with pytest.raises(
            ValueError, match=f"positions.maximum={needed - 1} cannot hold the {needed} positions"
        ):
            Coupled(needed - 1)(batch, chance(), training=training)


def test_refusals():
    with pytest.raises(ValueError, match="positions=coupled: this task has no places"):
        Coupled()(Sort().sample(3, 2, chance()), chance(), training=False)
    with pytest.raises(ValueError, match=r"positions.maximum=0"):
        Coupled(0)
