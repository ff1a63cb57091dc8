"""Every task in configs/task keeps the contract of `lengen.task`, under every value that its options name."""

from inspect import signature

import pytest
import torch
from omegaconf import OmegaConf
from tests.options import built, choices, files, read

from lengen.task import BOS, EOS, PAD, Batch, Vocabulary

from .reading import together

COUNT = 32


def sample(task, length, count=COUNT, seed=0):
    return task.sample(length, count, torch.Generator().manual_seed(seed))


def exists(task, length):
    """Whether there are problems of a length; a refusal names it."""
    try:
        return len(sample(task, length, count=1)) == 1
    except ValueError as refusal:
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


def batches(task, trained):
    """Batches of several lengths; a task may refuse some, but never the one that its YAML trains at."""
    for length in sorted({1, 2, trained, 2 * trained}):
        try:
            yield length, sample(task, length)
        except ValueError as refusal:
            if length == trained or str(length) not in str(refusal):
                raise


def equal(first, second):
    places = [batch.places if batch.places is not None else torch.zeros(0) for batch in (first, second)]
    return (
        torch.equal(first.tokens, second.tokens)
        and torch.equal(first.answer, second.answer)
        and torch.equal(first.result, second.result)
        and torch.equal(*places)
        and torch.equal(first.length, second.length)
    )


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
def test_chance_is_the_generator(task, trained):
    state = torch.get_rng_state()
    first = sample(task, trained, seed=3)
    assert equal(first, sample(task, trained, seed=3))
    assert not equal(first, sample(task, trained, seed=4))
    assert torch.equal(torch.get_rng_state(), state)
    # a generator moves on: the next batch is another one
    generator = torch.Generator().manual_seed(3)
    assert equal(first, task.sample(trained, COUNT, generator))
    assert not equal(first, task.sample(trained, COUNT, generator))


@every_task
def test_types_and_vocabulary(task, trained):
    for _, batch in batches(task, trained):
        assert batch.tokens.dtype == batch.length.dtype == torch.long
        assert batch.answer.dtype == torch.bool
        assert batch.vocabulary == task.vocabulary
        assert batch.tokens.min() >= 0
        assert batch.tokens.max() < len(task.vocabulary)
        assert not (batch.tokens == BOS).any()


@every_task
def test_row_layout(task, trained):
    for _, batch in batches(task, trained):
        sizes = (batch.tokens != PAD).sum(1)
        assert batch.time == sizes.max()  # no column of padding alone
        for tokens, answer, size in zip(batch.tokens, batch.answer, sizes.tolist(), strict=True):
            assert (tokens[:size] != PAD).all()
            assert (tokens == EOS).nonzero().tolist() == [[size - 1]]
            written = int(answer.sum())
            assert 2 <= written < size  # an answer besides the end token, and a prompt
            assert answer.nonzero().flatten().tolist() == list(range(size - written, size))
        for result, size in zip(batch.result, sizes.tolist(), strict=True):
            kept = int(result.sum())
            assert kept >= 2  # something is left without the scratchpad
            assert result.nonzero().flatten().tolist() == list(range(size - kept, size))
        assert (batch.answer | ~batch.result).all()


@every_task
def test_length_is_the_one_asked(task, trained):
    times = []
    for length, batch in batches(task, trained):
        assert len(batch) == COUNT
        assert batch.length.tolist() == [length] * COUNT
        times.append(sample(task.evaluation_task(), length).time)
    assert times == sorted(set(times))  # each task's own tests measure the length in the task's own unit


@every_task
def test_one_example(task, trained):
    batch = sample(task, trained, count=1)
    assert batch.tokens.shape[0] == batch.length.shape[0] == 1
    assert batch.time == int((batch.tokens != PAD).sum())


@every_task
def test_places(task, trained):
    for _, batch in batches(task, trained):
        if batch.places is not None:
            assert batch.places.shape == batch.tokens.shape
            assert batch.places.min() >= 0
            assert (batch.places[batch.tokens == PAD] == 0).all()
            assert (batch.places[batch.answer & (batch.tokens != EOS)] > 0).any()


@every_task
def test_examined_task_speaks_the_same_language(task, trained):
    examined = task.evaluation_task()
    assert examined.vocabulary == task.vocabulary
    assert examined.evaluation_task() == examined
    assert sample(examined, trained).vocabulary == task.vocabulary


@every_task
def test_stress_sets_speak_the_same_language(task, trained):
    for name, stress in task.stress_sets().items():
        assert stress.vocabulary == task.vocabulary
        assert stress.stress_sets().keys() >= {name}
        for length in (1, trained, 2 * trained):
            assert sample(stress.evaluation_task(), length).length.tolist() == [length] * COUNT


@every_task
def test_show(task, trained):
    lines = task.show(trained, count=3, seed=1).split("\n")
    assert len(lines) == 3
    assert all(" -> " in line and line.endswith("⏎") for line in lines)


@every_task
def test_begin_rows_join_keep_examples(task, trained):
    longer = next(length for length in range(trained + 1, 3 * trained) if task.has(length))
    short, long = sample(task, trained), sample(task, longer, seed=1)
    joined = Batch.join([short, long])
    assert len(joined) == 2 * COUNT
    assert equal(joined.rows(slice(COUNT)), short)
    assert equal(joined.rows(slice(COUNT, None)), long)
    assert equal(joined.begin().rows(slice(COUNT)), short.begin())


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
