"""Find runs on disk and read them; a run that cannot be read is excluded with a reason."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lengen.comparison.consistency import disagreement, verdict_disagreement
from lengen.comparison.run_record import Excluded, RunRecord
from lengen.config.aliases import with_current_targets
from lengen.config.bounded_yaml import parse_yaml, yaml_text
from lengen.config.errors import UsageError, require
from lengen.config.identity import cell, completed
from lengen.records.curve import Curve
from lengen.records.earlier_runs import seed_name
from lengen.records.eval_options import EvalOptions, cell_identity
from lengen.records.run_dir import OVER, RunFolder, mendable
from lengen.records.schema import check_config
from lengen.records.verdicts import read_verdicts

Identified = tuple[str, Mapping[str, Any], Mapping[str, Any]]
"""Cell, identity and configuration of a run."""
BELOW_RUNS = ("checkpoints", "wandb", "eval", "multirun")
"""Folders that are not searched for runs."""
SEPARATE = ("init_seed", "data_seed")
"""Seeds that may be set separately."""
SEEDS = re.compile(rf"^(seed|{'|'.join(SEPARATE)}): (\d{{1,18}}|null)$\n?", re.MULTILINE)
"""The seeds in the text of a configuration."""
BEFORE = {"labels": {"format": "plain"}, "format": {"_target_": "lengen.format.plain.Plain"}}
"""Options of runs that were made before these options existed."""


def find(patterns: Iterable[str]) -> Iterator[RunRecord | Excluded]:
    """Yield every run at or below the paths that some globs match.

    Args:
        patterns: paths with `*`, `?`, `[…]` and `**`; a run folder, or any folder above runs.
    """
    known = Known()
    seen: set[Path] = set()
    for pattern in patterns:
        try:
            folders = run_folders(pattern)
        except OSError as error:  # a name that is too long
            yield Excluded(pattern, str(error.strerror))
            continue
        if not folders:
            yield Excluded(pattern, "no run here" if matching(pattern) else "nothing matches")
        for folder in folders:
            if (real := folder.resolve()) not in seen:
                seen.add(real)
                yield read(folder, known)


def find_folders(patterns: Sequence[str], option: str) -> list[RunFolder]:
    """Return the run folders that some patterns match, each once, in the order of the patterns and then of the paths.

    Args:
        patterns: run folders, folders above runs, or globs of either.
        option: name of the option, for error messages.

    Raises:
        UsageError: a pattern matches no run.
    """
    paths: list[Path] = []
    for pattern in patterns:
        folders = run_folders(pattern)
        require(
            bool(folders),
            f"{option}={pattern}: no run found; must be a run folder, a folder above runs, or a glob of them",
        )
        paths += folders
    return [RunFolder(path) for path in dict.fromkeys(paths)]


def find_one(place: str, option: str) -> RunFolder:
    """Return the one run of a folder or glob.

    Args:
        place: a run folder, or a folder or glob with one run.
        option: its name, for messages.

    Raises:
        UsageError: there is none, or several.
    """
    found = find_folders([place], option)
    named = ", ".join(str(run.path) for run in found)
    require(len(found) == 1, f"{option}={place}: must be one run, found {len(found)}: {named}")
    return found[0]


def run_folders(pattern: str) -> list[Path]:
    """Return the run folders at or below the paths that a pattern matches."""
    return [folder for place in matching(pattern) for folder in below(place)]


def matching(pattern: str) -> list[Path]:
    """Return the path itself if it exists, else its matches as a glob, sorted; `**` follows no links."""
    path = Path(pattern).expanduser()
    if path.exists():
        return [path]
    first = next((place for place, part in enumerate(path.parts) if set(part) & set("*?[")), None)
    if first is None:
        return []
    top, rest = Path(*path.parts[:first]), path.parts[first:]
    hidden = any(part.startswith(".") for part in rest)
    return sorted(
        match
        for match in top.glob("/".join(rest))
        if hidden or not any(part.startswith(".") for part in match.parts[first:])
    )


def below(top: Path) -> list[Path]:
    """Return the run folders at or below a folder, without hidden folders, runs that were set aside, and links."""
    found = []
    for directory, folders, files in os.walk(top):
        path = Path(directory)
        if "run.json" in files or (
            "config.yaml" in files and "checkpoints" in folders
        ):  # a run that has lost it
            found += [path] if _counts(path.name) else []
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if _counts(name) and name not in BELOW_RUNS)
    return found


def _counts(name: str) -> bool:
    """Whether a folder is neither hidden nor a run that was set aside."""
    return not name.startswith(".") and ".aside-" not in name


@dataclass
class Known:
    """What the seeds of a cell share, kept while many runs are read.

    Args:
        configs: configurations without their seeds, by the hash of their text.
        identified: results of `identified` for runs that record no identity, by the hash of their configuration and the cell.
    """

    configs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    identified: dict[tuple[str, str], Identified] = field(default_factory=dict)

    def config(self, path: Path) -> tuple[str, Mapping[str, Any]]:
        """Read a configuration; return the hash of its text without the seeds, and the configuration.

        Raises:
            UsageError: the file is not YAML, or lacks required keys.
        """
        with mendable():
            text = yaml_text(path)
        shared = SEEDS.sub("", text)
        key = hashlib.sha256(shared.encode()).hexdigest()
        if key not in self.configs:
            with mendable():
                self.configs[key] = complete_config(parse_yaml(text, str(path)), str(path))
        seeds = dict.fromkeys(SEPARATE) | {
            name: None if value == "null" else int(value) for name, value in SEEDS.findall(text)
        }
        require("seed" in seeds, f"{path}: it has no seed")
        return key, {**self.configs[key], **seeds}


def read(folder: Path, known: Known) -> RunRecord | Excluded:
    """Read a run from its folder; of one that is excluded, what was asked for.

    Args:
        folder: the run folder.
        known: what runs that were read before share with this one; extended in place.
    """
    found = _read(folder, known)
    return replace(found, asked=_asked(folder, known)) if isinstance(found, Excluded) else found


def _asked(folder: Path, known: Known) -> RunRecord | None:
    """Return a run by its configuration alone; None if that cannot be read."""
    try:
        _, config = known.config(folder / "config.yaml")
    except (UsageError, OSError):
        return None
    seed = seed_name(config).removeprefix("seed=")
    return RunRecord(str(folder), folder.parent.name, seed, config, {}, Curve())


def _read(folder: Path, known: Known) -> RunRecord | Excluded:
    """See `read`."""
    files = RunFolder(folder)
    try:
        facts = files.facts()
        if not facts and not (folder / files.facts_name).exists():
            return Excluded(str(folder), f"there is no {files.facts_name}")
        status = str(facts.get("status"))
        if status not in OVER:
            return Excluded(str(folder), f"unfinished (status {status})")
        curve = Curve() if status == "diverged" else Curve.load(files.curve)
        key, config = known.config(folder / "config.yaml")
        missing = [] if status == "diverged" else cut_short(config, curve)
        verdicts = read_verdicts(files.verdicts) if curve.rows and files.verdicts.exists() else None
    except (UsageError, OSError) as error:
        reason = (
            f"{Path(error.filename).name}: {error.strerror}"
            if isinstance(error, OSError) and error.filename
            else str(error)
        )
        return Excluded(str(folder), reason.removeprefix(f"{folder}/"))
    if missing:
        return Excluded(str(folder), f"curve.csv is cut short: lengths {missing} are missing")
    conflict = disagreement(config, facts, curve, (folder.parent.name, folder.name))
    if conflict is None and verdicts is not None:
        conflict = verdict_disagreement(curve, verdicts)
    if conflict:
        return Excluded(str(folder), f"its files disagree: {conflict}")
    written = curve.rows[0].cell if curve.rows else folder.parent.name
    if has_identity(facts):
        cell, identity, config = identified(facts, config, written)
    else:
        if (key, written) not in known.identified:
            known.identified[key, written] = identified(facts, config, written)
        cell, identity, completed_config = known.identified[key, written]
        config = {**completed_config, **{name: config.get(name) for name in ("seed", *SEPARATE)}}
    seed = seed_name(config).removeprefix("seed=")
    exact = {length: strings.exact for length, strings in (verdicts or {}).items()}
    return RunRecord(str(folder), cell, seed, config, facts, curve, identity, exact)


def complete_config(config: Any, name: str) -> Mapping[str, Any]:
    """Check a configuration, and fill in options that were added later.

    Raises:
        UsageError: a required key is missing, or a value has the wrong type.
    """
    config = check_config(config, name)
    known = {key: {**value, **config.get(key, {})} for key, value in BEFORE.items()}
    return dict(with_current_targets({**config, **known}))


def has_identity(facts: Mapping[str, Any]) -> bool:
    """Whether `run.json` records the identity of the cell, as it does since cells have one."""
    return isinstance(facts.get("cell"), str) and isinstance(facts.get("identity"), Mapping)


def identified(facts: Mapping[str, Any], config: Mapping[str, Any], written: str) -> Identified:
    """Return cell, identity and configuration of a run.

    `run.json` records them. For runs from before cells had identities they are computed by the same rule, and options that
    were added later are filled in.

    Args:
        facts: the contents of `run.json`.
        config: the configuration, resolved.
        written: the cell that the curve names; used if the configuration is incomplete.
    """
    if has_identity(facts):
        return facts["cell"], facts["identity"], config
    if not all(group in config for group in ("pe", "attention", "decoder", "optimizer", "trainer")):
        return facts.get("cell") or written, {}, config
    identity = cell_identity(config)
    return cell(identity), identity, completed(config)


def cut_short(config: Mapping[str, Any], curve: Curve) -> list[int]:
    """Return the lengths of the sweep that the curve lacks."""
    lengths = EvalOptions(lengths=config["eval"]["lengths"]).at(config["train_length"])
    return [length for length in lengths if length not in curve]
