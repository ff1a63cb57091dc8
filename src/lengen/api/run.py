"""A run in Python: its curve, its decoder, its answers and its evaluations."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, partial
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, overload

from lengen.api.arguments import Folders, folder_list, recorded_call
from lengen.api.attention import AttentionMap, attention
from lengen.api.checks import path_of, require_number, require_text, shown
from lengen.api.evaluation import Evaluations, evaluate
from lengen.api.parts import Part
from lengen.api.picture import Picture
from lengen.api.prompts import Answers
from lengen.comparison.find_runs import find_folders
from lengen.config.errors import UsageError, require
from lengen.config.search import named_modules
from lengen.decoder import Decoder
from lengen.experiment import load_run
from lengen.experiment.load_run import TrainedRun
from lengen.experiment.sweep_report import run_figure
from lengen.records.curve import Curve
from lengen.records.error_law import ErrorLaw
from lengen.records.run_dir import OVER, RunFolder
from lengen.report import terminal
from lengen.report.paper import COLUMN, FONT, Paper, PrintStyle

NOT_RELOADED = ("trainer", "logger")
"""Groups whose options in training a loaded run ignores."""
RELOADED: Mapping[str, Any] = {"eval": {}, "trainer": {"accelerator": "auto"}}
"""Options of a loaded run, which may be on another machine than its training."""


class Run:
    """A finished or diverged run; a notebook shows its curve.

    Args:
        folder: the folder of the run.
        given: objects or classes of the user in place of options, by group; see `lengen.load`.
        allowed: top-level modules whose classes its configuration may name.
        changed: whether to use the run even if its code or data have changed since training.
    """

    def __init__(
        self,
        folder: RunFolder,
        given: Mapping[str, Any] = MappingProxyType({}),
        allowed: Iterable[str] = ("lengen",),
        *,
        changed: bool = False,
    ) -> None:
        self._folder, self._allowed, self._changed = folder, frozenset(allowed), changed
        self._given = {group: part for group, part in given.items() if group not in NOT_RELOADED}

    @property
    def path(self) -> Path:
        """The folder of the run."""
        return self._folder.path

    @property
    def facts(self) -> dict[str, Any]:
        """The contents of `run.json`."""
        return self._folder.facts()

    @cached_property
    def config(self) -> dict[str, Any]:
        """The resolved configuration, `config.yaml`."""
        return self._folder.config()

    @property
    def status(self) -> str:
        """`finished` or `diverged`."""
        return str(self.facts["status"])

    @property
    def error(self) -> str | None:
        """Why the run diverged; None if it finished."""
        return self.facts.get("error")

    @property
    def curve(self) -> Curve:
        """The extrapolation curve, one row per length; empty if the run diverged."""
        return Curve.load(self._folder.curve) if self._folder.curve.exists() else Curve()

    @property
    def verdicts(self) -> Any:
        """The verdicts, one row per evaluated string, as a pandas data frame with the columns of `verdicts.parquet`.

        Raises:
            UsageError: the run has no verdicts, since it diverged or an earlier version made it.
        """
        return self._folder.verdicts_frame()

    @property
    def reach(self) -> dict[float, int | None]:
        """Reach at 0.90, 0.95 and 0.99: the longest length up to which every lower 95% bound is at least that; None if there is none."""
        return self.curve.reaches

    @property
    def error_law(self) -> ErrorLaw | None:
        """How errors grow with length, or why no law is shown; None if the run diverged or an earlier version made it."""
        return ErrorLaw.of(self.facts)

    @property
    def id_exact_match(self) -> float | None:
        """Exact match over the training lengths, on validation examples; None if the run diverged."""
        return self.facts.get("id_exact_match")

    @property
    def trained(self) -> bool:
        """Whether ID exact match is at least 0.99; if not, the OOD numbers say nothing about extrapolation."""
        return bool(self.facts.get("trained", False))

    def figure(self, width: float | None = None, font: str = FONT) -> Picture:
        """Return the figure of the curve; a notebook displays it, `save` writes PNG, SVG or PDF.

        Args:
            width: width in inches; None is that of the run's figure.png.
            font: font family: one of this machine, or serif, sans-serif, monospace.

        Raises:
            UsageError: the run diverged, the width is out of range, or there is no such font.
        """
        require(bool(self.curve.rows), f"run={self.path}: is {self.status} and has no curve")
        if width is not None:
            require_number(width, "width")
        require_text(font, "font")
        if width is None and font == FONT:
            return Picture(self._folder.figure, self._draw)
        style = PrintStyle(font=font) if width is None else PrintStyle(width, font)
        return Picture(draw=partial(self._draw, paper=Paper(style.width, style.font)))

    def _draw(self, path: Path, paper: Paper = COLUMN) -> None:
        with paper.fonts():
            run_figure(self._folder, self._trained_run.config, paper)(path)

    @cached_property
    def _trained_run(self) -> TrainedRun:
        if self._needs:
            raise UsageError(f"run={self.path}: {self._needs}")
        return load_run.load(self._folder, RELOADED, self._allowed, self._given, changed=self._changed)

    @property
    def _needs(self) -> str:
        """Describe on one line which of the user's objects are missing; empty if none is."""
        missing = {}
        for group, node in self.config.items():
            target = str(node.get("_target_", "lengen.")) if isinstance(node, Mapping) else "lengen."
            if group not in (*NOT_RELOADED, *self._given) and target.partition(".")[0] not in self._allowed:
                missing[group] = target
        if not missing:
            return ""
        classes = ", ".join(f"{group}={target.rpartition('.')[2]}" for group, target in missing.items())
        return f"was trained with {', '.join(missing.values())}; load it with lengen.load(path, {classes})"

    @property
    def decoder(self) -> Decoder:
        """The decoder with the evaluated parameters, in evaluation mode."""
        return self._trained_run.decoder

    @cached_property
    def _answers(self) -> Answers:
        return Answers(self._trained_run)

    @overload
    def predict(self, prompts: str, limit: int | None = None) -> str: ...  # type: ignore[overload-overlap]

    @overload
    def predict(self, prompts: Sequence[str | Sequence[str]], limit: int | None = None) -> list[str]: ...

    def predict(
        self, prompts: str | Sequence[str | Sequence[str]], limit: int | None = None
    ) -> str | list[str]:
        """Answer prompts by greedy decoding, up to the end token.

        Args:
            prompts: a prompt, or a list of them, of any lengths: each a text in the task's symbols as `lengen data` shows
                it (spaces may be left out), or a list of symbols.
            limit: maximum number of tokens of an answer; None for what the longest length of the sweep allows.

        Returns:
            The answers as `lengen data` prints them, with `⏎` for the end token; a single text for a single prompt.

        Raises:
            UsageError: a prompt contains something that is not a symbol of the task, or positions cannot be computed from tokens alone.
        """
        with recorded_call("run.predict", (), {}):
            if isinstance(prompts, str):
                return self._answers.predict([prompts], limit)[0]
            return self._answers.predict(prompts, limit)

    def attention(self, prompt: str | Sequence[str]) -> AttentionMap:
        """Return the attention weights of every head over a prompt, which may continue into its answer.

        Args:
            prompt: see `predict`.
        """
        with recorded_call("run.attention", (), {}):
            return attention(self._answers, prompt, self._trained_run.config.title)

    def evaluate(self, **options: Any) -> Evaluations:
        """Evaluate the run again, as `lengen eval` does, in the same folder.

            run.evaluate(lengths=[20, 40], stress="carry", decode="free")
            run.evaluate(inspect="attention")
            run.evaluate(extend="yarn", grid={"yarn": {"factor": [1.2, 1.5, 2]}})
            run.evaluate(extend=[MyExtension(rate=0.1), "sharpen"])

        Args:
            **options: options of `lengen eval`: lengths, decode, examples, seed, checkpoint, stress, inspect, against, extend, grid, each,
                name, force. The defaults are those of the run's own sweep. An extension is a name, a name with its options in a
                dictionary, or an object of a class of your own.
        """
        with recorded_call("run.evaluate", (), options):
            require(not self._needs, f"run={self.path}: {self._needs}")
            return evaluate(self._folder, {"changed": self._changed, **options}, self._allowed, self._given)

    def __repr__(self) -> str:
        if not self.curve.rows:
            return f"Run({str(self.path)!r}): {self.status}: {self.error}"
        accuracy = self.id_exact_match or 0.0
        law = self.error_law
        lines = [
            f"Run({str(self.path)!r})",
            terminal.summary(self.curve),
            terminal.error_law(law) if law else "",
            terminal.verdict(accuracy, self.facts.get("id_examples")),
            self._needs,
        ]
        return "\n  ".join(filter(None, lines))

    def _repr_html_(self) -> str:
        from html import escape

        if not self.curve.rows:
            return f"<p>{escape(repr(self))}</p>"
        head = "<br>".join(map(escape, repr(self).splitlines()))
        figure = self.figure().html("exact match over length, as in the table")
        return f"<p>{head}</p>{self.curve._repr_html_()}{figure}"  # called by notebooks

    def _repr_png_(self) -> bytes | None:
        return self.figure().png if self.curve.rows else None


def load(
    path: str | PathLike[str], *, config_dir: Folders = None, changed: bool = False, **given: Any
) -> Run:
    """Load a run from its folder.

        lengen.load("results/runs/copy/rope")
        lengen.load(path, task=MyTask, pe=MyEncoding)

    Args:
        path: the run's folder, or a folder or glob that contains one run.
        config_dir: the user's own configuration folders, as `--config-dir`.
        changed: load the run even if its code or data have changed since training; its evaluations are marked.
        **given: the user's objects or classes that it was trained with, by group. A class is given the options that the
            run recorded.

    Raises:
        UsageError: there is no run, more than one, or one that is neither finished nor diverged.
    """
    own = named_modules(folder_list(config_dir))
    folders = find_folders([str(path_of(path, "path"))], "path")
    names = ", ".join(str(folder.path) for folder in folders[:3])
    require(
        len(folders) == 1,
        f"path={path}: must be one run, found {len(folders)} ({names}, …); for many, use lengen.compare",
    )
    status = folders[0].facts().get("status", "nothing")
    require(status in OVER, f"path={path}: its status is {status!r} (allowed: finished, diverged)")
    run = Run(folders[0], given, {"lengen", *own}, changed=changed)
    for group, part in given.items():
        node, recorded = Part(group, part), run.config.get(group)
        require(
            inspect.isclass(part) or node.node == recorded,
            f"{group}={shown(part)}: must be equal to what the run was trained with ({recorded}), or the class alone",
        )
    return run
