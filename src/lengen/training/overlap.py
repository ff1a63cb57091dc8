"""Overlap of the test set with training: counted as batches pass, and kept out on request."""

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
from lengen.evaluation.options import EvalOptions
from lengen.evaluation.test_set import examples
from lengen.task import PAD, Batch, Task, Vocabulary
from lengen.training.batch_stream import BLOCK, BatchStream

SHARE = 0.03
"""Share of the seconds of training that drawing batches again may take; beyond it what was counted is a lower bound."""
TELLING = 0.01
"""Share of asked strings in training from which a figure says so."""
BARREN = 64
"""Draws without a string that may be learned, after which a length has none."""


class Strings(NamedTuple):
    """The prompts that a sweep asks at one length.

    Args:
        examples: how many were asked.
        distinct: how many of them differ.
        trained: how many of them were in training.
    """

    examples: int
    distinct: int
    trained: int


@dataclass(frozen=True)
class Overlap:
    """What a sweep asks, against what was learned.

    Args:
        lengths: the asked prompts by length.
        wanted: how many examples a length was to have.
        steps: training steps whose batches were looked at.
        of: steps that have batches of their own.
    """

    lengths: Mapping[int, Strings]
    wanted: int
    steps: int
    of: int

    @property
    def facts(self) -> dict[str, Any]:
        """For `run.json`."""
        return {
            "exact": self.steps == self.of,
            "steps": self.steps,
            "lengths": {str(length): strings._asdict() for length, strings in self.lengths.items()},
        }

    def sentence(self) -> str:
        """For the figure: what may surprise in the numbers, or nothing."""
        shares: dict[str, list[int]] = {}
        few: dict[int, list[int]] = {}
        for length, strings in self.lengths.items():
            share = strings.trained / strings.examples
            if share >= TELLING:
                shares.setdefault(f"{share:.0%}", []).append(length)
            if strings.examples < self.wanted:
                few.setdefault(strings.examples, []).append(length)
        least = "" if self.steps == self.of else "at least "
        seen = ", ".join(f"{least}{share} at {ranges(lengths)}" for share, lengths in shares.items())
        short = ", ".join(f"{count} at {ranges(lengths)}" for count, lengths in few.items())
        return "".join(
            [
                f"; asked strings that were in training: {seen}" if seen else "",
                f"; fewer examples: {short}" if short else "",
            ]
        )


def fingerprints(batch: Batch) -> Int[Tensor, " batch"]:
    """A number for every prompt; two prompts share one with a chance of less than 2^-40."""
    weights = torch.arange(1, batch.time + 1)
    for factor, shift in ((-7046029254386353131, 30), (-4658895280553007687, 27), (-7723592293110705685, 31)):
        weights = weights * factor  # the constants of splitmix64; int64 wraps
        weights = weights ^ (weights >> shift)
    return (torch.where(batch.answer, PAD, batch.tokens) * weights).sum(1)


def prompt_fingerprints(
    task: Task, evaluation: EvalOptions, lengths: list[int]
) -> dict[int, Int[Tensor, " batch"]]:
    """The prompts that a sweep asks, by length."""
    return {length: fingerprints(examples(evaluation, task, length)) for length in lengths}


def within(values: Int[Tensor, " values"], known: Int[Tensor, " known"]) -> Int[Tensor, " values"]:
    """Where each value stands among ascending known ones; -1 for those that are not there."""
    place = torch.searchsorted(known, values).clamp(max=len(known) - 1)
    return torch.where(known[place] == values, place, -1)


class OverlapTracker:
    """Counts evaluation prompts that also occur in training batches.

    Args:
        test_prompts: fingerprints of the prompts of the test set, by length.
        wanted: examples that each length was to have.
        steps: length of the run.
        stream: of the run; it is only asked how many of its steps have batches of their own.
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
        """Count the batch of a step; a stream calls this with every batch that it yields."""
        if step < len(self.noted) and not self.noted[step]:
            found = within(fingerprints(batch), self.known)
            self.seen[found[found >= 0]] = True
            self.noted[step] = True

    def overlap(self, stream: BatchStream, seconds: float) -> Overlap:
        """What was counted; steps that another process trained are drawn again.

        Args:
            stream: of the run.
            seconds: that drawing may take; one block of steps is always drawn.
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
    """A task without the strings that a sweep asks.

    Args:
        task: what is learned.
        test_prompts: prompts that are left out, by length.
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
        """See `Task.listed`."""
        rows = self.task.all_examples(length)
        return None if rows is None else self._left(rows)

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw, and draw again for what must not be learned; see `Task.sample`.

        Raises:
            LengthUnavailable: nothing else comes.
        """
        found, barren = self._left(self.task.sample(length, count, generator)), 0
        while len(found) < count:
            more = self._left(self.task.sample(length, count, generator))
            barren = 0 if len(more) else barren + 1
            if barren == BARREN:
                raise LengthUnavailable(
                    f"length {length}: the sweep asks all its strings, trainer.deduplicate=true leaves none to train on "
                    "(lengths.minimum leaves short lengths out)"
                )
            found = Batch.join([found, more])
        return found.rows(slice(count))

    @cached_property
    def _known(self) -> Int[Tensor, " known"]:
        """All that is left out: where aids are longer, asking for one length draws strings of another."""
        known: Tensor = torch.unique(torch.cat(list(self.test_prompts.values())))
        return known

    def _left(self, batch: Batch) -> Batch:
        """What of a batch may be learned."""
        return batch.rows(within(fingerprints(batch), self._known) < 0)
