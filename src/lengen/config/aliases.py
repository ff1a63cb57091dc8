"""Renamed modules, classes and methods: the old names work for one release, with a warning.

| table | what it serves |
|---|---|
| `MODULES` | imports of modules that moved |
| `NAMES` | imports of what has another name, or moved by itself; a `_target_` in YAML |
| `METHODS` | classes of one's own that define or call a method by its former name |
| `FIELDS` | attributes that are read by their former names |

A run's own `config.yaml` is read without a warning: nobody is to change it.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import FunctionType, ModuleType
from typing import Any, ClassVar

MODULES: Mapping[str, str] = {
    "lengen.category": "lengen.records.supervision",
    "lengen.checkpoint": "lengen.training.checkpoint",
    "lengen.config": "lengen.config.builder",
    "lengen.corpus": "lengen.task.external.corpus",
    "lengen.coverage": "lengen.training.overlap",
    "lengen.curve": "lengen.records.curve",
    "lengen.decode": "lengen.evaluation.decoding",
    "lengen.draws": "lengen.sampling",
    "lengen.evaluation": "lengen.evaluation.options",
    "lengen.examination": "lengen.evaluation.scoring",
    "lengen.experiment": "lengen.experiment.run",
    "lengen.folder": "lengen.records.run_dir",
    "lengen.journal": "lengen.training.callback",
    "lengen.lags": "lengen.block.flex_bias",
    "lengen.metrics": "lengen.evaluation.metrics",
    "lengen.protocol": "lengen.experiment.protocol",
    "lengen.provenance": "lengen.records.provenance",
    "lengen.questions": "lengen.evaluation.test_set",
    "lengen.ranges": "lengen.config.errors",
    "lengen.refusal": "lengen.config.errors",
    "lengen.scene": "lengen.block.inputs",
    "lengen.scratchpad": "lengen.task.scratchpad",
    "lengen.setting": "lengen.experiment.config",
    "lengen.source": "lengen.task.external.source",
    "lengen.spelling": "lengen.task.external.spelling",
    "lengen.statistics": "lengen.statistics.intervals",
    "lengen.stream": "lengen.training.batch_stream",
    "lengen.stress": "lengen.evaluation.stress_sets",
    "lengen.sweep": "lengen.evaluation.sweep",
    "lengen.text": "lengen.task.text",
    "lengen.trained": "lengen.experiment.load_run",
    "lengen.training": "lengen.training.fit",
    "lengen.validation": "lengen.evaluation.sweep",
    "lengen.weights": "lengen.analysis.attention_weights",
}
"""Modules that moved, and packages whose contents moved into one of their modules."""

PACKAGES = ("lengen.scratchpad", "lengen.text")
"""Those that moved with all their modules."""

NAMES: Mapping[str, str] = {
    "lengen.config.config_dir": "lengen.config.compose.config_dir",
    "lengen.config.nearest": "lengen.config.errors.nearest",
    "lengen.attention.Scene": "lengen.block.inputs.BlockInputs",
    "lengen.coverage.Coverage": "lengen.training.overlap.Overlap",
    "lengen.coverage.Unseen": "lengen.training.overlap.Deduplicated",
    "lengen.coverage.Witness": "lengen.training.overlap.OverlapTracker",
    "lengen.decoder.Cache": "lengen.decoder.DecoderCache",
    "lengen.decoder.Reading": "lengen.decoder.SharedInputs",
    "lengen.evaluation.Evaluation": "lengen.evaluation.options.EvalOptions",
    "lengen.examination.Exam": "lengen.evaluation.scoring.Scorer",
    "lengen.examination.examine": "lengen.evaluation.scoring.score",
    "lengen.examination.roomy": "lengen.evaluation.scoring.with_room",
    "lengen.journal.Journal": "lengen.training.callback.TrainingCallback",
    "lengen.lags.Lags": "lengen.block.flex_bias.DistanceBias",
    "lengen.pe.Scene": "lengen.block.inputs.BlockInputs",
    "lengen.protocol.check": "lengen.experiment.compatibility.check",
    "lengen.protocol.check_sweep": "lengen.experiment.compatibility.check_sweep",
    "lengen.scene.Kept": "lengen.block.inputs.DecodingCache",
    "lengen.scene.Memory": "lengen.block.inputs.BlockCache",
    "lengen.scene.Scene": "lengen.block.inputs.BlockInputs",
    "lengen.setting.Setting": "lengen.experiment.config.RunConfig",
    "lengen.statistics.area": "lengen.statistics.scores.area",
    "lengen.statistics.bootstrap": "lengen.statistics.resampling.bootstrap",
    "lengen.statistics.difference": "lengen.statistics.tests.difference",
    "lengen.statistics.improvement": "lengen.statistics.resampling.improvement",
    "lengen.statistics.interquartile_mean": "lengen.statistics.resampling.interquartile_mean",
    "lengen.statistics.iqm": "lengen.statistics.resampling.iqm",
    "lengen.statistics.mean_rank": "lengen.statistics.scores.mean_rank",
    "lengen.statistics.performance_profile": "lengen.statistics.scores.performance_profile",
    "lengen.stream.GENERATOR": "lengen.sampling.GENERATOR",
    "lengen.stream.Stream": "lengen.training.batch_stream.BatchStream",
    "lengen.stream.generator": "lengen.sampling.generator",
    "lengen.trained.Trained": "lengen.experiment.load_run.TrainedRun",
    "lengen.training.Learner": "lengen.training.fit.DecoderModule",
    "lengen.training.TrainerOptions": "lengen.training.options.TrainerOptions",
    "lengen.validation.judge": "lengen.evaluation.sweep.mean_scores",
}
"""What has another name now, or did not move with its module."""

METHODS: Mapping[str, Mapping[str, str]] = {
    "PositionalEncoding": {"table": "make_table", "bias": "logit_bias"},
    "Task": {
        "examined": "evaluation_task",
        "listed": "all_examples",
        "stresses": "stress_sets",
        "traced": "has_scratchpad",
        "trained": "training_tasks",
    },
}
"""Former names of the methods of a class, and their new ones."""

FIELDS: Mapping[str, Mapping[str, str]] = {"BlockInputs": {"memory": "cache", "lags": "distance_bias"}}
"""Former names of the attributes of a class, and their new ones."""


@cache
def warn_renamed(old: str, new: str) -> None:
    """Say once that something has a new name."""
    message = f"{old} is now {new}; the old name works for one more release"
    warnings.warn_explicit(message, FutureWarning, "lengen", 1)  # of no line of a file: it prints on one line


def current(name: str) -> str:
    """The present dotted name of a class or a function of lengen; any other name as it is.

    >>> current("lengen.scene.wide"), current("lengen.scene.Scene")
    ('lengen.block.inputs.wide', 'lengen.block.inputs.BlockInputs')
    """
    module, _, leaf = name.rpartition(".")
    if name in NAMES:
        return NAMES[name]
    place = _place(module)
    return f"{place}.{leaf}" if place else name


def _place(module: str) -> str | None:
    """Where a module is now that moved; None for any other."""
    package, _, leaf = module.rpartition(".")
    return f"{MODULES[package]}.{leaf}" if package in PACKAGES else MODULES.get(module)


def with_current_targets(node: Any) -> Any:
    """Nested values of a configuration with every `_target_` under its present name."""
    if isinstance(node, Mapping):
        return {
            key: current(value)
            if key == "_target_" and isinstance(value, str)
            else with_current_targets(value)
            for key, value in node.items()
        }
    return [with_current_targets(value) for value in node] if isinstance(node, list) else node


def find_moved(module: str, leaf: str) -> Any:
    """What a module had under a name, wherever it is now; warns once.

    Raises:
        AttributeError: it is nowhere.
    """
    new = current(f"{module}.{leaf}")
    home, _, name = new.rpartition(".")
    missing = AttributeError(f"module {module!r} has no attribute {leaf!r}")
    if leaf.startswith("__") or new == f"{module}.{leaf}" or find_spec(f"{module}.{leaf}"):
        raise missing  # where there is a module of this name, it is what is meant
    try:
        found = getattr(importlib.import_module(home), name)
    except (ImportError, AttributeError):
        raise missing from None
    warn_renamed(f"{module}.{leaf}", new)
    return found


def moved_from(module: str) -> Callable[[str], Any]:
    """A package's `__getattr__`: what it had before its contents moved into modules."""
    return partial(find_moved, module)


class FormerModules(MetaPathFinder, Loader):
    """Imports modules of lengen under the names that they had."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What to import; None for what lengen never had."""
        place = _place(fullname)
        known = place is not None and (fullname in MODULES or find_spec(place) is not None)
        return ModuleSpec(fullname, self, is_package=True) if known else None

    def exec_module(self, module: ModuleType) -> None:
        """Fill a module: its contents are looked up where they are now."""
        vars(module)["__getattr__"] = moved_from(module.__name__)


def install() -> None:
    """Let former modules be imported, behind all others."""
    if not any(isinstance(finder, FormerModules) for finder in sys.meta_path):
        sys.meta_path.append(FormerModules())


class FormerName:
    """A method or an attribute under its former name. What a torch module holds under that name comes first.

    Args:
        old: the former name.
        new: the new one.
        method: what it calls; None reads the attribute of the new name.
    """

    def __init__(self, old: str, new: str, method: Callable[..., Any] | None = None) -> None:
        self.old, self.new, self.method = old, new, method

    def __get__(self, instance: object, owner: type) -> Any:
        if instance is None:  # a dataclass asks for defaults
            raise AttributeError(f"type object {owner.__name__!r} has no attribute {self.old!r}")
        for held in ("_parameters", "_buffers", "_modules"):
            if self.old in (parts := vars(instance).get(held, {})):
                return parts[self.old]
        warn_renamed(f"{owner.__module__}.{owner.__name__}.{self.old}", self.new)
        return getattr(instance, self.new) if self.method is None else self.method.__get__(instance, owner)


class RenamedMethods:
    """A base class whose methods may be defined and called by their former names."""

    renamed: ClassVar[Mapping[str, str]] = {}
    """Former names and new ones."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Give a method that is defined under one name the other one, too."""
        super().__init_subclass__(**options)
        for old, new in cls.renamed.items():
            own = vars(cls)
            if new not in own and isinstance(own.get(old), FunctionType):
                warn_renamed(f"{cls.__module__}.{cls.__name__}.{old}", new)
                setattr(cls, new, own[old])
            elif isinstance(own.get(new), FunctionType) and old not in own:
                setattr(cls, old, FormerName(old, new, own[new]))
