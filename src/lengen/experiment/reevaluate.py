"""Evaluate a trained run again: at other lengths, on other examples or on stress sets. The run's own files stay as they are."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import OmegaConf
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from lengen.config.errors import require
from lengen.config.identity import LATER_OPTIONS
from lengen.evaluation.stress_sets import chosen
from lengen.evaluation.sweep import announce_sweep, sweep
from lengen.evaluation.test_set import examples, positions_key
from lengen.experiment.compatibility import check_sweep
from lengen.experiment.extended import ExtendedRun
from lengen.experiment.load_run import TrainedRun
from lengen.experiment.protocol import protocol
from lengen.experiment.sweep_report import report_sweep, sweep_figure
from lengen.extend.chosen import Chosen
from lengen.records.curve import Curve
from lengen.records.error_law import ErrorLaw
from lengen.records.eval_options import CONVERGENCE, FreeDecoding
from lengen.records.plain_text import on_one_line
from lengen.records.provenance import device_name, provenance
from lengen.records.run_dir import EvalFolder, SweepRecord
from lengen.report.paper import SCREEN
from lengen.task import Batch, Task
from lengen.training.progress import in_notebook, progress_bar


class EvalResult(NamedTuple):
    """The folder of an evaluation, whether it was already finished, its curve if it has one, and lines that say what it found.

    Of several runs only the headline is printed.
    """

    folder: EvalFolder
    earlier: bool
    curve: Curve | None = None
    lines: tuple[str, ...] = ()
    headline: str = ""


@dataclass(frozen=True)
class Reevaluation:
    """One evaluation of a trained run, in a folder of its own.

    Args:
        trained: the run.
        stress: name of the stress set; empty for the run's own task.
        name: name of the folder; None names it by the options that differ from the run's own.
        force: repeat the evaluation if it is already finished; the old folder is renamed and kept.
        chosen: extensions of the decoder.
        figure: whether the figure is drawn.
    """

    trained: TrainedRun
    stress: str = ""
    name: str | None = None
    force: bool = False
    chosen: Chosen = field(default_factory=Chosen)
    figure: bool = True

    def __post_init__(self) -> None:
        require(
            self.name is None or bool(re.fullmatch(r"(?!.*\.aside-)[\w=+-][\w.=+-]*", self.name)),
            f"name={self.name}: must consist of letters, digits and _ = + - . and must not begin with a dot",
        )
        check_sweep(self.trained.config, {self.stress: self.task})

    @cached_property
    def extended(self) -> ExtendedRun:
        """The run with its extensions."""
        return ExtendedRun(self.trained, self.chosen)

    @cached_property
    def task(self) -> Task:
        """The task that is evaluated: the run's own, or that of the stress set."""
        own = self.trained.config.formatted_task
        return chosen(own, [self.stress])[self.stress] if self.stress else own

    @property
    def lengths(self) -> list[int]:
        """The evaluated lengths, ascending."""
        return self.trained.config.eval_lengths

    @property
    def request(self) -> dict[str, Any]:
        """Everything that can change a result; its hash names the folder."""
        options = {
            name: value
            for name, value in asdict(self.trained.config.eval).items()
            if name not in LATER_OPTIONS["eval"]
        }
        marked: dict[str, Any] = {"changed": list(self.trained.changed)} if self.trained.changed else {}
        if options["decode"] == "free":
            marked["decoding"] = FreeDecoding.revision
        if options["checkpoint"] == "average":
            marked["average"] = asdict(self.trained.average)
        if (word := self.trained.config.eval.own_loops) is not None:
            evaluated = self.trained.config.eval
            limits = {"tolerance": evaluated.tolerance, "most_loops": evaluated.most_loops}
            marked |= {"loops": word, **(limits if word == CONVERGENCE else {})}
        if self.chosen.extensions:
            marked["extend"] = self.chosen.identity(self.extended.sizes)
        return {
            **options,
            "lengths": self.lengths,
            "stress": self.stress,
            "step": self.trained.step,
            **marked,
        }

    @property
    def label(self) -> str:
        """The given name, or the options that differ from the run's own evaluation."""
        if self.name:
            return "-".join(filter(None, (self.name, self.stress)))
        own, requested = self.trained.config.record["eval"], self.trained.config.eval
        words = [re.sub(r"[^\w.=+-]+", "_", self.chosen.label).strip("_")] if self.chosen.extensions else []
        if requested.own_loops != self.trained.own_loops:
            words.append(re.sub(r"[^\w.=+-]+", "_", f"loops={requested.own_loops}"))
        parts = [self.stress, *words] + [
            word
            for word, option in (
                (requested.decode, "decode"),
                (requested.checkpoint, "checkpoint"),
                (f"examples={requested.examples}", "examples"),
                (f"seed={requested.seed}", "seed"),
                ("lengths", "lengths"),
            )
            if getattr(requested, option) != own[option]
        ]
        return "-".join(filter(None, parts)) or "again"

    @property
    def title(self) -> str:
        """Title of the figure."""
        extended = self.chosen.label if self.chosen.extensions else ""
        word = self.trained.config.eval.own_loops
        loops = "" if word is None else f"loops={word}"
        return ": ".join(filter(None, (self.trained.config.title, extended, loops, self.stress or self.name)))

    @property
    def facts(self) -> dict[str, Any]:
        """Entries of `eval.json`."""
        config = self.trained.config
        return {
            **provenance(config.trainer.device),
            "run": str(self.trained.folder.path),
            "asked": self.request,
            "protocol": {**protocol(config), "stress": self.stress or None, **self._extensions},
            "category": self.extended.category,
            **({"changed": list(self.trained.changed)} if self.trained.changed else {}),
        }

    @property
    def _extensions(self) -> dict[str, Any]:
        """What the protocol says of extensions; nothing where there are none."""
        chosen = self.chosen
        if not chosen.extensions:
            return {}
        return {"extend": chosen.label, "extend_n": chosen.n, "extend_fit": self.extended.fits}

    def run(self) -> EvalResult:
        """Evaluate, unless the folder is already finished."""
        self.extended.check()
        folder = eval_folder(self.trained, self.label, self.request)
        with folder.working(to_yaml(self.request), self.facts, force=self.force) as work:
            if work:
                self.fill(folder)
            elif self.figure and self.trained.config.paper != SCREEN:
                self.draw(folder)
        return EvalResult(folder, not work, folder.load_curve() if folder.curve.exists() else None)

    def fill(self, folder: EvalFolder) -> None:
        """Sweep the missing lengths, draw the curve and record the facts."""
        config = self.trained.config
        announce_sweep(config.eval)
        curve = self._sweep(folder)
        accuracy, lengths = self.extended.id_exact_match, self.trained.trained_lengths
        facts = report_sweep(curve, folder, config, accuracy, lengths, title=self.title, drawn=self.figure)
        folder.record({**facts, "id_examples": self.extended.id_examples, **self._id_change})

    @property
    def _id_change(self) -> dict[str, int]:
        """Strings of the trained lengths that extensions make wrong, and right; nothing where there are none."""
        if not self.chosen.extensions:
            return {}
        change = self.extended.id_change
        return {"id_lost": change.lost, "id_won": change.won}

    def draw(self, folder: EvalFolder) -> None:
        """Draw the figures of an evaluation that is finished, in the formats and the style that are asked for now."""
        trained, curve, law = self.trained, folder.load_curve(), ErrorLaw.of(folder.facts())
        drawn = sweep_figure(
            curve,
            trained.config,
            self.extended.id_exact_match,
            trained.trained_lengths,
            law,
            title=self.title,
        )
        trained.config.paper.draw(folder.figure.with_suffix(""), drawn)

    def test_set(self, length: int) -> tuple[Batch, tuple[str | int, ...]]:
        """Return the examples of a length, and the key of the generator for their positions."""
        evaluation = self.trained.config.eval
        return examples(evaluation, self.task, length), positions_key(evaluation, length)

    def _sweep(self, folder: EvalFolder) -> Curve:
        """Evaluate every length; lengths that an interrupted evaluation has finished are kept."""
        config = self.trained.config
        folder.sweep_on(device_name(config.trainer.device))
        finished = folder.resumed()
        bar = progress_bar(
            TextColumn("{task.description}"),
            MofNCompleteColumn(),
            BarColumn(),
            TimeRemainingColumn(),
            transient=True,
            shown=config.trainer.progress and (sys.stdout.isatty() or in_notebook()),
        )
        with bar:
            task_bar = bar.add_task(
                f"{self.label}, lengths", total=len(self.lengths), completed=len(finished.curve)
            )

            def save(done: SweepRecord) -> None:
                folder.save(done)
                bar.update(task_bar, completed=len(done.curve))

            return sweep(
                self.trained.decoder,
                self.task,
                config.positions,
                config.eval,
                self.lengths,
                {**config.facts(self.trained.step), "extend": self.chosen.label},
                finished,
                save,
                prepare=config.with_loops(self.extended.prepare),
            ).curve


def eval_folder(trained: TrainedRun, label: str, request: Mapping[str, Any]) -> EvalFolder:
    """Return the folder of an evaluation: below its run, named by a label and a hash of the request."""
    digest = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
    return EvalFolder(trained.folder.path / "eval" / f"{label}-{digest[:8]}")


def to_yaml(request: Mapping[str, Any]) -> str:
    """Return a request as YAML."""
    return OmegaConf.to_yaml(OmegaConf.create(dict(request)))


def display_path(path: Path) -> str:
    """Return a path relative to the working directory if it lies below it, else the absolute path."""
    working_dir, path = Path.cwd(), path.absolute()
    return on_one_line(str(path.relative_to(working_dir) if path.is_relative_to(working_dir) else path))
