"""Folders of results: made atomically, held by one process at a time, never overwritten once finished."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from filelock import FileLock, Timeout

from lengen.config.errors import UsageError
from lengen.records.atomic import whole_folder
from lengen.records.curve import Curve, write_text

OVER = ("finished", "diverged")
"""Statuses after which a run is not run again."""


@dataclass(frozen=True)
class Folder:
    """Where something that takes its time leaves what it finds.

    Args:
        path: the folder itself.
    """

    path: Path
    facts_name: ClassVar[str]
    """Name of the file of facts."""
    inside: ClassVar[tuple[str, ...]] = ()
    """Folders that are made with it."""

    @property
    def curve(self) -> Path:
        """One row a length."""
        return self.path / "curve.csv"

    @property
    def figure(self) -> Path:
        """The curve as a picture."""
        return self.path / "figure.png"

    def load_curve(self) -> Curve:
        """The curve as far as it is written; empty where there is none."""
        return Curve.load(self.curve) if self.curve.exists() else Curve()

    def facts(self) -> dict[str, Any]:
        """What the file of facts says; empty where there is none."""
        path = self.path / self.facts_name
        if not path.exists():
            return {}
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise UsageError(
                f"{path} is no JSON ({error}); move the folder away, or give force=true"
            ) from None
        if not isinstance(facts, dict):
            raise UsageError(f"{path} holds no facts of a run; move the folder away, or give force=true")
        return facts

    def record(self, facts: Mapping[str, Any]) -> None:
        """Add to the file of facts, whole or not at all."""
        write_text(self.path / self.facts_name, _json({**self.facts(), **facts}))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the run against other processes; the lock is released when the process ends, however it ends.

        Raises:
            UsageError: another process has the run.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = self.path.parent / f".{self.path.name}.lock"
        held = FileLock(lock, timeout=0)
        try:
            held.acquire()
        except Timeout:
            raise UsageError(f"{self.path}: another process is working on this run") from None
        try:
            yield
        finally:
            held.release()

    def create(self, config: str, facts: Mapping[str, Any]) -> None:
        """Make the folder with its first files in one step, or leave it as it is if it is there."""
        if self.path.exists():
            return
        with whole_folder(self.path) as beside:
            for name in self.inside:
                (beside / name).mkdir()
            write_text(beside / "config.yaml", config)
            write_text(beside / self.facts_name, _json(facts))

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
        raise UsageError(f"{self.path}: there are too many old runs beside it")


@dataclass(frozen=True)
class RunFolder(Folder):
    """The folder of a run."""

    facts_name: ClassVar[str] = "run.json"
    inside: ClassVar[tuple[str, ...]] = ("checkpoints",)

    @property
    def training(self) -> Path:
        """Losses and probes along the way."""
        return self.path / "train.csv"

    @property
    def last(self) -> Path:
        """Everything that training needs to go on."""
        return self.path / "checkpoints" / "last.ckpt"

    @property
    def best(self) -> Path:
        """The parameters that were best on ID validation."""
        return self.path / "checkpoints" / "best.ckpt"


@dataclass(frozen=True)
class EvalFolder(Folder):
    """The folder of an evaluation, below its run."""

    facts_name: ClassVar[str] = "eval.json"

    @property
    def finished(self) -> bool:
        """Whether everything is there."""
        return self.facts().get("status") == "finished"

    @contextmanager
    def working(self, config: str, facts: Mapping[str, Any], *, force: bool) -> Iterator[bool]:
        """Hold the folder for a block of work and keep its status; gives whether there is anything to do.

        Args:
            config: what was asked.
            facts: for the file of facts.
            force: moves aside what is there.
        """
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
                stopped = isinstance(error, KeyboardInterrupt)
                with suppress(OSError):  # a full disk must not hide what went wrong
                    self.record(
                        {
                            "status": "interrupted" if stopped else "failed",
                            "error": None if stopped else f"{type(error).__name__}: {error}",
                        }
                    )
                raise
            self.record({"status": "finished", "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z")})


def _json(facts: Mapping[str, Any]) -> str:
    return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
