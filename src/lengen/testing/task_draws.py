"""Contract tests of what a task draws: lengths, randomness, answers, evaluation and stress sets."""

from __future__ import annotations

import warnings

import torch

from lengen.statistics.formats import percent
from lengen.task import PAD, Batch, Task
from lengen.testing.report import expect
from lengen.testing.task_examples import COUNT, MANY, batches, draw_fault, equal, sample


def requested_length(task: Task, trained: int) -> None:
    """Examples have the requested length; longer problems have more tokens."""
    times = []
    for length, batch in batches(task, trained):
        expect(len(batch) == COUNT, f"{len(batch)} examples instead of {COUNT}")
        got = sorted(set(batch.length.tolist()))
        expect(batch.length.tolist() == [length] * COUNT, f"length {got} instead of {length}")
        times.append(sample(task.evaluation_task(), length).time)
        expect(task.has(length), f"length {length} can be drawn, but has({length}) is False")
        expect(task.longest(length) >= length, f"longest({length}) is {task.longest(length)}")
    expect(times == sorted(set(times)), f"the number of tokens does not grow with the length: {times}")


def generator_alone(task: Task, trained: int) -> None:
    """All randomness comes from the given generator: equal seeds give equal examples, different seeds and later batches others."""
    fault = draw_fault(task, trained)
    expect(fault is None, str(fault))
    first = sample(task, trained, seed=3)
    expect(equal(first, sample(task, trained, seed=3)), "equal generators give different examples")
    expect(
        not equal(first, sample(task, trained, seed=4)),
        "different seeds give the same examples: the generator is not used",
    )
    generator = torch.Generator().manual_seed(3)
    expect(equal(first, task.sample(trained, COUNT, generator)), "equal generators give different examples")
    expect(
        not equal(first, task.sample(trained, COUNT, generator)),
        "a second batch from the same generator has the same examples",
    )


def prompts(batch: Batch) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Return the prompt and answer of every row."""
    return [
        (
            tuple(token for token, asked in zip(tokens, answer, strict=True) if not asked and token != PAD),
            tuple(token for token, asked in zip(tokens, answer, strict=True) if asked),
        )
        for tokens, answer in zip(batch.tokens.tolist(), batch.answer.tolist(), strict=True)
    ]


def answers(task: Task, trained: int) -> str:
    """The answer is a function of the prompt; duplicate prompts are counted."""
    first_answers: dict[tuple[int, ...], tuple[int, ...]] = {}
    for length in sorted({1, 2, trained}):
        if not task.has(length):
            continue
        pairs = prompts(sample(task.evaluation_task(), length, MANY))
        for prompt, answer in pairs:
            other = first_answers.setdefault(prompt, answer)
            if other != answer:
                text = " ".join(task.vocabulary.decode(prompt))
                expect(False, f"the prompt {text!r} has two answers, {other} and {answer}")
    duplicates = 1 - len({prompt for prompt, _ in pairs}) / len(pairs)
    return f"{percent(duplicates)} of {MANY} prompts of length {trained} are duplicates"


def evaluation(task: Task, trained: int) -> None:
    """The evaluation task has the same vocabulary, and is its own evaluation task."""
    evaluated = task.evaluation_task()
    expect(evaluated.vocabulary == task.vocabulary, "evaluation_task() has a different vocabulary")
    expect(
        evaluated.evaluation_task() == evaluated,
        "evaluation_task() of evaluation_task() differs from it (make the task a frozen dataclass)",
    )
    expect(
        sample(evaluated, trained).vocabulary == task.vocabulary,
        "examples of evaluation_task() have a different vocabulary",
    )
    for part in task.training_tasks():
        expect(part.vocabulary == task.vocabulary, "a part of training_tasks() has a different vocabulary")


def stress_sets(task: Task, trained: int) -> None:
    """Stress sets have the same vocabulary and the requested lengths, and list themselves."""
    for name, stress in task.stress_sets().items():
        expect(stress.vocabulary == task.vocabulary, f"stress set {name} has a different vocabulary")
        expect(stress.stress_sets().keys() >= {name}, f"stress set {name} does not list itself")
        for length in (1, trained, 2 * trained):
            drawn = sample(stress.evaluation_task(), length).length.tolist()
            expect(drawn == [length] * COUNT, f"stress set {name} draws lengths other than {length}")


def missing_lengths(task: Task, trained: int) -> None:
    """A missing length is reported by `LengthUnavailable`; any other error counts as a bug from the next release on."""
    for length in (*range(1, 2 * trained + 1), *(scale * trained for scale in (4, 8))):
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            task.has(length)
        old = [warning for warning in found if issubclass(warning.category, FutureWarning)]
        expect(not old, f"length {length}: {old[0].message if old else ''}")
