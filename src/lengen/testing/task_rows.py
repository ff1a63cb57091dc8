"""Contract tests of the rows of a task's batches: symbols, layout, places."""

from __future__ import annotations

import torch

from lengen.task import EOS, PAD, Batch, Task
from lengen.testing.report import expect
from lengen.testing.task_examples import COUNT, batches, equal, layout_fault, sample


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
