"""Rows of text, found by their length: a split that is read from disk where it is needed, and surveyed once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import datasets
import numpy as np
import pyarrow as pa
from jaxtyping import Int

from lengen.config.errors import nearest, ranges, require, require_length
from lengen.task import BOS, EOS, PAD, SPECIAL
from lengen.task.external.spelling import Text, Tokens

CHUNK = 1_000
"""Rows that are in memory together while a split is surveyed."""


@dataclass(frozen=True)
class Columns:
    """Names of columns; without one for the length it is the number of symbols of the prompt."""

    prompt: str
    answer: str
    length: str | None
    result: str | None

    @property
    def texts(self) -> dict[str, str]:
        """Columns of text by their option."""
        named = {"prompt": self.prompt, "answer": self.answer, "result": self.result}
        return {option: name for option, name in named.items() if name is not None}

    def of(self, rows: datasets.Dataset, where: str) -> datasets.Dataset:
        """Rows without their other columns.

        Raises:
            UsageError: a column is missing or holds something else; names the option.
        """
        read = self.texts if self.length is None else {**self.texts, "length": self.length}
        for option, name in read.items():
            known = rows.column_names
            require(
                name in known,
                f"task.{option}={name}: no such column in {where}{nearest(name, known)} (allowed: {', '.join(known)})",
            )
            kind = rows.features.arrow_schema.field(name).type
            whole = pa.types.is_integer(kind) if option == "length" else is_text(kind)
            wanted = "whole numbers" if option == "length" else "text"
            require(whole, f"task.{option}={name}: this column holds {kind} in {where} (allowed: {wanted})")
        return rows.select_columns(list(dict.fromkeys(read.values())))


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


@dataclass(frozen=True)
class Corpus:
    """A split, or several one behind the other.

    Args:
        rows: as the library opens them, memory-mapped, without other columns.
        columns: what is read of them.
        text: how they are read.
        where: what messages call the split.
    """

    rows: datasets.Dataset
    columns: Columns
    text: Text
    where: str

    @cached_property
    def _table(self) -> datasets.Dataset:
        """The rows as Arrow."""
        return self.rows.with_format("arrow")

    def read(self, rows: Int[np.ndarray, " rows"] | slice) -> dict[str, list[str]]:
        """Texts of some rows, by their option."""
        table = self._table[rows]
        return {option: table[name].to_pylist() for option, name in self.columns.texts.items()}

    @cached_property
    def _survey(self) -> tuple[Int[np.ndarray, " rows"], Int[np.ndarray, " rows"], frozenset[str]]:
        """Length and tokens of every row, and the symbols that occur; the only time that all is read.

        Raises:
            UsageError: a row lacks something.
        """
        lengths, sizes, names = [], [], set[str]()
        for start in range(0, len(self.rows), CHUNK):
            rows = slice(start, min(start + CHUNK, len(self.rows)))
            for option, name in self.columns.texts.items():
                self._refuse(start, self._table[rows][name].is_null().to_pylist(), f"its {option} is empty")
            texts = self.read(rows)
            for option, values in texts.items():
                self._refuse(
                    start, (not value or value.isspace() for value in values), f"its {option} is empty"
                )
            if "result" in texts:
                pairs = zip(texts["answer"], texts["result"], strict=True)
                self._refuse(
                    start, (not a.endswith(r) for a, r in pairs), "its answer does not end with its result"
                )
            prompts, answers = self.text.cut(texts["prompt"]), self.text.cut(texts["answer"])
            names.update(prompts.names, answers.names)
            sizes.append(prompts.sizes + answers.sizes)
            lengths.append(self._lengths(rows) if self.columns.length else prompts.sizes)
        return np.concatenate(lengths), np.concatenate(sizes), frozenset(names)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of what is read of all rows, in their order."""
        found = hashlib.sha256()
        for start in range(0, len(self.rows), CHUNK):
            rows = slice(start, min(start + CHUNK, len(self.rows)))
            columns = list(self.read(rows).items())
            if self.columns.length:
                columns.append(("length", list(map(str, self._table[rows][self.columns.length].to_pylist()))))
            found.update(json.dumps(columns, ensure_ascii=False).encode())
        return found.hexdigest()[:16]

    def _lengths(self, rows: slice) -> Int[np.ndarray, " rows"]:
        """The column of lengths."""
        column = self._table[rows][self.columns.length]
        self._refuse(
            rows.start,
            (value is None or value < 1 for value in column.to_pylist()),
            "its length is not at least 1",
        )
        found: Int[np.ndarray, " rows"] = column.to_numpy().astype(np.int64)
        return found

    def _refuse(self, start: int, wrong: Iterable[bool], what: str) -> None:
        """Refuse the first row that is wrong, by its number."""
        row = next((index for index, each in enumerate(wrong, start) if each), None)
        require(row is None, f"{self.where}, row {row} (the first is 0): {what}")

    @property
    def names(self) -> frozenset[str]:
        """The symbols that occur.

        Raises:
            UsageError: one of them is a word that lengen keeps for itself.
        """
        names = self._survey[2]
        kept = sorted({SPECIAL[index] for index in (PAD, BOS, EOS)} & names)
        require(
            not kept or isinstance(self.text, Tokens),
            f"{self.where}: {', '.join(kept)} is reserved and cannot be a word",
        )
        return names

    def fits(self, maximum: int) -> None:
        """Refuse rows of more tokens, end token included.

        Raises:
            UsageError: names the first such row.
        """
        long = np.flatnonzero(self._survey[1] + 1 > maximum)
        row = int(long[0]) if len(long) else 0
        require(
            not len(long),
            f"task.maximum={maximum}: {self.where}, row {row} has {self._survey[1][row] + 1} tokens "
            f"({len(long)} of {len(self.rows)} rows have too many)",
        )

    @cached_property
    def _order(self) -> tuple[Int[np.ndarray, " rows"], Int[np.ndarray, " rows"]]:
        """Rows by length, in their order within each, and their lengths."""
        order = np.argsort(self._survey[0], kind="stable")
        return order, self._survey[0][order]

    def of(self, length: int) -> Int[np.ndarray, " rows"]:
        """Rows of a length, in the order of the files."""
        order, lengths = self._order
        return order[np.searchsorted(lengths, length, "left") : np.searchsorted(lengths, length, "right")]

    def demand(self, length: int) -> Int[np.ndarray, " rows"]:
        """Rows of a length, at least one.

        Raises:
            LengthUnavailable: there is none.
        """
        rows = self.of(length)
        require_length(
            len(rows) > 0,
            length,
            f"{self.where} has no example of this length (allowed: {ranges(np.unique(self._survey[0]).tolist())})",
        )
        return rows
