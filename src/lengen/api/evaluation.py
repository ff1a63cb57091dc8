"""Evaluations of a trained run, with the same results and folders as `lengen eval`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import torch

from lengen.analysis.eval_request import EvalRequest, as_list
from lengen.analysis.inspect.erosion import Erosion
from lengen.api.arguments import Folders, compose_call
from lengen.api.extensions import ExtensionOptions
from lengen.api.picture import Picture
from lengen.config.builder import Builder
from lengen.config.compose import EVAL
from lengen.config.errors import UsageError, require
from lengen.config.short_words import short_names
from lengen.experiment.reevaluate import EvalResult
from lengen.records.curve import Curve
from lengen.records.error_law import ErrorLaw
from lengen.records.frame import frame
from lengen.records.run_dir import EvalFolder, RunFolder
from lengen.report import terminal


@dataclass(frozen=True)
class Evaluation:
    """One evaluation of a run.

    Args:
        path: its folder, inside the folder of the run.
        curve: one row per length; empty for an inspection of attention.
        facts: the contents of `eval.json`.
    """

    path: Path
    curve: Curve
    facts: Mapping[str, Any]

    @property
    def stress(self) -> str:
        """The stress set; empty for the run's own task."""
        names = self.facts.get("asked", {}).get("stress", "")
        return names if isinstance(names, str) else ",".join(names)

    @property
    def verdicts(self) -> Any:
        """The verdicts, one row per evaluated string, as a pandas data frame; see `Run.verdicts`."""
        return EvalFolder(self.path).verdicts_frame()

    @property
    def error_law(self) -> ErrorLaw | None:
        """How errors grow with length, or why no law is shown; see `Run.error_law`."""
        return ErrorLaw.of(self.facts)

    def figure(self) -> Picture:
        """Return the figure of the evaluation."""
        pictures = sorted(self.path.glob("*.png"))
        if not pictures:
            raise UsageError(f"{self.path}: has no figure")
        return Picture(pictures[0])

    def __repr__(self) -> str:
        summary = (
            terminal.summary(self.curve)
            if self.curve.rows
            else ", ".join(
                sorted(path.name for path in self.path.iterdir() if path.suffix in (".csv", ".png"))
            )
        )
        return f"{self.path}: {summary}"

    def _repr_html_(self) -> str:
        table = self.curve._repr_html_() if self.curve.rows else ""  # called by notebooks
        figure = self.figure().html("what was evaluated, over length")
        return f"<p>{escape(repr(self))}</p>{table}{figure}"


@dataclass(frozen=True)
class Evaluations(Sequence[Evaluation]):
    """The evaluations of one request: one per stress set, or a single one.

    Args:
        parts: the evaluations, in the order of the request.
    """

    parts: tuple[Evaluation, ...]

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, index: Any) -> Any:
        return self.parts[index]

    def __iter__(self) -> Iterator[Evaluation]:
        return iter(self.parts)

    @property
    def curve(self) -> Curve:
        """The curve, if there is exactly one."""
        curves = [part.curve for part in self.parts if part.curve.rows]
        if len(curves) != 1:
            raise UsageError(f"there are {len(curves)} curves: choose one, as in evaluations[0].curve")
        return curves[0]

    def to_pandas(self) -> Any:
        """Return the rows of all curves as a data frame, with their stress sets."""
        rows = [{"stress": part.stress, **vars(row)} for part in self.parts for row in part.curve.rows]
        return frame(rows, ())

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.parts))

    def _repr_html_(self) -> str:
        return "".join(part._repr_html_() for part in self.parts)  # called by notebooks


def request(config: Mapping[str, Any], allowed: Iterable[str]) -> EvalRequest:
    """Build the options of `lengen eval` from its configuration, and set torch's number of threads."""
    lists = {name: as_list(config[name]) for name in ("run", "against")}
    built = Builder(allowed).build(EvalRequest, {**with_all_checkpoints(config), **lists})
    torch.set_num_threads(built.trainer.get("threads", 1))
    return built


def with_all_checkpoints(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Read `checkpoint=all` as the read-out that it stands for, `inspect=erosion`.

    Raises:
        UsageError: another read-out, or extensions, are asked for at once.
    """
    options = config.get("eval") or {}
    if not isinstance(options, Mapping) or options.get("checkpoint") != "all":
        return config
    require(
        not config.get("inspect") and not config.get("extend"),
        "eval.checkpoint=all: evaluates every kept checkpoint (inspect=erosion), without another inspect= or extend=",
    )
    node = {"_target_": f"{Erosion.__module__}.{Erosion.__name__}", **(config.get("average") or {})}
    return {**config, "inspect": node, "eval": {**options, "checkpoint": None}}


def evaluate(
    folder: RunFolder,
    options: Mapping[str, Any],
    allowed: Iterable[str],
    given: Mapping[str, Any],
    config_dir: Folders = None,
) -> Evaluations:
    """Evaluate one run.

    Args:
        folder: the folder of the run.
        options: options of `lengen eval`.
        allowed: top-level modules whose classes its configuration may name.
        given: the user's objects or classes, by group.
        config_dir: the user's own configuration folders.

    Raises:
        UsageError: an option is wrong; it has the name that it was given.
    """
    if "run" in options:
        raise UsageError("run=…: run.evaluate evaluates this run; load others with lengen.load")
    try:
        return _evaluate(folder, options, allowed, given, config_dir)
    except UsageError as error:
        error.args = (short_names(str(error), EVAL.short, [f"{name}=" for name in options]),)
        raise


def _evaluate(
    folder: RunFolder,
    options: Mapping[str, Any],
    allowed: Iterable[str],
    given: Mapping[str, Any],
    config_dir: Folders,
) -> Evaluations:
    """See `evaluate`; options have their names in the configuration."""
    extensions = ExtensionOptions.of(options)
    values = {**extensions.values, "run": [str(folder.path)]}
    config = compose_call(EVAL, extensions.words, values, config_dir).config
    config["extend"] = {**(config["extend"] or {}), **extensions.nodes}
    parts = {**given, **extensions.given}
    return Evaluations(tuple(map(as_evaluation, request(config, allowed).run_on(folder, allowed, parts))))


def as_evaluation(result: EvalResult) -> Evaluation:
    """Return the result of an evaluation as an `Evaluation`."""
    return Evaluation(result.folder.path, result.curve or Curve(), result.folder.facts())
