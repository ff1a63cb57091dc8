"""The words of `lengen train`, sorted, and the study that they name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lengen.cli.arguments import OVERRIDE, folders
from lengen.config.seeds import SEEDS
from lengen.studies.places import RESULTS
from lengen.studies.plan_file import read_plan, study_path
from lengen.studies.words import option, replaced


@dataclass(frozen=True)
class Words:
    """The words of `lengen train`, sorted.

    Args:
        flags: what is no override.
        overrides: the others.
    """

    flags: tuple[str, ...]
    overrides: tuple[str, ...]

    @classmethod
    def of(cls, arguments: Sequence[str]) -> Words:
        """Sort the words of a command line."""
        return cls(
            tuple(word for word in arguments if not OVERRIDE.match(word)),
            tuple(word for word in arguments if OVERRIDE.match(word)),
        )

    @property
    def arguments(self) -> list[str]:
        """The command line."""
        return [*self.flags, *self.overrides]

    @property
    def own(self) -> list[str]:
        """The user's configuration folders."""
        return folders([*self.flags])[0]

    @property
    def others(self) -> list[str]:
        """Flags but for folders."""
        return folders([*self.flags])[1]

    @property
    def study(self) -> str:
        """The study that is named; empty if none is."""
        return self._value("study")

    @property
    def results_dir(self) -> str:
        """The folder of the runs."""
        return self._value("results_dir") or RESULTS

    def _value(self, name: str) -> str:
        """The value of an option that is a text; empty if it has none."""
        values = [word.partition("=")[2] for word in self.overrides if word.partition("=")[0] == name]
        return values[-1] if values and values[-1] != "null" else ""

    def completed(self) -> Words:
        """The words of a multirun: if its study exists, with those of its last command that are not given.

        Raises:
            UsageError: the study has no allowed name, or its file is none.
        """
        path = study_path(self.results_dir, self.study) if self.study else None
        if path is None or not path.exists():
            return self
        grids = read_plan(path).grids
        before = grids[-1].words if grids else ()
        if self._value(SEEDS):
            before = tuple(word for word in before if option(word) != "seed")
        words = replaced(before, self.overrides)
        return replace(self, overrides=tuple(words))
