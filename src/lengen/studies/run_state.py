"""What has become of each run of a study: from its folder alone, and from the queue where one is asked."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from lengen.config.errors import UsageError
from lengen.config.identity import record_key
from lengen.records.claim import holder
from lengen.records.damage import seems_complete
from lengen.records.earlier_runs import changed_files
from lengen.records.run_dir import OVER as ENDED
from lengen.records.run_dir import RunFolder
from lengen.statistics.formats import id_score
from lengen.studies.plan import PlannedRun

State = Literal[
    "done",
    "not trained",
    "diverged",
    "running",
    "queued",
    "interrupted",
    "failed",
    "refused",
    "damaged",
    "missing",
]
STATES: tuple[State, ...] = get_args(State)
"""In the order in which they are told."""
FINISHED: tuple[State, ...] = ("done", "not trained")
"""States of runs that have their curve."""
OVER: tuple[State, ...] = (*FINISHED, "diverged")
"""States of runs that are not carried out again."""
WAITING: tuple[State, ...] = ("interrupted", "failed", "refused", "damaged", "missing")
"""States of runs that are to be carried out, and may wait for that in a queue."""
TAIL = 4096
"""Bytes at the end of `train.csv` that hold its last row."""


@dataclass(frozen=True)
class RunState:
    """A run of a study as it is now.

    Args:
        run: the run.
        state: what has become of it.
        text: more of that, on one line: its score, its reason, its process.
        folder: its folder; None if it has none.
        seconds: how long it took, if it is over.
        share: share of its steps that is behind it, in [0, 1], if it is running.
    """

    run: PlannedRun
    state: State
    text: str = ""
    folder: Path | None = None
    seconds: float | None = None
    share: float = 0.0


@dataclass(frozen=True)
class Found:
    """A run folder: its facts, or why they cannot be read."""

    folder: RunFolder
    facts: Mapping[str, Any]
    damage: str = ""

    @property
    def over(self) -> bool:
        """Whether the run is over and has its results."""
        status = self.facts.get("status")
        return status in ENDED and (status == "diverged" or seems_complete(self.folder))

    @cached_property
    def key(self) -> str:
        """The key of its configuration: as it says, or if it does not, by its configuration; empty if that is damaged, too."""
        if "record_key" in self.facts:
            return str(self.facts["record_key"])
        with suppress(UsageError, OSError, KeyError, TypeError):
            return record_key(self.folder.config())
        return ""


Queue = Callable[[Path], Mapping[str, str]]
"""Says for the folder above all runs which of them wait in a queue, by their keys, and how."""


def no_queue(_: Path) -> Mapping[str, str]:
    """No run waits anywhere."""
    return {}


def run_states(runs: Sequence[PlannedRun], results: Path, queue: Queue = no_queue) -> list[RunState]:
    """Look at the folders of runs, and at the queue for those that are to be carried out.

    Args:
        runs: the runs.
        results: the folder above all runs.
        queue: says which runs wait.
    """
    states = _by_folders(runs, results)
    if not any(each.state in WAITING for each in states):
        return states
    waiting = queue(results)
    return [
        replace(each, state="queued", text=", ".join(filter(None, (waiting[each.run.key], each.text))))
        if each.state in WAITING and each.run.key in waiting
        else each
        for each in states
    ]


def _by_folders(runs: Sequence[PlannedRun], results: Path) -> list[RunState]:
    """The states of runs by their folders alone."""
    places = {(run.task, run.pe) for run in runs}
    folders = {place: _by_seed(results.joinpath(*place)) for place in places}
    read: dict[Path, Found] = {}
    states = []
    for run in runs:
        found = []
        for path in folders[run.task, run.pe].get(run.seed, ()):
            if path not in read:
                read[path] = _read(path)
            found.append(read[path])
        states.append(_state(run, found))
    return states


def _by_seed(folder: Path) -> dict[str, list[Path]]:
    """Run folders below that of an encoding, by their names; links are not followed."""
    found = defaultdict(list)
    for cell in _folders(folder):
        for run in _folders(cell):
            found[run.name].append(run)
    return found


def _folders(folder: Path) -> Iterator[Path]:
    """Folders in a folder that are no links, in order; none if it is not there."""
    with suppress(OSError), os.scandir(folder) as entries:
        yield from sorted(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))


def _read(path: Path) -> Found:
    """Read the facts of a run."""
    folder = RunFolder(path)
    try:
        facts = folder.facts()
    except (UsageError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error).partition("; ")[0]
        return Found(folder, {}, str(reason))
    return Found(folder, facts, "" if facts else f"{path}: it has no run.json")


def _state(run: PlannedRun, found: Sequence[Found]) -> RunState:
    """The state of a run, by all folders that may be its."""
    keys = [key for key in (run.key, run.recorded) if key]
    own = [each for key in keys for each in found if each.key == key]
    changed = {each.folder: changed_files(each.facts, gone=False) for each in own}
    finished = [each for each in own if each.over]
    for each in finished:
        if not changed[each.folder]:
            return _over(run, each)
    if finished:
        files = ", ".join(sorted({name for each in finished for name in changed[each.folder]}))
        return RunState(run, "missing", f"{files} changed since {finished[0].folder.path}")
    if own:
        return _unfinished(run, max(own, key=lambda each: str(each.facts.get("started", ""))))
    if nameless := [each for each in found if each.damage and not each.key]:
        return RunState(run, "damaged", nameless[0].damage, nameless[0].folder.path)
    if run.refused or run.failed:
        return RunState(run, "refused" if run.refused else "failed", run.refused or run.failed)
    return RunState(run, "missing")


def _over(run: PlannedRun, found: Found) -> RunState:
    """The state of a run that is over."""
    facts, path = found.facts, found.folder.path
    seconds = facts.get("wall_seconds")
    if facts["status"] == "diverged":
        return RunState(run, "diverged", _line(facts.get("error")), path, seconds)
    score = id_score(facts.get("id_exact_match") or 0.0, facts.get("id_examples"))
    return RunState(run, "done" if facts.get("trained", True) else "not trained", score, path, seconds)


def _unfinished(run: PlannedRun, found: Found) -> RunState:
    """The state of a run that is not over."""
    facts, folder = found.facts, found.folder
    if process := holder(folder.path):
        step, steps = _step(folder)
        behind = f"step {step} of {steps}, " if steps else ""
        return RunState(
            run, "running", f"{behind}{process}", folder.path, share=step / steps if steps else 0.0
        )
    if found.damage:
        return RunState(run, "damaged", found.damage, folder.path)
    if facts.get("status") == "failed":
        return RunState(run, "failed", _line(facts.get("error")), folder.path)
    if facts.get("status") in ("finished", "diverged"):
        return RunState(
            run,
            "damaged",
            f"{folder.path}: it is {facts['status']}, and its results are torn or missing",
            folder.path,
        )
    step, steps = _step(folder)
    return RunState(run, "interrupted", f"step {step} of {steps}" if steps else "", folder.path)


def _step(folder: RunFolder) -> tuple[int, int]:
    """The last step that a run has logged, and how many it has; 0 of 0 if that cannot be read."""
    with suppress(OSError, ValueError, AttributeError):
        text = (folder.path / "config.yaml").read_text(encoding="utf-8")
        steps = int(re.search(r"^steps: (\d{1,12})$", text, re.MULTILINE)[1])  # type: ignore[index]
        with suppress(OSError, ValueError), folder.training.open("rb") as file:
            file.seek(max(0, folder.training.stat().st_size - TAIL))
            last = file.read().decode(errors="replace").strip().splitlines()[-1]
            return min(int(last.partition(",")[0]), steps), steps
        return 0, steps
    return 0, 0


def _line(error: Any) -> str:
    """The first line of an error."""
    return next(iter(str(error or "").splitlines()), "")
