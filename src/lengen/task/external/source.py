"""Sources of external rows: a file, a folder, an exported folder, or a name on the Hub."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub
import pyarrow as pa
from datasets import ReadInstruction
from datasets.data_files import DataFilesDict, get_data_patterns, sanitize_patterns
from datasets.exceptions import DatasetsError
from huggingface_hub import DatasetCard

from lengen.config.errors import UsageError, nearest, require
from lengen.task.external.reading import COMPRESSIONS, KINDS, STATE, Files, Part, Saved, converted, is_known

RECORD = "lengen.json"
"""File with the facts about an exported folder."""
FACTS = {
    "tokens": pa.string(),
    "symbols": pa.list_(pa.string()),
    "separator": pa.bool_(),
    "result": pa.string(),
    "delimiter": pa.list_(pa.string()),
    "aligned": pa.bool_(),
    "longest": pa.map_(pa.string(), pa.int64()),
}
"""Facts that are read from it, with their types; each may be missing or null."""
SPLITS = "dataset_dict.json"
"""File in which `datasets` saves the names of splits."""
NOT_ROWS = (RECORD, "tokenizer.json", "dataset_info.json", "dataset_infos.json", "config.json")
"""JSON files beside rows that hold something else."""
README_KEYS = ("config_name", "data_files", "default", "sep", "delimiter")
"""Keys of a configuration in a README that are followed."""
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


@dataclass(frozen=True)
class Source:
    """The splits of a data set.

    Args:
        path: value of `task.path`.
        parts: the splits by name, not yet read.
    """

    path: str
    parts: Mapping[str, Part]

    def rows(self, name: str, option: str, columns: Mapping[str, str]) -> datasets.Dataset:
        """Read a split, or a slice of one such as `train[90%:]`; every column is text.

        Args:
            name: of the split.
            option: `task.train` or `task.evaluation`, for error messages.
            columns: names of the columns, by option.

        Raises:
            UsageError: there is no such split, it has no rows, or it cannot be read.
        """
        known, word = ", ".join(self.parts), name.partition("[")[0]
        require(
            word in self.parts,
            f"{option}={name}: no such split{nearest(word, self.parts)} (allowed: {known})",
        )
        with readable(self.path):
            rows = converted(self.parts[word], columns, f"{self.path}, split {word}", self.path)
        try:
            (part,) = ReadInstruction.from_spec(name).to_absolute({word: len(rows)})
        except (ValueError, AssertionError) as error:
            raise UsageError(
                f"{option}={name}: {error} (allowed: {known}, or a slice such as {word}[90%:])"
            ) from None
        require(part.from_ < part.to, f"{option}={name}: this split has no rows")
        return rows if word == name else rows.select(range(part.from_, part.to))


def opened(path: str) -> Source:
    """Find the splits of a data set.

    Args:
        path: a file, a folder, or a name on the Hub.

    Raises:
        UsageError: the path does not exist, or has no files that can be read.
    """
    where = Path(place(path))
    local = where.exists()
    require(
        local or (re.fullmatch(r"[\w.-]+(/[\w.-]+)?", path) is not None and not is_known(path)),
        f"task.path={path}: no such file or folder",
    )
    kinds = f"{', '.join(KINDS)}; all but .parquet also with {', '.join(COMPRESSIONS)} behind"
    require(
        not where.is_file() or is_known(where.name),
        f"task.path={path}: unknown file type (allowed: {kinds}; a folder, or a name on the Hub)",
    )
    with readable(
        path, "" if local else " (a name on the Hub needs a network; offline, give a file or a folder)"
    ):
        if where.is_file():
            return Source(path, {"train": Files(((where, where.name),))})
        folder = where if local else downloaded(path)
        if (folder / SPLITS).exists() or (folder / STATE).exists():
            return Source(path, saved(folder))
        parts = described(folder) or matched(folder)
        require(bool(parts), f"task.path={path}: this folder has no files of rows (allowed: {kinds})")
        return Source(path, parts)


def downloaded(name: str) -> Path:
    """Download a data set of the Hub; without a network, take what was downloaded before."""
    wanted = [f"*{ending}*" for kind in KINDS for ending in (kind, kind.upper())]
    return Path(
        huggingface_hub.snapshot_download(
            name, repo_type="dataset", allow_patterns=[*wanted, "README.md", STATE, SPLITS]
        )
    )


def saved(folder: Path) -> dict[str, Part]:
    """Find the splits of a folder that `datasets` has saved.

    Raises:
        ValueError: a split is outside the folder.
    """
    if (folder / STATE).exists():
        return {"train": Saved(folder)}
    names = json.loads((folder / SPLITS).read_text(encoding="utf-8"))["splits"]
    for name in names:
        if Path(name).name != name:
            raise ValueError(f"its {SPLITS} names a split outside the folder ({name})")
    return {name: Saved(folder / name) for name in names}


def matched(folder: Path, patterns: Any = None, separator: str | None = None) -> dict[str, Part]:
    """Find the splits of a folder, by default by the names of its files, as `datasets` does.

    Args:
        folder: the folder.
        patterns: globs by split; None goes by the names of files.
        separator: between the columns of a CSV; None for the usual one.

    Raises:
        ValueError: a pattern leads out of the folder, or to the network.
    """
    for pattern in (each for several in (patterns or {}).values() for each in several):
        inside = not Path(pattern).is_absolute() and ".." not in re.split(r"[/\\\\]", pattern)
        if not inside or "::" in pattern or "://" in pattern:
            raise ValueError(
                f"its README names data files outside the folder ({pattern}), which are not read"
            )
    top = str(folder.resolve())
    found = DataFilesDict.from_patterns(patterns or get_data_patterns(top), base_path=top)
    parts: dict[str, Part] = {}
    for name, paths in found.items():
        files = [Path(path) for path in paths if is_known(path) and Path(path).name not in NOT_ROWS]
        rows = [file for file in files if file.suffix.lower() != ".json"] or files
        if rows:
            located = tuple((folder / file.relative_to(top), file.name) for file in rows)
            parts[str(name)] = Files(located, separator)
    return parts


def described(folder: Path) -> dict[str, Part]:
    """Find the splits of a folder as its README lists them; none if it does not.

    Raises:
        ValueError: the README has several configurations, or asks for a way of reading that is not supported.
    """
    readme = folder / "README.md"
    configs = DatasetCard.load(readme).data.to_dict().get("configs") if readme.is_file() else None
    if not configs:
        return {}
    chosen = [
        each for each in configs if each.get("default") or each.get("config_name") == "default"
    ] or configs
    if len(chosen) > 1:
        names = ", ".join(str(each.get("config_name")) for each in chosen)
        raise ValueError(
            f"its README has several configurations ({names}); give a file, or a folder with one of them"
        )
    unknown = {key: value for key, value in chosen[0].items() if key not in README_KEYS}
    for key, value in unknown.items():
        raise ValueError(f"its README sets {key}={value}, which is not supported")
    patterns = sanitize_patterns(chosen[0]["data_files"]) if "data_files" in chosen[0] else None
    return matched(folder, patterns, chosen[0].get("sep") or chosen[0].get("delimiter"))


@contextmanager
def readable(path: str, hint: str = "") -> Iterator[None]:
    """Turn the errors of reading files into usage errors, and keep the libraries quiet.

    Raises:
        UsageError: something cannot be read.
    """
    try:
        with quiet():
            yield
    except UsageError:
        raise
    except (OSError, EOFError, ValueError, TypeError, LookupError, pa.ArrowException, DatasetsError) as error:
        line = " ".join(str(error.__cause__ or error).split())
        raise UsageError(f"task.path={path}: cannot be read{hint}: {line}") from None


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the libraries; show their progress bars only on a terminal."""
    libraries = [datasets, huggingface_hub.utils]
    loggers = [datasets.logging, huggingface_hub.logging]
    before = [logger.get_verbosity() for logger in loggers]
    barred = [library for library in libraries if not library.are_progress_bars_disabled()]
    for logger in loggers:
        logger.set_verbosity_error()
    for library in barred if not sys.stderr.isatty() else ():
        library.disable_progress_bars()
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.set_verbosity(level)
        for library in barred:
            library.enable_progress_bars()
