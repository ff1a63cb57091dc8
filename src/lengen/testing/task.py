"""The contract of tasks, as checks that any task can be put to."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor

from lengen.config.errors import LengthUnavailable
from lengen.task import BOS, EOS, PAD, SPECIAL, Batch, Task
from lengen.task.unavailable import old_tasks_understood
from lengen.testing.report import Report, expect, run

COUNT, MANY = 32, 1000
"""Examples that a check draws, and those among which duplicates are counted."""
USUAL = (10, 8, 6, 5, 4, 3, 2, 1, *range(11, 100))
"""Lengths to check at, the first that the task has."""


def check_task(task: Task, *, length: int | None = None, raise_on_failure: bool = True) -> Report:
    """Put a task to the contract of `lengen.task`.

    Args:
        task: what is checked.
        length: a length that it is trained at; about 10 if None. It is checked at 1, 2 and twice that length, too.
        raise_on_failure: whether the first check that fails is raised; else all are reported.

    Raises:
        ContractError: a check fails.
    """
    with torch.random.fork_rng(devices=[]):
        at = length or next(filter(task.has, USUAL), 1)
    checks = {title: partial(check, task, at) for title, check in CHECKS.items()}
    return run(type(task).__name__, checks, raise_on_failure=raise_on_failure)


def sample(task: Task, length: int, count: int = COUNT, seed: int = 0) -> Batch:
    """Some examples."""
    return task.sample(length, count, torch.Generator().manual_seed(seed))


def batches(task: Task, trained: int) -> Iterator[tuple[int, Batch]]:
    """Examples of several lengths; a task may refuse some by name, but never the one that it is trained at."""
    for length in sorted({1, 2, trained, 2 * trained}):
        try:
            with old_tasks_understood():
                batch = sample(task, length)
        except LengthUnavailable as refusal:
            expect(length != trained, f"length {length}, which it is trained at, is refused: {refusal}")
            expect(str(length) in str(refusal), f"length {length} is refused without its name: {refusal}")
        else:
            yield length, batch


def equal(first: Batch, second: Batch) -> bool:
    """Whether two batches hold the same."""
    names = ("tokens", "answer", "result", "places", "groups", "length")
    pairs = [(getattr(first, name), getattr(second, name)) for name in names]
    return all(
        torch.equal(one, other) if isinstance(one, Tensor) and isinstance(other, Tensor) else one is other
        for one, other in pairs
    )


def layout_fault(batch: Batch, size: int) -> str | None:
    """What is wrong with the special tokens of a batch, in one line; None if nothing is.

    Args:
        batch: as a task draws it, without bos.
        size: of its vocabulary.
    """
    tokens = batch.tokens
    low, high = int(tokens.min()), int(tokens.max())
    if low < 0 or high >= size:
        return f"token id {low if low < 0 else high} is outside of the vocabulary: allowed is 0 to {size - 1}"
    sizes = (tokens != PAD).sum(1)
    inside = torch.arange(batch.time) < sizes.unsqueeze(1)
    last = torch.arange(batch.time) == sizes.unsqueeze(1) - 1
    offset = f"a task's own symbols begin at id {len(SPECIAL)} (use vocabulary.encode, or add {len(SPECIAL)})"
    for name, token, wrong in (
        ("padding", PAD, (tokens == PAD) & inside),
        ("bos", BOS, tokens == BOS),
        ("the end token", EOS, (tokens == EOS) & ~last),
    ):
        if bool(wrong.any()):
            row, column = wrong.nonzero()[0].tolist()
            return f"id {token} ({name}) stands inside an example, row {row}, column {column}: {offset}"
    if not bool((tokens[last] == EOS).all()):
        return f"an example does not end in the end token (id {EOS}): assemble puts it there"
    return None


def draw_fault(task: Task, length: int, count: int = COUNT) -> str | None:
    """Whether a task draws from anything but its generator, in one line; None if it does not.

    The global generators of torch, numpy and Python are left as they were.
    """
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002  # a stranger's code may
    drawn = []
    try:
        for seed in (1, 2):
            torch.manual_seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            random.seed(seed)
            before = torch.get_rng_state()
            drawn.append(sample(task, length, count, seed=3))
            if not torch.equal(torch.get_rng_state(), before):
                return (
                    "it draws from torch's global generator, not from the given one: pass generator=generator"
                )
    finally:
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        random.setstate(states[2])
    if equal(*drawn):
        return None
    return "equal generators give other examples: the given generator is the only source of chance"


def vocabulary(task: Task, trained: int) -> None:
    """Types, and token ids within the vocabulary."""
    expect(
        len(set(task.vocabulary.symbols)) == len(task.vocabulary.symbols),
        "a symbol is in the vocabulary twice",
    )
    for _, batch in batches(task, trained):
        expect(batch.tokens.dtype == batch.length.dtype == torch.long, "tokens and length are to be int64")
        expect(batch.answer.dtype == batch.result.dtype == torch.bool, "answer and result are to be bool")
        expect(batch.vocabulary == task.vocabulary, "a batch has another vocabulary than the task")
        expect(batch.tokens.min() >= 0, "a token id is below 0")
        largest = int(batch.tokens.max())
        expect(
            largest < len(task.vocabulary),
            f"token id {largest} is not in the vocabulary of {len(task.vocabulary)}",
        )


def special_tokens(task: Task, trained: int) -> None:
    """Padding, bos and end tokens stand where they belong."""
    for _, batch in batches(task, trained):
        fault = layout_fault(batch, len(task.vocabulary))
        expect(fault is None, str(fault))


def layout(task: Task, trained: int) -> None:
    """Rows are a prompt, an answer and one end token; the result is the end of the answer."""
    for _, batch in batches(task, trained):
        sizes = (batch.tokens != PAD).sum(1)
        expect(batch.time == sizes.max(), "there is a column of padding alone")
        for part, least in ((batch.answer, "an answer"), (batch.result, "a result")):
            for row, size in zip(part, sizes.tolist(), strict=True):
                kept = int(row.sum())
                expect(kept >= 2, f"{least} is empty: it needs a token besides the end token")  # noqa: PLR2004
                expect(
                    row.nonzero().flatten().tolist() == list(range(size - kept, size)),
                    f"{least} is not the end of its row",
                )
        expect((batch.answer.sum(1) < sizes).all(), "a prompt is empty")
        expect((batch.answer | ~batch.result).all(), "a result is not part of the answer")
        for tokens, size in zip(batch.tokens, sizes.tolist(), strict=True):
            expect(
                (tokens == EOS).nonzero().tolist() == [[size - 1]],
                "a row does not have one end token, at its end",
            )


def length_asked(task: Task, trained: int) -> None:
    """The achieved length is the one that was asked; longer problems have more tokens."""
    times = []
    for length, batch in batches(task, trained):
        expect(len(batch) == COUNT, f"{len(batch)} examples in place of {COUNT}")
        got = sorted(set(batch.length.tolist()))
        expect(batch.length.tolist() == [length] * COUNT, f"length {got} in place of {length}")
        times.append(sample(task.evaluation_task(), length).time)
        expect(task.has(length), f"length {length} is drawn, has({length}) is False")
        expect(task.longest(length) >= length, f"longest({length}) is {task.longest(length)}")
    expect(times == sorted(set(times)), f"tokens do not grow with the length: {times}")


def one_example(task: Task, trained: int) -> None:
    """A batch of one is as long as its example."""
    batch = sample(task, trained, count=1)
    expect(batch.tokens.shape[0] == batch.length.shape[0] == 1, "a batch of one has other rows")
    expect(batch.time == int((batch.tokens != PAD).sum()), "a batch of one has padding")


def places(task: Task, trained: int) -> None:
    """Places are beside the tokens, 0 on padding; some token of an answer has one."""
    for _, batch in batches(task, trained):
        if batch.places is None:
            continue
        expect(batch.places.shape == batch.tokens.shape, "places have another shape than tokens")
        expect(batch.places.min() >= 0, "a place is below 0")
        expect((batch.places[batch.tokens == PAD] == 0).all(), "padding has a place")
        answered = batch.places[batch.answer & (batch.tokens != EOS)]
        expect((answered > 0).any(), "no token of an answer has a place: give coupled=False")


def generator_alone(task: Task, trained: int) -> None:
    """Chance is the given generator: equal keys draw the same, others draw others, the next batch is another."""
    fault = draw_fault(task, trained)
    expect(fault is None, str(fault))
    first = sample(task, trained, seed=3)
    expect(equal(first, sample(task, trained, seed=3)), "equal generators give other examples")
    expect(
        not equal(first, sample(task, trained, seed=4)),
        "other generators give the same examples: the generator is not used",
    )
    generator = torch.Generator().manual_seed(3)
    expect(equal(first, task.sample(trained, COUNT, generator)), "equal generators give other examples")
    expect(
        not equal(first, task.sample(trained, COUNT, generator)),
        "a generator that has moved on gives the same examples",
    )


def prompts(batch: Batch) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Prompt and answer of every row."""
    return [
        (tuple(tokens[~answer & (tokens != PAD)].tolist()), tuple(tokens[answer].tolist()))
        for tokens, answer in zip(batch.tokens, batch.answer, strict=True)
    ]


def answers(task: Task, trained: int) -> str:
    """The answer is a function of the prompt; duplicate prompts are counted."""
    known: dict[tuple[int, ...], tuple[int, ...]] = {}
    for length in sorted({1, 2, trained}):
        if not task.has(length):
            continue
        pairs = prompts(sample(task.evaluation_task(), length, MANY))
        for prompt, answer in pairs:
            other = known.setdefault(prompt, answer)
            told = " ".join(task.vocabulary.decode(prompt))
            expect(other == answer, f"the prompt {told!r} has two answers, {other} and {answer}")
    share = 1 - len({prompt for prompt, _ in pairs}) / len(pairs)
    return f"{share:.0%} of {MANY} prompts of length {trained} are duplicates"


def evaluation(task: Task, trained: int) -> None:
    """The evaluated task has the same vocabulary, and is its own evaluated task."""
    evaluated = task.evaluation_task()
    expect(evaluated.vocabulary == task.vocabulary, "evaluation_task() has another vocabulary")
    expect(
        evaluated.evaluation_task() == evaluated,
        "evaluation_task() of evaluation_task() is another task (make it a frozen dataclass)",
    )
    expect(
        sample(evaluated, trained).vocabulary == task.vocabulary, "evaluation_task() draws another vocabulary"
    )
    for part in task.training_tasks():
        expect(part.vocabulary == task.vocabulary, "a part of training_tasks() has another vocabulary")


def stress_sets(task: Task, trained: int) -> None:
    """Stress sets have the same vocabulary and every length, and name themselves."""
    for name, stress in task.stress_sets().items():
        expect(stress.vocabulary == task.vocabulary, f"stress set {name} has another vocabulary")
        expect(stress.stress_sets().keys() >= {name}, f"stress set {name} does not name itself")
        for length in (1, trained, 2 * trained):
            drawn = sample(stress.evaluation_task(), length).length.tolist()
            expect(drawn == [length] * COUNT, f"stress set {name} draws other lengths than {length}")


def shown(task: Task, trained: int) -> None:
    """`show` writes a line an example."""
    lines = task.show(trained, count=3, seed=1).split("\n")
    expect(len(lines) == 3, f"show gives {len(lines)} lines of 3 examples")  # noqa: PLR2004
    expect(all(" -> " in line and line.endswith("⏎") for line in lines), f"show gives {lines}")


def joined(task: Task, trained: int) -> None:
    """Batches of two lengths below each other keep their examples."""
    longer = next((length for length in range(trained + 1, 3 * trained + 3) if task.has(length)), trained)
    short, long = sample(task, trained), sample(task, longer, seed=1)
    both = Batch.join([short, long])
    expect(len(both) == 2 * COUNT, "joined batches have other rows")
    expect(
        equal(both.rows(slice(COUNT)), short) and equal(both.rows(slice(COUNT, None)), long),
        "joined batches differ",
    )
    expect(equal(both.begin().rows(slice(COUNT)), short.begin()), "joined batches differ behind bos")


CHECKS: dict[str, Callable[[Task, int], str | None]] = {
    "types and vocabulary": vocabulary,
    "special tokens": special_tokens,
    "layout of rows": layout,
    "length is the one asked": length_asked,
    "a batch of one": one_example,
    "places": places,
    "the generator alone": generator_alone,
    "answers are functions of prompts": answers,
    "evaluation task": evaluation,
    "stress sets": stress_sets,
    "show": shown,
    "join, rows and begin": joined,
}
"""The checks of a task by name."""
