"""Overlap of the test set with training: counted during training, or kept out of training on request."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from lengen.config.errors import LengthUnavailable, ranges
from lengen.evaluation.test_set import examples
from lengen.records.eval_options import EvalOptions
from lengen.statistics.formats import percent
from lengen.task import PAD, Batch, Task, Vocabulary
from lengen.training.batch_stream import BLOCK, BatchStream

SHARE = 0.03
"""Fraction of the training time that redrawing batches may take; beyond it the count is a lower bound."""
REPORTED = 0.01
"""Fraction of test prompts seen in training from which on figures mention it."""
MAX_FAILURES = 64
"""Consecutive draws without a string outside the test set, after which a length is taken to have none."""


class Strings(NamedTuple):
    """Counts of the test prompts of one length.

    Args:
        examples: number of test examples.
        distinct: number of distinct prompts.
        trained: number of examples whose prompt also occurred in training.
    """

    examples: int
    distinct: int
    trained: int


@dataclass(frozen=True)
class Overlap:
    """The overlap of the test set with training.

    Args:
        lengths: counts by evaluated length.
        wanted: number of test examples that each length was to have.
        steps: number of training steps whose batches were counted.
        of: number of training steps with distinct batches.
    """

    lengths: Mapping[int, Strings]
    wanted: int
    steps: int
    of: int

    @classmethod
    def recorded(cls, facts: Mapping[str, Any], wanted: int) -> Overlap:
        """Return the overlap that `run.json` records.

        Args:
            facts: its `coverage`.
            wanted: number of test examples that each length was to have.
        """
        lengths = {int(length): Strings(**counts) for length, counts in facts["lengths"].items()}
        return cls(lengths, wanted, facts["steps"], facts["steps"] if facts["exact"] else facts["steps"] + 1)

    @property
    def facts(self) -> dict[str, Any]:
        """The counts, for `run.json`."""
        return {
            "exact": self.steps == self.of,
            "steps": self.steps,
            "lengths": {str(length): strings._asdict() for length, strings in self.lengths.items()},
        }

    def sentence(self) -> str:
        """A note for the figure on overlap and missing examples; empty if there is nothing to say."""
        shares: dict[str, list[int]] = {}
        few: dict[int, list[int]] = {}
        for length, strings in self.lengths.items():
            share = strings.trained / strings.examples
            if share >= REPORTED:
                shares.setdefault(percent(share), []).append(length)
            if strings.examples < self.wanted:
                few.setdefault(strings.examples, []).append(length)
        least = "" if self.steps == self.of else "at least "
        seen = ", ".join(f"{least}{share} at {ranges(lengths)}" for share, lengths in shares.items())
        short = ", ".join(f"{count} at {ranges(lengths)}" for count, lengths in few.items())
        return "".join(
            [
                f"; test prompts that were in training: {seen}" if seen else "",
                f"; fewer examples: {short}" if short else "",
            ]
        )


def fingerprints(batch: Batch) -> Int[Tensor, " batch"]:
    """A hash of every prompt; two prompts collide with a probability below 2^-40."""
    weights = torch.arange(1, batch.time + 1)
    for factor, shift in ((-7046029254386353131, 30), (-4658895280553007687, 27), (-7723592293110705685, 31)):
        weights = weights * factor  # the constants of splitmix64; int64 wraps
        weights = weights ^ (weights >> shift)
    return (torch.where(batch.answer, PAD, batch.tokens) * weights).sum(1)


def prompt_fingerprints(
    task: Task, evaluation: EvalOptions, lengths: list[int]
) -> dict[int, Int[Tensor, " batch"]]:
    """Hashes of the test prompts, by length."""
    return {length: fingerprints(examples(evaluation, task, length)) for length in lengths}


def within(values: Int[Tensor, " values"], known: Int[Tensor, " known"]) -> Int[Tensor, " values"]:
    """Index of each value among known values in ascending order; -1 if it is not among them."""
    index = torch.searchsorted(known, values).clamp(max=len(known) - 1)
    return torch.where(known[index] == values, index, -1)


class OverlapTracker:
    """Counts evaluation prompts that also occur in training batches.

    Args:
        test_prompts: hashes of the prompts of the test set, by length.
        wanted: number of test examples that each length was to have.
        steps: number of training steps.
        stream: the run's stream; only its number of distinct steps is read.
    """

    def __init__(
        self,
        test_prompts: Mapping[int, Int[Tensor, " batch"]],
        wanted: int,
        steps: int,
        stream: BatchStream,
    ) -> None:
        self.test_prompts, self.wanted = test_prompts, wanted
        self.known = torch.unique(torch.cat(list(test_prompts.values())))
        self.seen = torch.zeros(len(self.known), dtype=torch.bool)
        self.noted = torch.zeros(stream.distinct_steps(steps), dtype=torch.bool)

    def note(self, step: int, batch: Batch) -> None:
        """Count the batch of a step; the stream calls this with every batch that it yields."""
        if step < len(self.noted) and not self.noted[step]:
            indices = within(fingerprints(batch), self.known)
            self.seen[indices[indices >= 0]] = True
            self.noted[step] = True

    def overlap(self, stream: BatchStream, seconds: float) -> Overlap:
        """The overlap so far; steps that were trained by another process (a resumed run) are drawn again.

        Args:
            stream: the run's stream.
            seconds: time limit of drawing; at least one block of steps is drawn.
        """
        until = time.perf_counter() + seconds
        blocks = torch.unique((~self.noted).nonzero().flatten() // BLOCK).tolist()
        for index, block in enumerate(blocks):
            if index and time.perf_counter() > until:
                break
            for step, batch in enumerate(stream.block(block), block * BLOCK):
                self.note(step, batch)
        lengths = {
            length: Strings(
                len(each), len(torch.unique(each)), int(self.seen[within(each, self.known)].sum())
            )
            for length, each in self.test_prompts.items()
        }
        return Overlap(lengths, self.wanted, int(self.noted.sum()), len(self.noted))


@dataclass(frozen=True, eq=False)
class Deduplicated(Task):
    """A task without the examples whose prompts are in the test set.

    Args:
        task: the task to train on.
        test_prompts: hashes of the prompts to leave out, by length.
    """

    task: Task
    test_prompts: Mapping[int, Int[Tensor, " batch"]]

    @property
    def vocabulary(self) -> Vocabulary:
        """See `Task`."""
        return self.task.vocabulary

    def has(self, length: int) -> bool:
        """See `Task.has`."""
        return self.task.has(length)

    def all_examples(self, length: int) -> Batch | None:
        """See `Task.all_examples`."""
        rows = self.task.all_examples(length)
        return None if rows is None else self._left(rows)

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw examples, and draw again for those in the test set; see `Task.sample`.

        Raises:
            LengthUnavailable: all examples of this length are in the test set.
        """
        drawn, failures = self._left(self.task.sample(length, count, generator)), 0
        while len(drawn) < count:
            more = self._left(self.task.sample(length, count, generator))
            failures = 0 if len(more) else failures + 1
            if failures == MAX_FAILURES:
                raise LengthUnavailable(
                    f"length {length}: all its examples are in the test set, trainer.deduplicate=true leaves none to "
                    "train on (lengths.minimum leaves short lengths out)"
                )
            drawn = Batch.join([drawn, more])
        return drawn.rows(slice(count))

    @cached_property
    def _known(self) -> Int[Tensor, " known"]:
        """Hashes of all lengths together, as examples drawn for one length may have another (longer auxiliary tasks)."""
        known: Tensor = torch.unique(torch.cat(list(self.test_prompts.values())))
        return known

    def _left(self, batch: Batch) -> Batch:
        """The examples of a batch that are not in the test set."""
        return batch.rows(within(fingerprints(batch), self._known) < 0)
