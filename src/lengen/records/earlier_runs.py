"""Earlier runs of the same configuration: the finished one, and those made with other code or data. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lengen.config.errors import UsageError
from lengen.config.identity import differences, record_key
from lengen.config.source import digest
from lengen.records.run_dir import OVER, RunFolder


def seed_name(record: Mapping[str, Any]) -> str:
    """Name of a run folder: its seed, and seeds that are set alone."""
    alone = [f"{name}={record[name]}" for name in ("init_seed", "data_seed") if record.get(name) is not None]
    return ",".join([f"seed={record['seed']}", *alone])


def same_configuration(record: Mapping[str, Any]) -> Iterator[tuple[RunFolder, dict[str, Any]]]:
    """Runs that a command with this configuration has made, in whatever cell, and their facts."""
    labels, key = record["labels"], record_key(record)
    above = Path(str(record["results_dir"])) / str(labels["task"]) / str(labels["pe"])
    for path in sorted(above.glob(f"*/{seed_name(record)}/run.json")):
        folder = RunFolder(path.parent)
        try:
            facts = folder.facts()
        except UsageError:
            continue  # a torn run says so when it is opened
        if facts.get("record_key") == key:
            yield folder, facts


def finished_already(record: Mapping[str, Any]) -> RunFolder | None:
    """The run of a configuration that is over; None if there is none, or only the classes can tell.

    Code from outside must be as it was. Where data are read, the classes must look at them.
    """
    if record.get("force") or record["eval"].get("stress"):
        return None
    for folder, facts in same_configuration(record):
        identity = facts.get("identity")
        without_data = isinstance(identity, dict) and "data" not in identity
        if facts.get("status") in OVER and without_data and not changed_files(facts):
            return folder
    return None


def changed_files(facts: Mapping[str, Any]) -> list[str]:
    """Files of the user's code that are no longer what a run was made with."""
    changed = []
    for name, source in facts.get("sources", {}).items():
        path = source.get("path")
        text = Path(path).read_text(encoding="utf-8") if path and Path(path).is_file() else None
        if text is None or digest(text) != source.get("hash"):
            changed.append(name)
    return changed


def made_otherwise(record: Mapping[str, Any], identity: Mapping[str, Any]) -> list[tuple[RunFolder, str]]:
    """Runs of the same command in another cell, and what has changed since.

    Args:
        record: the configuration, resolved.
        identity: what its cell is now.
    """
    return [
        (folder, "; ".join(told))
        for folder, facts in same_configuration(record)
        if (told := differences(facts.get("identity") or identity, identity))
    ]
