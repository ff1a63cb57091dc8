"""The verdicts of a sweep: how every evaluated string was answered, as written to and read from `verdicts.parquet`.

A stable format, one row a string: `length`, `example` (from 0, its place in the test set of that length), `exact`,
`first_error` (from 0, its place in the answer; null if the answer is right), `wrong_tokens`, `ending` and `answer_tokens` (null in
files of earlier versions).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from lengen.config.errors import UsageError, require_file
from lengen.records.atomic import whole

ENDINGS = ("right", "stopped_early", "ran_on", "never_ended", "wrong_token")
"""How an answer ended. The first error decides: `stopped_early` is an end token where another token was due; `ran_on` is
another token where the end token was due; `never_ended` is the same where decoding went on for as long as it may and wrote
no end token; `wrong_token` is any other first error."""
FAILURES = ENDINGS[1:]
COLUMNS = ("length", "example", "exact", "first_error", "wrong_tokens", "ending", "answer_tokens")
NULLABLE = ("first_error", "answer_tokens")
"""Columns that may have nulls."""
LATER = ("answer_tokens",)
"""Columns that files of earlier versions lack."""


class StringVerdicts(NamedTuple):
    """Verdicts on the strings of one length, in the order of its test set.

    Args:
        exact: whether the whole answer is right, end token included.
        first_error: place of the first wrong token in the answer, from 0; -1 if the answer is right.
        wrong_tokens: number of places of the answer that are wrong, its end token's included.
        ending: index into `ENDINGS`.
        answer_tokens: number of tokens that are scored, the end token included; 0 where an earlier version did not count them.
    """

    exact: Bool[np.ndarray, " strings"]
    first_error: Int[np.ndarray, " strings"]
    wrong_tokens: Int[np.ndarray, " strings"]
    ending: Int[np.ndarray, " strings"]
    answer_tokens: Int[np.ndarray, " strings"]

    @property
    def counts(self) -> dict[str, int]:
        """Number of strings by ending."""
        counted = np.bincount(self.ending, minlength=len(ENDINGS))
        return dict(zip(ENDINGS, counted.tolist(), strict=True))


def write_verdicts(path: Path, verdicts: Mapping[int, StringVerdicts]) -> None:
    """Write verdicts by length, atomically, in ascending order of length."""
    import pyarrow as pa
    from pyarrow import parquet

    lengths = sorted(verdicts)
    sizes = [len(verdicts[length].exact) for length in lengths]
    exact, first, wrong, ending, tokens = (
        np.concatenate([getattr(verdicts[length], name) for length in lengths])
        for name in StringVerdicts._fields
    )
    columns = (
        _column(np.repeat(lengths, sizes)),
        _column(np.concatenate([np.arange(size) for size in sizes])),
        pa.Array.from_buffers(pa.bool_(), len(exact), [None, pa.py_buffer(_bits(exact))]),
        _column(first, first >= 0),
        _column(wrong),
        pa.DictionaryArray.from_arrays(_column(ending, kind=np.int8), _text(ENDINGS)),
        _column(tokens, tokens > 0),
    )
    with whole(path) as temporary:
        parquet.write_table(pa.table(dict(zip(COLUMNS, columns, strict=True))), temporary)


def _column(
    values: Int[np.ndarray, " strings"],
    known: Bool[np.ndarray, " strings"] | None = None,
    kind: type = np.int32,
) -> Any:
    """Make an Arrow array of numbers from its buffers, since `pyarrow.array` imports pandas where it is installed: 0.4 s of a run.

    Args:
        values: the numbers.
        known: whether each is there; None if all are.
        kind: of the numbers.
    """
    import pyarrow as pa

    buffers = [None if known is None else pa.py_buffer(_bits(known)), pa.py_buffer(values.astype(kind))]
    return pa.Array.from_buffers(pa.from_numpy_dtype(kind), len(values), buffers)


def _bits(values: Bool[np.ndarray, " strings"]) -> bytes:
    """Booleans as Arrow packs them: eight a byte, the first in the lowest bit."""
    return np.packbits(values, bitorder="little").tobytes()


def _text(words: Sequence[str]) -> Any:
    """Make an Arrow array of words from its buffers."""
    import pyarrow as pa

    encoded = [word.encode() for word in words]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    return pa.Array.from_buffers(
        pa.string(), len(words), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    )


def cut(path: Path) -> bool:
    """Whether a file of verdicts is there and does not begin and end as Parquet does. Fast: imports nothing."""
    if path.exists() and not path.is_file():  # a pipe would keep its reader waiting
        return True
    try:
        with path.open("rb") as file:
            first = file.read(4)
            file.seek(-4, os.SEEK_END)
            return (first, file.read()) != (b"PAR1", b"PAR1")
    except FileNotFoundError:
        return False  # as in runs of earlier versions
    except OSError:  # it is shorter
        return True


def read_verdicts(path: Path, lengths: Collection[int] | None = None) -> dict[int, StringVerdicts]:
    """Read verdicts by length, in the order of the test set.

    Args:
        path: of a `verdicts.parquet`.
        lengths: the lengths that are read, those of the curve beside it; None for all.

    Raises:
        UsageError: the file is not Parquet, a column is missing, an ending is unknown, or a string is missing or doubled.
    """
    require_file(path)
    table = _table(path)
    missing = [name for name in COLUMNS if name not in (*table.column_names, *LATER)]
    if missing:
        raise UsageError(f"{path}: missing column {', '.join(missing)}")
    table = _typed(table, path)
    length = _numbers(table["length"])
    example = _numbers(table["example"])
    order = np.lexsort((example, length))
    length, example = length[order], example[order]
    bounds = [0, *(np.flatnonzero(np.diff(length)) + 1).tolist(), len(length)] if len(length) else []
    for start, end in pairwise(bounds):
        if not np.array_equal(example[start:end], np.arange(end - start)):
            raise UsageError(
                f"{path}: the strings of length {length[start]} are not those from 0 to {end - start - 1}"
            )
    columns = (
        _numbers(table["exact"]),
        _numbers(table["first_error"], missing=-1),
        _numbers(table["wrong_tokens"]),
        _endings(table["ending"], path),
        _numbers(table["answer_tokens"])
        if "answer_tokens" in table.column_names
        else np.zeros(len(length), dtype=np.int32),
    )
    sorted_columns = [column[order] for column in columns]
    return {
        each: StringVerdicts(*(column[start:end] for column in sorted_columns))
        for start, end in pairwise(bounds)
        for each in (length[start].item(),)
        if lengths is None or each in lengths
    }


def _numbers(column: Any, missing: int = 0) -> Any:
    """The values of a column of int8, int32 or booleans, from its buffers: see `_column`.

    Args:
        column: an Arrow array, whole or in chunks.
        missing: what stands for nulls.
    """
    plain = column.combine_chunks() if hasattr(column, "combine_chunks") else column
    known, values = plain.buffers()
    rows = slice(plain.offset, plain.offset + len(plain))
    if not len(plain):
        return np.zeros(0, dtype=plain.type.to_pandas_dtype())
    numbers = (
        _unpacked(values)[rows]
        if plain.type.bit_width == 1
        else np.frombuffer(values, dtype=plain.type.to_pandas_dtype())[rows]
    )
    return np.where(_unpacked(known)[rows], numbers, missing) if plain.null_count else numbers


def _unpacked(buffer: Any) -> Bool[np.ndarray, " bits"]:
    """Booleans from Arrow's bits."""
    return np.unpackbits(np.frombuffer(buffer, dtype=np.uint8), bitorder="little").astype(bool)


def _typed(table: Any, path: Path) -> Any:
    """Convert the columns to their types.

    Raises:
        UsageError: a column has another type, or a null where there may be none.
    """
    import pyarrow as pa

    whole_number = pa.int32()
    kinds = dict.fromkeys(COLUMNS, whole_number) | {"exact": pa.bool_()}
    columns = {}
    for name in (name for name in COLUMNS if name in table.column_names):
        try:
            columns[name] = table[name] if name == "ending" else table[name].cast(kinds[name])
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
            raise UsageError(f"{path}: column {name} holds {table[name].type}, not {kinds[name]}") from None
        if name not in NULLABLE and columns[name].null_count:
            raise UsageError(f"{path}: column {name} has empty values")
    return pa.table(columns)


def _endings(column: Any, path: Path) -> Int[np.ndarray, " strings"]:
    """Convert the names of endings to indices into `ENDINGS`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = column.combine_chunks()
    try:
        encoded = plain if pa.types.is_dictionary(plain.type) else pc.dictionary_encode(plain.cast("string"))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise UsageError(f"{path}: column ending holds {plain.type}, not text") from None
    names = encoded.dictionary.to_pylist()
    unknown = sorted({str(name) for name in names}.difference(ENDINGS))
    if encoded.null_count:
        unknown.append("null")
    if unknown:
        raise UsageError(f"{path}: invalid value {unknown[0]!r} in column ending")
    known = np.array([ENDINGS.index(name) for name in names], dtype=np.int8)
    return np.asarray(known[_numbers(encoded.indices)], dtype=np.int8)


def verdicts_frame(path: Path, lengths: Collection[int]) -> Any:
    """The rows of some lengths as a pandas data frame, with the columns of the file.

    Raises:
        ImportError: pandas is not installed.
    """
    table = _table(path)
    return table.filter(np.isin(table["length"].to_numpy(), list(lengths))).to_pandas()


def _table(path: Path) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            return file.read(use_threads=False)
    except (pa.ArrowInvalid, OSError) as error:
        raise UsageError(f"{path}: not a Parquet file ({str(error).splitlines()[0]})") from None
