"""The curve of a run: its results, one row per length, as written to and read from `curve.csv`, a stable format."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

from lengen.config.errors import UsageError, require_file
from lengen.records.atomic import whole
from lengen.records.frame import frame
from lengen.records.verdicts import FAILURES
from lengen.statistics.formats import floored, reach_text
from lengen.statistics.intervals import THRESHOLDS, measurable, reach

TRAINED = 0.99
"""A run counts as trained if its ID exact match is at least this."""

Split = Literal["id", "ood"]


def split(length: int, train_length: int) -> Split:
    """Return `id` for a length up to the train length, `ood` beyond."""
    return "id" if length <= train_length else "ood"


@dataclass(frozen=True)
class Row:
    """One length of one run; the fields are the columns of `curve.csv`, in order.

    Args:
        task: the chosen option of the group `task`; likewise pe, positions, attention, extend and decoder.
        cell: hash of the configuration without its seeds.
        step: optimizer steps behind the evaluated checkpoint.
        checkpoint: `last` or `best`.
        decode: `teacher` (one forward pass), `greedy` (cached decoding), or `free` (only the answer after the scratchpad counts).
        train_length: longest length seen in training.
        length: the evaluated length, in the task's unit.
        split: `id` up to the train length, `ood` beyond.
        examples: number of evaluated examples; `correct` of them have a right answer, end token included.
        exact_match: correct / examples, with its 95% Clopper-Pearson interval `ci_low` to `ci_high`.
        token_accuracy: share of answer tokens that are right, end tokens included.
        loss: nats per answer token, teacher-forced.
        first_error: mean number of answer tokens before the first wrong one, over wrong answers; None if there are none.
        seconds: wall time of evaluating this length.
        peak_bytes: peak memory during that time: of the process on a CPU, allocated by torch on a GPU; with what other runs of the
            process hold.
        stopped_early: number of wrong answers whose first error is an end token; likewise ran_on, never_ended and
            wrong_token, see `lengen.records.verdicts`. None in curves of earlier versions.
        chance_exact_match: exact match of the likeliest answer of this length, of the likeliest result if only that is scored
            (`lengen.task.chance`); likewise chance_token_accuracy. None in curves of earlier versions.
        memory_bytes: peak memory of this run alone: its parameters, and what evaluating the length takes besides. None in curves
            of earlier versions, and on a CPU where the system cannot tell (Linux can).
        loops: how often the stack of blocks was applied; where tokens stop at different loops, the mean over the tokens whose logits
            were read. None in curves of earlier versions.
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
    stopped_early: int | None = None
    ran_on: int | None = None
    never_ended: int | None = None
    wrong_token: int | None = None
    chance_exact_match: float | None = None
    chance_token_accuracy: float | None = None
    memory_bytes: int | None = None
    loops: float | None = None

    @property
    def failures(self) -> dict[str, float]:
        """Share of all answers by how they fail, see `lengen.records.verdicts`; empty in curves of earlier versions."""
        counts = {name: getattr(self, name) for name in FAILURES}
        return {name: count / self.examples for name, count in counts.items() if count is not None}


COLUMNS = tuple(field.name for field in fields(Row))
KINDS: dict[str, Any] = {
    name: next((kind for kind in (int, float) if kind in (hint, *get_args(hint))), str)
    for name, hint in get_type_hints(Row).items()
}
"""By column: the type that its text is converted to."""
LARGEST = 1 << 64
"""Whole numbers are smaller, whatever their sign."""
SHOWN = 40
"""Most characters of a value in a message."""
LATER = tuple(field.name for field in fields(Row) if field.default is None)
"""Columns that curves of earlier versions lack."""


@dataclass(frozen=True)
class Curve:
    """The rows of one run, ascending in length, one per length."""

    rows: tuple[Row, ...] = ()

    def __post_init__(self) -> None:
        lengths = self.lengths
        if list(lengths) != sorted(set(lengths)):
            raise ValueError(f"lengths of a curve must be distinct and ascending, got {list(lengths)}")

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """The evaluated lengths."""
        return tuple(row.length for row in self.rows)

    @cached_property
    def by_length(self) -> dict[int, Row]:
        """The rows by their lengths."""
        return {row.length: row for row in self.rows}

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, length: int) -> bool:
        return length in self.by_length

    def __getitem__(self, length: int) -> Row:
        """Return the row of a length, not of an index."""
        if length not in self.by_length:
            raise KeyError(f"length {length} was not evaluated; evaluated lengths: {list(self.lengths)}")
        return self.by_length[length]

    def add(self, row: Row) -> Curve:
        """Return this curve with one more row."""
        return Curve(tuple(sorted((*self.rows, row), key=lambda each: each.length)))

    def reach(self, threshold: float) -> int | None:
        """Return the longest length up to which every lower confidence bound is at least a threshold; None if there is none."""
        return reach(self.lengths, [row.ci_low for row in self.rows], threshold)

    @property
    def reaches(self) -> dict[float, int | None]:
        """The reach at each of the three thresholds."""
        return {threshold: self.reach(threshold) for threshold in THRESHOLDS}

    def measurable(self, threshold: float) -> bool:
        """Whether the shortest length has enough examples for a reach at a threshold; if not, its absence says nothing."""
        return not self.rows or measurable(threshold, self.rows[0].examples)

    def reach_text(self, threshold: float) -> str:
        """Return the reach as it is shown: `none`, `not measurable`, or with `>=` where the sweep ended before the curve fell."""
        found = self.reach(threshold)
        ended = bool(found) and found == self.lengths[-1]
        return reach_text(found, at_least=ended, measurable=self.measurable(threshold))

    def to_pandas(self) -> Any:
        """Return the rows as a data frame with the columns of `curve.csv`.

        Raises:
            ImportError: pandas is not installed.
        """
        return frame([vars(row) for row in self.rows], COLUMNS)

    def _repr_html_(self) -> str:
        """Return the curve as an HTML table for notebooks."""
        shown = ("length", "split", "exact_match", "ci_low", "ci_high", "token_accuracy", "loss")
        cells = [[getattr(row, name) for name in shown] for row in self.rows]
        lines = [
            "".join(
                f"<td>{floored(each)}</td>" if isinstance(each, float) else f"<td>{each}</td>" for each in row
            )
            for row in cells
        ]
        head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in shown)
        return f"<table><tr>{head}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"

    def save(self, path: Path) -> None:
        """Write the rows as CSV, atomically."""
        write_csv(path, COLUMNS, [{name: getattr(row, name) for name in COLUMNS} for row in self.rows])

    @classmethod
    def load(cls, path: Path) -> Curve:
        """Read the rows of a CSV.

        Raises:
            UsageError: the file is not CSV or is cut short, a column is missing, a value has the wrong type, or lengths are
                out of order.
        """
        require_file(path)
        try:
            with path.open(newline="", encoding="utf-8") as file:
                reader = csv.DictReader(file)
                known = {*(reader.fieldnames or ()), *LATER}
                missing = [name for name in COLUMNS if name not in known]
                lines = list(reader)
                file.seek(0)
                complete = file.read().endswith("\n")
        except (UnicodeDecodeError, csv.Error) as error:
            raise UsageError(f"{path}: not a CSV file ({error})") from None
        if missing:
            raise UsageError(f"{path}: missing column {', '.join(missing)}")
        rows = tuple(_row(line, path) for line in lines)
        if not complete:
            raise UsageError(f"{path}: its last line is cut short")
        try:
            return cls(rows)
        except ValueError as error:
            raise UsageError(f"{path}: {error}") from None


def _row(line: dict[str, str | None], path: Path) -> Row:
    """Convert a line of the CSV to a typed row."""
    values: dict[str, Any] = {}
    for name, kind in KINDS.items():
        text = line.get(name, "")
        try:
            value = None if text == "" and name in (*LATER, "first_error") else kind(text)
        except (TypeError, ValueError):
            value = ...
        if value is ... or (isinstance(value, int) and abs(value) >= LARGEST):
            raise UsageError(f"{path}: invalid value {(text or '')[:SHOWN]!r} in column {name}")
        values[name] = value
    if values["split"] not in ("id", "ood"):
        raise UsageError(f"{path}: invalid value {values['split']!r} in column split")
    counts = [values[name] for name in FAILURES]
    if counts != [None] * len(counts) and sum(filter(None, counts)) != values["examples"] - values["correct"]:
        raise UsageError(
            f"{path}: {', '.join(FAILURES)} do not add up to the wrong answers of length {values['length']}"
        )
    return Row(**values)


def read_csv(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a table that `write_csv` has written; numbers as numbers, empty fields as None."""
    with path.open(encoding="utf-8", newline="") as file:
        return [{key: typed(value) for key, value in row.items()} for row in csv.DictReader(file)]


def typed(text: str) -> int | float | str | None:
    """Return a field of a CSV as a value.

    >>> [typed(text) for text in ("3", "0.5", "ood", "")]
    [3, 0.5, 'ood', None]
    """
    if not text:
        return None
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a table as CSV, atomically; None, and a column that a row lacks, become an empty field.

    Raises:
        ValueError: a row has a value without a column.
    """
    text = StringIO(newline="")
    writer, known = csv.writer(text, lineterminator="\n"), set(columns)
    writer.writerow(columns)
    for row in rows:
        if not row.keys() <= known:
            raise ValueError(f"{path}: no column for {', '.join(sorted(row.keys() - known))}")
        writer.writerow([row.get(name) for name in columns])
    write_text(path, text.getvalue())


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")
