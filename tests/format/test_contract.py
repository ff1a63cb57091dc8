"""Every format in configs/format keeps the contract of `lengen.format`, on tasks of every kind."""

from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from lengen.config.builder import Builder
from lengen.config.errors import LengthUnavailable
from lengen.format import Format
from lengen.task import EOS, PAD, Task
from lengen.task.addition import Addition
from lengen.task.copy import Copy
from lengen.task.parity import Parity
from lengen.task.passkey import Passkey
from lengen.task.sort import Sort

FILES = sorted((Path(__file__).parents[2] / "configs" / "format").glob("*.yaml"))
COUNT = 16
TASKS = {
    "addition": Addition(),
    "addition of ragged numbers": Addition(pad="none", operands="uneven"),
    "addition in columns": Addition(scratchpad="columns"),
    "addition without places": Addition(order="plain", pad="none"),
    "copy": Copy(),
    "copy with a rule": Copy(substitute=True, times=2),
    "parity": Parity(scratchpad="interleaved"),
    "passkey": Passkey(keys=2),
    "passkey in text": Passkey(noise="text"),
    "sort": Sort(digits=2, hint="successor"),
}


def load(path) -> Format:
    return Builder().build(Format, OmegaConf.to_container(OmegaConf.load(path)), "format")


def sample(task: Task, length: int, seed=0):
    return task.sample(length, COUNT, torch.Generator().manual_seed(seed))


def written(form: Format, task: Task, length: int, seed=0):
    """A batch in a format; a format may refuse a task, but by name."""
    try:
        return sample(form.applied(task), length, seed)
    except LengthUnavailable as refusal:
        assert task.sample(length, 1, torch.Generator()).places is None  # nothing else is a reason
        assert "format." in str(refusal)
        assert f"length {length}" in str(refusal)
        pytest.skip(str(refusal))


every = pytest.mark.parametrize("task", TASKS.values(), ids=list(TASKS))
formats = pytest.mark.parametrize("form", [load(path) for path in FILES], ids=[path.stem for path in FILES])


def test_there_are_formats():
    assert {"plain", "hints", "random_blanks", "aligned_blanks", "spacing"} <= {path.stem for path in FILES}


@formats
@every
@pytest.mark.parametrize("length", [1, 2, 10, 41])
def test_without_what_is_put_in_it_is_the_task_s_own_example(form, task, length):
    own, batch = sample(task, length), written(form, task, length)
    symbols = set(form.symbols)
    assert batch.length.tolist() == [length] * COUNT
    assert (batch.places is None) == (own.places is None)
    for row in range(COUNT):
        example = own.vocabulary.decode([int(token) for token in own.tokens[row] if token != PAD])
        columns = [i for i, token in enumerate(batch.tokens[row].tolist()) if token != PAD]
        kept = left_out(batch.vocabulary.decode(batch.tokens[row, columns].tolist()), example, symbols)
        if symbols & set(example):
            continue  # which of two blanks in a row is whose cannot be told
        for name in ("answer", "result", "places"):
            if getattr(own, name) is not None:
                mine, its = getattr(batch, name)[row].tolist(), getattr(own, name)[row].tolist()
                assert [mine[columns[i]] for i in kept] == its[: len(kept)]


def left_out(symbols, own, added):
    """Where the task's own symbols stand among others of which only added ones may be left out."""
    kept = []
    for column in reversed(range(len(symbols))):  # from the right: what is put in stands before its token
        if len(kept) < len(own) and symbols[column] == own[-1 - len(kept)]:
            kept.insert(0, column)
        else:
            assert symbols[column] in added
    assert len(kept) == len(own)
    return kept


@formats
@every
def test_row_layout(form, task):
    batch = written(form, task, 10)
    sizes = (batch.tokens != PAD).sum(1)
    assert batch.time == sizes.max()
    for row, size in enumerate(sizes.tolist()):
        tokens = batch.tokens[row]
        assert (tokens[:size] != PAD).all()
        assert (tokens == EOS).nonzero().tolist() == [[size - 1]]
        for mask in (batch.answer[row], batch.result[row]):
            assert mask.nonzero().flatten().tolist() == list(range(size - int(mask.sum()), size))
    assert (batch.answer | ~batch.result).all()


@formats
@every
def test_the_task_s_ids_stay(form, task):
    batch, vocabulary = written(form, task, 4), form.applied(task).vocabulary
    assert batch.vocabulary == vocabulary
    assert vocabulary.symbols[: len(task.vocabulary.symbols)] == task.vocabulary.symbols
    assert set(vocabulary.symbols) == {*task.vocabulary.symbols, *form.symbols}
    assert batch.tokens.max() < len(vocabulary)


@formats
@every
def test_chance_is_the_generator(form, task):
    state = torch.get_rng_state()
    first = written(form, task, 5, seed=3)
    assert torch.equal(first.tokens, sample(form.applied(task), 5, seed=3).tokens)
    assert not torch.equal(first.tokens, sample(form.applied(task), 5, seed=4).tokens)
    assert torch.equal(torch.get_rng_state(), state)


@formats
@every
def test_what_is_swept_is_in_the_same_format(form, task):
    formatted_task = form.applied(task)
    assert formatted_task.evaluation_task() == form.applied(task.evaluation_task())
    assert formatted_task.stress_sets() == {
        name: form.applied(hard) for name, hard in task.stress_sets().items()
    }
    for hard in (formatted_task.evaluation_task(), *formatted_task.stress_sets().values()):
        assert hard.vocabulary == formatted_task.vocabulary
