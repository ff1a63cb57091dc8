"""What a problem is: the contract that every task implements, and the types that leave it.

A task turns a length and a generator into a `Batch`: prompt, answer, end token, one example a row. It knows nothing
of training, of positions or of the decoder. A new task is one file here and one YAML under `configs/task/`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn.functional import pad

from lengen.config.aliases import METHODS, RenamedMethods
from lengen.config.errors import LengthUnavailable
from lengen.task.unavailable import old_tasks_understood

PAD, BOS, SEP, EOS = range(4)
SPECIAL = ("<pad>", "<bos>", "#", "<eos>")
DIGITS = tuple("0123456789")
ALONG_TIME, BESIDE = ("tokens", "answer", "result"), ("places", "groups")
"""What a batch has at every token, and what it may have."""


@dataclass(frozen=True)
class Vocabulary:
    """A task's own alphabet behind the four special tokens pad, bos, sep and eos (ids 0 to 3).

    Args:
        symbols: the alphabet in the order of its ids, each symbol once.
    """

    symbols: tuple[str, ...]

    @cached_property
    def ids(self) -> dict[str, int]:
        """Id of every symbol, the special ones included."""
        return {symbol: index for index, symbol in enumerate((*SPECIAL, *self.symbols))}

    def __len__(self) -> int:
        return len(SPECIAL) + len(self.symbols)

    def __getitem__(self, symbol: str) -> int:
        return self.ids[symbol]

    def encode(self, symbols: Iterable[str]) -> Int[Tensor, " symbols"]:
        """Ids of some symbols (a string is read character by character)."""
        return torch.tensor([self.ids[symbol] for symbol in symbols], dtype=torch.long)

    def span(self, symbols: Iterable[str], place: int | Int[Tensor, "#batch symbols"] = 0) -> Span:
        """Some symbols as a part of every example, all with one place."""
        return Span(self.encode(symbols).unsqueeze(0), place)

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Symbols of some ids."""
        names = (*SPECIAL, *self.symbols)
        return [names[index] for index in ids]

    @cached_property
    def digits(self) -> Bool[Tensor, " vocab"]:
        """Which ids are decimal digits: what Abacus positions count."""
        return torch.tensor([symbol in DIGITS for symbol in (*SPECIAL, *self.symbols)])


@dataclass(frozen=True)
class Batch:
    """Examples of a task, right-padded: `[bos] prompt answer eos pad…` in every row.

    Args:
        tokens: token ids.
        answer: True on the answer and its end token: what is learned and scored.
        result: True on what is left of the answer without its scratchpad, end token included: what is scored where the
            decoder writes freely. The last tokens of `answer`, and all of them where there is no scratchpad.
        places: what must be matched with what (digit significance, item index), from 1; 0 is no place. None where the
            task with its options has no such thing, or where it would give the answer's length away.
        length: the size of each problem in the task's own unit.
        vocabulary: what the ids mean.
        groups: which of several numbers each token belongs to, from 1; 0 is none. None where the task has no such thing.
    """

    tokens: Int[Tensor, "batch time"]
    answer: Bool[Tensor, "batch time"]
    result: Bool[Tensor, "batch time"]
    places: Int[Tensor, "batch time"] | None
    length: Int[Tensor, " batch"]
    vocabulary: Vocabulary
    groups: Int[Tensor, "batch time"] | None = None

    def __len__(self) -> int:
        return self.tokens.shape[0]

    @property
    def time(self) -> int:
        """Tokens in the longest row."""
        return self.tokens.shape[1]

    def begin(self, token: int = BOS) -> Batch:
        """The same examples with a token in front."""
        return self._each(lambda part: pad(part, (1, 0)), tokens=pad(self.tokens, (1, 0), value=token))

    def room(self, columns: int) -> Batch:
        """The same examples with some more columns of padding."""
        return self._each(lambda part: pad(part, (0, columns)))

    def _each(self, change: Callable[[Tensor], Tensor], **others: Any) -> Batch:
        """The batch with all that runs along time changed, unless it is given."""
        names = [*ALONG_TIME, *(name for name in BESIDE if getattr(self, name) is not None)]
        return replace(self, **{name: change(getattr(self, name)) for name in names} | others)

    def rows(self, index: slice | Tensor) -> Batch:
        """Some of the examples, cut to the longest among them."""
        tokens = self.tokens[index]
        time = int((tokens != PAD).sum(1).max()) if len(tokens) else 0
        return self._each(lambda part: part[index][:, :time], length=self.length[index])

    @staticmethod
    def join(batches: Sequence[Batch]) -> Batch:
        """Batches of one task below each other, right-padded together."""
        time = max(batch.time for batch in batches)
        wide = [batch.room(time - batch.time) for batch in batches]
        lacking = [name for name in BESIDE if any(getattr(batch, name) is None for batch in batches)]
        names = [name for name in (*ALONG_TIME, *BESIDE, "length") if name not in lacking]
        joined: dict[str, Any] = {name: torch.cat([getattr(batch, name) for batch in wide]) for name in names}
        return replace(batches[0], **joined | dict.fromkeys(lacking))


@dataclass(frozen=True)
class Span:
    """A run of columns of a batch: ids, and the place and the group of each. A PAD is a hole, closed by `assemble`."""

    tokens: Int[Tensor, "#batch span"]
    places: Int[Tensor, "#batch span"] | int = 0
    groups: Int[Tensor, "#batch span"] | int = 0

    def beside(self, name: str, count: int) -> Int[Tensor, "batch span"]:
        """Places or groups, one a token in each of some rows."""
        return torch.as_tensor(getattr(self, name)).expand(count, self.tokens.shape[1])


def assemble(
    length: int,
    count: int,
    vocabulary: Vocabulary,
    prompt: Sequence[Span],
    answer: Sequence[Span],
    *,
    trace: Sequence[Span] = (),
    coupled: bool = True,
) -> Batch:
    """Spans side by side, the end token behind them, holes closed.

    Args:
        length: size of the problem, the same for every row.
        count: rows; spans of one row are repeated.
        vocabulary: what the ids mean.
        prompt: what is read.
        answer: what is written, without its end token.
        trace: the scratchpad that is written before it.
        coupled: False if these places must not be used (they would give the answer away).
    """
    parts = [*prompt], [*trace], [*answer, Span(torch.full((1, 1), EOS))]
    spans = [span for part in parts for span in part]
    read, thought, _ = (sum(span.tokens.shape[1] for span in part) for part in parts)
    tokens = torch.cat([span.tokens.expand(count, -1) for span in spans], 1)
    column = torch.arange(tokens.shape[1]).expand(count, -1)
    names = BESIDE if any(isinstance(span.groups, Tensor) for span in spans) else BESIDE[:1]
    beside = [torch.cat([span.beside(name, count) for span in spans], 1) for name in names]
    tokens, scored, result, *beside = close(tokens, column >= read, column >= read + thought, *beside)
    batch = Batch(tokens, scored, result, None, torch.full((count,), length), vocabulary)
    known: dict[str, Any] = dict(zip(names, beside, strict=True))
    return replace(batch, **known) if coupled else batch


def close(tokens: Int[Tensor, "batch time"], *others: Tensor) -> list[Tensor]:
    """Rows without their holes: what stands on PAD goes, the rest moves left, zeros fill up on the right.

    Args:
        tokens: token ids, PAD where a hole is.
        others: what runs beside them.
    """
    full = tokens != PAD
    if bool(full.all()):
        return [tokens, *others]
    sizes = full.sum(1, keepdim=True)
    kept = torch.arange(int(sizes.max())) < sizes  # as many as `full` in each row: both are read row by row
    return [
        torch.zeros(kept.shape, dtype=part.dtype).masked_scatter_(kept, part.masked_select(full))
        for part in (tokens, *others)
    ]


class Task(RenamedMethods, ABC):
    """A family of problems by length, from 1 up; a task may lack some lengths, and refuses these."""

    renamed = METHODS["Task"]
    revision: ClassVar[int] = 1
    """Goes up in the change that alters what the class computes or draws; a part of every cell's identity."""
    data_options: ClassVar[tuple[str, ...]] = ()
    """Options that say where data lie; in a cell's identity `fingerprints` stand for them."""

    @property
    @abstractmethod
    def vocabulary(self) -> Vocabulary:
        """The alphabet of prompts and answers."""

    @abstractmethod
    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw examples of one length, vectorised.

        Args:
            length: size of the problem in the task's own unit, at least 1.
            count: examples to draw.
            generator: the only source of chance.

        Raises:
            LengthUnavailable: no problem of this length exists under the task's options.
        """

    def has(self, length: int) -> bool:
        """Whether problems of a length exist under the task's options."""
        try:
            with old_tasks_understood():
                self.sample(length, 1, torch.Generator())
        except LengthUnavailable:
            return False
        return True

    def all_examples(self, length: int) -> Batch | None:
        """All examples of a length in their order, of a task that has examples; None where they are drawn."""
        return None

    def evaluation_task(self) -> Task:
        """The task that a sweep asks; differs from the trained one where training mixes in something easier."""
        return self

    def training_tasks(self) -> tuple[Task, ...]:
        """What training is made of, each part alone: several where a task mixes others in."""
        return (self,)

    @property
    def aligned(self) -> bool:
        """Whether its format says what must be matched with what, as index hints do."""
        return False

    def longest(self, length: int) -> int:
        """The longest problem that asking for a length may draw: a longer one where training mixes such in."""
        return length

    def has_scratchpad(self, length: int) -> bool:
        """Whether something that is trained at a length has a scratchpad before its result."""
        drawn = (part.sample(length, 64, torch.Generator()) for part in self.training_tasks())
        return any(not torch.equal(batch.answer, batch.result) for batch in drawn)

    def stress_sets(self) -> Mapping[str, Task]:
        """Hard cases that chance hardly ever draws, by name: this task with other options, over the same vocabulary.

        Names with a common word and a value, such as `depth=0.30`, are a family: it is asked by its word.
        """
        return {}

    @property
    def fingerprints(self) -> Mapping[str, str]:
        """Fingerprints of rows and vocabulary that are read from outside, by what they are; none where all is drawn."""
        return {}

    def show(self, length: int, count: int = 1, seed: int = 0) -> str:
        """Some examples as text, `prompt -> answer`, one a line."""
        batch = self.sample(length, count, torch.Generator().manual_seed(seed))
        lines = []
        for tokens, answer in zip(batch.tokens, batch.answer, strict=True):
            read = batch.vocabulary.decode(tokens[~answer & (tokens != PAD)].tolist())
            written = batch.vocabulary.decode(tokens[answer].tolist())
            lines.append(f"{join_symbols(read)} -> {join_symbols(written)}")
        return "\n".join(lines)


def join_symbols(symbols: Sequence[str]) -> str:
    """Symbols as one readable string: spaces only where some symbol is longer than a character."""
    plain = [symbol for symbol in symbols if symbol not in SPECIAL]
    gap = " " if any(len(symbol) > 1 for symbol in plain) else ""
    return gap.join("⏎" if symbol == SPECIAL[EOS] else symbol for symbol in symbols)


def letters(count: int) -> tuple[str, ...]:
    """Names for the symbols of an alphabet: a to z, A to Z, then numbered."""
    plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return tuple(plain[i] if i < len(plain) else f"s{i}" for i in range(count))
