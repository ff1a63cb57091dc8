"""Options of `lengen eval`: which runs are evaluated again, and how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any, cast

from lengen.analysis.attention_distance import AttentionDistance
from lengen.analysis.inspect import ReadOut
from lengen.analysis.inspection import Inspection
from lengen.comparison.find_runs import find_folders
from lengen.config.builder import Builder
from lengen.config.errors import refuse_if_all, require
from lengen.config.limits import Limits
from lengen.evaluation.stress_sets import chosen
from lengen.experiment.compatibility import check_sweep
from lengen.experiment.extended import ExtensionGrid
from lengen.experiment.extension_table import applied, extended
from lengen.experiment.load_run import TrainedRun, load
from lengen.experiment.reevaluate import EvalResult
from lengen.experiment.stress_grid import evaluate
from lengen.extend.chosen import READS, Reads
from lengen.records.eval_options import EvalOptions
from lengen.records.run_dir import RunFolder
from lengen.report.paper import Paper, PrintStyle
from lengen.training.averaging import Average
from lengen.training.options import TrainerOptions


@dataclass(frozen=True)
class EvalRequest:
    """The options of `configs/eval.yaml`.

    Args:
        run: paths and globs of runs.
        eval: options of the sweep; None keeps the run's own value.
        task: where data lie that were moved; they must be the same data. None keeps the run's own place.
        trainer: device, threads and progress of the evaluation.
        limits: what an evaluation may use at most.
        inspect: a read-out (`lengen.analysis.inspect`), or None for a sweep.
        against: paths and globs of the runs that the attention is compared with.
        name: name of the result folders.
        force: repeat evaluations that are already finished.
        changed: evaluate runs whose code or data have changed since training, and mark the results.
        jobs: runs that are evaluated at a time; None is one a core, or one a GPU.
        formats: formats of the figures: png, svg, pdf.
        style: how the figures look.
        extend: changes of the trained decoder, by name (`lengen.extend`).
        extend_n: what their rules of length read.
        grid: values of their options that are tried, by extension and option.
        average: what `eval.checkpoint=average` averages.
        out: folder of the tables over several runs, of extensions or of a read-out; None writes none.
        each: each extension alone, in place of all together; those that do not apply are named and left out.
    """

    run: list[str]
    eval: Mapping[str, Any]
    trainer: Mapping[str, Any]
    limits: Limits = field(default_factory=Limits)
    task: Mapping[str, str | None] = field(default_factory=dict)
    inspect: ReadOut | None = None
    against: list[str] = field(default_factory=list)
    name: str | None = None
    force: bool = False
    changed: bool = False
    jobs: int | None = None
    formats: list[str] = field(default_factory=lambda: ["png"])
    style: PrintStyle = field(default_factory=PrintStyle)
    extend: Mapping[str, Any] = field(default_factory=dict)
    extend_n: str = "swept"
    grid: Mapping[str, Any] = field(default_factory=dict)
    each: bool = False
    out: str | None = None
    average: Average = field(default_factory=Average)

    def __post_init__(self) -> None:
        require(
            bool(self.run), "run is missing: must be a run folder, a folder above runs, or a glob of them"
        )
        require(
            not self.against or (self.inspect is not None and self.inspect.name == "attention"),
            f"against={self.against[0] if self.against else None}: needs inspect=attention",
        )
        self.paper  # noqa: B018  # refuses a style or format that does not exist
        require(self.extend_n in READS, f"extend.n={self.extend_n}: must be one of {', '.join(READS)}")
        require(
            not (self.extend and self.inspect),
            f"inspect={self.inspect and self.inspect.name}: reads the decoder as it was trained, without extend=",
        )
        require(
            not (self.inspect and self.eval.get("loops") is not None),
            f"inspect={self.inspect and self.inspect.name}: reads the decoder as it was trained, without eval.loops=",
        )
        require(bool(self.extend) or not self.each, "each=true: needs extensions, as in extend=[yarn,ntk]")
        require(
            self.out is None or (bool(self.extend or self.inspect) and len(self.runs) > 1),
            f"out={self.out}: is for tables over several runs; needs extend= or inspect=, and more than one run",
        )
        for group, held, form in (
            ("extend", self.extend, "OPTION=VALUE"),
            ("grid", self.grid, "OPTION=[VALUE,…]"),
        ):
            for name, node in held.items():
                require(
                    isinstance(node, Mapping),
                    f"{group}.{name}={node}: must name an option, as {group}.{name}.{form}",
                )
        self.extensions  # noqa: B018  # refuses a grid of what is not there
        Builder().build(EvalOptions, self.changes["eval"], "eval")
        Builder().build(TrainerOptions, self.trainer, "trainer")

    @cached_property
    def changes(self) -> dict[str, Any]:
        """Options that replace those of the runs."""
        requested = {name: value for name, value in self.eval.items() if value is not None}
        listed: dict[str, Any] = {
            name: as_list(requested[name]) for name in ("lengths", "stress") if name in requested
        }
        asked = self.inspect
        defaults = {"lengths": list(asked.lengths), "examples": asked.examples} if asked else {}
        moved = {name: value for name, value in self.task.items() if value is not None}
        changes: dict[str, Any] = {
            "eval": {**defaults, **requested, **listed},
            "trainer": dict(self.trainer),
            "formats": self.formats,
            "style": asdict(self.style),
        }
        if self.limits.memory is not None:
            changes["limits"] = {"memory": self.limits.memory}
        return {**changes, "task": moved} if moved else changes

    @cached_property
    def extensions(self) -> ExtensionGrid:
        """The settings of extensions that are tried."""
        return ExtensionGrid(self.extend, self.grid, self.each, cast("Reads", self.extend_n))

    @property
    def paper(self) -> Paper:
        """Where figures over several runs are printed."""
        return Paper.of(self.style, self.formats)

    @property
    def runs(self) -> list[RunFolder]:
        """The runs to evaluate."""
        return find_folders(self.run, "run")

    def check(self, allowed: Iterable[str]) -> None:
        """Refuse a request that none of the runs can meet, before any of them is evaluated.

        Args:
            allowed: top-level modules whose classes configurations may name.

        Raises:
            UsageError: every run refuses; the error of the first.
        """
        refuse_if_all(partial(self._check_run, folder, allowed) for folder in self.runs)

    def _check_run(self, folder: RunFolder, allowed: Iterable[str]) -> None:
        trained = load(folder, self.changes, allowed, changed=self.changed, average=self.average)
        config = trained.config
        stress_sets = chosen(config.formatted_task, config.eval.stress)
        check_sweep(config, stress_sets or {"": config.formatted_task})
        if self.extend:
            applied(trained, self.extensions.settings(allowed))
        if self.inspect:
            self.inspect.apply_to(Inspection(trained, read_out=self.inspect))

    def run_on(
        self, folder: RunFolder, allowed: Iterable[str], given: Mapping[str, Any] = MappingProxyType({})
    ) -> list[EvalResult]:
        """Evaluate one run; finished evaluations are not repeated.

        Args:
            folder: the run folder.
            allowed: top-level modules whose classes configurations may name.
            given: objects or classes of the caller, by group.
        """
        trained = load(folder, self.changes, allowed, given, changed=self.changed, average=self.average)
        if self.extend:
            settings = self.extensions.settings(allowed, given)
            words = trained.config.eval.listed_loops
            runs = [trained.with_loops(word) for word in words] or [trained]
            return [each for run in runs for each in extended(run, settings, self.name, force=self.force)]
        if not self.inspect:
            return evaluate(trained, self.name, force=self.force)
        names = list(chosen(trained.config.formatted_task, trained.config.eval.stress)) or [""]
        read = [Inspection(trained, name, self.name, self.force, read_out=self.inspect) for name in names]
        others = self._others(trained, allowed, given)
        distances = [
            AttentionDistance(trained, name, self.name, self.force, others=others) for name in names if others
        ]
        return [part.run() for part in (*read, *distances)]

    def _others(
        self, trained: TrainedRun, allowed: Iterable[str], given: Mapping[str, Any]
    ) -> list[TrainedRun]:
        """Load the runs to compare with, at the same lengths; the run itself is left out."""
        if not self.against:
            return []
        lengths = trained.config.eval_lengths
        changes = {**self.changes, "eval": {**self.changes["eval"], "lengths": lengths}}
        folders = [
            folder
            for folder in find_folders(self.against, "against")
            if not folder.path.samefile(trained.folder.path)
        ]
        require(bool(folders), f"against={self.against[0]}: must be other runs, not the run itself")
        others = [
            load(folder, changes, allowed, given, trained.config.record, changed=self.changed)
            for folder in folders
        ]
        for other in others:
            check_sweep(other.config, {"": other.config.formatted_task})
        return others


def as_list(value: Any) -> list[Any]:
    """Return a value as a list: a single value becomes a list of one, None an empty list."""
    return value if isinstance(value, list) else [] if value is None else [value]
