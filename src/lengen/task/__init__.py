"""Tasks: the base class that every task implements, and the types of its examples.

A task turns a length and a random generator into a `Batch`, whose rows are examples: prompt, answer, end token. It knows
nothing of training, of positions or of the decoder. A new task is one file here and one YAML under `configs/task/`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, wraps
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn.functional import pad

from lengen.config.aliases import METHODS, RenamedMethods
from lengen.config.errors import LengthUnavailable
from lengen.task.chance import DRAWS, Chance, answers, counted, estimated
from lengen.task.unavailable import old_tasks_understood

PAD, BOS, SEP, EOS = range(4)
SPECIAL = ("<pad>", "<bos>", "#", "<eos>")
DIGITS = tuple("0123456789")
ESTIMATED, SPARE = 256, 8
"""Examples from which the longest answer is estimated, and tokens that are added if they differ in size."""
TOKEN_FIELDS, OPTIONAL_FIELDS = ("tokens", "answer", "result"), ("places", "groups")
"""Fields of a batch with one value per token: those that every batch has, and those that may be None."""


@dataclass(frozen=True)
class Vocabulary:
    """Symbols and their ids: the special tokens pad, bos, sep and eos (0 to 3), then a task's alphabet.

    Args:
        symbols: the alphabet in the order of its ids, without duplicates.
    """

    symbols: tuple[str, ...]

    @cached_property
    def ids(self) -> dict[str, int]:
        """Id of every symbol, including the special ones."""
        return {symbol: index for index, symbol in enumerate((*SPECIAL, *self.symbols))}

    def __len__(self) -> int:
        return len(SPECIAL) + len(self.symbols)

    def __getitem__(self, symbol: str) -> int:
        return self.ids[symbol]

    def encode(self, symbols: Iterable[str]) -> Int[Tensor, " symbols"]:
        """Convert symbols to ids; a string is read character by character."""
        return torch.tensor([self.ids[symbol] for symbol in symbols], dtype=torch.long)

    def span(self, symbols: Iterable[str], place: int | Int[Tensor, "#batch symbols"] = 0) -> Span:
        """Make a span of symbols that is the same in every example, all with the same place."""
        return Span(self.encode(symbols).unsqueeze(0), place)

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Convert ids to symbols."""
        names = (*SPECIAL, *self.symbols)
        return [names[index] for index in ids]

    @cached_property
    def digits(self) -> Bool[Tensor, " vocab"]:
        """Mask of the ids that are decimal digits, which Abacus positions count."""
        return torch.tensor([symbol in DIGITS for symbol in (*SPECIAL, *self.symbols)])


@dataclass(frozen=True)
class Batch:
    """Examples of a task, one per row, right-padded: `[bos] prompt answer eos pad…`.

    Args:
        tokens: token ids.
        answer: mask of the answer and its end token, on which the loss and the scores are computed.
        result: mask of the answer without its scratchpad, end token included, which is scored where the decoder
            generates freely. The last tokens of `answer`; all of them without a scratchpad.
        places: an index, from 1, shared by tokens that must be matched with each other (digit significance, item index);
            0 for tokens without a place. None if the task has no places with its options, or if they would reveal the
            length of the answer.
        length: size of each problem in the task's own unit.
        vocabulary: the meaning of the ids.
        groups: the number (of several) to which each token belongs, from 1; 0 for none. None if the task has no groups.
        longest_answer: `Task.longest_answer` at the length of each problem, the same for every example of a task and a
            length. `Task.sample` fills it in; None in a batch that is built otherwise.
        delimiter: symbols that end every step of the scratchpad, the last of which comes right before the result. Where the
            decoder generates freely, its result starts after as many steps as the true scratchpad has. Empty if every
            token is a step, or if there is no scratchpad.
    """

    tokens: Int[Tensor, "batch time"]
    answer: Bool[Tensor, "batch time"]
    result: Bool[Tensor, "batch time"]
    places: Int[Tensor, "batch time"] | None
    length: Int[Tensor, " batch"]
    vocabulary: Vocabulary
    groups: Int[Tensor, "batch time"] | None = None
    longest_answer: Int[Tensor, " batch"] | None = None
    delimiter: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.tokens.shape[0]

    @property
    def time(self) -> int:
        """Number of tokens in the longest row."""
        return self.tokens.shape[1]

    @property
    def prompt_size(self) -> Int[Tensor, "batch 1"]:
        """Number of tokens before the answer; of all tokens in a row without an answer."""
        before = ~self.answer & (self.tokens != PAD)
        return before.cummin(1).values.sum(1, keepdim=True)

    @property
    def extent(self) -> Int[Tensor, "batch 1"]:
        """Number of tokens of the prompt and of the longest answer that it can have, whatever its own answer.

        Raises:
            ValueError: the batch does not say how long answers can be.
        """
        if self.longest_answer is None:
            raise ValueError("this batch does not know `longest_answer`; draw it by `Task.sample`, or set it")
        return self.prompt_size + self.longest_answer.unsqueeze(1)

    @property
    def scratchpad(self) -> Bool[Tensor, " batch"]:
        """Which examples have a scratchpad before their result."""
        return (self.answer & ~self.result).any(1)

    def begin(self, token: int = BOS) -> Batch:
        """Prepend a token to every example."""
        return self._each(lambda part: pad(part, (1, 0)), tokens=pad(self.tokens, (1, 0), value=token))

    def room(self, columns: int) -> Batch:
        """Append columns of padding."""
        return self._each(lambda part: pad(part, (0, columns)))

    def _each(self, change: Callable[[Tensor], Tensor], **others: Any) -> Batch:
        """Apply a function to every field with a time axis, except those that are given."""
        names = [*TOKEN_FIELDS, *(name for name in OPTIONAL_FIELDS if getattr(self, name) is not None)]
        return replace(self, **{name: change(getattr(self, name)) for name in names} | others)

    def rows(self, index: slice | Tensor) -> Batch:
        """Select examples, and cut the batch to the longest of them."""
        tokens = self.tokens[index]
        time = int((tokens != PAD).sum(1).max()) if len(tokens) else 0
        longest = None if self.longest_answer is None else self.longest_answer[index]
        return self._each(
            lambda part: part[index][:, :time], length=self.length[index], longest_answer=longest
        )

    @staticmethod
    def join(batches: Sequence[Batch]) -> Batch:
        """Concatenate batches of one task, right-padded to the longest."""
        time = max(batch.time for batch in batches)
        padded = [batch.room(time - batch.time) for batch in batches]
        optional = (*OPTIONAL_FIELDS, "longest_answer")
        missing = [name for name in optional if any(getattr(batch, name) is None for batch in batches)]
        names = [name for name in (*TOKEN_FIELDS, "length", *optional) if name not in missing]
        joined: dict[str, Any] = {
            name: torch.cat([getattr(batch, name) for batch in padded]) for name in names
        }
        return replace(batches[0], **joined | dict.fromkeys(missing))


@dataclass(frozen=True)
class Span:
    """Consecutive tokens of each example, with their places and groups; `assemble` removes PAD tokens among them."""

    tokens: Int[Tensor, "#batch span"]
    places: Int[Tensor, "#batch span"] | int = 0
    groups: Int[Tensor, "#batch span"] | int = 0

    def field(self, name: str, count: int) -> Int[Tensor, "batch span"]:
        """Places or groups, expanded to one value per token in `count` rows."""
        return torch.as_tensor(getattr(self, name)).expand(count, self.tokens.shape[1])


def assemble(
    length: int,
    count: int,
    vocabulary: Vocabulary,
    prompt: Sequence[Span],
    answer: Sequence[Span],
    *,
    trace: Sequence[Span] = (),
    delimiter: Sequence[str] = (),
    coupled: bool = True,
) -> Batch:
    """Build a batch from spans: concatenate them, append the end token, and remove PAD tokens among them.

    Args:
        length: size of the problems, the same for all rows.
        count: number of rows; spans with a single row are repeated.
        vocabulary: the meaning of the ids.
        prompt: spans of the prompt.
        answer: spans of the answer, without its end token.
        trace: spans of the scratchpad, which comes before the answer.
        delimiter: symbols that end every step of the scratchpad, see `Batch`; a string is read character by character.
        coupled: False to drop the places, where they would reveal the answer.
    """
    parts = [*prompt], [*trace], [*answer, Span(torch.full((1, 1), EOS))]
    spans = [span for part in parts for span in part]
    prompt_size, trace_size, _ = (sum(span.tokens.shape[1] for span in part) for part in parts)
    tokens = torch.cat([span.tokens.expand(count, -1) for span in spans], 1)
    column = torch.arange(tokens.shape[1]).expand(count, -1)
    names = OPTIONAL_FIELDS if any(isinstance(span.groups, Tensor) for span in spans) else OPTIONAL_FIELDS[:1]
    fields = [torch.cat([span.field(name, count) for span in spans], 1) for name in names]
    masks = column >= prompt_size, column >= prompt_size + trace_size
    tokens, scored, result, *fields = close(tokens, *masks, *fields)
    batch = Batch(
        tokens,
        scored,
        result,
        None,
        torch.full((count,), length),
        vocabulary,
        delimiter=tuple(delimiter) if trace_size else (),
    )
    optional: dict[str, Any] = dict(zip(names, fields, strict=True))
    return replace(batch, **optional) if coupled else batch


def close(tokens: Int[Tensor, "batch time"], *others: Tensor) -> list[Tensor]:
    """Remove PAD tokens from every row, move the rest left, and fill up with zeros on the right.

    Args:
        tokens: token ids, PAD where a token is removed.
        others: tensors of the same shape, from which the same columns are removed.
    """
    full = tokens != PAD
    if bool(full.all()):
        return [tokens, *others]
    sizes = full.sum(1, keepdim=True)
    kept = (
        torch.arange(int(sizes.max())) < sizes
    )  # as many per row as in `full`, and both masks are read row by row
    return [
        torch.zeros(kept.shape, dtype=part.dtype).masked_scatter_(kept, part.masked_select(full))
        for part in (tokens, *others)
    ]


def with_longest_answer(draw: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a method that draws or lists examples of a length: its batch knows the longest answer of its task."""

    @wraps(draw)
    def drawn(self: Task, length: int, *others: Any, **options: Any) -> Any:
        batch = draw(self, length, *others, **options)
        if (
            not isinstance(batch, Batch) or batch.longest_answer is not None
        ):  # parts of a mixture know their own
            return batch
        longest = torch.full((len(batch),), self._known_longest_answer(length))
        return replace(batch, longest_answer=longest)

    return drawn


def with_length_checked(chance: Callable[..., Chance]) -> Callable[..., Chance]:
    """Wrap a method that gives the chance at a length: it refuses a length that the task lacks."""

    @wraps(chance)
    def checked(self: Task, length: int) -> Chance:
        self.sample(length, 1, torch.Generator())
        return chance(self, length)

    return checked


class Task(RenamedMethods, ABC):
    """Base class of tasks: problems of every length from 1; a task raises an error for lengths that it lacks."""

    renamed = METHODS["Task"]
    revision: ClassVar[int] = 1
    """Raised by any change that alters what the class computes or draws; part of every cell's identity."""
    data_options: ClassVar[tuple[str, ...]] = ()
    """Options that say where data are stored; a cell's identity has `fingerprints` in their place."""
    conditional_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Options that do nothing unless others have certain values, with these values by name."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Let drawn batches know the longest answer; a class that draws otherwise does not inherit its size."""
        super().__init_subclass__(**options)
        for name in {"sample", "all_examples"} & vars(cls).keys():
            setattr(cls, name, with_longest_answer(vars(cls)[name]))
        for name in (
            {"longest_answer", "chance", "result_chance"} - vars(cls).keys() if "sample" in vars(cls) else ()
        ):
            setattr(cls, name, vars(Task)[name])
        if "chance" in vars(cls):
            cls.chance = with_length_checked(vars(cls)["chance"])  # type: ignore[method-assign]

    @property
    @abstractmethod
    def vocabulary(self) -> Vocabulary:
        """Vocabulary of prompts and answers."""

    @abstractmethod
    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw examples of one length.

        Args:
            length: size of the problem in the task's own unit, at least 1.
            count: number of examples.
            generator: the only source of randomness.

        Raises:
            LengthUnavailable: the task has no problems of this length with its options.
        """

    def has(self, length: int) -> bool:
        """Whether the task has problems of a length with its options."""
        try:
            with old_tasks_understood():
                self.sample(length, 1, torch.Generator())
        except LengthUnavailable:
            return False
        return True

    def all_examples(self, length: int) -> Batch | None:
        """All examples of a length in their order, for tasks with stored examples; None if examples are drawn."""
        return None

    def evaluation_task(self) -> Task:
        """The task that is evaluated; differs from this one where training mixes in other problems."""
        return self

    def training_tasks(self) -> tuple[Task, ...]:
        """The tasks of which training consists, one by one; several for a mixture."""
        return (self,)

    @property
    def aligned(self) -> bool:
        """Whether its examples mark which tokens must be matched with each other, as index hints do."""
        return False

    def longest(self, length: int) -> int:
        """Longest problem drawn in training at a length; greater than the length where a mixture adds longer ones."""
        return length

    def steps(self, length: int) -> int:
        """Number of steps that solve a problem of a length, by which a decoder may be looped (`lengen.loops.length`).

        The base class returns the length: for parity bits, for addition digits (Fan et al. 2024).
        """
        return length

    def longest_answer(self, length: int) -> int:
        """Size of the longest answer that an example of a length can have, in tokens, its scratchpad and end token included.

        Some positions leave room for it (`lengen.positions`), so that the size of an example's own answer is not
        revealed. The base class draws some examples; if their answers are not all equally long, it adds a half of the
        longest and a few tokens. A task that knows the size overrides this.

        Raises:
            LengthUnavailable: the task has no problems of this length with its options.
        """
        sizes = self.sample(length, ESTIMATED, torch.Generator()).answer.sum(1)
        longest = int(sizes.max())
        return longest if bool((sizes == longest).all()) else math.ceil(1.5 * longest) + SPARE

    def chance(self, length: int) -> Chance:
        """How often the likeliest answer of a length is right, and the likeliest token at every place of the answer.

        The base class estimates both from some draws of a fixed generator; stored examples are counted. A task that knows
        them overrides this.

        Raises:
            LengthUnavailable: the task has no problems of this length with its options.
        """
        return self._drawn_chance(length, "answer")

    def result_chance(self, length: int) -> Chance:
        """Chance of the results, without their scratchpads, which alone are scored where the decoder generates freely."""
        return self._drawn_chance(length, "result") if self.has_scratchpad(length) else self.chance(length)

    def _drawn_chance(self, length: int, part: Literal["answer", "result"]) -> Chance:
        """Chance of answers, or of results alone, as examples show it."""
        if (stored := self.all_examples(length)) is not None:
            return counted(answers(stored.tokens, getattr(stored, part)))
        batch = self.sample(length, DRAWS, torch.Generator().manual_seed(length))
        return estimated(answers(batch.tokens, getattr(batch, part)))

    @cached_property
    def _longest_answers(self) -> dict[int, int]:
        return {}

    def _known_longest_answer(self, length: int) -> int:
        """The longest answer, computed once for each length."""
        known = self._longest_answers
        if length not in known:
            known[length] = 0  # for the draws of an estimate, which do not need it
            try:
                known[length] = self.longest_answer(length)
            finally:
                if not known[length]:
                    del known[length]
        return known[length]

    def has_scratchpad(self, length: int) -> bool:
        """Whether training examples of a length have a scratchpad before their result."""
        drawn = (part.sample(length, 64, torch.Generator()) for part in self.training_tasks())
        return any(bool(batch.scratchpad.any()) for batch in drawn)

    def stress_sets(self) -> Mapping[str, Task]:
        """Hard cases that are rare among random draws, by name: this task with other options and the same vocabulary.

        Names with a common word and a value, such as `depth=0.30`, form a family, which is selected by the word.
        """
        return {}

    @property
    def fingerprints(self) -> Mapping[str, str]:
        """Hashes of rows and vocabulary read from files, by name; empty if all examples are drawn."""
        return {}

    def show(self, length: int, count: int = 1, seed: int = 0) -> str:
        """Draw examples and write them as text, `prompt -> answer`, one per line."""
        batch = self.sample(length, count, torch.Generator().manual_seed(seed))
        lines = []
        for tokens, answer in zip(batch.tokens, batch.answer, strict=True):
            prompt = batch.vocabulary.decode(tokens[~answer & (tokens != PAD)].tolist())
            target = batch.vocabulary.decode(tokens[answer].tolist())
            lines.append(f"{join_symbols(prompt)} -> {join_symbols(target)}")
        return "\n".join(lines)


def join_symbols(symbols: Sequence[str]) -> str:
    """Join symbols into a readable string, with spaces if some symbol has several characters."""
    plain = [symbol for symbol in symbols if symbol not in SPECIAL]
    gap = " " if any(len(symbol) > 1 for symbol in plain) else ""
    return gap.join("⏎" if symbol == SPECIAL[EOS] else symbol for symbol in symbols)


def letters(count: int) -> tuple[str, ...]:
    """Names of the symbols of an alphabet: a to z, A to Z, then s52, s53, …."""
    plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return tuple(plain[i] if i < len(plain) else f"s{i}" for i in range(count))
