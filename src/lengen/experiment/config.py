"""The configuration of a run, a cell and its seeds, as typed objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from lengen.attention import AttentionRule
from lengen.block.inputs import Shape
from lengen.config.aliases import with_current_targets
from lengen.config.builder import Builder
from lengen.config.errors import require
from lengen.config.identity import cell, outside, record_key
from lengen.config.limits import Limits
from lengen.config.source import sources
from lengen.decoder import Architecture, Decoder
from lengen.evaluation.loops import EvaluatedLoops
from lengen.evaluation.sweep import (
    Prepare,
    as_trained,
    examples_each,
    id_exact_match,
    id_lengths,
    id_verdicts,
    mean_scores,
)
from lengen.experiment.parameters import checkpoint_of, give, read_parameters
from lengen.format import Format
from lengen.format.plain import Plain
from lengen.head import Head, Output
from lengen.head.linear import Linear
from lengen.lengths import Lengths
from lengen.logger import LOCAL, Logger
from lengen.loops import LoopLaw
from lengen.loops.fixed import Fixed
from lengen.mixer import Layer, Mixer
from lengen.mixer.attention import Attention
from lengen.optimizer import OptimizerRule
from lengen.pe import PositionalEncoding
from lengen.positions import Positions
from lengen.records.earlier_runs import seed_name
from lengen.records.eval_options import EvalOptions, LoopWord, cell_identity
from lengen.records.run_dir import RunFolder
from lengen.records.supervision import category
from lengen.report.paper import FORMATS, Paper, PrintStyle
from lengen.sampling import generator
from lengen.task import Batch, Task
from lengen.training.batch_stream import BatchStream, Parts, fixed_set
from lengen.training.checkpoint import parameters_digest
from lengen.training.fit import DecoderModule
from lengen.training.options import TrainerOptions
from lengen.training.overlap import Deduplicated, prompt_fingerprints
from lengen.tuning import DATA_SEED, Base, Tuning, prepared
from lengen.tuning.changes import Change, InPlace


@dataclass(frozen=True)
class Labels:
    """Names of the options chosen in each group, for folders, columns and legends."""

    task: str
    pe: str
    positions: str
    attention: str
    decoder: str
    lengths: str
    optimizer: str
    format: str = "plain"
    tune: str = ""
    mixer: str = "attention"
    head: str = "linear"
    loops: str = "fixed"


@dataclass(frozen=True)
class Origin:
    """The run from which another one goes on.

    Args:
        run: its folder.
        step: its steps.
        parameters: digest of its parameters.
    """

    run: str
    step: int
    parameters: str


@dataclass(frozen=True)
class RunConfig:
    """Configuration of one run: the keys of `configs/train.yaml` as objects; `record` has them resolved, as plain values."""

    task: Task
    lengths: Lengths
    positions: Positions
    pe: Callable[[Shape], PositionalEncoding]
    attention: Callable[[Shape], AttentionRule]
    decoder: Architecture
    optimizer: OptimizerRule
    trainer: TrainerOptions
    logger: Logger
    eval: EvalOptions
    labels: Labels
    train_length: int
    batch_size: int
    steps: int
    seed: int
    init_seed: int | None
    data_seed: int | None
    name: str | None
    results_dir: str
    force: bool
    record: Mapping[str, Any]
    format: Format = field(default_factory=Plain)
    mixer: Callable[[Layer], Mixer] = Attention
    head: Callable[[Output], Head] = Linear
    loops: LoopLaw = field(default_factory=Fixed)
    limits: Limits = field(default_factory=Limits)
    from_: Origin | None = None
    tune: Tuning | None = None
    base: Base | None = None
    extend: InPlace | None = None
    before: Mapping[str, Change] = field(default_factory=dict)
    dry: bool = False
    formats: list[str] = field(default_factory=lambda: ["png"])
    style: PrintStyle = field(default_factory=PrintStyle)

    def __post_init__(self) -> None:
        for name in ("train_length", "batch_size", "steps"):
            require(getattr(self, name) >= 1, f"{name}={getattr(self, name)}: must be at least 1")
        for name in ("seed", "init_seed", "data_seed"):
            value = getattr(self, name)
            require(value is None or value >= 0, f"{name}={value}: must be at least 0")
        self.paper  # noqa: B018  refuses formats that there are not

    @property
    def paper(self) -> Paper:
        """Where the figures are printed; always as PNG, too, which loggers and pages show."""
        paper = Paper.of(self.style, self.formats)
        return replace(paper, formats=tuple(dict.fromkeys((*FORMATS[:1], *paper.formats))))

    @cached_property
    def formatted_task(self) -> Task:
        """The task in its format, as it is trained and evaluated."""
        return self.format.applied(self.task)

    @cached_property
    def trained_lengths(self) -> Lengths:
        """The configured training lengths that the task has."""
        return self.lengths.of(self.formatted_task)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """The identity of the run's cell; see `lengen.config.identity`."""
        return cell_identity(self.record, self.task.fingerprints)

    @property
    def unavailable_lengths(self) -> list[int]:
        """Configured training lengths that the task does not have, ascending."""
        return sorted({*self.lengths.support} - {*self.trained_lengths.support})

    @property
    def cell(self) -> str:
        """Hash of the configuration without its seeds and without options that cannot change a result."""
        return cell(self.identity)

    @property
    def code(self) -> dict[str, Any]:
        """Entries of `run.json` that identify the run: cell, identity, record key, and hashes of the user's own code."""
        files = {
            name: {"path": None if path is None else str(path), "hash": digest}
            for kind in outside(self.record)
            for name, (path, digest) in sources(kind).items()
        }
        return {
            "cell": self.cell,
            "identity": self.identity,
            "sources": files,
            "record_key": record_key(self.record),
        }

    @cached_property
    def teacher(self) -> Decoder:
        """The decoder of the run that a tuned one starts from, with its parameters, in evaluation mode.

        Raises:
            UsageError: the run is gone, or has other parameters by now.
        """
        assert self.base is not None
        folder = RunFolder(Path(self.base.run))
        require(
            folder.facts().get("status") == "finished",
            f"base={folder.path}: there is no finished run, which this one starts from",
        )
        record = folder.config()
        allowed = {"lengen", *(kind.__module__.partition(".")[0] for kind in outside(self.record))}
        node = with_current_targets({**record, "logger": {"_target_": LOCAL}})
        config = Builder(allowed).build(RunConfig, {**node, "record": record})
        made = config.make_decoder()
        kind = config.eval.checkpoint
        give(made, read_parameters(folder, kind, record), checkpoint_of(folder, kind))
        require(
            parameters_digest(made.state_dict()) == self.base.parameters,
            f"base={folder.path}: has other parameters than those that were to be tuned",
        )
        return made.eval()

    @property
    def category(self) -> str:
        """Supervision of this run, in the letters of `lengen.records.supervision`."""
        task, length = self.formatted_task, self.train_length
        return category(
            aligned=self.positions.aligned or task.aligned,
            traced=task.has_scratchpad(length),
            longer=max(map(task.longest, self.trained_lengths.support)) > (self.base or self).train_length,
            looped=self.loops.looped(self.decoder.loops),
            tuned=self.tune is not None,
            own_labels=self.tune is not None and self.tune.own_labels,
            before="" if self.base is None else self.base.category,
        )

    @property
    def folder(self) -> RunFolder:
        """The run folder."""
        return RunFolder(
            Path(self.results_dir) / self.labels.task / self.labels.pe / self.cell / seed_name(self.record)
        )

    @property
    def title(self) -> str:
        """Title of the run's figures."""
        positions = "" if self.positions.counts else f", {self.labels.positions}"
        task_format = "" if isinstance(self.format, Plain) else f", {self.labels.format}"
        tuned = "" if self.tune is None else f", tuned: {self.labels.tune}"
        return f"{self.labels.task}, {self.labels.pe}{positions}{task_format}{tuned}"

    @property
    def tuned_facts(self) -> dict[str, Any]:
        """Entries of `run.json` about what is tuned: the base, which parameters move, and the longest string of both."""
        assert self.base is not None
        weights = dict(self.make_decoder().named_parameters())
        moved = {name for name, weight in weights.items() if weight.requires_grad}
        longest = max(self.trained_lengths.support)
        return {
            "tuned": {
                **vars(self.base),
                "tune": self.labels.tune,
                "steps": self.steps,
                "moved": sum(weights[name].numel() for name in moved),
                "frozen": sum(weight.numel() for name, weight in weights.items() if name not in moved),
                "longest_length": longest,
                "longest_length_of_base": self.base.train_length,
                "examples": self.steps * self.batch_size,
            }
        }

    def facts(self, step: int) -> dict[str, Any]:
        """Return the columns that all rows of the run's curve share, `task` to `train_length`.

        Args:
            step: optimizer steps behind the evaluated parameters.
        """
        names = ("task", "pe", "positions", "attention", "decoder")
        return {
            **{name: getattr(self.labels, name) for name in names},
            "extend": "none",
            "cell": self.cell,
            "seed": self.seed,
            "step": step,
            "checkpoint": self.eval.checkpoint,
            "train_length": self.train_length,
        }

    def make_decoder(self) -> Decoder:
        """Create the decoder with initial parameters, drawn with `init_seed`, or `seed` if that is None."""
        return self._tuned(self._plain_decoder())

    def first_decoder(self) -> Decoder:
        """Return what training starts from: the decoder with initial parameters, or a tuned one, most often with those of its base."""
        tune, base = self.tune, self.base
        if tune is None or base is None:
            return self.make_decoder()
        known = None if tune.anew else self.teacher.state_dict()
        made = self._plain_decoder()
        for change in self.before.values():
            made = change.of(made)
        if known is not None:
            made.load_state_dict(known)
        made = prepared(tune, Change(tune, base, self.extend).of(made))
        tune.started(made, base, lambda: self.teacher, self.formatted_task)
        return made

    def _plain_decoder(self) -> Decoder:
        """The decoder with initial parameters, before it is changed; what is drawn after it has the same seed."""
        torch.manual_seed(
            generator("init", self.seed if self.init_seed is None else self.init_seed).initial_seed()
        )
        return Decoder(
            self.decoder,
            len(self.formatted_task.vocabulary),
            self.pe,
            self.attention,
            self.trainer.flex,
            self.trainer.plain,
            self.mixer,
            self.head,
            self.loops.halting,
        )

    def evaluated_loops(self, word: LoopWord | None = None) -> EvaluatedLoops:
        """Return how often the stack is applied in an evaluation.

        Args:
            word: an entry of `eval.loops`; None for what it says of the run's own sweep.
        """
        options, task = self.eval, self.formatted_task
        asked = options.own_loops if word is None else word
        return EvaluatedLoops(asked, self.loops, task.steps, options.tolerance, options.most_loops)

    def changed(self, decoder: Decoder) -> Decoder:
        """Return a decoder of the run's parts as its tuning changes it, after those of the runs that it goes back to.

        Args:
            decoder: built from the encoding and the attention of the configuration; it may have other layers.
        """
        for change in self.changes:
            decoder = change.of(decoder)
        return decoder

    @property
    def changes(self) -> list[Change]:
        """What the tunings behind this run make of its decoder, the first one first."""
        own = [] if self.tune is None or self.base is None else [Change(self.tune, self.base, self.extend)]
        return [change for change in (*self.before.values(), *own) if change.any]

    def _tuned(self, decoder: Decoder) -> Decoder:
        """Return the decoder that is trained: as the tuning changes it, with what stays frozen."""
        made = self.changed(decoder)
        return made if self.tune is None else prepared(self.tune, made)

    @cached_property
    def eval_lengths(self) -> list[int]:
        """The lengths of the sweep, ascending: `eval.lengths` resolved against the train length."""
        return self.eval.at(self.train_length)

    @cached_property
    def test_prompts(self) -> dict[int, Tensor]:
        """Fingerprints of the test prompts, by length."""
        return prompt_fingerprints(self.formatted_task, self.eval, self.eval_lengths)

    @cached_property
    def fixed_set(self) -> Batch | None:
        """The fixed training set, made once for the check before training and for the streams; None if there is none."""
        examples = self.trainer.examples
        if examples is None:
            return None
        return fixed_set(self._training_task, self.trained_lengths, examples, self.effective_data_seed)

    @property
    def _training_task(self) -> Task:
        """The task that examples are drawn from."""
        task = self.formatted_task
        if self.tune is not None and self.base is not None:
            task = self.tune.task(task, self.base, lambda: self.teacher)
        return Deduplicated(task, self.test_prompts) if self.trainer.deduplicate else task

    @property
    def effective_data_seed(self) -> int:
        """Seed of the training data."""
        drawn = self.seed if self.data_seed is None else self.data_seed
        return drawn if self.base is None else drawn + DATA_SEED * (self.base.tuned + 1)

    @property
    def run(self) -> dict[str, str]:
        """Cell and seeds of the run, which its checkpoints carry."""
        return {"cell": self.cell, "seed": seed_name(self.record)}

    def module(self, decoder: Decoder) -> DecoderModule:
        """Return a decoder with its loss, optimizer and schedule."""
        seed = self.effective_data_seed
        return DecoderModule(decoder, self.optimizer, self.steps, seed, self.run, self.loops)

    def stream(
        self,
        start: int = 0,
        observer: Callable[[int, Batch], None] | None = None,
        parts: Parts | None = None,
    ) -> BatchStream:
        """Return the stream of training batches.

        Args:
            start: the first step.
            observer: called with every step and its batch.
            parts: how a batch is divided; None yields it as a whole.
        """
        return BatchStream(
            self._training_task,
            self.positions,
            self.trained_lengths,
            self.batch_size,
            self.effective_data_seed,
            self.decoder.bos,
            self.fixed_set,
            start,
            observer,
            parts or Parts(),
            None if self.decoder.dropout else self.trainer.merge,
            self.formatted_task.steps if self.loops.by_length else None,
        )

    def probe(self, decoder: Decoder) -> dict[str, float]:
        """Measure exact match and loss (nats per answer token) during training, on ID and on OOD lengths.

        ID lengths are the trained ones. OOD lengths go up to twice the train length, or to the longest length of the
        sweep if that is shorter. OOD results never select a checkpoint.
        """
        longest = min(2 * self.train_length, max(self.eval_lengths[-1], self.train_length))
        splits = {"id": self.trained_lengths.support, "ood": range(self.train_length + 1, longest + 1)}
        scores = {}
        training = decoder.training
        decoder.eval()
        for split, candidates in splits.items():
            if lengths := list(filter(self.formatted_task.evaluation_task().has, candidates)):
                scores[f"{split}_exact_match"], scores[f"{split}_loss"] = mean_scores(
                    decoder,
                    self.formatted_task,
                    self.positions,
                    lengths,
                    self.trainer.probe_examples,
                    self.eval.seed,
                    "probe",
                    self.evaluated_loops().prepare,
                )
        decoder.train(training)
        return scores

    @property
    def id_examples(self) -> int:
        """Number of examples of `id_exact_match`, of all training lengths together."""
        lengths = id_lengths(self.formatted_task, self.trained_lengths.support)
        return examples_each(self.eval.examples, lengths) * len(lengths)

    def id_exact_match(self, decoder: Decoder, prepare: Prepare = as_trained) -> float:
        """Return the exact match over the training lengths, in [0, 1]; it decides whether a run counts as trained."""
        return id_exact_match(decoder, *self._id_set, self.with_loops(prepare))

    def id_verdicts(self, decoder: Decoder, prepare: Prepare = as_trained) -> Bool[Tensor, " strings"]:
        """Return which of the strings of `id_exact_match` are answered exactly."""
        return id_verdicts(decoder, *self._id_set, self.with_loops(prepare))

    def with_loops(self, prepare: Prepare = as_trained, word: LoopWord | None = None) -> Prepare:
        """Return a change of the decoder, followed by that of the number of loops.

        Args:
            prepare: the change.
            word: see `evaluated_loops`.
        """
        loops = self.evaluated_loops(word)
        return lambda *parts: loops.prepare(*prepare(*parts), parts[2])

    @property
    def _id_set(self) -> tuple[Task, Positions, list[int], EvalOptions]:
        return self.formatted_task, self.positions, self.trained_lengths.support, self.eval
