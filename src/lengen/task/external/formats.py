"""Formats of files: rows in chunks, with the wanted columns as text."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

CHUNK = 1_000
"""Rows held in memory at a time."""
BLOCK = 2**23
"""Bytes of a CSV that are read at a time; no row may be longer."""
Strings = Mapping[str, pa.Array]
"""Columns of a chunk of rows, as text or null."""


class NotText(ValueError):  # noqa: N818  # states a fact about a column, which becomes a usage error
    """A column holds values that are not text.

    Args:
        column: name of the column.
        holds: what it holds.
        row: the row, counted in its chunk; None if the whole column does.
    """

    def __init__(self, column: str, holds: str, row: int | None = None) -> None:
        super().__init__(f"{column} holds {holds}")
        self.column, self.holds, self.row = column, holds, row


class Chunk(NamedTuple):
    """Some rows of a file: the names of all its columns, the number of rows, and the columns that are wanted and there."""

    names: Sequence[str]
    size: int
    columns: Strings


def csv_chunks(opened: Any, wanted: Sequence[str], separator: str) -> Iterator[Chunk]:
    """Read a CSV in which every value is a text."""
    reading = csv.ReadOptions(block_size=BLOCK, use_threads=False)
    parsing = csv.ParseOptions(delimiter=separator, newlines_in_values=True)
    try:
        with opened() as stream, csv.open_csv(stream, reading, parsing) as reader:
            names = reader.schema.names
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):
            return
        raise
    columns = [name for name in wanted if name in names]
    if double := [name for name in columns if names.count(name) > 1]:
        raise ValueError(f"the header has {double[0]!r} {names.count(double[0])} times")
    converting = csv.ConvertOptions(
        include_columns=columns or None,
        column_types=dict.fromkeys(columns or names, pa.string()),
        null_values=[],
        strings_can_be_null=False,
    )
    with opened() as stream, csv.open_csv(stream, reading, parsing, converting) as reader:
        for batch in reader:
            yield Chunk(names, batch.num_rows, {name: batch.column(name) for name in columns})


def json_chunks(stream: Any, wanted: Sequence[str]) -> Iterator[Chunk]:
    """Read JSON lines, or one list of objects."""
    rows = _json_rows(io.TextIOWrapper(stream, encoding="utf-8-sig"))
    while chunk := list(islice(rows, CHUNK)):
        names = list(dict.fromkeys(name for row in chunk for name in row))
        columns = {}
        for name in wanted:
            if name in names:
                columns[name] = _encoded(
                    name, [_json_text(name, row.get(name), index) for index, row in enumerate(chunk)]
                )
        yield Chunk(names, len(chunk), columns)


def _json_rows(text: io.TextIOWrapper) -> Iterator[Mapping[str, Any]]:
    """Yield objects; numbers are strings, as they are written."""
    lines = ((number, line) for number, line in enumerate(text, 1) if line.strip())
    first = next(lines, None)
    if first is None:
        return
    number, line = first
    if line.lstrip().startswith("["):
        yield from (_object(row, f"item {index}") for index, row in enumerate(_json(line + text.read()), 1))
        return
    try:
        yield _object(_json(line), f"line {number}")
    except ValueError as error:
        rest = text.read()  # an object that takes up several lines
        try:
            whole = _object(_json(line + rest), "the file")
        except ValueError:
            raise ValueError(f"line {number}: {error}") from None
        yield from _of_columns(whole)
        return
    for number, line in lines:
        try:
            yield _object(_json(line.rstrip("\r\n")), f"line {number}")
        except json.JSONDecodeError as error:
            raise ValueError(f"line {number}: {error}") from None


def _of_columns(whole: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of an object that has a list for every column, or the object itself."""
    if not all(isinstance(values, list) for values in whole.values()):
        yield whole
        return
    if len({len(values) for values in whole.values()}) > 1:
        raise ValueError("its columns differ in length")
    for values in zip(*whole.values(), strict=True):
        yield dict(zip(whole, values, strict=True))


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


def _json(text: str) -> Any:
    """Parse JSON, with numbers as they are written."""
    return json.loads(text, parse_int=_Number, parse_float=_Number, parse_constant=_Number)


def _object(value: Any, where: str) -> Mapping[str, Any]:
    """Check that a value is an object."""
    if not isinstance(value, dict):
        raise ValueError(f"{where} is not an object")
    return value


def _json_text(column: str, value: Any, row: int) -> str | None:
    """Return a value as text."""
    if isinstance(value, list) and len(value) == 1:
        (value,) = value
    if value is None or (isinstance(value, str) and not isinstance(value, _Number)):
        return value
    if isinstance(value, _Number) and value.lstrip("-")[0].isdigit():
        return str(value)
    raise NotText(column, "a list" if isinstance(value, list) else json.dumps(value)[:40], row)


def _encoded(column: str, texts: Sequence[str | None]) -> pa.Array:
    """Return texts as an Arrow array."""
    try:
        return pa.array(texts, pa.string())
    except UnicodeEncodeError:
        for row, text in enumerate(texts):
            if text is not None and (lone := [sign for sign in text if "\ud800" <= sign <= "\udfff"]):
                raise NotText(column, f"{lone[0]!r}, half of a character", row) from None
        raise


def arrow_chunk(names: Sequence[str], table: pa.Table, columns: Sequence[str], length: str | None) -> Chunk:
    """Return the columns of an Arrow table as text."""
    parts = {name: table[name].combine_chunks() for name in columns}
    return Chunk(names, table.num_rows, {name: _text(name, part, length) for name, part in parts.items()})


def _text(column: str, array: pa.Array, length: str | None) -> pa.Array:
    """Return a column of Arrow as text: strings and whole numbers, alone or in lists of one."""
    kind = array.type
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], kind)
    if pa.types.is_dictionary(kind):
        return _text(column, array.dictionary_decode(), length)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        sizes = pc.list_value_length(array).to_pylist()
        row = next((row for row, size in enumerate(sizes) if size not in (None, 1)), None)
        if row is not None:
            raise NotText(column, f"a list of {sizes[row]} values", row)
        return _text(column, pc.list_element(array, 0), length)
    if column == length and pa.types.is_floating(kind):
        with suppress(pa.ArrowInvalid):
            return array.cast(pa.int64()).cast(pa.string())
        return array.cast(pa.string())
    if not (is_text(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
        raise NotText(column, str(kind))
    return array.cast(pa.string())


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds text."""
    views = pa.types.is_string_view(kind) if hasattr(pa.types, "is_string_view") else False
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or views)
