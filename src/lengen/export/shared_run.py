"""Write a trained run as a folder for others: its records, its parameters as safetensors, and a model card."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from lengen.config.errors import require
from lengen.export.local_places import command_without_places, without_places
from lengen.export.model_card import card
from lengen.export.received_run import CARD, RECORDS, targets
from lengen.records.atomic import whole_folder
from lengen.records.curve import Curve
from lengen.records.earlier_runs import seed_name
from lengen.records.run_dir import RunFolder
from lengen.training.checkpoint import read_checkpoint, require_evaluated
from lengen.training.weights import write_weights


@dataclass(frozen=True)
class SharedRun:
    """A run to be shared.

    Args:
        run: the folder of the run.
        folder: the folder to create; it must not exist.
    """

    run: RunFolder
    folder: Path

    def __post_init__(self) -> None:
        require(
            not self.folder.exists(),
            f"export={self.folder}: already exists; nothing was changed (allowed: a new folder)",
        )
        status = self._facts.get("status", "nothing")
        require(status == "finished", f"run={self.run.path}: its status is {status!r}; must be 'finished'")
        own = next((each for each in targets(self._config) if not each.startswith("lengen.")), None)
        require(
            own is None,
            f"run={self.run.path}: {own} is code of your own, which lengen pull does not execute; share its folder and code by other means",
        )
        require(self._checkpoint.exists(), f"run={self.run.path}: there is no {self._checkpoint}")

    @cached_property
    def _facts(self) -> dict[str, Any]:
        return self.run.facts()

    @cached_property
    def _config(self) -> dict[str, Any]:
        return self.run.config()

    @property
    def _kind(self) -> str:
        """Which checkpoint the run's own sweep evaluated."""
        return str(self._config["eval"]["checkpoint"])

    @property
    def _checkpoint(self) -> Path:
        return self.run.checkpoint(self._kind)

    def write(self, name: str | None = None) -> list[Path]:
        """Write the folder, completely or not at all; nothing in it needs a network.

        Args:
            name: of the run on the hub, for the card; None if it is not known.

        Returns:
            Its files.

        Raises:
            UsageError: the checkpoint cannot be read, is of another run, or has other parameters than those that the run was evaluated with.
        """
        run = {"cell": str(self._facts["cell"]), "seed": seed_name(self._config)}
        contents = read_checkpoint(self._checkpoint, run)
        require_evaluated(contents, self._kind, self._checkpoint, self._facts)
        with whole_folder(self.folder) as work:
            received = RunFolder(work)
            (work / "config.yaml").write_text(
                yaml.safe_dump(without_places(self._config), sort_keys=False), encoding="utf-8"
            )
            received.record({**self._facts, "command": command_without_places(self._facts.get("command"))})
            shutil.copyfile(self.run.curve, received.curve)
            for each in RECORDS:
                if (self.run.path / each).is_file():
                    shutil.copyfile(self.run.path / each, work / each)
            write_weights(received.shared, contents, self._kind, run)
            text = card(self._config, self._facts, Curve.load(self.run.curve), name)
            (work / CARD).write_text(text, encoding="utf-8")
        return sorted(self.folder.iterdir())
