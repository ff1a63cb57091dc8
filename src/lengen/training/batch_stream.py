"""The endless, seeded, resumable stream of training batches: each step's batch depends on the seed and the step only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int, Real
from torch import Tensor
from torch.utils.data import IterableDataset

from lengen.config.errors import require
from lengen.lengths import Lengths
from lengen.positions import Positions
from lengen.sampling import generator
from lengen.task import Batch, Task
from lengen.training.groups import Group, groups

BLOCK = 32
"""Number of steps whose examples are drawn together, with one call per length."""


class Example(NamedTuple):
    """A batch, or a part of one, as the decoder reads it: tensors only, so that Lightning can move them to a device.

    Args:
        tokens: the tokens.
        answer: True on the tokens that are scored.
        positions: of the tokens.
        weight: of the part's mean loss, such that the mean over the parts of a step is the mean over its answer tokens; 1 for
            a whole batch.
        groups: the examples that are read together; none if all are read as they are.
        largest: the largest position, read before the tensors are on a device.
        steps: `Task.steps` of each example, where the number of loops depends on it.
    """

    tokens: Int[Tensor, "batch time"]
    answer: Bool[Tensor, "batch time"]
    positions: Real[Tensor, "#batch time *streams"]
    weight: Float[Tensor, ""] = torch.ones(())
    groups: tuple[Group, ...] = ()
    largest: float = 0.0
    steps: Int[Tensor, " batch"] | None = None


@dataclass(frozen=True)
class Parts:
    """How the batch of a step is divided: over processes, and in each of them over passes one after another.

    Args:
        passes: forward and backward passes of a step, whose gradients are added.
        processes: that train one run together.
        rank: of this process, from 0.
    """

    passes: int = 1
    processes: int = 1
    rank: int = 0

    @property
    def count(self) -> int:
        """Number of parts of a batch."""
        return self.passes * self.processes

    def of(self, whole: Example) -> Iterator[Example]:
        """Yield the parts of a batch that this process reads. Each has every `count`-th row, so about as many tokens."""
        if self.count == 1:
            yield whole
            return
        answers = int(whole.answer.sum())
        for index in range(self.rank, self.count, self.processes):
            rows = slice(index, None, self.count)
            answer, positions = whole.answer[rows], whole.positions
            yield Example(
                whole.tokens[rows],
                answer,
                positions if len(positions) == 1 else positions[rows],
                self.count * answer.sum() / answers,
                steps=None if whole.steps is None else whole.steps[rows],
            )


def read(
    batch: Batch, positions: Positions, generator: torch.Generator, *, bos: bool, training: bool
) -> Example:
    """Convert a task's batch to what the decoder reads: with bos, if wanted, and with positions."""
    batch = batch.begin() if bos else batch
    return Example(batch.tokens, batch.answer, positions(batch, generator, training=training))


@dataclass
class BatchStream(IterableDataset[Example]):
    """Endless training batches from step `start`; every draw is keyed by its purpose, the data seed and the step.

    Args:
        task: the task to train on.
        positions: the position scheme.
        lengths: the distribution of training lengths.
        batch_size: examples per step.
        seed: the data seed.
        bos: whether examples start with a bos token.
        pool: a fixed training set, see `fixed_set`; None draws new examples at every step.
        start: the first step to yield.
        observer: called with each yielded step and its batch.
        parts: how a batch is divided; every part is yielded by itself.
        merge: padded tokens that cost less than a group of their own; None makes no groups.
        steps: number of steps of a problem by its length, for a number of loops that depends on it; None if none does.
    """

    task: Task
    positions: Positions
    lengths: Lengths
    batch_size: int
    seed: int
    bos: bool = True
    pool: Batch | None = None
    start: int = 0
    observer: Callable[[int, Batch], None] | None = None
    parts: Parts = field(default_factory=Parts)
    merge: float | None = None
    steps: Callable[[int], int] | None = None

    def __iter__(self) -> Iterator[Example]:
        block = self.start // BLOCK
        while True:
            for step, batch in enumerate(self.block(block), block * BLOCK):
                if step >= self.start:
                    if self.observer is not None:
                        self.observer(step, batch)
                    draws = generator("positions", self.seed, step)
                    whole = read(batch, self.positions, draws, bos=self.bos, training=True)
                    if self.steps is not None:
                        whole = whole._replace(steps=torch.tensor([*map(self.steps, batch.length.tolist())]))
                    yield from map(self._ready, self.parts.of(whole))
            block += 1

    def _ready(self, example: Example) -> Example:
        """Read off the largest position, and divide the examples into groups of about equal length, unless they are read as they are."""
        return example._replace(
            largest=float(example.positions.max()),
            groups=() if self.merge is None else groups(example.answer, self.merge),
        )

    @property
    def drawn_lengths(self) -> list[int]:
        """The lengths that can be drawn, ascending; with a fixed training set, those that the set contains."""
        return self.lengths.support if self.pool is None else sorted(set(self.pool.length.tolist()))

    def distinct_steps(self, steps: int) -> int:
        """Number of leading steps whose examples are not repetitions: one epoch if the training set is fixed, else all."""
        return steps if self.pool is None else min(steps, -(-len(self.pool) // self.batch_size))

    def block(self, index: int) -> list[Batch]:
        """The batches of one block of steps."""
        if self.pool is not None:
            return [
                self.pool.rows(self._epoch_rows(index * BLOCK + step, len(self.pool)))
                for step in range(BLOCK)
            ]
        draws = generator("train", self.seed, index)
        counts = [self._counts(index * BLOCK + step, draws) for step in range(BLOCK)]
        totals = sum((Counter(dict(count)) for count in counts), Counter[int]())
        drawn = {length: self.task.sample(length, totals[length], draws) for length in sorted(totals)}
        used: Counter[int] = Counter()
        batches = []
        for count in counts:
            parts = [drawn[length].rows(slice(used[length], used[length] + rows)) for length, rows in count]
            used.update(dict(count))
            batches.append(Batch.join(parts))
        return batches

    def _counts(self, step: int, draws: torch.Generator) -> list[tuple[int, int]]:
        """(length, number of examples) of one step, each length once."""
        groups = min(self.lengths.per_batch, self.batch_size)
        count: Counter[int] = Counter()
        for group, length in enumerate(self.lengths.draw(groups, step, draws)):
            count[length] += self.batch_size // groups + (group < self.batch_size % groups)
        return list(count.items())

    def _epoch_rows(self, step: int, size: int) -> Tensor:
        """Rows of the fixed set at a step; each epoch visits every row once, in its own random order."""
        indices = torch.arange(step * self.batch_size, (step + 1) * self.batch_size)
        rows = torch.empty_like(indices)
        for epoch in range(int(indices[0]) // size, int(indices[-1]) // size + 1):
            order = torch.randperm(size, generator=generator("epoch", self.seed, epoch))
            in_epoch = indices // size == epoch
            rows[in_epoch] = order[indices[in_epoch] % size]
        return rows


def fixed_set(task: Task, lengths: Lengths, examples: int, seed: int) -> Batch:
    """A training set of distinct examples, split evenly over the lengths as far as each has enough of them.

    Raises:
        UsageError: the task has fewer distinct examples at these lengths.
    """
    parts = list(shares(task, lengths, examples, seed))
    total = sum(map(len, parts))
    require(
        total == examples,
        f"trainer.examples={examples}: the task has {total} distinct ones at its training lengths",
    )
    return Batch.join(parts)


def shares(task: Task, lengths: Lengths, examples: int, seed: int) -> Iterator[Batch]:
    """The parts of a fixed set, each of one length; in total fewer than `examples` if the task has no more."""
    open_, missing, have = lengths.support, examples, dict[int, Batch]()
    while open_ and missing:
        more = []
        for index, length in enumerate(open_):
            share = -(-missing // (len(open_) - index))  # longer lengths make up for what short ones lack
            if not share:
                return
            part = distinct(task, length, share, generator("fixed set", seed, length), have.get(length))
            have[length] = Batch.join([have[length], part]) if length in have else part
            missing -= len(part)
            more += [length] * (len(part) == share)
            yield part
        open_ = more  # the next round takes more from the lengths that were not exhausted


def distinct(
    task: Task, length: int, count: int, generator: torch.Generator, known: Batch | None = None
) -> Batch:
    """Up to `count` distinct examples of one length; fewer if eight consecutive draws of `count` bring nothing new.

    Args:
        task: the task to draw from.
        length: length of the examples.
        count: number of examples.
        generator: the source of randomness.
        known: examples to exclude.
    """
    parts = [known] if known is not None else []
    first = sum(map(len, parts))
    listed = task.all_examples(length)
    drawn = listed if listed is not None else task.sample(length, count, generator)
    pool, failures = without_repetition(Batch.join([*parts, drawn])), 0
    while listed is None and len(pool) < first + count and failures < 8:  # noqa: PLR2004
        larger = without_repetition(Batch.join([pool, task.sample(length, count, generator)]))
        failures = failures + 1 if len(larger) == len(pool) else 0
        pool = larger
    return pool.rows(slice(first, first + count))


def without_repetition(batch: Batch) -> Batch:
    """The distinct examples of a batch, in the order of their first occurrence."""
    _, inverse = torch.unique(batch.tokens, dim=0, return_inverse=True)
    first = torch.full((int(inverse.max()) + 1,), len(batch)).scatter_reduce(
        0, inverse, torch.arange(len(batch)), "amin"
    )
    return batch.rows(first.sort().values)
