"""A run folder: made atomically, held by one process at a time, never overwritten once finished."""

from __future__ import annotations

import fcntl
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lengen.curve import write_text

OVER = ("finished", "diverged")
"""Statuses after which a run is not run again."""


@dataclass(frozen=True)
class RunFolder:
    """Where a run leaves what it finds.

    Args:
        path: the folder itself.
    """

    path: Path

    @property
    def curve(self) -> Path:
        """One row a length."""
        return self.path / "curve.csv"

    @property
    def training(self) -> Path:
        """Losses and probes along the way."""
        return self.path / "train.csv"

    @property
    def figure(self) -> Path:
        """The curve as a picture."""
        return self.path / "figure.png"

    @property
    def last(self) -> Path:
        """Everything that training needs to go on."""
        return self.path / "checkpoints" / "last.ckpt"

    @property
    def best(self) -> Path:
        """The parameters that were best on ID validation."""
        return self.path / "checkpoints" / "best.ckpt"

    def facts(self) -> dict[str, Any]:
        """What `run.json` says; empty where there is none."""
        path = self.path / "run.json"
        if not path.exists():
            return {}
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ValueError(
                f"{path} is no JSON ({error}); move the folder away, or give force=true"
            ) from None
        if not isinstance(facts, dict):
            raise ValueError(f"{path} holds no facts of a run; move the folder away, or give force=true")
        return facts

    def record(self, facts: Mapping[str, Any]) -> None:
        """Add to `run.json`, whole or not at all."""
        write_text(
            self.path / "run.json", json.dumps({**self.facts(), **facts}, indent=2, ensure_ascii=False) + "\n"
        )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes out of this run; the system lets go when the process ends, however it ends.

        Raises:
            ValueError: another process has the run.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = self.path.parent / f".{self.path.name}.lock"
        with lock.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ValueError(f"{self.path}: another process is working on this run") from None
            yield

    def make(self, config: str, facts: Mapping[str, Any]) -> None:
        """Make the folder with its first two files in one step, or leave it as it is if it is there."""
        if self.path.exists():
            return
        beside = self.path.with_name(f".{self.path.name}.part")
        shutil.rmtree(beside, ignore_errors=True)
        try:
            (beside / "checkpoints").mkdir(parents=True)
            write_text(beside / "config.yaml", config)
            write_text(beside / "run.json", json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
            beside.replace(self.path)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise

    def put_aside(self) -> Path | None:
        """Rename an old run so that a new one can have its place; None if there was none."""
        if not self.path.exists():
            return None
        stamp = time.strftime("%Y%m%dT%H%M%S")
        for count in range(1000):
            aside = self.path.with_name(f"{self.path.name}.aside-{stamp}{f'-{count}' if count else ''}")
            if not aside.exists():
                self.path.rename(aside)
                return aside
        raise ValueError(f"{self.path}: there are too many old runs beside it")
