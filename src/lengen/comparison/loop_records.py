"""Evaluations of runs with other numbers of loops, as runs of cells of their own: for `lengen compare by=[pe,eval.loops]`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from lengen.comparison.run_record import Excluded, RunRecord
from lengen.config.errors import UsageError
from lengen.config.identity import LATER_OPTIONS, cell
from lengen.records.run_dir import EvalFolder
from lengen.records.verdicts import read_verdicts

KEY = "eval.loops"
SAME = ("decode", "examples", "seed", "checkpoint")
"""Options in which an evaluation must be as that of its run."""


def with_loops(records: Iterable[RunRecord | Excluded]) -> Iterator[RunRecord | Excluded]:
    """Yield runs, each followed by its evaluations with other numbers of loops at the same lengths and on the same strings.

    Such an evaluation is in the cell that a run with this `eval.loops` is in. Whether it is trained is what the run is.

    Args:
        records: runs.
    """
    for record in records:
        if isinstance(record, Excluded):
            yield record
            continue
        evaluated = record.config["eval"]
        if isinstance(evaluated.get("loops"), list):  # curves besides that of the run
            record = replace(record, config={**record.config, "eval": {**evaluated, "loops": None}})  # noqa: PLW2901
        yield record
        yield from _evaluated(record)


def _evaluated(record: RunRecord) -> Iterator[RunRecord | Excluded]:
    for path in sorted(Path(record.place).glob("eval/*/eval.json")):
        folder = EvalFolder(path.parent)
        try:
            facts = folder.facts()
            asked: Any = facts.get("asked")
            if facts.get("status") != "finished" or not isinstance(asked, dict) or not _fits(record, asked):
                continue
            curve, verdicts = folder.load_curve(), read_verdicts(folder.verdicts)
        except (UsageError, OSError) as error:
            yield Excluded(str(folder.path), str(error))
            continue
        changed = {name: asked[name] for name in LATER_OPTIONS["eval"] if name in asked}
        known = record.identity.get("eval", {})
        differing = {name: value for name, value in changed.items() if value != LATER_OPTIONS["eval"][name]}
        options = {**known.get("options", {}), **differing}
        identity = {**record.identity, "eval": {**known, "options": options}}
        digest = cell(identity)
        yield replace(
            record,
            place=str(folder.path),
            cell=digest,
            config={**record.config, "eval": {**record.config["eval"], **changed}},
            curve=replace(curve, rows=tuple(replace(row, cell=digest) for row in curve.rows)),
            identity=identity,
            exact={length: strings.exact for length, strings in verdicts.items()},
        )


def _fits(record: RunRecord, asked: dict[str, Any]) -> bool:
    """Whether an evaluation differs from that of its run in the number of loops alone."""
    own = record.config["eval"]
    return (
        isinstance(asked.get("loops"), (int, str))
        and asked["loops"] != own.get("loops")
        and not asked.get("stress")
        and "extend" not in asked
        and "changed" not in asked
        and tuple(asked.get("lengths", ())) == record.curve.lengths
        and all(asked.get(name) == own.get(name) for name in SAME)
    )
