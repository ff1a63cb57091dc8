"""Splits of a data set as columns of text on disk: files, and folders that `datasets` has saved.

A text is what stands in the file: `008`, `nan`, `null` and `2020-01-01` are texts in a CSV, and the strings of a JSON file
are never interpreted. Whole numbers are read as their digits, and a list of one value as that value.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
from filelock import FileLock
from pyarrow import parquet

from lengen.config.errors import UsageError, nearest, require
from lengen.task.external.formats import CHUNK, Chunk, NotText, arrow_chunk, csv_chunks, json_chunks

STATE = "state.json"
"""File that `datasets` saves with every split."""
READER = 1
"""Raised by every change to the text that a file is read as."""

KINDS = {
    ".jsonl": "json",
    ".json": "json",
    ".csv": "csv",
    ".parquet": "parquet",
    ".tsv": "csv",
    ".ndjson": "json",
}
"""Kinds of files, by ending; upper case is read alike."""
COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
"""Compressions of the kinds that are text, by a second ending."""


class Part(ABC):
    """A split before it is converted."""

    @property
    @abstractmethod
    def place(self) -> str:
        """Where its rows are, for error messages."""

    @property
    @abstractmethod
    def digest(self) -> str:
        """Hash of the content that is read."""

    @abstractmethod
    def chunks(self, wanted: Sequence[str], length: str | None) -> Iterator[Chunk]:
        """Read the rows in order.

        Args:
            wanted: names of columns; those that are missing are left out.
            length: the column of lengths, in which whole numbers may be floats.

        Raises:
            NotText: a wanted column holds something else.
        """


@dataclass(frozen=True)
class Files(Part):
    """Rows of files.

    Args:
        paths: the files in order, with the names that tell their kinds.
        separator: between the columns of a CSV; None: a comma, or a tab in a TSV.
    """

    paths: tuple[tuple[Path, str], ...]
    separator: str | None = None

    @property
    def place(self) -> str:
        """See `Part`."""
        return str(self.paths[0][0])

    @property
    def digest(self) -> str:
        """See `Part`."""
        kinds = [endings(name) for _, name in self.paths]
        return _digest([path for path, _ in self.paths], [kinds, self.separator])

    def chunks(self, wanted: Sequence[str], length: str | None) -> Iterator[Chunk]:
        """See `Part`."""
        for path, name in self.paths:
            ending, compression = endings(name)
            opened = partial(pa.input_stream, str(path), compression=COMPRESSIONS.get(compression))
            if KINDS[ending] == "csv":
                separator = self.separator or ("\t" if ending == ".tsv" else ",")
                yield from csv_chunks(opened, wanted, separator)
            elif KINDS[ending] == "json":
                with opened() as stream:
                    yield from json_chunks(stream, wanted)
            else:
                with parquet.ParquetFile(path) as file:
                    names = file.schema_arrow.names
                    columns = [name for name in wanted if name in names]
                    for batch in file.iter_batches(CHUNK, columns=columns):
                        yield arrow_chunk(names, pa.table(batch), columns, length)


@dataclass(frozen=True)
class Saved(Part):
    """Rows of a folder that `datasets` has saved.

    Args:
        folder: the folder of one split.
    """

    folder: Path

    @property
    def place(self) -> str:
        """See `Part`."""
        return str(self.folder / STATE)

    @property
    def digest(self) -> str:
        """See `Part`."""
        return _digest([path for path in sorted(self.folder.iterdir()) if path.is_file()], "saved")

    def chunks(self, wanted: Sequence[str], length: str | None) -> Iterator[Chunk]:
        """See `Part`."""
        state = json.loads((self.folder / STATE).read_text(encoding="utf-8"))
        for name in (each["filename"] for each in state["_data_files"]):
            if Path(name).name != name:
                raise ValueError(f"its {STATE} names a file outside the folder ({name})")
        if state["_data_files"]:  # `datasets` cannot load a folder without rows
            rows = datasets.load_from_disk(str(self.folder))
            columns = [name for name in wanted if name in rows.column_names]
            for table in rows.with_format("arrow").iter(CHUNK):
                yield arrow_chunk(rows.column_names, table, columns, length)


def endings(name: str) -> tuple[str, str]:
    """Return the ending of a file that tells its kind, and the one that tells its compression.

    Raises:
        ValueError: neither is known.

    >>> endings("rows.JSONL.gz")
    ('.jsonl', '.gz')
    """
    path = Path(name.lower())
    compression = path.suffix if path.suffix in COMPRESSIONS else ""
    ending = Path(path.stem).suffix if compression else path.suffix
    if ending not in KINDS or (compression and KINDS[ending] == "parquet"):
        raise ValueError(f"{name}: unknown file type")
    return ending, compression


def is_known(name: str) -> bool:
    """Whether files of this name can be read."""
    with suppress(ValueError):
        return bool(endings(name))
    return False


def _digest(paths: Sequence[Path], options: Any) -> str:
    """Hash files and the options with which they are read."""
    hashes = []
    for path in paths:
        with path.open("rb") as file:
            hashes.append(hashlib.file_digest(file, "sha256").hexdigest())
    return hashlib.sha256(json.dumps([hashes, options]).encode()).hexdigest()


def converted(part: Part, columns: Mapping[str, str], where: str, path: str) -> datasets.Dataset:
    """Convert a split to columns of text on disk, unless the same content was converted before; they are memory-mapped.

    Args:
        part: the split.
        columns: names of the columns, by option.
        where: name of the split in error messages.
        path: value of `task.path`.

    Raises:
        UsageError: the split has no rows, or a column is missing or holds something else than text.
    """
    wanted = list(dict.fromkeys(columns.values()))
    key = hashlib.sha256(
        json.dumps([READER, wanted, columns.get("length"), part.digest]).encode()
    ).hexdigest()
    folder = Path(datasets.config.HF_DATASETS_CACHE) / "lengen"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{key[:32]}.arrow"
    with FileLock(file.with_suffix(".lock")):
        if not file.exists():
            temporary = file.with_suffix(".part")
            try:
                _write(part, columns, wanted, temporary, where, path)
                temporary.replace(file)
            finally:
                temporary.unlink(missing_ok=True)
    return datasets.Dataset.from_file(str(file))


def _write(
    part: Part, columns: Mapping[str, str], wanted: Sequence[str], file: Path, where: str, path: str
) -> None:
    """Write the wanted columns of a split to an Arrow file."""
    options = {name: option for option, name in columns.items()}
    schema = pa.schema([(name, pa.string()) for name in wanted])
    count, known = 0, dict[str, None]()
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
        try:
            for chunk in part.chunks(wanted, columns.get("length")):
                known.update(dict.fromkeys(chunk.names))
                arrays = [chunk.columns.get(name, pa.nulls(chunk.size, pa.string())) for name in wanted]
                writer.write_table(pa.table(arrays, schema=schema), max_chunksize=CHUNK)
                count += chunk.size
        except NotText as error:
            option = options[error.column]
            place = where if error.row is None else f"{where}, row {count + error.row} (the first is 0)"
            wanted_kind = "whole numbers" if option == "length" else "text"
            raise UsageError(
                f"task.{option}={error.column}: this column holds {error.holds} in {place} (allowed: {wanted_kind})"
            ) from None
    require(count > 0, f"task.path={path}: {part.place} has no rows")
    for option, name in columns.items():
        hint = "; task.length=null counts the symbols of the prompt" if option == "length" else ""
        require(
            name in known,
            f"task.{option}={name}: no such column in {where}{nearest(name, known)} (allowed: {', '.join(known)}{hint})",
        )
