"""Evaluate a trained run again: other lengths, other examples, stress sets. The run's own curve is never overwritten."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import OmegaConf
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from lengen.config.errors import require
from lengen.evaluation.stress_sets import chosen
from lengen.evaluation.sweep import sweep
from lengen.evaluation.test_set import examples, positions_key
from lengen.experiment.compatibility import check_sweep
from lengen.experiment.load_run import TrainedRun
from lengen.experiment.protocol import protocol
from lengen.experiment.sweep_report import report_sweep
from lengen.records.curve import Curve
from lengen.records.provenance import provenance
from lengen.records.run_dir import EvalFolder
from lengen.task import Batch, Task
from lengen.training.progress import in_notebook, progress_bar


class EvalResult(NamedTuple):
    """Folder of an evaluation, whether it was finished before, and its curve if it has one."""

    folder: EvalFolder
    earlier: bool
    curve: Curve | None = None


@dataclass(frozen=True)
class Reevaluation:
    """One evaluation of a trained run, and the folder that belongs to it alone.

    Args:
        trained: the run.
        stress: name of the stress set; empty for the run's own task.
        name: what the folder is called in place of what differs from the run.
        force: do it again; what is there is kept aside.
    """

    trained: TrainedRun
    stress: str = ""
    name: str | None = None
    force: bool = False

    def __post_init__(self) -> None:
        require(
            self.name is None or bool(re.fullmatch(r"(?!.*\.aside-)[\w=+-][\w.=+-]*", self.name)),
            f"name={self.name}: allowed are letters, digits and _ = + - . (no dot in front)",
        )
        check_sweep(self.trained.config, {self.stress: self.task})

    @cached_property
    def task(self) -> Task:
        """The evaluated task: the run's own, or a stress set of it."""
        own = self.trained.config.formatted_task
        return chosen(own, [self.stress])[self.stress] if self.stress else own

    @property
    def lengths(self) -> list[int]:
        """The evaluated lengths."""
        return self.trained.config.eval_lengths

    @property
    def asked(self) -> dict[str, Any]:
        """All options that can change a result; they name the folder."""
        options = asdict(self.trained.config.eval)
        return {**options, "lengths": self.lengths, "stress": self.stress, "step": self.trained.step}

    @property
    def label(self) -> str:
        """The given name, or the options in which the evaluation differs from the run's own."""
        if self.name:
            return "-".join(filter(None, (self.name, self.stress)))
        run, asked = self.trained.config.record["eval"], self.trained.config.eval
        parts = [self.stress] + [
            word
            for word, option in (
                (asked.decode, "decode"),
                (asked.checkpoint, "checkpoint"),
                (f"examples={asked.examples}", "examples"),
                (f"seed={asked.seed}", "seed"),
                ("lengths", "lengths"),
            )
            if getattr(asked, option) != run[option]
        ]
        return "-".join(filter(None, parts)) or "again"

    @property
    def facts(self) -> dict[str, Any]:
        """Entries of `eval.json`."""
        config = self.trained.config
        return {
            **provenance(config.trainer.device),
            "run": str(self.trained.folder.path),
            "asked": self.asked,
            "protocol": {**protocol(config), "stress": self.stress or None},
            "category": config.category,
            **({"changed": list(self.trained.changed)} if self.trained.changed else {}),
        }

    def run(self) -> EvalResult:
        """Evaluate and write the folder, unless it is finished already."""
        folder = place(self.trained, self.label, self.asked)
        with folder.working(written(self.asked), self.facts, force=self.force) as work:
            if work:
                self.fill(folder)
        return EvalResult(folder, not work, folder.load_curve() if folder.curve.exists() else None)

    def fill(self, folder: EvalFolder) -> None:
        """Evaluate the missing lengths, draw the curve, record the facts."""
        config = self.trained.config
        curve = self._sweep(folder)
        title = ": ".join(filter(None, (config.title, self.stress or self.name)))
        accuracy = self.trained.id_exact_match
        folder.record(
            report_sweep(curve, folder, config, accuracy, self.trained.trained_lengths, title=title)
        )

    def test_set(self, length: int) -> tuple[Batch, tuple[str | int, ...]]:
        """The examples of a length, and the key of the generator for their positions."""
        evaluation = self.trained.config.eval
        return examples(evaluation, self.task, length), positions_key(evaluation, length)

    def _sweep(self, folder: EvalFolder) -> Curve:
        """Evaluate every length; rows of an interrupted evaluation are kept."""
        config = self.trained.config
        known = folder.load_curve()
        bar = progress_bar(
            TextColumn("{task.description}"),
            MofNCompleteColumn(),
            BarColumn(),
            TimeRemainingColumn(),
            transient=True,
            shown=config.trainer.progress and (sys.stdout.isatty() or in_notebook()),
        )
        with bar:
            line = bar.add_task(f"{self.label}, lengths", total=len(self.lengths), completed=len(known))

            def found(curve: Curve) -> None:
                curve.save(folder.curve)
                bar.update(line, completed=len(curve))

            return sweep(
                self.trained.decoder,
                self.task,
                config.positions,
                config.eval,
                self.lengths,
                config.facts(self.trained.step),
                known,
                found,
            )


def place(trained: TrainedRun, label: str, asked: Mapping[str, Any]) -> EvalFolder:
    """The folder of an evaluation: below its run, with a readable name and a hash of its options."""
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    return EvalFolder(trained.folder.path / "eval" / f"{label}-{digest[:8]}")


def written(asked: Mapping[str, Any]) -> str:
    """The options of an evaluation as YAML."""
    return OmegaConf.to_yaml(OmegaConf.create(dict(asked)))


def shown(path: Path) -> str:
    """A path relative to the working directory, if it lies below it."""
    here, path = Path.cwd(), path.absolute()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
