"""Renamed modules, classes and methods: the old names work for one release, with a warning.

| table | what it covers |
|---|---|
| `MODULES` | imports of modules that moved |
| `NAMES` | imports of classes and functions that were renamed or moved; `_target_` in YAML |
| `OPTIONS` | options of a group on the command line |
| `METHODS` | user classes that define or call a method by its former name |
| `FIELDS` | attributes read by their former names |

A run's own `config.yaml` is read without a warning, because it is not meant to be edited.
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
    "lengen.evaluation": "lengen.records.eval_options",
    "lengen.evaluation.options": "lengen.records.eval_options",
    "lengen.examination": "lengen.evaluation.scoring",
    "lengen.experiment": "lengen.experiment.run",
    "lengen.folder": "lengen.records.run_dir",
    "lengen.journal": "lengen.training.callback",
    "lengen.lags": "lengen.block.flex_bias",
    "lengen.metrics": "lengen.evaluation.metrics",
    "lengen.positions.giraffe": "lengen.positions.random_steps",
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
"""Packages that moved with all their modules."""

NAMES: Mapping[str, str] = {
    "lengen.config.config_dir": "lengen.config.compose.config_dir",
    "lengen.config.nearest": "lengen.config.errors.nearest",
    "lengen.attention.Scene": "lengen.block.inputs.BlockInputs",
    "lengen.coverage.Coverage": "lengen.training.overlap.Overlap",
    "lengen.coverage.Unseen": "lengen.training.overlap.Deduplicated",
    "lengen.coverage.Witness": "lengen.training.overlap.OverlapTracker",
    "lengen.decoder.Cache": "lengen.decoder.DecoderCache",
    "lengen.decoder.Reading": "lengen.decoder.SharedInputs",
    "lengen.evaluation.Evaluation": "lengen.records.eval_options.EvalOptions",
    "lengen.examination.Exam": "lengen.evaluation.scoring.Scorer",
    "lengen.examination.examine": "lengen.evaluation.scoring.score",
    "lengen.examination.roomy": "lengen.evaluation.scoring.with_room",
    "lengen.experiment.carry_out": "lengen.experiment.run.run_configuration",
    "lengen.journal.Journal": "lengen.training.callback.TrainingCallback",
    "lengen.lags.Lags": "lengen.block.flex_bias.DistanceBias",
    "lengen.pe.Scene": "lengen.block.inputs.BlockInputs",
    "lengen.positions.giraffe.Giraffe": "lengen.positions.random_steps.RandomSteps",
    "lengen.protocol.check": "lengen.experiment.compatibility.check",
    "lengen.protocol.check_sweep": "lengen.experiment.compatibility.check_sweep",
    "lengen.scene.Kept": "lengen.block.inputs.DecodingCache",
    "lengen.scene.Memory": "lengen.block.inputs.BlockCache",
    "lengen.scene.Scene": "lengen.block.inputs.BlockInputs",
    "lengen.setting.Setting": "lengen.experiment.config.RunConfig",
    "lengen.statistics.area": "lengen.statistics.former.area",
    "lengen.statistics.bootstrap": "lengen.statistics.resampling.bootstrap",
    "lengen.statistics.difference": "lengen.statistics.former.difference",
    "lengen.statistics.improvement": "lengen.statistics.former.improvement",
    "lengen.statistics.interquartile_mean": "lengen.statistics.resampling.interquartile_mean",
    "lengen.statistics.iqm": "lengen.statistics.former.iqm",
    "lengen.statistics.mean_rank": "lengen.statistics.former.mean_rank",
    "lengen.statistics.performance_profile": "lengen.statistics.scores.performance_profile",
    "lengen.stream.GENERATOR": "lengen.sampling.GENERATOR",
    "lengen.stream.Stream": "lengen.training.batch_stream.BatchStream",
    "lengen.stream.generator": "lengen.sampling.generator",
    "lengen.trained.Trained": "lengen.experiment.load_run.TrainedRun",
    "lengen.training.Learner": "lengen.training.fit.DecoderModule",
    "lengen.training.TrainerOptions": "lengen.training.options.TrainerOptions",
    "lengen.validation.judge": "lengen.evaluation.sweep.mean_scores",
    "lengen.weights.looked": "lengen.analysis.attention_weights.weights_in_chunks",
    "lengen.weights.of_rule": "lengen.evaluation.attention_weights.rule_weights",
}
"""Classes and functions that were renamed, or that did not move with their module."""

OPTIONS: Mapping[str, Mapping[str, str]] = {"positions": {"giraffe": "random_steps"}}
"""By group: the new names of its options, by former name."""

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
"""By class: the new names of its methods, by former name."""

FIELDS: Mapping[str, Mapping[str, str]] = {"BlockInputs": {"memory": "cache", "lags": "distance_bias"}}
"""By class: the new names of its attributes, by former name."""


@cache
def warn_renamed(old: str, new: str) -> None:
    """Warn once that a name has changed."""
    message = f"{old} is now {new}; the old name works for one more release"
    warnings.warn_explicit(
        message, FutureWarning, "lengen", 1
    )  # without a source line, it prints on one line


def current(name: str) -> str:
    """Return the current dotted name of a class or function of lengen; any other name unchanged.

    >>> current("lengen.scene.wide"), current("lengen.scene.Scene")
    ('lengen.block.inputs.wide', 'lengen.block.inputs.BlockInputs')
    """
    module, _, leaf = name.rpartition(".")
    if name in NAMES:
        return NAMES[name]
    moved = _moved_module(module)
    return f"{moved}.{leaf}" if moved else name


def current_options(group: str, chosen: str) -> str:
    """Return the options that a word of the command line chooses, under their current names; warn of former ones."""
    former = OPTIONS.get(group, {})
    names = chosen.split(",")
    for name in former.keys() & names:
        warn_renamed(f"{group}={name}", f"{group}={former[name]}")
    return ",".join(former.get(name, name) for name in names)


def _moved_module(module: str) -> str | None:
    """Return the current name of a module that moved; None for any other module."""
    package, _, leaf = module.rpartition(".")
    return f"{MODULES[package]}.{leaf}" if package in PACKAGES else MODULES.get(module)


def with_current_targets(node: Any) -> Any:
    """Return a nested configuration with every `_target_` under its current name."""
    if isinstance(node, Mapping):
        return {
            key: current(value)
            if key == "_target_" and isinstance(value, str)
            else with_current_targets(value)
            for key, value in node.items()
        }
    return [with_current_targets(value) for value in node] if isinstance(node, list) else node


def find_moved(module: str, leaf: str) -> Any:
    """Return what a module used to define under a name, from its current place; warn once.

    Raises:
        AttributeError: the module never defined this name.
    """
    new = current(f"{module}.{leaf}")
    home, _, name = new.rpartition(".")
    missing = AttributeError(f"module {module!r} has no attribute {leaf!r}")
    if leaf.startswith("__") or new == f"{module}.{leaf}" or find_spec(f"{module}.{leaf}"):
        raise missing  # a submodule of this name takes precedence
    try:
        value = getattr(importlib.import_module(home), name)
    except (ImportError, AttributeError):
        raise missing from None
    warn_renamed(f"{module}.{leaf}", new)
    return value


def moved_from(module: str) -> Callable[[str], Any]:
    """Return a `__getattr__` for a package, which finds what the package defined before its contents moved."""
    return partial(find_moved, module)


class FormerModules(MetaPathFinder, Loader):
    """Imports modules of lengen under their former names."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a former module of lengen; None for any other name."""
        moved = _moved_module(fullname)
        known = moved is not None and (fullname in MODULES or find_spec(moved) is not None)
        return ModuleSpec(fullname, self, is_package=True) if known else None

    def exec_module(self, module: ModuleType) -> None:
        """Give a former module a `__getattr__` that finds its contents in their current place."""
        vars(module)["__getattr__"] = moved_from(module.__name__)


def install() -> None:
    """Make former modules importable; existing modules take precedence."""
    if not any(isinstance(finder, FormerModules) for finder in sys.meta_path):
        sys.meta_path.append(FormerModules())


class FormerName:
    """Serves a method or an attribute under its former name.

    A parameter, buffer or submodule of that name takes precedence.

    Args:
        old: the former name.
        new: the new name.
        method: the renamed method; None for an attribute.
    """

    def __init__(self, old: str, new: str, method: Callable[..., Any] | None = None) -> None:
        self.old, self.new, self.method = old, new, method

    def __get__(self, instance: object, owner: type) -> Any:
        if instance is None:  # a dataclass looks up defaults on the class
            raise AttributeError(f"type object {owner.__name__!r} has no attribute {self.old!r}")
        for kind in ("_parameters", "_buffers", "_modules"):
            if self.old in (members := vars(instance).get(kind, {})):
                return members[self.old]
        warn_renamed(f"{owner.__module__}.{owner.__name__}.{self.old}", self.new)
        return getattr(instance, self.new) if self.method is None else self.method.__get__(instance, owner)


class RenamedMethods:
    """Base class whose methods may be defined and called by their former names."""

    renamed: ClassVar[Mapping[str, str]] = {}
    """New names of methods, by former name."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Make a method that is defined under one of its names available under the other."""
        super().__init_subclass__(**options)
        for old, new in cls.renamed.items():
            own = vars(cls)
            if new not in own and isinstance(own.get(old), FunctionType):
                warn_renamed(f"{cls.__module__}.{cls.__name__}.{old}", new)
                setattr(cls, new, own[old])
            elif isinstance(own.get(new), FunctionType) and old not in own:
                setattr(cls, old, FormerName(old, new, own[new]))
