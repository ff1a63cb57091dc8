"""Options of `lengen tune`: which runs are tuned, and how; the configuration of the new runs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from lengen.config.aliases import with_current_targets
from lengen.config.builder import Builder
from lengen.config.errors import UsageError, require
from lengen.experiment.base_run import base_of
from lengen.experiment.config import RunConfig
from lengen.experiment.load_run import TrainedRun, load
from lengen.extend import DoesNotApplyError
from lengen.extend.chosen import Chosen
from lengen.records.eval_options import EvalOptions
from lengen.records.run_dir import RunFolder
from lengen.report.paper import PrintStyle
from lengen.training.options import TrainerOptions
from lengen.tuning import Tuning
from lengen.tuning.changes import Change, InPlace

PLACE = "results/runs"
"""Where new runs are written if the run that is tuned does not lie in a folder of runs."""


@dataclass(frozen=True)
class TuneRequest:
    """The options of `configs/tune.yaml`.

    Args:
        run: paths and globs of the runs to tune.
        tune: the tuning, as its configuration.
        eval: options of the sweep; None keeps the run's own value.
        trainer: device, threads, progress and kept checkpoints.
        label: name of the tuning.
        extend: extensions in place while it is tuned, by name, each as its configuration.
        steps: optimizer steps; None is the tuning's.
        lr: peak learning rate; None is the tuning's.
        warmup: steps of the warm-up; None is a tenth.
        train_length: longest length of the examples, or a multiple of the trained one as text; None is the tuning's.
        batch_size: examples of a step; None is that of the run.
        results_dir: where the new runs are written; None is beside the run.
        jobs: runs at a time.
        force: repeat finished runs.
        formats: formats of the figure.
        style: how the figure looks.
    """

    run: list[str]
    tune: Mapping[str, Any]
    eval: Mapping[str, Any]
    trainer: Mapping[str, Any]
    label: str
    extend: Mapping[str, Any] = field(default_factory=dict)
    steps: int | None = None
    lr: float | None = None
    warmup: int | None = None
    train_length: int | str | None = None
    batch_size: int | None = None
    results_dir: str | None = None
    jobs: int | None = None
    force: bool = False
    formats: list[str] = field(default_factory=lambda: ["png"])
    style: PrintStyle = field(default_factory=PrintStyle)

    def __post_init__(self) -> None:
        require(
            bool(self.run), "run is missing: must be a run folder, a folder above runs, or a glob of them"
        )
        for name, least in (("steps", 1), ("warmup", 0), ("batch_size", 1)):
            value = getattr(self, name)
            require(value is None or value >= least, f"{name}={value}: must be null, or at least {least}")
        require(self.lr is None or 0 < self.lr < math.inf, f"lr={self.lr}: must be null, or above 0")
        Builder().build(
            EvalOptions, {name: value for name, value in self.eval.items() if value is not None}, "eval"
        )
        Builder().build(TrainerOptions, self.trainer, "trainer")

    def record(self, folder: RunFolder, allowed: Iterable[str]) -> dict[str, Any]:
        """Return the configuration of the run that tunes another one.

        Args:
            folder: the folder of the run.
            allowed: top-level modules whose classes configurations may name.

        Raises:
            UsageError: the run cannot be tuned, or not in this way.
        """
        trained = load(folder, {"trainer": {**self.trainer, "keep": None}}, allowed)
        config, tuning = trained.config, self.tuning(allowed)
        base, name = base_of(trained), f"run={folder.path}"
        record = with_current_targets(config.record)
        longest = self._longest(trained, tuning)
        place, decoder = self._in_place(trained, longest, allowed), trained.decoder
        if place is not None:
            try:
                place.check(decoder, config.positions, base, vars(config.labels))
            except UsageError as error:
                raise UsageError(f"{error}; {name}") from None
            decoder = place.of(decoder, base)
        try:
            tuning.check(decoder, config.positions)
        except DoesNotApplyError as error:
            raise UsageError(f"tune={self.label}: {error.of(vars(config.labels))}; {name}") from None
        except UsageError as error:
            raise UsageError(f"tune={self.label}: {error}; {name}") from None
        steps = self.steps or (record["steps"] if tuning.anew else tuning.steps_of(decoder))
        optimizer = self._optimizer(tuning, steps)
        made = {
            key: value
            for key, value in {**record, **tuning.record(record, base)}.items()
            if key not in ("from", "before", "extend")
        }
        options = {key: value for key, value in self.eval.items() if value is not None}
        return {
            **made,
            "tune": dict(self.tune),
            "base": asdict(base),
            **self._changes(record, config, place),
            "train_length": longest,
            "steps": steps,
            "batch_size": self.batch_size or record["batch_size"],
            "lengths": tuning.lengths(longest) or self._lengths(record, longest, max(trained.trained_lengths)),
            "optimizer": optimizer or record["optimizer"],
            "eval": {**record["eval"], "lengths": config.eval_lengths, "stress": [], **options},
            "trainer": {**made["trainer"], **{key: value for key, value in self.trainer.items() if value is not None}},
            "labels": {**made["labels"], **_label_of(optimizer), "tune": ", ".join(filter(None, (made["labels"].get("tune"), self._label(place))))},
            "results_dir": self.results_dir or _place(trained),
            "name": None, "force": self.force, "formats": self.formats, "style": asdict(self.style),
        }  # fmt: skip

    def _in_place(self, trained: TrainedRun, longest: int, allowed: Iterable[str]) -> InPlace | None:
        """Build the extensions; their rules read the tokens of the longest example that is trained."""
        if not self.extend:
            return None
        node = {"extensions": self.extend, "tokens": trained.tokens_at(longest)}
        return Builder(allowed).build(InPlace, node, "")

    def _label(self, place: InPlace | None) -> str:
        """Return the name of the tuning, with those of the extensions and their options."""
        return (
            self.label
            if place is None
            else f"{self.label}+{Chosen(place.extensions, nodes=self.extend).label}"
        )

    def _changes(self, record: Mapping[str, Any], config: RunConfig, place: InPlace | None) -> dict[str, Any]:
        """Return the keys of a configuration that say what is made of the decoder besides by the tuning: extensions, and earlier tunings."""
        target = f"{InPlace.__module__}.{InPlace.__name__}"
        own = {"_target_": target, "extensions": dict(self.extend), "tokens": place.tokens} if place else None
        before = dict(record.get("before") or {})
        if config.tune and config.base and Change(config.tune, config.base, config.extend).any:
            before[str(len(before) + 1)] = {key: record.get(key) for key in ("tune", "base", "extend")}
        return {**({"extend": own} if own else {}), **({"before": before} if before else {})}

    def _optimizer(self, tuning: Tuning, steps: int) -> dict[str, Any] | None:
        """Return the optimizer of the tuning; None for that of the run, where it is trained anew and no rate is given."""
        given = [name for name in ("lr", "warmup") if getattr(self, name) is not None]
        require(
            tuning.rate is not None or not given,
            f"{''.join(given[:1])}: tune={self.label} has no learning rate; must be null",
        )
        if tuning.anew and not given:
            return None
        require(
            self.warmup is None or self.warmup <= steps,
            f"warmup={self.warmup}: must be null, or at most the {steps} steps",
        )
        return tuning.optimizer(self.lr or tuning.rate, steps // 10 if self.warmup is None else self.warmup)

    def tuning(self, allowed: Iterable[str]) -> Tuning:
        """Build the tuning.

        Raises:
            UsageError: an option is wrong.
        """
        return Builder(allowed).build(Tuning, self.tune, "tune")

    def _longest(self, trained: TrainedRun, tuning: Tuning) -> int:
        """Return the longest length of the examples."""
        own = max(trained.trained_lengths)
        if self.train_length is None:
            return tuning.longest(own)
        found = re.fullmatch(r"(\d+(?:\.\d+)?)x", str(self.train_length).strip())
        number = round(float(found[1]) * own) if found else self.train_length
        require(
            isinstance(number, int) and number >= own,
            f"train_length={self.train_length}: must be a number of at least {own}, the longest trained length, or a multiple of it such as 2x",
        )
        return int(number)

    def _lengths(self, record: Mapping[str, Any], longest: int, own: int) -> Any:
        """Return the lengths of the examples: as before, or all up to the longest."""
        if longest == own:
            return record["lengths"]
        return {
            "_target_": "lengen.lengths.uniform.Uniform",
            "maximum": longest,
            "minimum": 1,
            "per_batch": 4,
        }


def _label_of(optimizer: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the label of an optimizer; none for that of the run."""
    return {} if optimizer is None else {"optimizer": optimizer["_target_"].rpartition(".")[2].lower()}


def _place(trained: TrainedRun) -> str:
    """Return the folder of runs that a run lies in, by the names of its labels and its cell; the default if it lies elsewhere."""
    folder, labels = trained.folder.path, trained.config.labels
    own = (labels.task, labels.pe, str(trained.folder.facts().get("cell")))
    return str(folder.parents[3]) if folder.parts[-4:-1] == own else PLACE
