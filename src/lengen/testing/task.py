"""Contract tests of tasks."""

from __future__ import annotations

import random
import warnings
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
"""Number of examples of a check, and number among which duplicates are counted."""
USUAL = (10, 8, 6, 5, 4, 3, 2, 1, *range(11, 100))
"""Lengths to check, in order of preference."""


def check_task(task: Task, *, length: int | None = None, raise_on_failure: bool = True) -> Report:
    """Check a task against the contract of `lengen.task`.

    Args:
        task: the task.
        length: a training length; None for about 10. Lengths 1, 2 and twice this one are checked too.
        raise_on_failure: raise at the first failed check; otherwise report all.

    Raises:
        ContractError: a check fails.
    """
    with torch.random.fork_rng(devices=[]):
        at = length or next(filter(task.has, USUAL), 1)
    checks = {title: partial(check, task, at) for title, check in CHECKS.items()}
    return run(type(task).__name__, checks, raise_on_failure=raise_on_failure)


def sample(task: Task, length: int, count: int = COUNT, seed: int = 0) -> Batch:
    """Draw examples."""
    return task.sample(length, count, torch.Generator().manual_seed(seed))


def batches(task: Task, trained: int) -> Iterator[tuple[int, Batch]]:
    """Yield examples of several lengths; a task may lack some of them, but not the training length."""
    for length in sorted({1, 2, trained, 2 * trained}):
        try:
            with old_tasks_understood():
                batch = sample(task, length)
        except LengthUnavailable as refusal:
            expect(length != trained, f"the training length {length} is refused: {refusal}")
            expect(str(length) in str(refusal), f"the refusal of length {length} does not name it: {refusal}")
        else:
            yield length, batch


def equal(first: Batch, second: Batch) -> bool:
    """Whether two batches are equal."""
    names = ("tokens", "answer", "result", "places", "groups", "length")
    pairs = [(getattr(first, name), getattr(second, name)) for name in names]
    return all(
        torch.equal(one, other) if isinstance(one, Tensor) and isinstance(other, Tensor) else one is other
        for one, other in pairs
    )


def layout_fault(batch: Batch, size: int) -> str | None:
    """Describe on one line what is wrong with the special tokens of a batch; None if nothing is.

    Args:
        batch: a batch of a task, without bos.
        size: size of the vocabulary.
    """
    tokens = batch.tokens
    low, high = int(tokens.min()), int(tokens.max())
    if low < 0 or high >= size:
        return f"token id {low if low < 0 else high} is not in the vocabulary: must be from 0 to {size - 1}"
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
            return f"id {token} ({name}) occurs inside an example, row {row}, column {column}: {offset}"
    if not bool((tokens[last] == EOS).all()):
        return f"an example does not end with the end token (id {EOS}): assemble appends it"
    return None


def draw_fault(task: Task, length: int, count: int = COUNT) -> str | None:
    """Describe on one line how a task draws from anything but its generator; None if it does not.

    The global generators of torch, numpy and Python are restored.
    """
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002  # the user's code may use it
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
    return "equal generators give different examples: draw only from the given generator"


def vocabulary(task: Task, trained: int) -> None:
    """Types, and token ids within the vocabulary."""
    expect(
        len(set(task.vocabulary.symbols)) == len(task.vocabulary.symbols),
        "a symbol is in the vocabulary twice",
    )
    for _, batch in batches(task, trained):
        expect(batch.tokens.dtype == batch.length.dtype == torch.long, "tokens and length must be int64")
        expect(batch.answer.dtype == batch.result.dtype == torch.bool, "answer and result must be bool")
        expect(batch.vocabulary == task.vocabulary, "the vocabulary of a batch is not that of the task")
        expect(batch.tokens.min() >= 0, "a token id is below 0")
        largest = int(batch.tokens.max())
        expect(
            largest < len(task.vocabulary),
            f"token id {largest} is not in the vocabulary of {len(task.vocabulary)}",
        )


def special_tokens(task: Task, trained: int) -> None:
    """Padding, bos and end tokens are where they belong."""
    for _, batch in batches(task, trained):
        fault = layout_fault(batch, len(task.vocabulary))
        expect(fault is None, str(fault))


def layout(task: Task, trained: int) -> None:
    """Rows are a prompt, an answer and one end token; the result is the end of the answer."""
    for _, batch in batches(task, trained):
        sizes = (batch.tokens != PAD).sum(1)
        expect(batch.time == sizes.max(), "a column has only padding")
        for part, least in ((batch.answer, "an answer"), (batch.result, "a result")):
            for row, size in zip(part, sizes.tolist(), strict=True):
                kept = int(row.sum())
                expect(kept >= 2, f"{least} is empty: it needs a token before the end token")  # noqa: PLR2004
                expect(
                    row.nonzero().flatten().tolist() == list(range(size - kept, size)),
                    f"{least} is not the end of its row",
                )
        expect((batch.answer.sum(1) < sizes).all(), "a prompt is empty")
        expect((batch.answer | ~batch.result).all(), "a result is not part of the answer")
        unknown = set(batch.delimiter).difference(batch.vocabulary.ids)
        expect(not unknown, f"the delimiter of the scratchpad has {unknown}, which are not in the vocabulary")
        for tokens, size in zip(batch.tokens, sizes.tolist(), strict=True):
            expect(
                (tokens == EOS).nonzero().tolist() == [[size - 1]],
                "a row does not have one end token, at its end",
            )


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


def one_example(task: Task, trained: int) -> None:
    """A batch of one example has no padding."""
    batch = sample(task, trained, count=1)
    expect(batch.tokens.shape[0] == batch.length.shape[0] == 1, "a batch of one example has more rows")
    expect(batch.time == int((batch.tokens != PAD).sum()), "a batch of one example has padding")


def places(task: Task, trained: int) -> None:
    """Places have the shape of the tokens and are 0 on padding; some token of the answer has a place."""
    for _, batch in batches(task, trained):
        if batch.places is None:
            continue
        expect(batch.places.shape == batch.tokens.shape, "the shape of the places is not that of the tokens")
        expect(batch.places.min() >= 0, "a place is below 0")
        expect((batch.places[batch.tokens == PAD] == 0).all(), "padding has a place")
        answered = batch.places[batch.answer & (batch.tokens != EOS)]
        expect((answered > 0).any(), "no token of an answer has a place: give coupled=False")


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
        (tuple(tokens[~answer & (tokens != PAD)].tolist()), tuple(tokens[answer].tolist()))
        for tokens, answer in zip(batch.tokens, batch.answer, strict=True)
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
            text = " ".join(task.vocabulary.decode(prompt))
            expect(other == answer, f"the prompt {text!r} has two answers, {other} and {answer}")
    share = 1 - len({prompt for prompt, _ in pairs}) / len(pairs)
    return f"{share:.0%} of {MANY} prompts of length {trained} are duplicates"


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


def shown(task: Task, trained: int) -> None:
    """`show` writes one line per example."""
    lines = task.show(trained, count=3, seed=1).split("\n")
    expect(len(lines) == 3, f"show gives {len(lines)} lines for 3 examples")  # noqa: PLR2004
    expect(all(" -> " in line and line.endswith("⏎") for line in lines), f"show gives {lines}")


def joined(task: Task, trained: int) -> None:
    """Joined batches of two lengths keep their examples."""
    longer = next((length for length in range(trained + 1, 3 * trained + 3) if task.has(length)), trained)
    short, long = sample(task, trained), sample(task, longer, seed=1)
    both = Batch.join([short, long])
    expect(len(both) == 2 * COUNT, "joining batches loses rows")
    expect(
        equal(both.rows(slice(COUNT)), short) and equal(both.rows(slice(COUNT, None)), long),
        "joining batches changes examples",
    )
    expect(equal(both.begin().rows(slice(COUNT)), short.begin()), "joining batches changes examples with bos")


def missing_lengths(task: Task, trained: int) -> None:
    """A missing length is reported by `LengthUnavailable`; any other error counts as a bug from the next release on."""
    for length in (*range(1, 2 * trained + 1), *(scale * trained for scale in (4, 8))):
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            task.has(length)
        old = [warning for warning in found if issubclass(warning.category, FutureWarning)]
        expect(not old, f"length {length}: {old[0].message if old else ''}")


CHECKS: dict[str, Callable[[Task, int], str | None]] = {
    "types and vocabulary": vocabulary,
    "special tokens": special_tokens,
    "layout of rows": layout,
    "examples have the requested length": requested_length,
    "missing lengths": missing_lengths,
    "a batch of one": one_example,
    "places": places,
    "draws from the given generator only": generator_alone,
    "answers are functions of prompts": answers,
    "evaluation task": evaluation,
    "stress sets": stress_sets,
    "show": shown,
    "join, rows and begin": joined,
}
"""The checks of a task by name."""
