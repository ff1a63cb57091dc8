"""Evaluations of a run: the same rows and the same folders as those of `lengen eval`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import torch

from lengen.analysis.eval_request import EvalRequest, as_list
from lengen.api.asking import asked
from lengen.api.picture import Picture
from lengen.config.builder import Builder
from lengen.config.compose import EVAL
from lengen.config.errors import UsageError
from lengen.experiment.reevaluate import EvalResult
from lengen.records.curve import Curve
from lengen.records.frame import frame
from lengen.records.run_dir import RunFolder
from lengen.report import terminal


@dataclass(frozen=True)
class Evaluation:
    """One evaluation of a run.

    Args:
        path: its folder, below the run.
        curve: one row a length; empty where something else was measured.
        facts: what `eval.json` says.
    """

    path: Path
    curve: Curve
    facts: Mapping[str, Any]

    @property
    def stress(self) -> str:
        """The stress set; empty for the run's own task."""
        found = self.facts.get("asked", {}).get("stress", "")
        return found if isinstance(found, str) else ",".join(found)

    def figure(self) -> Picture:
        """What was measured, as a figure."""
        pictures = sorted(self.path.glob("*.png"))
        if not pictures:
            raise UsageError(f"{self.path}: there is no figure")
        return Picture(pictures[0])

    def __repr__(self) -> str:
        found = (
            terminal.summary(self.curve)
            if self.curve.rows
            else ", ".join(
                sorted(path.name for path in self.path.iterdir() if path.suffix in (".csv", ".png"))
            )
        )
        return f"{self.path}: {found}"

    def _repr_html_(self) -> str:
        table = self.curve._repr_html_() if self.curve.rows else ""  # the notebook's hook
        return f"<p>{escape(repr(self))}</p>{table}{self.figure().html()}"


@dataclass(frozen=True)
class Evaluations(Sequence[Evaluation]):
    """What an evaluation left: one of each stress set, or one.

    Args:
        parts: in the order of the request.
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
        """The curve, where there is one alone."""
        curves = [part.curve for part in self.parts if part.curve.rows]
        if len(curves) != 1:
            raise UsageError(f"there are {len(curves)} curves: take one of them, as in evaluations[0].curve")
        return curves[0]

    def to_pandas(self) -> Any:
        """The rows of all curves as a data frame, with the stress set of each."""
        rows = [{"stress": part.stress, **vars(row)} for part in self.parts for row in part.curve.rows]
        return frame(rows, ())

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.parts))

    def _repr_html_(self) -> str:
        return "".join(part._repr_html_() for part in self.parts)  # the notebook's hook


def request(config: Mapping[str, Any], allowed: Iterable[str]) -> EvalRequest:
    """What `lengen eval` is asked, from its configuration; torch gets the threads that it names."""
    lists = {name: as_list(config[name]) for name in ("run", "against")}
    found = Builder(allowed).build(EvalRequest, {**config, **lists})
    torch.set_num_threads(found.trainer["threads"])
    return found


def evaluate(
    folder: RunFolder, options: Mapping[str, Any], allowed: Iterable[str], given: Mapping[str, Any]
) -> Evaluations:
    """Everything that is asked of one run.

    Args:
        folder: of the run.
        options: of `lengen eval`.
        allowed: top-level modules whose classes its configuration may name.
        given: objects or classes of the caller, by group.
    """
    if "run" in options:
        raise UsageError("run=…: run.evaluate examines this run; lengen.load takes others")
    config = asked(EVAL, (), {**options, "run": [str(folder.path)]}, None).config
    return Evaluations(tuple(map(told, request(config, allowed).run_on(folder, allowed, given))))


def told(result: EvalResult) -> Evaluation:
    """What an evaluation left, for the caller."""
    return Evaluation(result.folder.path, result.curve or Curve(), result.folder.facts())
