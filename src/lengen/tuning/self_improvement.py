"""Rounds of self-improvement (Lee et al. 2025): longer strings whose answers the decoder itself has written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from lengen.config.errors import require
from lengen.decoder import Decoder
from lengen.evaluation.decoding import greedy
from lengen.extend import require_counts
from lengen.positions import Positions
from lengen.task import EOS, PAD, Batch, Task, Vocabulary
from lengen.tuning import Base, Tuning

SPARE, TRIES = 8, 4
"""Tokens that an answer may have beyond the longest one of the task, and how often more prompts are drawn."""


class SelfImprovement(Tuning):
    """One round: all parameters are trained further, on true answers as long as the base knows them and on its own ones beyond.

    The longest length grows by `more`, unless `train_length` says otherwise. Prompts of longer lengths are the task's; their answers
    are those that the base decodes greedily, never the true ones. Answers that do not end are left out, and those that are more
    than one token shorter than the longest of their batch (the filter of the source; its vote of several seeds is not built). The next
    round is the tuning of the tuned run, whose own answers label all lengths beyond the true ones.

    Args:
        more: lengths by which the longest grows, at least 1.
        slack: tokens by which an answer may be shorter than the longest, at least 0; None keeps all that end.
    """

    trains = ""
    steps = 500
    rate = 5e-4
    own_labels = True

    def __init__(self, more: int = 1, slack: int | None = 1) -> None:
        require(more >= 1, f"tune.more={more}: must be at least 1")
        require(slack is None or slack >= 0, f"tune.slack={slack}: must be null, or at least 0")
        self.more, self.slack = more, slack

    def longest(self, own: int) -> int:
        """Return the longest length of the examples."""
        return own + self.more

    def check(self, decoder: Decoder, positions: Positions) -> None:
        """Positions must not need the true answer."""
        if decoder.pe.reads:
            require_counts(positions)

    def task(self, task: Task, base: Base, teacher: Callable[[], Decoder]) -> Task:
        """The task with own answers beyond the lengths whose true ones the base has seen."""
        return SelfLabelled(task, base.true_length, teacher, self.slack)


@dataclass(frozen=True)
class SelfLabelled(Task):
    """A task whose answers beyond a length are those of a decoder.

    Args:
        inner: the task.
        true_length: the longest length with true answers.
        teacher: gives the decoder.
        slack: see `SelfImprovement`.
    """

    inner: Task
    true_length: int
    teacher: Callable[[], Decoder]
    slack: int | None

    @property
    def vocabulary(self) -> Vocabulary:
        """See `Task`."""
        return self.inner.vocabulary

    def has(self, length: int) -> bool:
        """See `Task.has`."""
        return self.inner.has(length)

    def all_examples(self, length: int) -> Batch | None:
        """See `Task.all_examples`; the decoder's answers are not listed."""
        return self.inner.all_examples(length) if length <= self.true_length else None

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw prompts, and let the decoder answer those that are longer; rows without a usable answer are of the true length."""
        if length <= self.true_length:
            return self.inner.sample(length, count, generator)
        drawn = list[Batch]()
        for _ in range(TRIES):
            drawn.append(self.answered(self.inner.sample(length, count, generator)))
            if sum(map(len, drawn)) >= count:
                break
        missing = count - sum(map(len, drawn))
        if missing > 0:
            drawn.append(
                replace(self.inner.sample(self.true_length, missing, generator), places=None, groups=None)
            )
        return Batch.join([part for part in drawn if len(part)]).rows(slice(count))

    def answered(self, batch: Batch) -> Batch:
        """Return the rows that the decoder has answered, with its answers."""
        decoder = self.teacher()
        bos = decoder.architecture.bos
        known = batch.begin() if bos else batch
        room = int(self.inner.longest_answer(int(batch.length[0]))) + SPARE
        known = known.room(max(int(known.prompt_size.max()) + room - known.time, 0))
        column = torch.arange(known.time)
        asked = (column >= known.prompt_size) & (column < known.prompt_size + room)
        places = column.unsqueeze(0)
        written = greedy(
            decoder,
            known.tokens.masked_fill(column >= known.prompt_size, PAD),
            asked,
            lambda _: places,
            fixed=True,
        )
        kept, answer = usable(written, asked, self.slack)
        tokens = written.masked_fill((column >= known.prompt_size) & ~answer, PAD)
        made = replace(known, tokens=tokens, answer=answer, result=answer, places=None, groups=None).rows(
            kept
        )
        return _without_bos(made) if bos else made


def usable(
    written: Int[Tensor, "batch time"], asked: Bool[Tensor, "batch time"], slack: int | None
) -> tuple[Bool[Tensor, " batch"], Bool[Tensor, "batch time"]]:
    """Return which rows have an answer that ends and is not too short, and where the answers are, end token included.

    Args:
        written: tokens with what was decoded.
        asked: where an answer could stand.
        slack: tokens by which an answer may be shorter than the longest; None for any number.
    """
    ends = asked & (written == EOS)
    before = ends.cumsum(1) - ends.long()
    answer = asked & (before == 0)
    kept = ends.any(1)
    sizes = answer.sum(1)
    if slack is not None and bool(kept.any()):
        kept = kept & (sizes >= sizes[kept].max() - slack)
    return kept, answer


def _without_bos(batch: Batch) -> Batch:
    """Cut the first column, which is bos."""
    return replace(batch, tokens=batch.tokens[:, 1:], answer=batch.answer[:, 1:], result=batch.result[:, 1:])
