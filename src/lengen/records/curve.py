"""A curve: one run's results, one row a length; to and from disk. The file is the contract that other programs read."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any, Literal, get_type_hints

from lengen.config.errors import UsageError
from lengen.records.atomic import whole
from lengen.records.frame import frame
from lengen.statistics.intervals import THRESHOLDS, reach

TRAINED = 0.99
"""ID exact match from which a run is called trained."""

Split = Literal["id", "ood"]


def split(length: int, train_length: int) -> Split:
    """`id` up to the train length, `ood` beyond."""
    return "id" if length <= train_length else "ood"


@dataclass(frozen=True)
class Row:
    """One length of one run; the fields are the columns of `curve.csv`, in order.

    Args:
        task: option of the task group; likewise pe, positions, attention, extend and decoder.
        cell: hash of the configuration without its seed.
        step: optimizer steps that the evaluated checkpoint has seen.
        checkpoint: `last` or `best`.
        decode: `teacher` (one forward pass), `greedy` (cached decoding), or `free` (the answer behind the scratchpad alone).
        train_length: longest length seen in training.
        length: the length examined, in the task's unit.
        split: `id` up to the train length, `ood` beyond.
        examples: how many were examined, and `correct` how many answers were right to the end token.
        exact_match: correct / examples, with its 95% Clopper-Pearson interval `ci_low` to `ci_high`.
        token_accuracy: share of answer tokens that are right, end tokens included.
        loss: nats an answer token, teacher-forced.
        first_error: mean number of answer tokens before the first wrong one, over wrong answers; None without any.
        seconds: wall time of this length.
        peak_bytes: peak memory while it ran: of the process on a CPU, allocated by torch on a GPU.
    """

    task: str
    pe: str
    positions: str
    attention: str
    extend: str
    decoder: str
    cell: str
    seed: int
    step: int
    checkpoint: str
    decode: str
    train_length: int
    length: int
    split: Split
    examples: int
    correct: int
    exact_match: float
    ci_low: float
    ci_high: float
    token_accuracy: float
    loss: float
    first_error: float | None
    seconds: float
    peak_bytes: int


COLUMNS = tuple(field.name for field in fields(Row))
KINDS = {name: hint if hint in (int, float) else str for name, hint in get_type_hints(Row).items()}
"""How the text of a column is read."""


@dataclass(frozen=True)
class Curve:
    """Rows of one run, ascending in length, each length once."""

    rows: tuple[Row, ...] = ()

    def __post_init__(self) -> None:
        lengths = self.lengths
        if list(lengths) != sorted(set(lengths)):
            raise ValueError(f"a curve has each length once, ascending; got {list(lengths)}")

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """The evaluated lengths."""
        return tuple(row.length for row in self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, length: int) -> bool:
        return length in self.lengths

    def __getitem__(self, length: int) -> Row:
        """The row of a length (not of an index)."""
        for row in self.rows:
            if row.length == length:
                return row
        raise KeyError(f"length {length} was not examined; lengths are {list(self.lengths)}")

    def add(self, row: Row) -> Curve:
        """This curve and one more row."""
        return Curve(tuple(sorted((*self.rows, row), key=lambda each: each.length)))

    def reach(self, threshold: float) -> int | None:
        """Longest contiguous length whose lower confidence bound holds a threshold; None if none does."""
        return reach(self.lengths, [row.ci_low for row in self.rows], threshold)

    @property
    def reaches(self) -> dict[float, int | None]:
        """The three reaches, by threshold."""
        return {threshold: self.reach(threshold) for threshold in THRESHOLDS}

    def to_pandas(self) -> Any:
        """The rows as a data frame with the columns of `curve.csv`.

        Raises:
            ImportError: pandas is not installed.
        """
        return frame([vars(row) for row in self.rows], COLUMNS)

    def _repr_html_(self) -> str:
        """The curve as a table of a notebook."""
        shown = ("length", "split", "exact_match", "ci_low", "ci_high", "token_accuracy", "loss")
        cells = [[getattr(row, name) for name in shown] for row in self.rows]
        lines = [
            "".join(f"<td>{each:.3f}</td>" if isinstance(each, float) else f"<td>{each}</td>" for each in row)
            for row in cells
        ]
        head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in shown)
        return f"<table><tr>{head}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"

    def save(self, path: Path) -> None:
        """Write the rows as CSV, whole or not at all."""
        write_csv(path, COLUMNS, [{name: getattr(row, name) for name in COLUMNS} for row in self.rows])

    @classmethod
    def load(cls, path: Path) -> Curve:
        """Read the rows of a CSV.

        Raises:
            UsageError: it is no CSV, a column is missing, a value is none of its type, or a length is out of order.
        """
        try:
            with path.open(newline="", encoding="utf-8") as file:
                reader = csv.DictReader(file)
                missing = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
                lines = list(reader)
        except (UnicodeDecodeError, csv.Error) as error:
            raise UsageError(f"{path}: no CSV ({error})") from None
        if missing:
            raise UsageError(f"{path}: no column {', '.join(missing)}")
        rows = tuple(_row(line, path) for line in lines)
        try:
            return cls(rows)
        except ValueError as error:
            raise UsageError(f"{path}: {error}") from None


def _row(line: dict[str, str | None], path: Path) -> Row:
    """A line of a CSV as typed values."""
    values: dict[str, Any] = {}
    for name, kind in KINDS.items():
        text = line[name]
        try:
            values[name] = (float(text) if text else None) if name == "first_error" else kind(text)
        except (TypeError, ValueError):
            raise UsageError(f"{path}: column {name} has {text!r}") from None
    if values["split"] not in ("id", "ood"):
        raise UsageError(f"{path}: column split has {values['split']!r}")
    return Row(**values)


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Write a table whole or not at all; None becomes an empty field."""
    text = StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all: beside it first, then in its place."""
    with whole(path) as beside:
        beside.write_text(text, encoding="utf-8", newline="")
