"""Rows of text, looked up by length: a split that is scanned once and then read from disk as needed."""

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
"""Rows held in memory at a time while a split is scanned."""


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

    def of(self, rows: datasets.Dataset, where: str) -> datasets.Dataset:
        """Check the columns of some rows and drop all others.

        Raises:
            UsageError: a column is missing or has the wrong type.
        """
        columns = self.texts if self.length is None else {**self.texts, "length": self.length}
        for option, name in columns.items():
            known = rows.column_names
            require(
                name in known,
                f"task.{option}={name}: no such column in {where}{nearest(name, known)} (allowed: {', '.join(known)})",
            )
            kind = rows.features.arrow_schema.field(name).type
            valid = pa.types.is_integer(kind) if option == "length" else is_text(kind)
            wanted = "whole numbers" if option == "length" else "text"
            require(valid, f"task.{option}={name}: this column holds {kind} in {where} (allowed: {wanted})")
        return rows.select_columns(list(dict.fromkeys(columns.values())))


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


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
        """Read the texts of some rows, by option."""
        table = self._table[rows]
        return {option: table[name].to_pylist() for option, name in self.columns.texts.items()}

    @cached_property
    def _scan(self) -> tuple[Int[np.ndarray, " rows"], Int[np.ndarray, " rows"], frozenset[str]]:
        """Length and number of tokens of every row, and the symbols that occur; this reads all rows once.

        Raises:
            UsageError: a row is incomplete or inconsistent.
        """
        lengths, sizes, names = [], [], set[str]()
        for start in range(0, len(self.rows), CHUNK):
            rows = slice(start, min(start + CHUNK, len(self.rows)))
            for option, name in self.columns.texts.items():
                self._require_none(
                    start, self._table[rows][name].is_null().to_pylist(), f"its {option} is empty"
                )
            texts = self.read(rows)
            for option, values in texts.items():
                self._require_none(
                    start, (not value or value.isspace() for value in values), f"its {option} is empty"
                )
            if "result" in texts:
                pairs = zip(texts["answer"], texts["result"], strict=True)
                self._require_none(
                    start, (not a.endswith(r) for a, r in pairs), "its answer does not end with its result"
                )
            prompts, answers = self.text.cut(texts["prompt"]), self.text.cut(texts["answer"])
            names.update(prompts.names, answers.names)
            sizes.append(prompts.sizes + answers.sizes)
            lengths.append(self._lengths(rows) if self.columns.length else prompts.sizes)
        return np.concatenate(lengths), np.concatenate(sizes), frozenset(names)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the columns that are read, over all rows in order."""
        rows_hash = hashlib.sha256()
        for start in range(0, len(self.rows), CHUNK):
            rows = slice(start, min(start + CHUNK, len(self.rows)))
            columns = list(self.read(rows).items())
            if self.columns.length:
                columns.append(("length", list(map(str, self._table[rows][self.columns.length].to_pylist()))))
            rows_hash.update(json.dumps(columns, ensure_ascii=False).encode())
        return rows_hash.hexdigest()[:16]

    def _lengths(self, rows: slice) -> Int[np.ndarray, " rows"]:
        """Read and check the length column."""
        column = self._table[rows][self.columns.length]
        self._require_none(
            rows.start,
            (value is None or value < 1 for value in column.to_pylist()),
            "its length is not at least 1",
        )
        lengths: Int[np.ndarray, " rows"] = column.to_numpy().astype(np.int64)
        return lengths

    def _require_none(self, start: int, invalid: Iterable[bool], reason: str) -> None:
        """Raise an error that names the first invalid row, counted from `start`."""
        row = next((index for index, each in enumerate(invalid, start) if each), None)
        require(row is None, f"{self.where}, row {row} (the first is 0): {reason}")

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
            f"({len(long)} of {len(self.rows)} rows have too many)",
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
