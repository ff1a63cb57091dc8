"""Sources of external rows: a file, a folder, an exported folder, or a name on the Hub."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub
import pyarrow as pa
from datasets import ReadInstruction
from datasets.exceptions import DatasetsError
from pyarrow import parquet

from lengen.config.errors import UsageError, nearest, require

RECORD = "lengen.json"
"""File with the facts about an exported folder."""
FACTS = {
    "tokens": pa.string(),
    "symbols": pa.list_(pa.string()),
    "separator": pa.bool_(),
    "result": pa.string(),
    "aligned": pa.bool_(),
    "longest": pa.map_(pa.string(), pa.int64()),
}
"""Facts that are read from it, with their types; each may be missing or null."""
KINDS = {".jsonl": "json", ".json": "json", ".csv": "csv", ".parquet": "parquet"}
SHIPPED = "lengen:"
"""Prefix of the data sets that come with lengen."""


def place(path: str) -> str:
    """Convert `task.path` to a path of the file system.

    Raises:
        UsageError: no data set of this name comes with lengen.
    """
    if not path.startswith(SHIPPED):
        return path
    folder = Path(__file__).parent / "data"
    known = sorted(each.name for each in folder.iterdir() if each.is_dir())
    name = path.removeprefix(SHIPPED)
    require(
        name in known,
        f"task.path={path}: unknown data set{nearest(name, known)} (allowed: {', '.join(SHIPPED + each for each in known)})",
    )
    return str(folder / name)


def record(path: str) -> dict[str, Any]:
    """Read the facts recorded in a folder exported by lengen; empty for any other path.

    Raises:
        UsageError: the file is not valid, or a fact has the wrong type.
    """
    file = Path(place(path)) / RECORD
    if not file.is_file():
        return {}
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is not valid JSON ({error})") from None
    require(isinstance(facts, dict), f"{file} does not describe an exported folder")
    for name, kind in FACTS.items():
        try:
            pa.scalar(facts.get(name), kind)
        except (ValueError, TypeError, OverflowError):
            raise UsageError(f"{file}: {name}={facts[name]!r} (allowed: {kind})") from None
    return {name: facts[name] for name in FACTS if facts.get(name) is not None}


def opened(path: str, texts: Sequence[str]) -> Mapping[str, datasets.Dataset]:
    """Open the splits of a data set, memory-mapped.

    Args:
        path: a file, a folder, or a name on the Hub.
        texts: text columns, which are read as text from a CSV even if they look like numbers.

    Raises:
        UsageError: the path does not exist or cannot be read.
    """
    where = Path(place(path))
    local = where.exists()
    require(
        local or (re.fullmatch(r"[\w.-]+(/[\w.-]+)?", path) is not None and where.suffix not in KINDS),
        f"task.path={path}: no such file or folder",
    )
    require(
        not where.is_file() or where.suffix in KINDS,
        f"task.path={path}: unknown file type (allowed: {', '.join(KINDS)}, a folder, or a name on the Hub)",
    )
    try:
        with quiet():
            return _load(where if local else None, path, texts)
    except (OSError, ValueError, TypeError, LookupError, StopIteration, DatasetsError) as error:
        empty = next(filter(without_rows, [where, *where.rglob("*")]), None)
        require(empty is None, f"task.path={path}: {empty} has no rows")
        line = " ".join(str(error.__cause__ or error).split())
        hint = "" if local else " (a name on the Hub needs a network; offline, give a file or a folder)"
        raise UsageError(f"task.path={path}: cannot be read{hint}: {line}") from None


def _load(where: Path | None, name: str, texts: Sequence[str]) -> Mapping[str, datasets.Dataset]:
    """Load a local path, or a name on the Hub if there is none, with the library `datasets`."""
    if where is None:
        return dict(datasets.load_dataset(name))
    if where.is_file():
        options = {"converters": dict.fromkeys(texts, str)} if where.suffix == ".csv" else {}
        return dict(datasets.load_dataset(KINDS[where.suffix], data_files=str(where), **options))
    if (where / "dataset_dict.json").exists() or (where / "state.json").exists():
        saved = datasets.load_from_disk(str(where))
        return {"train": saved} if isinstance(saved, datasets.Dataset) else dict(saved)
    return dict(datasets.load_dataset(str(where)))


def without_rows(file: Path) -> bool:
    """Whether a file, or a split saved by `datasets`, has no rows; the library's own errors differ by file type."""
    with suppress(OSError, ValueError, LookupError):
        if file.name == "state.json":
            return not json.loads(file.read_bytes())["_data_files"]
        if file.suffix == ".parquet":
            return bool(parquet.read_metadata(file).num_rows == 0)
        if file.suffix in KINDS:
            with file.open("rb") as lines:
                rows = islice(lines, int(file.suffix == ".csv"), None)
                return not any(line.strip(b"[] \t\r\n") for line in rows)
    return False


def split(splits: Mapping[str, datasets.Dataset], name: str, option: str) -> datasets.Dataset:
    """Select a split, or a slice of one such as `train[90%:]`.

    Raises:
        UsageError: there is no such split, or it has no rows.
    """
    known = ", ".join(splits)
    word = name.partition("[")[0]
    require(word in splits, f"{option}={name}: no such split{nearest(word, splits)} (allowed: {known})")
    try:
        sizes = {each: len(rows) for each, rows in splits.items()}
        (part,) = ReadInstruction.from_spec(name).to_absolute(sizes)
    except (ValueError, AssertionError) as error:
        raise UsageError(
            f"{option}={name}: {error} (allowed: {known}, or a slice such as {word}[90%:])"
        ) from None
    require(part.from_ < part.to, f"{option}={name}: this split has no rows")
    return splits[word] if word == name else splits[word].select(range(part.from_, part.to))


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the libraries; show their progress bars only on a terminal."""
    loggers = [datasets.logging, huggingface_hub.logging]
    before, bars = [logger.get_verbosity() for logger in loggers], not datasets.are_progress_bars_disabled()
    for logger in loggers:
        logger.set_verbosity_error()
    if bars and not sys.stderr.isatty():
        datasets.disable_progress_bars()
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.set_verbosity(level)
        if bars:
            datasets.enable_progress_bars()
