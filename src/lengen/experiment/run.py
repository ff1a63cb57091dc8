"""The whole data flow on one page: an Experiment is built, checked, run. The file to read first."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import torch
from omegaconf import OmegaConf

from lengen.decoder import Decoder
from lengen.evaluation.id_accuracy import id_exact_match, judge
from lengen.evaluation.sweep import resident_peak, sweep
from lengen.experiment.compatibility import check, footnote, protocol
from lengen.experiment.config import Setting
from lengen.experiment.load_run import Trained
from lengen.experiment.reevaluate import Answer
from lengen.experiment.stress_grid import examined
from lengen.logger import RunFacts
from lengen.records.curve import TRAINED, Curve
from lengen.records.provenance import provenance
from lengen.records.run_dir import OVER, RunFolder
from lengen.report import figure
from lengen.training.callback import DivergedError, Journal
from lengen.training.checkpoint import read_checkpoint
from lengen.training.fit import Learner, fit
from lengen.training.overlap import SHARE, Witness


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Args:
        status: `finished` or `diverged`.
        folder: where everything is.
        curve: the sweep; empty if the run diverged.
        id_exact_match: exact match over the training lengths; None if the run diverged.
        earlier: True if the run was over before, and nothing was done.
        error: what went wrong, of a run that diverged.
        stresses: what the stress sets came to that the run was asked for.
    """

    status: str
    folder: RunFolder
    curve: Curve
    id_exact_match: float | None
    earlier: bool = False
    error: str | None = None
    stresses: tuple[Answer, ...] = ()


@dataclass(frozen=True)
class Experiment(Setting):
    """One run, carried out."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self)

    def run(self) -> Outcome:
        """Train short, sweep long, report; or tell what an earlier run of the same found."""
        folder = self.folder
        with folder.held():
            if self.force:
                folder.put_aside()
            torch.set_num_threads(self.trainer.threads)
            outcome = self._earlier(folder) or self._anew(folder)
            if outcome.status == "finished" and self.eval.stress:
                outcome = replace(outcome, stresses=tuple(examined(Trained(self, folder))))
            return outcome

    def _earlier(self, folder: RunFolder) -> Outcome | None:
        """What an earlier run of the same found; None if it is not over."""
        facts = folder.facts()
        if facts.get("status") not in OVER:
            return None
        curve = Curve.load(folder.curve) if folder.curve.exists() else Curve()
        share, error = facts.get("id_exact_match"), facts.get("error")
        return Outcome(facts["status"], folder, curve, share, earlier=True, error=error)

    def _anew(self, folder: RunFolder) -> Outcome:
        """Start, or go on with, a run."""
        folder.make(OmegaConf.to_yaml(OmegaConf.create(dict(self.record))), {"status": "running"})
        folder.record(
            {
                "status": "running",
                "error": None,
                **provenance(self.trainer.device),
                "protocol": protocol(self),
                "category": self.category,
            }
        )
        try:
            with self._told(folder):
                decoder, witness = self.make_decoder(), self.witness()
                step = self.train(decoder, folder, witness)
                curve = self.sweep(decoder, folder, step)
                return self.report(decoder, curve, folder, witness)
        except DivergedError as error:
            return Outcome("diverged", folder, Curve(), None, error=str(error))

    def train(self, decoder: Decoder, folder: RunFolder, witness: Witness) -> int:
        """Train from the last checkpoint, if there is one; leave the chosen parameters in the decoder, and their step."""
        learner = Learner(decoder, self.optimizer, self.steps, self.drawn_from)
        options = self.trainer
        reached = read_checkpoint(folder.last)["global_step"] if folder.last.exists() else 0
        if reached < self.steps:
            journal = Journal(
                options.rhythm(self.steps), folder, self.logger, lambda: self.probe(decoder), options.progress
            )
            if reached:
                folder.record({"resumed_from_step": reached})
            stream = witness.stream
            stream.start, stream.witness = reached, witness.note
            fit(learner, stream, journal, options, folder.last if reached else None)
        last = read_checkpoint(folder.last)
        folder.record(self._pace(last["callbacks"][Journal.__qualname__]))
        chosen = read_checkpoint(folder.best) if self.eval.checkpoint == "best" else last
        learner.load_state_dict(chosen["state_dict"])
        decoder.to(options.device).eval()
        return int(chosen["global_step"])

    def _pace(self, noted: Mapping[str, Any]) -> dict[str, Any]:
        """Facts of training for `run.json`, from what the journal noted in the last checkpoint."""
        seconds = noted["seconds"]
        return {
            "train_seconds": round(seconds, 2),
            "steps_per_second": round(self.steps / seconds, 3),
            "tokens_per_second": round(noted["tokens"] / seconds, 1),
            "largest_position": noted["largest_position"],
        }

    def probe(self, decoder: Decoder) -> dict[str, float]:
        """Exact match and loss at training lengths and beyond, up to twice as long, as far as the sweep goes; never selected on."""
        longest = min(2 * self.train_length, max(self.eval.at(self.train_length)[-1], self.train_length))
        spans = {"id": self.trained_lengths.support, "ood": range(self.train_length + 1, longest + 1)}
        found = {}
        training = decoder.training
        decoder.eval()
        for split, span in spans.items():
            if lengths := list(filter(self.posed.examined().has, span)):
                verdicts = judge(decoder, self, lengths, self.trainer.probe_examples, "probe")
                found[f"{split}_exact_match"], found[f"{split}_loss"] = verdicts
        decoder.train(training)
        return found

    def sweep(self, decoder: Decoder, folder: RunFolder, step: int) -> Curve:
        """Examine every length; what an interrupted sweep has found is kept."""
        known = Curve.load(folder.curve) if folder.curve.exists() else Curve()
        lengths = self.eval.at(self.train_length)
        return sweep(
            decoder,
            self.posed,
            self.positions,
            self.eval,
            lengths,
            self.facts(step),
            known,
            lambda curve: curve.save(folder.curve),
        )

    def report(self, decoder: Decoder, curve: Curve, folder: RunFolder, witness: Witness) -> Outcome:
        """Draw the figure, complete `run.json`, tell the logger."""
        share = id_exact_match(decoder, self)
        trained = share >= TRAINED
        covered = witness.coverage(SHARE * folder.facts()["train_seconds"])
        note = footnote(self, share) + covered.said()
        figure.draw(curve, folder.figure, title=self.title, footnote=note, trained=trained)
        folder.record(
            {
                "status": "finished",
                "coverage": covered.facts,
                "id_exact_match": share,
                "trained": trained,
                "reach": {f"{threshold:.2f}": length for threshold, length in curve.reaches.items()},
                "parameters": sum(weight.numel() for weight in decoder.parameters()),
                "peak_bytes": max(resident_peak(), *(row.peak_bytes for row in curve.rows)),
                "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            }
        )
        self.logger.curve(curve, folder.figure)
        return Outcome("finished", folder, curve, share)

    @contextmanager
    def _told(self, folder: RunFolder) -> Iterator[None]:
        """Begin and finish the logger, keep the status and the seconds of the run, however it ends."""
        started, before = time.perf_counter(), folder.facts().get("wall_seconds", 0.0)
        tags = tuple(
            dict.fromkeys((self.labels.task, self.labels.pe, self.labels.positions, self.labels.decoder))
        )
        name = self.name or f"{self.labels.task}-{self.labels.pe}-seed{self.seed}"
        status, error = "failed", None
        try:
            self.logger.begin(RunFacts(name, self.cell, folder.path, self.record, tags=tags))
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
            if isinstance(reason, ValueError):  # mistakes are refused before this; what comes now is ours
                raise RuntimeError(str(reason)) from reason
            raise
        finally:
            with suppress(OSError):  # a full disk must not hide what went wrong
                seconds = round(before + time.perf_counter() - started, 2)
                folder.record({"status": status, "error": error, "wall_seconds": seconds})
            self.logger.finish(status)
