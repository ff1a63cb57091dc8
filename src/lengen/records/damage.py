"""Files of a run that a power cut or a full disk has left empty or torn: what can be made again is made again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lengen.config.errors import UsageError
from lengen.records.curve import write_csv, write_text
from lengen.records.run_dir import RunFolder
from lengen.records.verdicts import cut


def complete(folder: RunFolder) -> bool:
    """Whether other commands can read the files of a finished run; of the verdicts, only the ends are looked at."""
    return (
        folder.curve.exists()
        and all(map(_reads, (folder.config, folder.load_curve)))
        and not cut(folder.verdicts)
    )


def seems_complete(folder: RunFolder) -> bool:
    """The same at a glance, for thousands of runs: texts that end, and verdicts that do."""
    return all(map(_ends, (folder.path / "config.yaml", folder.curve))) and not cut(folder.verdicts)


def _ends(path: Path) -> bool:
    """Whether a text is there, ends with a line, and has no zeros, as a power cut leaves them."""
    if not path.is_file():  # a pipe would keep its reader waiting
        return False
    try:
        text = path.read_bytes()
    except OSError:
        return False
    return text.endswith(b"\n") and b"\0" not in text


def mend(folder: RunFolder, config: str) -> list[str]:
    """Make torn files of a run ready for its command, which then resumes the run.

    `run.json` starts anew, with a wall time that is not known any more; `config.yaml` is written from the command, and the lengths of a torn curve or of torn verdicts
    are evaluated again, as are those of a finished run without a curve.

    Args:
        folder: the run folder; it need not exist.
        config: the run's configuration, as YAML.

    Returns:
        What was done, one line each.
    """
    if not folder.path.exists():
        return []
    lines = []
    facts = folder.path / folder.facts_name
    if not _reads(folder.facts) or not facts.exists():
        write_text(facts, '{"wall_seconds": null}\n')
        lines.append(f"{facts} was damaged: the run is resumed from its other files")
    file = folder.path / "config.yaml"
    if not _reads(folder.config) or not file.read_bytes().endswith(b"\n"):
        write_text(file, config)
        lines.append(f"{file} was damaged: written again from the command")
    if not _reads(folder.load_curve) or not _reads(folder.load_verdicts):
        torn = folder.verdicts if _reads(folder.load_curve) else folder.curve
        folder.discard_sweep()
        folder.record({"status": "interrupted"})
        lines.append(f"{torn} was damaged: all lengths are evaluated again")
    elif folder.facts().get("status") == "finished" and not folder.curve.exists():
        folder.record({"status": "interrupted"})
        lines.append(f"{folder.curve} of a finished run is missing: all lengths are evaluated again")
    return lines


def mend_training(folder: RunFolder, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write `train.csv` again from the rows in the last checkpoint, if it has fewer."""
    try:
        written = len(folder.training.read_text(encoding="utf-8").splitlines()) - 1
    except (OSError, UnicodeDecodeError):
        written = 0
    if written < len(rows):
        write_csv(folder.training, columns, rows)


def _reads(load: Callable[[], object]) -> bool:
    """Whether a file can be read."""
    try:
        load()
    except UsageError:
        return False
    return True
