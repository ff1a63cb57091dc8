"""Result folders: created atomically, locked by one process at a time, never overwritten once finished."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from lengen.config.bounded_yaml import read_yaml
from lengen.config.errors import UsageError, require, require_file
from lengen.records.atomic import remove_abandoned, whole_folder
from lengen.records.claim import claimed
from lengen.records.curve import Curve, Row, write_text
from lengen.records.links import require_no_way_out
from lengen.records.verdicts import StringVerdicts, read_verdicts, verdicts_frame, write_verdicts

OVER = ("finished", "diverged")
"""Statuses of runs that are over and are not repeated."""
MENDED, REPEATED = "the command that trained it mends it", "set force=true"
"""What to do about a damaged file of a run, and about the file of facts of an evaluation."""


@contextmanager
def mendable() -> Iterator[None]:
    """Say what to do about a configuration that is found damaged while the block runs.

    Raises:
        UsageError: that of the block; one of a version that wrote less stays as it is.
    """
    from lengen.records.schema import OlderVersionError

    try:
        yield
    except OlderVersionError:
        raise
    except UsageError as error:
        raise UsageError(f"{error}; {MENDED}") from None


class SweepRecord(NamedTuple):
    """A sweep as far as it is done.

    Args:
        curve: one row per evaluated length.
        verdicts: the verdicts on the strings of each of these lengths.
    """

    curve: Curve
    verdicts: Mapping[int, StringVerdicts]

    def add(self, row: Row, verdicts: StringVerdicts) -> SweepRecord:
        """Return this sweep with one more length."""
        return SweepRecord(self.curve.add(row), {**self.verdicts, row.length: verdicts})


@dataclass(frozen=True)
class Folder:
    """A folder for the results of a run or an evaluation.

    Args:
        path: path of the folder.
    """

    path: Path
    facts_name: ClassVar[str]
    """Name of its JSON file of facts."""
    inside: ClassVar[tuple[str, ...]] = ()
    """Subfolders that are created with it."""
    remedy: ClassVar[str] = MENDED
    """What to do about a damaged file of facts."""

    @property
    def run(self) -> Path:
        """Path of the run that the results are of."""
        return self.path

    @property
    def curve(self) -> Path:
        """Path of the curve, one row per length."""
        return self.path / "curve.csv"

    @property
    def verdicts(self) -> Path:
        """Path of the verdicts, one row per evaluated string."""
        return self.path / "verdicts.parquet"

    @property
    def figure(self) -> Path:
        """Path of the figure of the curve."""
        return self.path / "figure.png"

    def load_curve(self) -> Curve:
        """Load the curve as far as it is written; empty if there is none."""
        return Curve.load(self.curve) if self.curve.exists() else Curve()

    def load_verdicts(self) -> dict[int, StringVerdicts]:
        """Load the verdicts on the lengths of the curve; empty for runs of earlier versions, which kept none."""
        if not self.verdicts.exists():
            return {}
        return read_verdicts(self.verdicts, self.load_curve().lengths)

    def verdicts_frame(self) -> Any:
        """The verdicts on the lengths of the curve as a pandas data frame.

        Raises:
            UsageError: there are none.
        """
        require(
            self.verdicts.exists(),
            f"{self.path}: it has no verdicts.parquet: it is not finished, or of an earlier version",
        )
        return verdicts_frame(self.verdicts, self.load_curve().lengths)

    def resumed(self) -> SweepRecord:
        """Curve and verdicts of an interrupted sweep, on the lengths that both have."""
        verdicts = self.load_verdicts()
        return SweepRecord(
            Curve(tuple(row for row in self.load_curve().rows if row.length in verdicts)), verdicts
        )

    def sweep_on(self, device: str) -> None:
        """Note the device of a sweep; what an interrupted sweep found on another device is removed, and evaluated again."""
        if self.facts().get("sweep_device", device) != device:
            self.discard_sweep()
        self.record({"sweep_device": device})

    def discard_sweep(self) -> bool:
        """Remove what a sweep found; return whether there was something."""
        found = self.curve.exists() or self.verdicts.exists()
        self.curve.unlink(missing_ok=True)
        self.verdicts.unlink(missing_ok=True)
        return found

    def save(self, sweep: SweepRecord) -> None:
        """Write the verdicts, then the curve: no length of the curve is ever without its verdicts."""
        write_verdicts(self.verdicts, sweep.verdicts)
        sweep.curve.save(self.curve)

    def facts(self) -> dict[str, Any]:
        """Read the file of facts; empty if there is none.

        Raises:
            UsageError: it is damaged.
        """
        from lengen.records.schema import check_facts

        path = self.path / self.facts_name
        if not path.exists():
            return {}
        require_file(path)
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path}: not a JSON file ({error}); {self.remedy}") from None
        try:
            return check_facts(facts, str(path))
        except UsageError as error:
            raise UsageError(f"{error}; {self.remedy}") from None

    def record(self, facts: Mapping[str, Any]) -> None:
        """Add entries to the file of facts, atomically."""
        write_text(self.path / self.facts_name, _json({**self.facts(), **facts}))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes, on this or another machine, out of the folder while the block runs.

        Raises:
            UsageError: another process is working on it, or a link leads out of the run.
        """
        require_no_way_out(self.run)
        with claimed(self.path):
            remove_abandoned(self.path, self.inside)
            yield

    def create(self, config: str, facts: Mapping[str, Any]) -> None:
        """Create the folder with its first files, atomically; an existing folder is left unchanged."""
        if self.path.exists():
            return
        with whole_folder(self.path) as temporary:
            for name in self.inside:
                (temporary / name).mkdir()
            write_text(temporary / "config.yaml", config)
            write_text(temporary / self.facts_name, _json(facts))

    def set_aside(self) -> Path | None:
        """Rename an old run to make room for a new one; return None if there was none."""
        if not self.path.exists():
            return None
        stamp = time.strftime("%Y%m%dT%H%M%S")
        for count in range(1000):
            aside = self.path.with_name(f"{self.path.name}.aside-{stamp}{f'-{count}' if count else ''}")
            if not aside.exists():
                self.path.rename(aside)
                return aside
        raise UsageError(f"{self.path}: too many earlier runs are set aside in its parent folder")


@dataclass(frozen=True)
class RunFolder(Folder):
    """The folder of a run."""

    facts_name: ClassVar[str] = "run.json"
    inside: ClassVar[tuple[str, ...]] = ("checkpoints",)

    def config(self) -> dict[str, Any]:
        """Read the resolved configuration.

        Raises:
            UsageError: there is none, or it is damaged.
        """
        from lengen.records.schema import check_config

        path = self.path / "config.yaml"
        require(path.exists(), f"run={self.path}: there is no config.yaml")
        with mendable():
            return check_config(read_yaml(path), str(path))

    @property
    def training(self) -> Path:
        """Path of the losses and probes during training."""
        return self.path / "train.csv"

    @property
    def vocabulary(self) -> Path:
        """Path of the symbols by id, kept where they are read from data."""
        return self.path / "vocabulary.json"

    @property
    def last(self) -> Path:
        """Path of the last checkpoint, from which training resumes."""
        return self.path / "checkpoints" / "last.ckpt"

    @property
    def previous(self) -> Path:
        """Path of the checkpoint before the last one, kept while the run trains in case the last one is damaged."""
        return self.path / "checkpoints" / "previous.ckpt"

    @property
    def best(self) -> Path:
        """Path of the checkpoint that was best on ID validation."""
        return self.path / "checkpoints" / "best.ckpt"

    def checkpoint(self, name: str) -> Path:
        """Path of a checkpoint by its name in `eval.checkpoint`, `last` or `best`."""
        return self.best if name == "best" else self.last

    @property
    def shared(self) -> Path:
        """Path of the parameters in a run that was shared, which has no checkpoints."""
        return self.path / "model.safetensors"

    def keep(self, step: int) -> None:
        """Keep the last checkpoint also under its step."""
        kept = self.last.with_name(f"step={step}.ckpt")
        kept.unlink(missing_ok=True)
        try:
            kept.hardlink_to(self.last)
        except OSError:  # a file system without hard links
            shutil.copyfile(self.last, kept)

    def leave(self, keep: str | None) -> None:
        """Remove the checkpoints of a finished run that do not stay.

        Args:
            keep: `last`, `best`, `all` or `none`; None keeps the last and the best.
        """
        self.previous.unlink(missing_ok=True)
        if keep in ("best", "none"):
            self.last.unlink(missing_ok=True)
        if keep in ("last", "none"):
            self.best.unlink(missing_ok=True)


@dataclass(frozen=True)
class EvalFolder(Folder):
    """The folder of an evaluation, below its run."""

    facts_name: ClassVar[str] = "eval.json"
    remedy: ClassVar[str] = REPEATED

    @property
    def run(self) -> Path:
        """Path of the run that is evaluated."""
        return self.path.parents[1]

    @property
    def finished(self) -> bool:
        """Whether the evaluation is finished."""
        return self.facts().get("status") == "finished"

    @contextmanager
    def working(self, config: str, facts: Mapping[str, Any], *, force: bool) -> Iterator[bool]:
        """Lock the folder during an evaluation and record its status; yield whether there is work to do.

        Args:
            config: the requested options, as YAML.
            facts: entries of the file of facts.
            force: repeat a finished evaluation; its folder is set aside.
        """
        if not force and self.finished:  # also where nothing can be written, as in an archive
            yield False
            return
        with self.locked():
            if force:
                self.set_aside()
            if self.finished:
                yield False
                return
            self.create(config, {"status": "running"})
            self.record({"status": "running", "error": None, **facts})
            try:
                yield True
            except BaseException as error:
                interrupted = isinstance(error, KeyboardInterrupt)
                with suppress(OSError):  # a full disk must not hide the original error
                    self.record(
                        {
                            "status": "interrupted" if interrupted else "failed",
                            "error": (str(error) or None)
                            if interrupted
                            else f"{type(error).__name__}: {error}",
                        }
                    )
                raise
            self.record({"status": "finished", "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z")})


def _json(facts: Mapping[str, Any]) -> str:
    return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
