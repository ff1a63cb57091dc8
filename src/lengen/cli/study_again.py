"""`lengen train study=NAME`: what is missing, interrupted or failed of a study that exists."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lengen.cli.queued_runs import QueuedRuns
from lengen.cli.study_words import Words
from lengen.config.errors import require
from lengen.studies.plan import Grid, PlannedRun
from lengen.studies.plan_file import existing, read_plan, runs_folder
from lengen.studies.progress import Progress
from lengen.studies.words import option, replaced, require_beside


@dataclass(frozen=True)
class Left:
    """What is left of a study.

    Args:
        path: its file.
        progress: how far it is.
        runs: those that are not over, or have stress sets, with their grids.
    """

    path: Path
    progress: Progress
    runs: Sequence[tuple[Grid, PlannedRun]]

    @classmethod
    def of(cls, words: Words) -> Left:
        """What is left of the study that words name.

        Raises:
            UsageError: there is no such study, a word would change its runs, or a folder of the user's has to be named.
        """
        path = existing(words.results_dir, words.study)
        require_beside([word for word in words.overrides if option(word) != "study"], path.stem)
        plan = read_plan(path)
        named = {Path(each).resolve().name for each in words.own}
        for folder in dict.fromkeys(each for grid in plan.grids for each in grid.own):
            require(
                folder in named,
                f"study={path.stem}: it has options of your own, from a folder {folder}: name it with --config-dir",
            )
        progress = Progress.of(path, plan, QueuedRuns())
        left = {*progress.left}
        return cls(
            path, progress, [(grid, run) for place, grid, run in plan.placed() if place in left or run.stress]
        )

    def multirun(self, words: Words) -> Words:
        """The words of the multirun that carries it out."""
        results = runs_folder(self.path, self.progress.plan)
        overrides = replaced(words.overrides, [f"results_dir={results}"])
        return replace(words, flags=("-m", *words.flags), overrides=tuple(overrides))

    @contextmanager
    def given(self) -> Iterator[None]:
        """Let Hydra's sweeper run these runs while the block runs, instead of every combination of values of its words.

        The words of the command line are added, and replace those of the same options.
        """
        from hydra.core.plugins import Plugins

        Plugins.instance()  # loads the sweeper's module anew, so that it is imported after this
        from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

        def listed(overrides: Sequence[Any], _: int | None) -> list[list[list[str]]]:
            words = [str(override.input_line) for override in overrides]
            return [[replaced(grid.overrides(run), words) for grid, run in self.runs]]

        original: Callable[..., Any] = BasicSweeper.split_arguments
        BasicSweeper.split_arguments = staticmethod(listed)  # type: ignore[method-assign,assignment]
        try:
            yield
        finally:
            BasicSweeper.split_arguments = staticmethod(original)  # type: ignore[method-assign]
