"""A run in Python: its curve, its decoder, what it answers, and evaluations of it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, overload

from omegaconf import OmegaConf

from lengen.api.asking import Folders, call, listed
from lengen.api.attention import AttentionMap, attention
from lengen.api.evaluation import Evaluations, evaluate
from lengen.api.parts import Part
from lengen.api.picture import Picture
from lengen.api.prompts import Answers
from lengen.comparison.find_runs import find_folders
from lengen.config.compose import named_modules
from lengen.config.errors import UsageError, require
from lengen.decoder import Decoder
from lengen.experiment import load_run
from lengen.experiment.load_run import TrainedRun
from lengen.experiment.protocol import footnote
from lengen.records.curve import Curve
from lengen.records.run_dir import OVER, RunFolder
from lengen.report import figure, terminal

NOT_KEPT = ("trainer", "logger")
"""Groups that a run which is loaded does not take from what it was trained with."""
HERE: Mapping[str, Any] = {"eval": {}, "trainer": {"accelerator": "auto"}}
"""What differs where a run is loaded: another machine, perhaps."""


class Run:
    """A run that is over; shows itself in a notebook.

    Args:
        folder: of the run.
        given: objects or classes of one's own in place of options, by group; see `lengen.load`.
        allowed: top-level modules whose classes its configuration may name.
        changed: whether it is used although its code or data are not what it was trained with.
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
        self._given = {group: part for group, part in given.items() if group not in NOT_KEPT}

    @property
    def path(self) -> Path:
        """The folder of the run."""
        return self._folder.path

    @property
    def facts(self) -> dict[str, Any]:
        """What `run.json` says."""
        return self._folder.facts()

    @cached_property
    def config(self) -> dict[str, Any]:
        """The resolved configuration, `config.yaml`."""
        return OmegaConf.to_container(OmegaConf.load(self.path / "config.yaml"))  # type: ignore[return-value]

    @property
    def status(self) -> str:
        """`finished` or `diverged`."""
        return str(self.facts["status"])

    @property
    def error(self) -> str | None:
        """What went wrong, of a run that diverged."""
        return self.facts.get("error")

    @property
    def curve(self) -> Curve:
        """The sweep, one row a length; empty if the run diverged."""
        return Curve.load(self._folder.curve) if self._folder.curve.exists() else Curve()

    @property
    def reach(self) -> dict[float, int | None]:
        """The longest length up to which exact match surely holds 0.90, 0.95, 0.99; None where it does at none."""
        return self.curve.reaches

    @property
    def id_exact_match(self) -> float | None:
        """Exact match over the training lengths; None if the run diverged."""
        return self.facts.get("id_exact_match")

    @property
    def trained(self) -> bool:
        """Whether the task was learned at the training lengths, without which OOD numbers say nothing."""
        return bool(self.facts.get("trained", False))

    def figure(self) -> Picture:
        """The curve as a figure: shows itself in a notebook, and saves itself as PNG or SVG.

        Raises:
            UsageError: the run diverged.
        """
        require(bool(self.curve.rows), f"run={self.path}: it is {self.status}, and there is no curve to draw")
        return Picture(self._folder.figure, self._draw)

    def _draw(self, path: Path) -> None:
        config, accuracy = self._trained_run.config, self.id_exact_match or 0.0
        note = footnote(config, accuracy, self._trained_run.trained_lengths)
        figure.draw(self.curve, path, title=config.title, footnote=note, trained=self.trained)

    @cached_property
    def _trained_run(self) -> TrainedRun:
        if self._needs:
            raise UsageError(f"run={self.path}: {self._needs}")
        return load_run.load(self._folder, HERE, self._allowed, self._given, changed=self._changed)

    @property
    def _needs(self) -> str:
        """Which objects of the caller are wanting, in a line; empty if none is."""
        lacking = {}
        for group, node in self.config.items():
            target = str(node.get("_target_", "lengen.")) if isinstance(node, Mapping) else "lengen."
            if group not in (*NOT_KEPT, *self._given) and target.partition(".")[0] not in self._allowed:
                lacking[group] = target
        if not lacking:
            return ""
        classes = ", ".join(f"{group}={target.rpartition('.')[2]}" for group, target in lacking.items())
        return f"made with {', '.join(lacking.values())}; lengen.load(path, {classes}) gives it back"

    @property
    def decoder(self) -> Decoder:
        """The decoder with the parameters that were swept, in evaluation mode."""
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
        """What the decoder writes behind some prompts: the likeliest token at every step, to the end token.

        Args:
            prompts: a prompt, or a list of them, of any lengths: each a text in the task's symbols as `lengen data` shows
                it (spaces may be left out), or a list of symbols.
            limit: tokens of an answer at most; None for as many as the longest length of the sweep may need.

        Returns:
            The answers as examples are shown, `⏎` where the decoder ended; a single text for a single prompt.

        Raises:
            UsageError: something is no symbol of the task, or these positions cannot be told from the tokens alone.
        """
        with call("run.predict", (), {}):
            if isinstance(prompts, str):
                return self._answers.predict([prompts], limit)[0]
            return self._answers.predict(prompts, limit)

    def attention(self, prompt: str | Sequence[str]) -> AttentionMap:
        """The weights of every head over a prompt, which may go on into its answer.

        Args:
            prompt: see `predict`.
        """
        with call("run.attention", (), {}):
            return attention(self._answers, prompt, self._trained_run.config.title)

    def evaluate(self, **options: Any) -> Evaluations:
        """Examine the run again: what `lengen eval` does, in the same folder below the run.

            run.evaluate(lengths=[20, 40], stress="carry", decode="free")
            run.evaluate(inspect="attention")

        Args:
            **options: of `lengen eval`: lengths, decode, examples, seed, checkpoint, stress, inspect, against, name, force.
                What is not given is as the run was swept.
        """
        with call("run.evaluate", (), options):
            require(not self._needs, f"run={self.path}: {self._needs}")
            return evaluate(self._folder, {"changed": self._changed, **options}, self._allowed, self._given)

    def __repr__(self) -> str:
        if not self.curve.rows:
            return f"Run({str(self.path)!r}): {self.status}: {self.error}"
        accuracy = self.id_exact_match or 0.0
        lines = [
            f"Run({str(self.path)!r})",
            terminal.summary(self.curve),
            terminal.verdict(accuracy),
            self._needs,
        ]
        return "\n  ".join(filter(None, lines))

    def _repr_html_(self) -> str:
        from html import escape

        if not self.curve.rows:
            return f"<p>{escape(repr(self))}</p>"
        head = "<br>".join(map(escape, repr(self).splitlines()))
        return f"<p>{head}</p>{self.curve._repr_html_()}{self.figure().html()}"  # the notebook's hook

    def _repr_png_(self) -> bytes | None:
        return self.figure().png if self.curve.rows else None


def load(
    path: str | PathLike[str], *, config_dir: Folders = None, changed: bool = False, **given: Any
) -> Run:
    """A run from its folder.

        lengen.load("results/runs/copy/rope")
        lengen.load(path, task=MyTask, pe=MyEncoding)

    Args:
        path: of the run, or of a folder or glob with one run.
        config_dir: folders of one's own YAML, as `--config-dir`.
        changed: take it although its code or data are not what it was trained with; evaluations are marked.
        **given: objects or classes of one's own that it was trained with, by group. A class takes the options that the
            run recorded.

    Raises:
        UsageError: no run is there, or several, or one that is not over.
    """
    folders = find_folders([str(path)], "path")
    names = ", ".join(str(folder.path) for folder in folders[:3])
    require(
        len(folders) == 1,
        f"path={path}: {len(folders)} runs are there ({names}, …): allowed is one; lengen.compare takes many",
    )
    status = folders[0].facts().get("status", "nothing")
    require(status in OVER, f"path={path}: its status is {status!r} (allowed: a run that is over)")
    run = Run(folders[0], given, {"lengen", *named_modules(listed(config_dir))}, changed=changed)
    for group, part in given.items():
        node, own = Part(group, part), run.config.get(group)
        require(
            inspect.isclass(part) or node.node == own,
            f"{group}={part!r}: the run was made with {own}; allowed is the same, or the class alone",
        )
    return run
