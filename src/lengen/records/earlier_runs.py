"""Find earlier runs of the same configuration: finished ones, and those made with other code or data. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lengen.config.errors import UsageError, require
from lengen.config.identity import differences, record_key
from lengen.config.source import digest
from lengen.records.damage import complete
from lengen.records.run_dir import OVER, RunFolder

DRAWN = {"formats": ["png"], "style": {"width": 3.4, "font": "DejaVu Sans"}}
"""Options of the figure where a run of an earlier version has none."""


def seed_name(record: Mapping[str, Any]) -> str:
    """Return the name of a run folder: `seed`, and `init_seed` and `data_seed` where they are set."""
    separate = [
        f"{name}={record[name]}" for name in ("init_seed", "data_seed") if record.get(name) is not None
    ]
    return ",".join([f"seed={record['seed']}", *separate])


def with_origin(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration in which `from` says which run it goes on from: its folder, steps and digest of parameters.

    Args:
        record: a resolved configuration; `from` is the folder of a run, or the folder of its cell, which holds its seeds.

    Raises:
        UsageError: there is no such run, it is not finished, or it has as many steps.
    """
    given = record.get("from")
    if given is None or isinstance(given, Mapping):
        return dict(record)
    require(isinstance(given, str), f"from={given}: must be the folder of a run")
    name = seed_name(record)
    folder = next(
        (each for each in (Path(given), Path(given) / name) if (each / RunFolder.facts_name).is_file()), None
    )
    if folder is None:
        raise UsageError(f"from={given}: must be the folder of a run, or one with a run {name}")
    run = RunFolder(folder)
    facts, steps = run.facts(), run.config().get("steps", 0)
    status = facts.get("status")
    require(status == "finished", f"from={given}: its status is {status!r}; must be 'finished'")
    require(
        isinstance(record["steps"], int) and record["steps"] > steps,
        f"steps={record['steps']} with from={given}: must be above {steps}, the steps of that run",
    )
    origin = {"run": str(folder), "step": steps, "parameters": facts.get("parameters_digest") or ""}
    return {**record, "from": origin}


def configuration_key(record: Mapping[str, Any]) -> str:
    """Return the key of a resolved configuration; see `record_key`. One that goes on from no run is refused elsewhere."""
    with suppress(UsageError):
        record = with_origin(record)
    return record_key(record)


def in_any_cell(record: Mapping[str, Any]) -> Iterator[tuple[RunFolder, dict[str, Any]]]:
    """Yield the runs with the task, the encoding and the seeds of a configuration, with the facts in their `run.json`."""
    labels = record["labels"]
    parent = Path(str(record["results_dir"])) / str(labels["task"]) / str(labels["pe"])
    for path in sorted(parent.glob(f"*/{seed_name(record)}/run.json")):
        folder = RunFolder(path.parent)
        try:
            facts = folder.facts()
        except UsageError:
            continue  # a damaged run.json is reported when the run is opened
        yield folder, facts


def same_configuration(record: Mapping[str, Any]) -> Iterator[tuple[RunFolder, dict[str, Any]]]:
    """Yield the runs of this configuration, in any cell, with the facts in their `run.json`."""
    record = with_origin(record)
    key = record_key(record)
    return ((folder, facts) for folder, facts in in_any_cell(record) if facts.get("record_key") == key)


def finished_already(record: Mapping[str, Any]) -> RunFolder | None:
    """Return the run of a configuration that is over; None if there is none, or if that cannot be decided here.

    The user's code must be unchanged. Whether the data are unchanged is decided later, by the classes that read them; and so it is
    whether an option that the run did not have, and that is no part of its identity, is allowed.
    """
    evaluated = record["eval"]
    if record.get("force") or not isinstance(evaluated, Mapping) or evaluated.get("stress"):
        return None
    if isinstance(evaluated.get("loops"), list):  # curves besides that of the run, as of stress sets
        return None
    for folder, facts in same_configuration(record):
        identity = facts.get("identity")
        without_data = isinstance(identity, dict) and "data" not in identity
        if over(folder, facts) and without_data and not changed_files(facts) and same_options(record, folder):
            return folder
    return None


def same_options(record: Mapping[str, Any], folder: RunFolder) -> bool:
    """Whether a run was made with the options of a configuration, those that change no number included."""
    try:
        recorded = folder.config()
    except UsageError:
        return False
    return same_figures(record, folder) and all(
        record[name] == value
        for name, value in recorded.items()
        if name in record and name not in ("results_dir", "from")
    )


def same_figures(record: Mapping[str, Any], folder: RunFolder) -> bool:
    """Whether a run drew its figure as a configuration says."""
    recorded = {**DRAWN, **folder.config()}
    return all(record.get(name, drawn) == recorded[name] for name, drawn in DRAWN.items())


def shorter_runs(record: Mapping[str, Any], identity: Mapping[str, Any]) -> Iterator[tuple[RunFolder, int]]:
    """Yield the finished runs that differ from a configuration by fewer steps alone, with their steps."""
    for folder, facts in in_any_cell(record):
        earlier = dict(facts.get("identity") or {})
        steps = earlier.get("steps")
        alike = {**earlier, "steps": None} == {**identity, "steps": None}
        done = facts.get("status") == "finished" and folder.last.exists()
        if alike and done and isinstance(steps, int) and steps < record["steps"]:
            yield folder, steps


def over(folder: RunFolder, facts: Mapping[str, Any]) -> bool:
    """Whether a run is over and has its results, in files that can be read."""
    return facts.get("status") in OVER and (facts["status"] == "diverged" or complete(folder))


def changed_files(facts: Mapping[str, Any], *, gone: bool = True) -> list[str]:
    """Return the files of the user's code that have changed since a run was made.

    Args:
        facts: of the run.
        gone: whether a file that is not there has changed; it may lie elsewhere on this machine.
    """
    changed = []
    for name, source in facts.get("sources", {}).items():
        path = source.get("path")
        text = Path(path).read_text(encoding="utf-8") if path and Path(path).is_file() else None
        if gone if text is None else digest(text) != source.get("hash"):
            changed.append(name)
    return changed


def runs_in_other_cells(
    record: Mapping[str, Any], identity: Mapping[str, Any]
) -> list[tuple[RunFolder, str]]:
    """Return the runs of the same command in other cells, and what has changed since.

    Args:
        record: the resolved configuration.
        identity: the current identity of its cell.
    """
    return [
        (folder, "; ".join(changes))
        for folder, facts in same_configuration(record)
        if (changes := differences(facts.get("identity") or identity, identity))
    ]
