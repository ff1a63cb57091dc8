"""Rows of text, looked up by length: a split that is scanned once and then read from disk as needed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile

import datasets
import numpy as np
from jaxtyping import Int

from lengen.config.errors import UsageError, ranges, require, require_length
from lengen.statistics.formats import counted
from lengen.task import BOS, EOS, PAD, SPECIAL
from lengen.task.external.formats import CHUNK
from lengen.task.external.spelling import Pieces, Text
from lengen.task.external.tokenizer import Tokens

WHOLE = re.compile(r"-?\d{1,18}(\.0*)?")
"""A whole number; a zero fraction is that of a float."""


@dataclass(frozen=True)
class Columns:
    """Names of the columns; without a length column, length is the number of symbols of the prompt."""

    prompt: str
    answer: str
    length: str | None
    result: str | None

    @property
    def texts(self) -> dict[str, str]:
        """Text columns, by option."""
        named = {"prompt": self.prompt, "answer": self.answer, "result": self.result}
        return {option: name for option, name in named.items() if name is not None}

    @property
    def all(self) -> dict[str, str]:
        """All columns that are read, by option."""
        return self.texts if self.length is None else {**self.texts, "length": self.length}


def common_end(first: Sequence[str], second: Sequence[str]) -> list[str]:
    """The longest end that two sequences have in common.

    >>> common_end("7 so #", "13 #")
    [' ', '#']
    """
    pairs = zip(reversed(first), reversed(second), strict=False)
    return [symbol for symbol, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)][::-1]


@dataclass(frozen=True)
class Corpus:
    """The rows of a split, or of several concatenated splits.

    Args:
        rows: the memory-mapped rows, without other columns.
        columns: the columns that are read.
        text: how text is cut into symbols.
        where: name of the split in error messages.
    """

    rows: datasets.Dataset
    columns: Columns
    text: Text
    where: str

    @cached_property
    def _table(self) -> datasets.Dataset:
        """The rows in Arrow format."""
        return self.rows.with_format("arrow")

    def read(self, rows: Int[np.ndarray, " rows"] | slice) -> dict[str, list[str]]:
        """Read the texts of some rows, by option; null is an empty text."""
        table = self._table[rows]
        return {option: table[name].fill_null("").to_pylist() for option, name in self.columns.texts.items()}

    @cached_property
    def _scan(
        self,
    ) -> tuple[Int[np.ndarray, " rows"], Int[np.ndarray, " rows"], frozenset[str], dict[int, int]]:
        """Length and size of every row in tokens, the symbols that occur, the longest answer by length; this reads all rows once.

        Raises:
            UsageError: a row is incomplete or inconsistent.
        """
        lengths, sizes, names, lost = [], [], set[str](), self.text.round_trip()
        longest: dict[int, int] = {}
        for start in range(0, len(self.rows), CHUNK):
            rows = slice(start, min(start + CHUNK, len(self.rows)))
            texts = self._texts(rows)
            pieces = {option: self.text.cut(values) for option, values in texts.items()}
            for option in ("prompt", "answer"):
                if lost and (found := lost(texts[option], pieces[option])):
                    raise UsageError(
                        f"{self.where}, row {start + found.place} (the first is 0): its {option} has {found.symbol!r}, which "
                        f"the tokenizer does not give back (decoded: {found.written[:80]!r})"
                    )
            if "result" in texts:
                self._check_results(start, texts["result"], pieces["answer"], pieces["result"])
            prompts, answers = pieces["prompt"], pieces["answer"]
            names.update(prompts.names, answers.names)
            sizes.append(prompts.sizes + answers.sizes)
            lengths.append(self._lengths(rows) if self.columns.length else prompts.sizes)
            for length, size in zip(lengths[-1].tolist(), answers.sizes.tolist(), strict=True):
                longest[length] = max(longest.get(length, 0), size)
        return np.concatenate(lengths), np.concatenate(sizes), frozenset(names), longest

    def _texts(self, rows: slice) -> dict[str, list[str]]:
        """Read the texts of some rows, and check that none is empty."""
        texts = self.read(rows)
        for option, values in texts.items():
            self._require_none(
                rows.start, (not value or value.isspace() for value in values), f"its {option} is empty"
            )
        if "result" in texts:
            pairs = zip(texts["answer"], texts["result"], strict=True)
            self._require_none(
                rows.start, (not a.endswith(r) for a, r in pairs), "its answer does not end with its result"
            )
        return texts

    def _check_results(self, start: int, results: Sequence[str], answers: Pieces, ends: Pieces) -> None:
        """Check that the last symbols of every answer are those of its result."""
        cuts = [np.array(part.names, dtype=object)[part.codes] for part in (answers, ends)]
        last, size = np.cumsum(answers.sizes), ends.sizes
        tails = [cuts[0][stop - count : stop].tolist() for stop, count in zip(last, size, strict=True)]
        wrong = (
            self.text.written(tail).split() != result.split()
            for tail, result in zip(tails, results, strict=True)
        )
        self._require_none(start, wrong, "its result begins within a symbol of its answer")

    @cached_property
    def scratchpad_end(self) -> tuple[str, ...]:
        """The symbols with which the scratchpads of all rows end; empty if they end differently."""
        common: list[str] | None = None
        for start in range(0, len(self.rows), CHUNK):
            texts = self.read(slice(start, min(start + CHUNK, len(self.rows))))
            answers, results = (self.text.cut(texts[option]) for option in ("answer", "result"))
            symbols = np.array(answers.names, dtype=object)[answers.codes]
            ends = np.cumsum(answers.sizes)
            for first, last in zip(ends - answers.sizes, ends - results.sizes, strict=True):
                if trace := symbols[first:last].tolist():
                    common = trace if common is None else common_end(common, trace)
                if common == []:
                    return ()
        return tuple(common or ())

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the columns that are read, over all rows in order."""
        rows_hash = hashlib.sha256()
        for start in range(0, len(self.rows), CHUNK):
            rows = slice(start, min(start + CHUNK, len(self.rows)))
            columns = list(self.read(rows).items())
            if self.columns.length:
                columns.append(("length", list(map(str, self._lengths(rows).tolist()))))
            rows_hash.update(json.dumps(columns, ensure_ascii=False).encode())
        return rows_hash.hexdigest()[:16]

    def _lengths(self, rows: slice) -> Int[np.ndarray, " rows"]:
        """Read and check the length column."""
        name = str(self.columns.length)
        texts = self._table[rows][name].to_pylist()
        self._require_none(rows.start, (not text or text.isspace() for text in texts), "its length is empty")
        stripped = [text.strip() for text in texts]
        for row, text in enumerate(stripped, rows.start):
            require(
                bool(WHOLE.fullmatch(text)),
                f"task.length={name}: this column holds the string {text[:40]!r} in {self.where}, row {row} "
                "(the first is 0; allowed: whole numbers)",
            )
        numbers = [int(text.partition(".")[0]) for text in stripped]
        self._require_none(rows.start, (number < 1 for number in numbers), "its length is not at least 1")
        return np.array(numbers, dtype=np.int64)

    def _require_none(self, start: int, invalid: Iterable[bool], reason: str) -> None:
        """Raise an error that names the first invalid row, counted from `start`."""
        row = next((index for index, each in enumerate(invalid, start) if each), None)
        require(row is None, f"{self.where}, row {row} (the first is 0): {reason}")

    def longest_answer(self, length: int) -> int:
        """Tokens of the longest answer of a length; 0 if no row has this length."""
        return self._scan[3].get(length, 0)

    @property
    def names(self) -> frozenset[str]:
        """The symbols that occur.

        Raises:
            UsageError: one of them is a reserved word.
        """
        names = self._scan[2]
        reserved = sorted({SPECIAL[index] for index in (PAD, BOS, EOS)} & names)
        require(
            not reserved or isinstance(self.text, Tokens),
            f"{self.where}: {', '.join(reserved)} is reserved and cannot be a word",
        )
        return names

    def check_sizes(self, maximum: int) -> None:
        """Check that no row has more than `maximum` tokens, end token included.

        Raises:
            UsageError: some row has more.
        """
        long = np.flatnonzero(self._scan[1] + 1 > maximum)
        row = int(long[0]) if len(long) else 0
        require(
            not len(long),
            f"task.maximum={maximum}: {self.where}, row {row} has {self._scan[1][row] + 1} tokens "
            f"({len(long)} of {counted(len(self.rows), 'row')} {'has' if len(long) == 1 else 'have'} too many)",
        )

    @cached_property
    def _order(self) -> tuple[Int[np.ndarray, " rows"], Int[np.ndarray, " rows"]]:
        """Indices of the rows sorted by length, stably, and their lengths."""
        order = np.argsort(self._scan[0], kind="stable")
        return order, self._scan[0][order]

    def of(self, length: int) -> Int[np.ndarray, " rows"]:
        """Indices of the rows of a length, in the order of the files."""
        order, lengths = self._order
        return order[np.searchsorted(lengths, length, "left") : np.searchsorted(lengths, length, "right")]

    def require_rows(self, length: int) -> Int[np.ndarray, " rows"]:
        """Indices of the rows of a length, of which there must be at least one.

        Raises:
            LengthUnavailable: there is none.
        """
        rows = self.of(length)
        require_length(
            len(rows) > 0,
            length,
            f"{self.where} has no example of this length (allowed: {ranges(np.unique(self._scan[0]).tolist())})",
        )
        return rows
