"""The endless, seeded, resumable stream of training batches: step 5,000 is the same whether or not 4,999 was run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int, Real
from torch import Tensor
from torch.utils.data import IterableDataset

from lengen.config.errors import require
from lengen.lengths import Lengths
from lengen.positions import Positions
from lengen.sampling import generator
from lengen.task import Batch, Task

BLOCK = 32
"""Steps whose examples are drawn together: all of one length in one call."""


class Example(NamedTuple):
    """What the decoder learns from: tensors only, so that Lightning can move them."""

    tokens: Int[Tensor, "batch time"]
    answer: Bool[Tensor, "batch time"]
    positions: Real[Tensor, "#batch time *streams"]


def read(
    batch: Batch, positions: Positions, chance: torch.Generator, *, bos: bool, training: bool
) -> Example:
    """A batch of a task as the decoder reads it: bos in front, positions beside."""
    batch = batch.begin() if bos else batch
    return Example(batch.tokens, batch.answer, positions(batch, chance, training=training))


@dataclass
class BatchStream(IterableDataset[Example]):
    """Training batches, endless from step `start`; every draw is keyed by (data seed, what for, step).

    Args:
        task: what is learned.
        positions: the position of each token.
        lengths: the lengths of each batch.
        batch_size: examples a step.
        seed: the data seed.
        bos: whether examples start with a bos token.
        examples: size of a fixed training set without repetitions; None draws fresh examples at every step.
        start: the first step to yield.
        observer: called with every step that is yielded and its batch.
    """

    task: Task
    positions: Positions
    lengths: Lengths
    batch_size: int
    seed: int
    bos: bool = True
    examples: int | None = None
    start: int = 0
    observer: Callable[[int, Batch], None] | None = None
    _pool: Batch | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.examples is not None:
            self._pool = fixed_set(self.task, self.lengths, self.examples, self.seed)

    def __iter__(self) -> Iterator[Example]:
        block = self.start // BLOCK
        while True:
            for step, batch in enumerate(self.block(block), block * BLOCK):
                if step >= self.start:
                    if self.observer is not None:
                        self.observer(step, batch)
                    chance = generator("positions", self.seed, step)
                    yield read(batch, self.positions, chance, bos=self.bos, training=True)
            block += 1

    @property
    def drawn_lengths(self) -> list[int]:
        """Every length that it draws, ascending; of a fixed training set, those that the set has."""
        return self.lengths.support if self._pool is None else sorted(set(self._pool.length.tolist()))

    def distinct_steps(self, steps: int) -> int:
        """How many of the first steps have batches of their own: those of one epoch, where the training set is fixed."""
        return steps if self.examples is None else min(steps, -(-self.examples // self.batch_size))

    def block(self, index: int) -> list[Batch]:
        """The batches of one block of steps."""
        if self._pool is not None:
            return [
                self._pool.rows(self._visit(index * BLOCK + step, len(self._pool))) for step in range(BLOCK)
            ]
        chance = generator("train", self.seed, index)
        shares = [self._shares(index * BLOCK + step, chance) for step in range(BLOCK)]
        wanted = sum((Counter(dict(share)) for share in shares), Counter[int]())
        drawn = {length: self.task.sample(length, wanted[length], chance) for length in sorted(wanted)}
        used: Counter[int] = Counter()
        batches = []
        for share in shares:
            parts = [drawn[length].rows(slice(used[length], used[length] + count)) for length, count in share]
            used.update(dict(share))
            batches.append(Batch.join(parts))
        return batches

    def _shares(self, step: int, chance: torch.Generator) -> list[tuple[int, int]]:
        """(length, examples) of one step, each length once."""
        groups = min(self.lengths.per_batch, self.batch_size)
        share: Counter[int] = Counter()
        for group, length in enumerate(self.lengths.draw(groups, step, chance)):
            share[length] += self.batch_size // groups + (group < self.batch_size % groups)
        return list(share.items())

    def _visit(self, step: int, size: int) -> Tensor:
        """Rows of the fixed set at a step: every epoch visits each once, in an order of its own."""
        ticks = torch.arange(step * self.batch_size, (step + 1) * self.batch_size)
        rows = torch.empty_like(ticks)
        for epoch in range(int(ticks[0]) // size, int(ticks[-1]) // size + 1):
            order = torch.randperm(size, generator=generator("epoch", self.seed, epoch))
            here = ticks // size == epoch
            rows[here] = order[ticks[here] % size]
        return rows


def fixed_set(task: Task, lengths: Lengths, examples: int, seed: int) -> Batch:
    """A training set of distinct examples, shared out evenly over the lengths as far as each has enough of them.

    Raises:
        UsageError: the task has fewer distinct examples at these lengths.
    """
    parts = list(shares(task, lengths, examples, seed))
    found = sum(map(len, parts))
    require(
        found == examples,
        f"trainer.examples={examples}: the task has {found} distinct ones at its training lengths",
    )
    return Batch.join(parts)


def shares(task: Task, lengths: Lengths, examples: int, seed: int) -> Iterator[Batch]:
    """The parts of a fixed set, each of one length; together fewer than asked where the task has no more."""
    open_, missing, have = lengths.support, examples, dict[int, Batch]()
    while open_ and missing:
        more = []
        for index, length in enumerate(open_):
            share = -(-missing // (len(open_) - index))  # what short lengths lack goes to the longer ones
            if not share:
                return
            part = distinct(task, length, share, generator("fixed set", seed, length), have.get(length))
            have[length] = Batch.join([have[length], part]) if length in have else part
            missing -= len(part)
            more += [length] * (len(part) == share)
            yield part
        open_ = more  # and what long ones lack to those that had as many as they were asked for


def distinct(
    task: Task, length: int, count: int, chance: torch.Generator, known: Batch | None = None
) -> Batch:
    """Up to `count` distinct examples of one length; fewer where eight draws of that many in a row bring no more.

    Args:
        task: what has the examples, or draws them.
        length: of all of them.
        count: how many.
        chance: of the draws.
        known: none of these is given again.
    """
    parts = [known] if known is not None else []
    first = sum(map(len, parts))
    listed = task.all_examples(length)
    drawn = listed if listed is not None else task.sample(length, count, chance)
    found, barren = without_repetition(Batch.join([*parts, drawn])), 0
    while listed is None and len(found) < first + count and barren < 8:  # noqa: PLR2004
        more = without_repetition(Batch.join([found, task.sample(length, count, chance)]))
        barren = barren + 1 if len(more) == len(found) else 0
        found = more
    return found.rows(slice(first, first + count))


def without_repetition(batch: Batch) -> Batch:
    """The examples of a batch in their order, each where it comes first."""
    _, inverse = torch.unique(batch.tokens, dim=0, return_inverse=True)
    first = torch.full((int(inverse.max()) + 1,), len(batch)).scatter_reduce(
        0, inverse, torch.arange(len(batch)), "amin"
    )
    return batch.rows(first.sort().values)
