"""The whole data flow on one page: an experiment is checked, trained, swept and reported. The file to read first."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import torch
from omegaconf import OmegaConf

from lengen.config.builder import Builder
from lengen.decoder import Decoder
from lengen.evaluation.sweep import mean_scores, sweep
from lengen.experiment.compatibility import check
from lengen.experiment.config import RunConfig
from lengen.experiment.load_run import TrainedRun
from lengen.experiment.protocol import protocol
from lengen.experiment.reevaluate import EvalResult
from lengen.experiment.stress_grid import evaluate
from lengen.experiment.sweep_report import report_sweep
from lengen.logger import RunFacts
from lengen.records.curve import Curve
from lengen.records.earlier_runs import made_otherwise
from lengen.records.provenance import provenance
from lengen.records.run_dir import OVER, RunFolder
from lengen.training.callback import DivergedError, TrainingCallback
from lengen.training.checkpoint import read_checkpoint
from lengen.training.fit import DecoderModule, fit
from lengen.training.overlap import SHARE, OverlapTracker


@dataclass(frozen=True)
class Outcome:
    """The outcome of a run.

    Args:
        status: `finished` or `diverged`.
        folder: where everything is.
        curve: the sweep; empty if the run diverged.
        id_exact_match: exact match over the training lengths; None if the run diverged.
        earlier: True if the run was over before, and nothing was done.
        error: what went wrong, of a run that diverged.
        stress_sets: the curves of the stress sets in `eval.stress`.
    """

    status: str
    folder: RunFolder
    curve: Curve
    id_exact_match: float | None
    earlier: bool = False
    error: str | None = None
    stress_sets: tuple[EvalResult, ...] = ()


@dataclass(frozen=True)
class Experiment:
    """One run: checked, trained, swept, reported.

    Args:
        config: what the run is.

    Raises:
        UsageError: options do not go together.
    """

    config: RunConfig

    def __post_init__(self) -> None:
        check(self.config)

    @property
    def folder(self) -> RunFolder:
        """Where the run leaves its files."""
        return self.config.folder

    def changes(self) -> list[str]:
        """One line for each earlier run of the same command whose code or data differ."""
        return [
            f"{told} since {folder.path}: this is another cell"
            for folder, told in made_otherwise(self.config.record, self.config.identity)
        ]

    def run(self) -> Outcome:
        """Train short, sweep long, report; return the earlier outcome if the run is finished."""
        config, folder = self.config, self.folder
        with folder.locked():
            if config.force:
                folder.set_aside()
            torch.set_num_threads(config.trainer.threads)
            outcome = self._earlier() or self._start()
            if outcome.status == "finished" and config.eval.stress:
                outcome = replace(outcome, stress_sets=tuple(evaluate(TrainedRun(config, folder))))
            return outcome

    def _earlier(self) -> Outcome | None:
        """Outcome of an earlier process; None unless the run is finished or diverged."""
        facts = self.folder.facts()
        if facts.get("status") not in OVER:
            return None
        accuracy, error = facts.get("id_exact_match"), facts.get("error")
        return Outcome(
            facts["status"], self.folder, self.folder.load_curve(), accuracy, earlier=True, error=error
        )

    def _start(self) -> Outcome:
        """Start, or resume, a run."""
        config, folder = self.config, self.folder
        folder.create(OmegaConf.to_yaml(OmegaConf.create(dict(config.record))), {"status": "running"})
        folder.record(
            {
                "status": "running",
                "error": None,
                **provenance(config.trainer.device),
                "protocol": protocol(config),
                "category": config.category,
                **config.code,
            }
        )
        try:
            with self._logged():
                decoder, stream = config.make_decoder(), config.stream()
                folder.record(
                    {
                        "trained_lengths": stream.drawn_lengths,
                        "unavailable_lengths": config.unavailable_lengths,
                    }
                )
                overlap = OverlapTracker(config.test_prompts, config.eval.examples, config.steps, stream)
                step = self.train(decoder, overlap)
                curve = self.sweep(decoder, step)
                return self.report(decoder, curve, overlap)
        except DivergedError as error:
            return Outcome("diverged", folder, Curve(), None, error=str(error))

    def train(self, decoder: Decoder, overlap: OverlapTracker) -> int:
        """Train from the last checkpoint, if there is one; leave the chosen parameters in the decoder, and return their step."""
        config, folder, options = self.config, self.folder, self.config.trainer
        module = DecoderModule(decoder, config.optimizer, config.steps, config.effective_data_seed)
        reached = read_checkpoint(folder.last)["global_step"] if folder.last.exists() else 0
        if reached < config.steps:
            callback = TrainingCallback(
                options.intervals(config.steps),
                folder,
                config.logger,
                lambda: self.probe(decoder),
                options.progress,
            )
            if reached:
                folder.record({"resumed_from_step": reached})
            stream = config.stream(start=reached, observer=overlap.note)
            fit(module, stream, callback, options, folder.last if reached else None)
        last = read_checkpoint(folder.last)
        folder.record(self._pace(last["callbacks"][TrainingCallback.STATE]))
        chosen = read_checkpoint(folder.best) if config.eval.checkpoint == "best" else last
        module.load_state_dict(chosen["state_dict"])
        decoder.to(options.device).eval()
        return int(chosen["global_step"])

    def _pace(self, noted: Mapping[str, Any]) -> dict[str, Any]:
        """Facts of training for `run.json`, from the state of the callback in the last checkpoint."""
        seconds = noted["seconds"]
        return {
            "train_seconds": round(seconds, 2),
            "steps_per_second": round(self.config.steps / seconds, 3),
            "tokens_per_second": round(noted["tokens"] / seconds, 1),
            "largest_position": noted["largest_position"],
        }

    def probe(self, decoder: Decoder) -> dict[str, float]:
        """Exact match and loss at training lengths and beyond, up to twice as long, as far as the sweep goes; never selected on."""
        config = self.config
        longest = min(2 * config.train_length, max(config.eval_lengths[-1], config.train_length))
        splits = {"id": config.trained_lengths.support, "ood": range(config.train_length + 1, longest + 1)}
        found = {}
        training = decoder.training
        decoder.eval()
        for split, span in splits.items():
            if lengths := list(filter(config.formatted_task.evaluation_task().has, span)):
                found[f"{split}_exact_match"], found[f"{split}_loss"] = mean_scores(
                    decoder,
                    config.formatted_task,
                    config.positions,
                    lengths,
                    config.trainer.probe_examples,
                    config.eval.seed,
                    "probe",
                )
        decoder.train(training)
        return found

    def sweep(self, decoder: Decoder, step: int) -> Curve:
        """Evaluate every length; what an interrupted sweep has found is kept."""
        config, folder = self.config, self.folder
        return sweep(
            decoder,
            config.formatted_task,
            config.positions,
            config.eval,
            config.eval_lengths,
            config.facts(step),
            folder.load_curve(),
            lambda curve: curve.save(folder.curve),
        )

    def report(self, decoder: Decoder, curve: Curve, overlap: OverlapTracker) -> Outcome:
        """Draw the figure, complete `run.json`, tell the logger."""
        config, folder = self.config, self.folder
        id_accuracy = config.id_exact_match(decoder)
        seen = overlap.overlap(config.stream(), SHARE * folder.facts()["train_seconds"])
        facts = report_sweep(
            curve,
            folder,
            config,
            id_accuracy,
            folder.facts()["trained_lengths"],
            title=config.title,
            remark=seen.sentence(),
        )
        folder.record(
            {
                "status": "finished",
                "coverage": seen.facts,
                **facts,
                "parameters": sum(weight.numel() for weight in decoder.parameters()),
                "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            }
        )
        config.logger.curve(curve, folder.figure)
        return Outcome("finished", folder, curve, id_accuracy)

    @contextmanager
    def _logged(self) -> Iterator[None]:
        """Start and finish the logger; record status and seconds however the run ends."""
        config, folder, labels = self.config, self.folder, self.config.labels
        started, before = time.perf_counter(), folder.facts().get("wall_seconds", 0.0)
        tags = tuple(dict.fromkeys((labels.task, labels.pe, labels.positions, labels.decoder)))
        name = config.name or f"{labels.task}-{labels.pe}-seed{config.seed}"
        status, error = "failed", None
        try:
            config.logger.begin(RunFacts(name, config.cell, folder.path, config.record, tags=tags))
            yield
            status = "finished"
        except KeyboardInterrupt:
            status = "interrupted"
            raise
        except BaseException as reason:
            status, error = (
                "diverged" if isinstance(reason, DivergedError) else "failed",
                f"{type(reason).__name__}: {reason}",
            )
            raise
        finally:
            with suppress(OSError):  # a full disk must not hide what went wrong
                seconds = round(before + time.perf_counter() - started, 2)
                folder.record({"status": status, "error": error, "wall_seconds": seconds})
            config.logger.finish(status)


def carry_out(record: Mapping[str, Any], builder: Builder) -> Outcome:
    """One run, from its resolved configuration to its files; prints what changed since earlier runs of the same command.

    Args:
        record: the keys of `configs/train.yaml`, resolved.
        builder: makes objects of them.

    Raises:
        UsageError: an option that is not there, a value that is not allowed, or options that do not go together.
    """
    experiment = Experiment(builder.build(RunConfig, {**record, "record": record}))
    for line in experiment.changes():
        print(f"lengen: {line}", flush=True)  # noqa: T201
    return experiment.run()
