"""One training run from its configuration to its files. Read this module first.

A run goes through these steps, each a function below:

1. `run_configuration` builds the configured objects and checks that they are compatible.
2. `Experiment.run` locks the run folder. A run that is already over is not repeated.
3. `Experiment.training` trains the decoder on short problems, from the last checkpoint if there is one.
4. `Experiment.sweep` evaluates the decoder at every length of the test set: one row of `curve.csv` each.
5. `Experiment.report` draws the figure and completes `run.json`.
6. `stress_grid.evaluate` repeats the sweep on every stress set in `eval.stress`, and for every entry of a list in `eval.loops`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

from lengen.config.builder import Builder
from lengen.config.compose import of_run
from lengen.config.errors import UsageError, require
from lengen.decoder import Decoder
from lengen.evaluation.sweep import announce_sweep, sweep
from lengen.experiment.compatibility import check
from lengen.experiment.config import RunConfig
from lengen.experiment.continuation import adopt, check_origin, continuation, continued
from lengen.experiment.follow import follow, shared
from lengen.experiment.load_run import TrainedRun
from lengen.experiment.protocol import protocol
from lengen.experiment.reevaluate import EvalResult
from lengen.experiment.stress_grid import evaluate
from lengen.experiment.sweep_report import report_sweep, run_figure
from lengen.logger import Logger, RunFacts
from lengen.records.curve import Curve, write_text
from lengen.records.damage import mend, mend_training
from lengen.records.earlier_runs import over, runs_in_other_cells, same_figures, shorter_runs, with_origin
from lengen.records.links import require_inside
from lengen.records.provenance import device_name, provenance
from lengen.records.run_dir import RunFolder
from lengen.task import SPECIAL
from lengen.training.callback import TRAIN_COLUMNS, DivergedError, TrainingCallback
from lengen.training.checkpoint import parameters_digest, read_checkpoint, resumable
from lengen.training.fit import Training
from lengen.training.overlap import SHARE, OverlapTracker
from lengen.training.rank_processes import started
from lengen.training.ranks import ALONE, Ranks

FROM_CHECKPOINT = "the same command resumes from the last checkpoint"
ANEW = "there is no checkpoint yet, and the same command starts anew"
"""What is said of a run that a signal has stopped."""


@dataclass(frozen=True)
class Outcome:
    """The result of a run.

    Args:
        status: `finished` or `diverged`.
        folder: the run folder.
        curve: the sweep; empty if the run diverged.
        id_exact_match: exact match over the training lengths, in [0, 1]; None if the run diverged.
        earlier: True if the run was already over, so that nothing was done.
        error: the error message of a run that diverged.
        stress_sets: the results on the stress sets in `eval.stress`, and with the entries of a list in `eval.loops`.
    """

    status: str
    folder: RunFolder
    curve: Curve
    id_exact_match: float | None
    earlier: bool = False
    error: str | None = None
    stress_sets: tuple[EvalResult, ...] = ()


def run_configuration(record: Mapping[str, Any], builder: Builder) -> Outcome:
    """Build, check and run one configuration.

    Prints a line for every run of the same command that was made with other code or data.

    Args:
        record: the keys of `configs/train.yaml`, resolved.
        builder: builds the configured objects.

    Raises:
        UsageError: an unknown option, a value that is not allowed, or incompatible options.
    """
    experiment = Experiment(configured(record, builder))
    require(
        not experiment.config.dry, "dry=true: only as a word of lengen train, as in lengen train dry=true"
    )
    for line in experiment.changes():
        print(f"lengen: {line}", flush=True)  # noqa: T201
    return experiment.run()


def log_again(record: Mapping[str, Any], builder: Builder) -> bool:
    """Give the numbers of a finished run to its logger once more, if that asks for them; whether it does.

    Args:
        record: the keys of `configs/train.yaml`, resolved.
        builder: builds the configured objects.
    """
    config = configured(record, builder)
    if not config.logger.repeats:
        return False
    config.logger.begin(run_facts(config))
    try:
        config.logger.curve(config.folder.load_curve(), config.folder.figure)
    finally:
        config.logger.finish("finished")
    return True


def run_facts(config: RunConfig) -> RunFacts:
    """Return what a logger is told of a run at its start."""
    labels = config.labels
    return RunFacts(
        config.name or f"{labels.task}-{labels.pe}-seed{config.seed}",
        config.cell,
        config.folder.path,
        config.record,
        tags=tuple(dict.fromkeys((labels.task, labels.pe, labels.positions, labels.decoder))),
        named=bool(config.name),
    )


def configured(record: Mapping[str, Any], builder: Builder) -> RunConfig:
    """Build the objects of one run.

    Args:
        record: the keys of `configs/train.yaml`, resolved.
        builder: builds the configured objects.

    Raises:
        UsageError: an unknown option, or a value that is not allowed.
    """
    record = with_origin(of_run(record))
    return builder.build(RunConfig, {**record, "record": record})


@dataclass
class Stages:
    """The stages of a run before and after its training.

    Args:
        stages: `Experiment.stages`.
        outcome: of the run, once it is over.
    """

    stages: Generator[Training, None, Outcome]
    outcome: Outcome | None = None

    def begin(self) -> Training | None:
        """Go on to the training; None if there is none, and the run is over."""
        try:
            return next(self.stages)
        except StopIteration as ended:
            self.outcome = ended.value
            return None

    def end(self, error: BaseException | None = None) -> Outcome:
        """Do what comes after the training.

        Args:
            error: of the training, which is recorded, and raised again unless the run diverged.
        """
        try:
            if error is not None:
                self.stages.throw(error)
            elif self.outcome is None:
                next(self.stages)
        except StopIteration as ended:
            self.outcome = ended.value
        assert self.outcome is not None
        return self.outcome


@dataclass(frozen=True)
class Experiment:
    """One run: trains a decoder, sweeps the test lengths and writes the run folder.

    Args:
        config: the run's configuration, as objects.

    Raises:
        UsageError: options are incompatible.
    """

    config: RunConfig

    def __post_init__(self) -> None:
        check(self.config)
        if self.config.from_:
            check_origin(self.config, self.config.from_)

    @property
    def folder(self) -> RunFolder:
        """The run folder."""
        return self.config.folder

    def changes(self) -> list[str]:
        """Describe the runs of the same command that were made with other code or data, and those with fewer steps."""
        config = self.config
        lines = [
            f"{changes} since {folder.path}: this is another cell"
            for folder, changes in runs_in_other_cells(config.record, config.identity)
        ]
        if config.from_:
            return [*lines, continuation(config, config.from_)]
        shorter = shorter_runs(config.record, config.identity) if not self.folder.path.exists() else ()
        return lines + [
            f"{folder.path} has {steps} of these {config.steps} steps: from={folder.path} goes on there; this "
            "command trains them anew"
            for folder, steps in shorter
        ]

    def run(self) -> Outcome:
        """Train, sweep and report, unless the run is over already; then evaluate the stress sets in `eval.stress`."""
        stages = Stages(self.stages())
        if (training := stages.begin()) is not None:
            try:
                training.fit()
            except BaseException as error:  # noqa: BLE001  # is recorded there, and raised again
                return stages.end(error)
        return stages.end()

    def stages(self) -> Generator[Training, None, Outcome]:
        """Do the same, but leave the training to whoever calls: what is to be trained is yielded, if there is anything.

        It is trained before the next stage is asked for; an error of it is thrown in.

        Returns:
            The outcome.
        """
        config, folder = self.config, self.folder
        require_inside(folder.path, Path(config.results_dir))
        self._refuse_other_base()
        if not (config.force or self._evaluates_more) and (earlier := self._earlier_outcome()):
            self._draw_again(earlier)
            return earlier  # also where nothing can be written, as in an archive
        with folder.locked():
            if config.force:
                folder.set_aside()
            for line in mend(folder, self._yaml):
                print(f"lengen: {line}", flush=True)  # noqa: T201
            torch.set_num_threads(config.trainer.threads)
            outcome = self._earlier_outcome() or (yield from self._start_or_resume())
            self._draw_again(outcome)
            if outcome.status == "finished" and self._evaluates_more:
                outcome = replace(outcome, stress_sets=tuple(evaluate(TrainedRun(config, folder))))
            if outcome.status == "finished" and not outcome.earlier:
                folder.leave(config.trainer.keep)
            return outcome

    @property
    def _evaluates_more(self) -> bool:
        """Whether there are curves besides that of the run."""
        return bool(self.config.eval.stress or self.config.eval.listed_loops)

    def _refuse_other_base(self) -> None:
        """Refuse a folder in which another run of the same cell and seed was tuned; `force=true` sets it aside."""
        config, folder = self.config, self.folder
        if config.base is None or config.force or not (folder.path / RunFolder.facts_name).is_file():
            return
        try:
            written = dict(folder.config().get("base") or {})
        except UsageError:
            return  # a damaged file is mended or reported where it is read
        require(
            written.get("parameters", config.base.parameters) == config.base.parameters,
            f"{folder.path} is tuned from {written.get('run')}, a run of the same cell and seed with other parameters than "
            f"{config.base.run}: results_dir=… writes elsewhere, force=true sets it aside",
        )

    def _earlier_outcome(self) -> Outcome | None:
        """Return the outcome in the run folder; None if there is no run, or if it was interrupted or is damaged."""
        try:
            facts, curve = self.folder.facts(), self.folder.load_curve()
        except UsageError:
            return None
        status = str(facts.get("status"))
        if not over(self.folder, facts) or (status == "finished" and not curve.rows):
            return None
        accuracy, error = facts.get("id_exact_match"), facts.get("error")
        return Outcome(status, self.folder, curve, accuracy, earlier=True, error=error)

    def _draw_again(self, outcome: Outcome) -> None:
        """Draw the figure of a run that was over, if it is asked for otherwise than as it was drawn."""
        config, folder = self.config, self.folder
        if outcome.earlier and outcome.status == "finished" and not same_figures(config.record, folder):
            config.paper.draw(folder.figure.with_suffix(""), run_figure(folder, config))

    def _start_or_resume(self) -> Generator[Training, None, Outcome]:
        """Train, sweep and report; every step continues from what an interrupted run has written."""
        config, folder = self.config, self.folder
        announce_sweep(config.eval)
        try:
            with self._logged() as waited:
                decoder, stream = config.make_decoder(), config.stream()
                folder.record(
                    {
                        "trained_lengths": stream.drawn_lengths,
                        "unavailable_lengths": config.unavailable_lengths,
                    }
                )
                overlap = OverlapTracker(config.test_prompts, config.eval.examples, config.steps, stream)
                with self._ranks() as ranks:
                    training = self.training(decoder, overlap, ranks)
                    if training is not None:
                        try:
                            yield training
                        finally:
                            waited.append(training.journal.waited)
                    decoder, step = self.trained(decoder)
                    curve = self.sweep(decoder, step, ranks)
                return self.report(decoder, curve, overlap)
        except DivergedError as error:
            return Outcome("diverged", folder, Curve(), None, error=str(error))

    def _ranks(self) -> AbstractContextManager[Ranks]:
        """The processes that train the run, while the block runs."""
        options = self.config.trainer
        others = partial(follow, replace(self.config, logger=Logger()))
        return started(options, others) if options.devices > 1 else nullcontext(ALONE)

    @cached_property
    def _yaml(self) -> str:
        """The configuration, as YAML."""
        return OmegaConf.to_yaml(OmegaConf.create(dict(self.config.record)))

    def _create_folder(self) -> None:
        """Create the run folder if needed, and record in `run.json` how the run is made."""
        config, folder = self.config, self.folder
        device = device_name(config.trainer.device)
        folder.create(self._yaml, {"status": "running", **config.code})
        folder.record(
            {
                "status": "running",
                "error": None,
                "wall_seconds": None,  # which nobody knows if the process is killed
                **provenance(config.trainer.device),
                "devices": list(dict.fromkeys([*folder.facts().get("devices", []), device])),
                "protocol": protocol(config),
                "category": config.category,
                **config.code,
                **(continued(config, config.from_) if config.from_ else {}),
                **(config.tuned_facts if config.base else {}),
            }
        )
        if config.task.fingerprints:
            symbols = [*SPECIAL, *config.formatted_task.vocabulary.symbols]
            write_text(
                folder.vocabulary, json.dumps({"symbols": symbols}, ensure_ascii=False, indent=1) + "\n"
            )

    def training(self, decoder: Decoder, overlap: OverlapTracker, ranks: Ranks) -> Training | None:
        """Return what is to be trained, from the last checkpoint if there is one; None if it has all steps.

        Args:
            decoder: trained in place, unless its parameters are divided over devices.
            overlap: counts test prompts that occur in the training batches.
            ranks: the processes that train it together.
        """
        config, folder, options = self.config, self.folder, self.config.trainer
        run = config.run
        checkpoint, start = resumable((folder.last, folder.previous), run)
        if config.from_ and not start:
            adopt(config, config.from_)
            checkpoint, start = folder.last, config.from_.step
        if config.base and not start:
            decoder.load_state_dict(config.first_decoder().state_dict())
        ranks.tell("checkpoint", [str(checkpoint) if checkpoint else None, start])
        if start < config.steps:
            if folder.discard_sweep():  # found with parameters that are gone
                print(  # noqa: T201
                    f"lengen: {folder.path}: its last checkpoint is missing or damaged: all lengths are evaluated again",
                    flush=True,
                )
            callback = TrainingCallback(
                options.intervals(config.steps),
                folder,
                config.logger,
                partial(config.probe, decoder),
                options.progress,
                ranks,
            )
            if start:
                folder.record({"resumed_from_step": start})
            stream = config.stream(start, overlap.note, options.parts())
            config.logger.watch(decoder)
            return Training(config.module(decoder), stream, callback, options, checkpoint, ranks)
        return None

    def trained(self, decoder: Decoder) -> tuple[Decoder, int]:
        """Return the decoder with the parameters of the checkpoint in `eval.checkpoint`, and the optimizer steps behind them."""
        config, folder, options = self.config, self.folder, self.config.trainer
        run, module = config.run, config.module(decoder)
        last = read_checkpoint(folder.last, run)
        state = last["callbacks"][TrainingCallback.STATE]
        mend_training(folder, TRAIN_COLUMNS, state["rows"])
        folder.record(self._training_facts(state))
        evaluated = read_checkpoint(folder.best, run) if config.eval.checkpoint == "best" else last
        if options.sharded:
            decoder = config.make_decoder()
            module = config.module(decoder)
        module.load_state_dict(evaluated["state_dict"])
        return decoder.to(options.device).eval(), int(evaluated["global_step"])

    def _training_facts(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Return the speed of training and the largest position, from the callback's state in the last checkpoint."""
        seconds = state["seconds"]
        return {
            "train_seconds": round(seconds, 2),
            "steps_per_second": round(self.config.steps / seconds, 3),
            "tokens_per_second": round(state["tokens"] / seconds, 1),
            "largest_position": state["largest_position"],
        }

    def sweep(self, decoder: Decoder, step: int, ranks: Ranks = ALONE) -> Curve:
        """Evaluate every length and save the curve after each; lengths that are already in `curve.csv` are kept."""
        config, folder = self.config, self.folder
        folder.sweep_on(device_name(config.trainer.device))
        return sweep(
            decoder,
            config.formatted_task,
            config.positions,
            config.eval,
            config.eval_lengths,
            config.facts(step),
            folder.resumed(),
            folder.save,
            map if ranks.count == 1 else partial(shared, ranks),
            config.with_loops(),
        ).curve

    def report(self, decoder: Decoder, curve: Curve, overlap: OverlapTracker) -> Outcome:
        """Draw the figure, complete `run.json` and pass the curve to the logger."""
        config, folder = self.config, self.folder
        id_accuracy = config.id_exact_match(decoder)
        coverage = overlap.overlap(config.stream(), SHARE * folder.facts()["train_seconds"])
        facts = report_sweep(
            curve,
            folder,
            config,
            id_accuracy,
            folder.facts()["trained_lengths"],
            title=config.title,
            remark=coverage.sentence(),
        )
        folder.record(
            {
                "status": "finished",
                "coverage": coverage.facts,
                **facts,
                "id_examples": config.id_examples,
                "parameters": sum(weight.numel() for weight in decoder.parameters()),
                "parameters_digest": parameters_digest(decoder.state_dict()),
                "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            }
        )
        if config.tune and (found := config.tune.found(decoder)):
            folder.record({"tuned": {**folder.facts()["tuned"], **found}})
        config.logger.curve(curve, folder.figure)
        return Outcome("finished", folder, curve, id_accuracy)

    @contextmanager
    def _logged(self) -> Iterator[list[float]]:
        """Create the folder, start and finish the logger; record the run's status and wall time, however the run ends.

        The wall time is null where that of an earlier process is not known.

        Yields:
            Seconds that are not the run's own, to be added to.
        """
        config, folder = self.config, self.folder
        unrecorded = (
            None if folder.last.exists() else 0.0
        )  # of a run that was killed, or has lost its run.json
        started, earlier_seconds = time.perf_counter(), folder.facts().get("wall_seconds", unrecorded)
        status, message, waited = "failed", None, list[float]()
        try:
            self._create_folder()
            config.logger.begin(run_facts(config))
            yield waited
            status = "finished"
        except KeyboardInterrupt as stopped:
            status, message = "interrupted", str(stopped) or None
            if not getattr(stopped, "__notes__", ()):  # of another run that is trained with this one
                stopped.add_note(FROM_CHECKPOINT if folder.last.exists() else ANEW)
            raise
        except BaseException as error:
            status = "diverged" if isinstance(error, DivergedError) else "failed"
            message = f"{type(error).__name__}: {error}"
            raise
        finally:
            with suppress(OSError):  # a full disk must not hide the first error
                now = time.perf_counter() - started - sum(waited)
                seconds = None if earlier_seconds is None else round(earlier_seconds + now, 2)
                folder.record({"status": status, "error": message, "wall_seconds": seconds})
            config.logger.finish(status)
