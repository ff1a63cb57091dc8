"""Every task in configs/task keeps the contract of `lengen.task`, under every value that its options name."""

from inspect import signature

import pytest
import torch
from omegaconf import OmegaConf
from tests.options import built, choices, files, read

from lengen.config.errors import LengthUnavailable
from lengen.task import Batch, Vocabulary
from lengen.testing.task import CHECKS, sample

from .reading import together


def exists(task, length):
    """Whether there are problems of a length; a refusal names it."""
    try:
        return len(sample(task, length, count=1)) == 1
    except LengthUnavailable as refusal:
        assert f"length {length}" in str(refusal)
        return False


def variants():
    """The task of every YAML, and that task with one option changed to each value that it names.

    A value that leaves no problem of the trained length is not asked: five symbols do not make ten distinct ones.
    """
    for path in files("task"):
        kind, options = read(path)
        length = OmegaConf.load(path).get("train_length", 10)
        yield pytest.param(built(kind, options), length, id=path.stem)
        for option, values in choices(kind).items():
            for value in values:
                changed = built(kind, together(options, option, value))
                if value != options[option] and exists(changed, length):
                    yield pytest.param(changed, length, id=f"{path.stem}-{option}={value}")


every_task = pytest.mark.parametrize(("task", "trained"), list(variants()))


def test_there_are_tasks():
    assert {"addition", "copy", "sort", "parity", "passkey"} <= {path.stem for path in files("task")}


@pytest.mark.parametrize("path", files("task"), ids=lambda path: path.stem)
def test_yaml_names_every_option(path):
    kind, options = read(path)
    assert list(options) == list(signature(kind).parameters)


@pytest.mark.parametrize("path", files("task"), ids=lambda path: path.stem)
def test_unknown_choice_is_refused_by_name(path):
    kind, options = read(path)
    for option, values in choices(kind).items():
        with pytest.raises(ValueError) as refusal:
            built(kind, options | {option: "nonsense"})
        assert f"task.{option}" in str(refusal.value)
        assert "nonsense" in str(refusal.value)
        assert all(str(value).lower() in str(refusal.value) for value in values)


@every_task
@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
@pytest.mark.sampled(4, alike="=")
def test_contract(task, trained, check):
    check(task, trained)


@every_task
def test_there_are_longer_problems(task, trained):
    assert any(map(task.has, range(trained + 1, 3 * trained)))


VOCABULARY = Vocabulary(("a", "b"))


def by_hand(*, places=True):
    """Two examples: `a -> b` of length 1, `ab -> b` of length 2."""
    tokens = torch.tensor([[4, 5, 3, 0], [4, 5, 5, 3]])
    answer = torch.tensor([[False, True, True, False], [False, False, True, True]])
    result = torch.tensor([[False, True, True, False], [False, False, False, True]])
    where = torch.tensor([[1, 1, 0, 0], [1, 2, 2, 0]])
    return Batch(tokens, answer, result, where if places else None, torch.tensor([1, 2]), VOCABULARY)


def test_begin():
    batch = by_hand().begin()
    assert batch.tokens.tolist() == [[1, 4, 5, 3, 0], [1, 4, 5, 5, 3]]
    assert batch.answer.int().tolist() == [[0, 0, 1, 1, 0], [0, 0, 0, 1, 1]]
    assert batch.result.int().tolist() == [[0, 0, 1, 1, 0], [0, 0, 0, 0, 1]]
    assert batch.places.tolist() == [[0, 1, 1, 0, 0], [0, 1, 2, 2, 0]]
    assert batch.length.tolist() == [1, 2]
    assert by_hand(places=False).begin().places is None


def test_rows_cuts_to_the_longest():
    batch = by_hand().rows(slice(1))
    assert batch.tokens.tolist() == [[4, 5, 3]]
    assert batch.answer.int().tolist() == [[0, 1, 1]]
    assert batch.places.tolist() == [[1, 1, 0]]
    assert batch.length.tolist() == [1]
    assert by_hand().rows(torch.tensor([1, 0, 1])).length.tolist() == [2, 1, 2]
    assert len(by_hand().rows(slice(0))) == 0
    assert by_hand(places=False).rows(slice(1)).places is None


def test_join_pads_on_the_right():
    batch = Batch.join([by_hand().rows(slice(1)), by_hand()])
    assert batch.tokens.tolist() == [[4, 5, 3, 0], [4, 5, 3, 0], [4, 5, 5, 3]]
    assert batch.answer.int().tolist() == [[0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 1, 1]]
    assert batch.result.int().tolist() == [[0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 1]]
    assert batch.places.tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [1, 2, 2, 0]]
    assert batch.length.tolist() == [1, 1, 2]
    # one part without places: what is left would be a mixture of two meanings
    assert Batch.join([by_hand(places=False), by_hand()]).places is None


def test_vocabulary():
    assert len(VOCABULARY) == 6
    assert VOCABULARY.encode("ab#").tolist() == [4, 5, 2]
    assert VOCABULARY.decode([4, 5, 2, 3]) == ["a", "b", "#", "<eos>"]
    assert Vocabulary(("7", "+")).digits.tolist() == [False] * 4 + [True, False]
