"""Answer prompts that are given as text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Int, Real
from torch import Tensor

from lengen.api.checks import require_whole, shown
from lengen.config.errors import UsageError, require
from lengen.evaluation.decoding import greedy
from lengen.evaluation.scoring import FREEDOM, SPARE
from lengen.evaluation.test_set import positions_key
from lengen.experiment.load_run import TrainedRun
from lengen.positions import within
from lengen.sampling import generator
from lengen.task import BOS, EOS, PAD, SEP, SPECIAL, Batch, Vocabulary, join_symbols

ROWS = 256
"""Number of prompts in a batch."""
END = "⏎"
"""The end token, as printed in examples."""


def tokenized(prompt: str | Sequence[str], vocabulary: Vocabulary) -> list[int]:
    """Return the token ids of a prompt.

    Args:
        prompt: a text as `lengen data` prints it, with or without spaces between symbols, where the longest matching
            symbol is read first; or a list of symbols.
        vocabulary: the vocabulary of the formatted task.

    Raises:
        UsageError: the prompt contains something that is not a symbol of the task.
    """
    ids = {symbol: index for symbol, index in vocabulary.ids.items() if index not in (PAD, BOS)}
    ids[END] = EOS
    if not isinstance(prompt, str):
        if not isinstance(prompt, Sequence):
            raise UsageError(f"prompt {shown(prompt)}: must be a text or a list of symbols")
        for symbol in prompt:
            require(isinstance(symbol, str) and symbol in ids, _unknown(symbol, prompt, vocabulary))
        return [ids[symbol] for symbol in prompt]
    spaced = any(" " in symbol for symbol in vocabulary.symbols)
    if not spaced and all(part in ids for part in prompt.split()):
        return [ids[part] for part in prompt.split()]
    longest, tokens, start = max(map(len, ids)), list[int](), 0
    while start < len(prompt):
        known = (prompt[start : start + size] for size in range(longest, 0, -1))
        match = next((text for text in known if text in ids), None)
        if match is None:
            require(not spaced and prompt[start].isspace(), _unknown(prompt[start], prompt, vocabulary))
            start += 1
            continue
        tokens.append(ids[match])
        start += len(match)
    return tokens


def _unknown(symbol: str, prompt: str | Sequence[str], vocabulary: Vocabulary) -> str:
    """Describe an unknown symbol."""
    allowed = " ".join((SPECIAL[SEP], *vocabulary.symbols[:60]))
    more = " …" if len(vocabulary.symbols) > 60 else ""  # noqa: PLR2004
    return f"prompt {prompt!r}: {symbol!r} is not a symbol of this task (allowed: {allowed}{more})"


@dataclass(frozen=True)
class Answers:
    """Greedy decoding of single prompts by a trained run, with positions as in its sweep.

    Args:
        trained: the run.
    """

    trained: TrainedRun

    @cached_property
    def limit(self) -> int:
        """Maximum number of tokens of an answer: that of free decoding at the longest length of the sweep."""
        task = self.trained.config.formatted_task.evaluation_task()
        batch = task.sample(self.trained.config.eval_lengths[-1], 64, generator("limit", 0))
        return math.ceil(int(batch.answer.sum(1).max()) * FREEDOM) + SPARE

    def read(self, prompt: str | Sequence[str]) -> list[int]:
        """Return the tokens of a prompt, bos included if the decoder uses it."""
        config = self.trained.config
        read = tokenized(prompt, config.formatted_task.vocabulary)
        read = [BOS, *read] if config.decoder.bos else read
        require(bool(read), f"prompt {prompt!r}: needs at least one symbol")
        return read

    def predict(self, prompts: Sequence[str | Sequence[str]], limit: int | None = None) -> list[str]:
        """Return the answers as `Task.show` prints them: up to the end token or the limit.

        Args:
            prompts: texts or lists of symbols.
            limit: maximum number of tokens of an answer; None for what the longest length of the sweep allows.
        """
        if limit is not None:
            require_whole(limit, "limit", ", or None")
            require(limit >= 1, f"limit={limit}: must be at least 1")
        if not isinstance(prompts, Iterable):
            raise UsageError(
                f"prompts={shown(prompts)}: must be a text, or a list of texts or of lists of symbols"
            )
        read = [self.read(prompt) for prompt in prompts]
        sizes = [self._room(tokens, limit or self.limit) for tokens in read]
        answers = list[str]()
        for start in range(0, len(read), ROWS):
            answers += self._decoded(read[start : start + ROWS], sizes[start : start + ROWS])
        return answers

    def batch(self, tokens: Sequence[int], time: int) -> Batch:
        """Return a batch of one prompt, padded to `time` tokens for its answer."""
        row = torch.full((1, time), PAD)
        row[0, : len(tokens)] = torch.tensor(tokens)
        return self._one_row(row, len(tokens))

    def _one_row(self, tokens: Int[Tensor, "1 time"], prompt: int) -> Batch:
        """Return a batch of one row, whose first tokens are a prompt."""
        answer = (torch.arange(tokens.shape[1]) >= prompt).unsqueeze(0)
        vocabulary = self.trained.config.formatted_task.vocabulary
        longest = torch.tensor([self._longest_answer(prompt)])
        return Batch(tokens, answer, answer, None, torch.tensor([prompt]), vocabulary, longest_answer=longest)

    def _longest_answer(self, prompt: int) -> int:
        """Return the largest number of tokens of an answer, at the first trained or evaluated length with such long prompts."""
        sizes = self._sizes
        return next((longest for size, longest in sizes if size >= prompt), sizes[-1][1])

    @cached_property
    def _sizes(self) -> list[tuple[int, int]]:
        """Numbers of tokens of the longest prompt and of the longest answer, for every trained or evaluated length."""
        config = self.trained.config
        task, sizes = config.formatted_task.evaluation_task(), []
        for length in sorted({*config.trained_lengths.support, *config.eval_lengths}):
            if task.has(length):
                batch = task.sample(length, 8, generator("limit", length))
                prompt = int(batch.prompt_size.max()) + config.decoder.bos
                sizes.append((prompt, task.longest_answer(length)))
        return sizes

    def positions(self, batch: Batch, prompt: int) -> Real[Tensor, "1 time *streams"]:
        """Return the positions of one row.

        Args:
            batch: a batch of this row alone.
            prompt: number of tokens of its prompt.

        Raises:
            UsageError: the positions need more than the tokens, or the encoding has too few positions.
        """
        config = self.trained.config
        key = positions_key(config.eval, prompt)
        budget = self.trained.decoder.budget
        largest = config.positions.largest(batch, training=False)
        require(
            budget is None or largest < budget,
            f"positions up to {largest} are needed, but pe={config.labels.pe} holds {budget} of them",
        )
        return within(config.positions(batch, generator(*key), training=False), budget)

    def _room(self, tokens: Sequence[int], limit: int) -> int:
        """Return how many tokens a prompt and its answer may have: as many as the limit and the positions allow."""
        low, high = len(tokens), len(tokens) + limit
        if self._fits(tokens, high):
            return high
        try:
            self.positions(self.batch(tokens, low), low)
        except UsageError as error:
            name = self.trained.config.labels.positions
            raise UsageError(f"positions={name}: not defined for this prompt ({error})") from None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._fits(tokens, middle) else (low, middle)
        return low

    def _fits(self, tokens: Sequence[int], time: int) -> bool:
        try:
            self.positions(self.batch(tokens, time), len(tokens))
        except UsageError:
            return False
        return True

    def _decoded(self, read: Sequence[Sequence[int]], sizes: Sequence[int]) -> list[str]:
        """Decode a batch of prompts."""
        vocabulary, decoder = self.trained.config.formatted_task.vocabulary, self.trained.reader
        device, width = next(decoder.parameters()).device, max(sizes)
        prompts = torch.tensor([len(tokens) for tokens in read]).unsqueeze(1)
        column = torch.arange(width)
        answer = (column >= prompts) & (column < torch.tensor(sizes).unsqueeze(1))
        rows = torch.cat([self.batch(tokens, width).tokens for tokens in read])

        def place(tokens: Int[Tensor, "batch time"]) -> Real[Tensor, "#batch time *streams"]:
            return self._row_positions(tokens.cpu(), prompts.flatten().tolist(), sizes).to(device)

        if bool(answer.any()):
            fixed = not self.trained.config.positions.reads_tokens
            rows = greedy(decoder, rows.to(device), answer.to(device), place, stop=0, fixed=fixed).cpu()
        texts = []
        for row, some in zip(rows, answer, strict=True):
            symbols = vocabulary.decode(row[some].tolist())
            end = symbols.index(SPECIAL[EOS]) + 1 if SPECIAL[EOS] in symbols else len(symbols)
            texts.append(join_symbols(symbols[:end]))
        return texts

    def _row_positions(
        self, tokens: Int[Tensor, "batch time"], prompts: Sequence[int], sizes: Sequence[int]
    ) -> Real[Tensor, "#batch time *streams"]:
        """Return the positions of every row as if it were alone; columns beyond its size repeat its last position."""
        if self.trained.config.positions.counts:
            return torch.arange(tokens.shape[1]).unsqueeze(0)
        rows = []
        for row, prompt, size in zip(tokens, prompts, sizes, strict=True):
            placed = self.positions(self._one_row(row[:size].unsqueeze(0), prompt), prompt)
            rows.append(
                torch.cat([placed, placed[:, -1:].expand(1, tokens.shape[1] - size, *placed.shape[2:])], 1)
            )
        return torch.cat(rows)
