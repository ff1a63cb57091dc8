"""Examples that the contract tests of tasks draw, and faults that training looks for too."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from lengen.config.errors import LengthUnavailable
from lengen.task import BOS, EOS, PAD, SPECIAL, Batch, Task
from lengen.task.unavailable import old_tasks_understood
from lengen.testing.report import expect

COUNT, MANY = 32, 1000
"""Number of examples of a check, and number among which duplicates are counted."""


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
