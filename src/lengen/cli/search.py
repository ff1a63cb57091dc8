"""A search: a sweeper of Hydra's, such as `hydra/sweeper=optuna`, tries values and is told how good each is on ID alone."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lengen.cli.study_jobs import Jobs
from lengen.comparison.best import MEASURED, Candidate
from lengen.comparison.find_runs import Known, read
from lengen.comparison.run_record import RunRecord
from lengen.config.compose import OF_STUDIES
from lengen.config.errors import require
from lengen.config.objectives import OBJECTIVES, require_objective
from lengen.config.words import parsed
from lengen.launcher.job import JobResult
from lengen.records.eval_options import EvalOptions
from lengen.statistics.formats import counted, floored
from lengen.studies.words import option, within


@dataclass(frozen=True)
class Search:
    """What is searched for.

    Args:
        objective: a key of `OBJECTIVES`.
    """

    objective: str

    @property
    def direction(self) -> str:
        """Whether the objective is to be minimized or maximized."""
        return OBJECTIVES[self.objective]

    def value(self, result: JobResult) -> float:
        """The number that the sweeper is told; for a trial that failed or diverged, the worst there is."""
        exact_match, loss = measured(result)
        if self.objective == "id_loss":
            return loss
        return exact_match if math.isfinite(loss) else -math.inf

    def best(self, jobs: Jobs, overrides: Sequence[list[str]], results: Sequence[JobResult]) -> list[str]:
        """Say which trial is the best, and with which command it is repeated.

        Args:
            jobs: what the trials have in common.
            overrides: of each trial.
            results: of each trial.
        """
        scores = [measured(result) for result in results]
        able = [index for index, (_, loss) in enumerate(scores) if math.isfinite(loss)]
        if not able:
            one = len(results) == 1
            return [
                f"lengen: {'the one trial has no' if one else f'none of {len(results)} trials has a'} result to choose from"
            ]
        index = min(able, key=lambda each: self._order(*scores[each]))
        exact_match, loss = scores[index]
        flags = [word for folder in jobs.folders for word in ("--config-dir", str(folder))]
        own = (word for word in overrides[index] if not within(option(word), OF_STUDIES))
        again = shlex.join(["lengen", jobs.command, *flags, *own])
        measures = f"ID loss {loss:.4g} nats per answer token, ID exact match {floored(exact_match)}"
        head = f"best of {counted(len(results), 'trial')}, by {self.objective} ({self.direction}d)"
        return [f"lengen: {head}: {measures}", f"  {again}"]

    def _order(self, exact_match: float, loss: float) -> tuple[float, float]:
        """Sort key of a trial: the objective, then the other measure."""
        return (loss, -exact_match) if self.objective == "id_loss" else (-exact_match, loss)


def measured(result: JobResult) -> tuple[float, float]:
    """ID exact match and ID loss of a trial; 0 and infinity if it has none."""
    run = read(Path(result.value), Known()) if result.code == 0 and result.value else None
    if not isinstance(run, RunRecord) or run.diverged:
        return 0.0, math.inf
    candidate = Candidate((), (run,))
    loss = candidate.id_loss
    if loss is None:  # no ID length in the sweep; then the loss decides nothing
        return candidate.id_exact_match, 0.0
    return candidate.id_exact_match, loss if math.isfinite(loss) else math.inf


def search(config: Mapping[str, Any], sweeper: Mapping[str, Any], words: Sequence[str]) -> Search:
    """Return what is searched for, before the first trial.

    Args:
        config: of the first trial.
        sweeper: options of the sweeper.
        words: overrides of the command.

    Raises:
        UsageError: the sweeper optimizes in the other direction, an option is searched that decides what is measured, or no ID
            length is evaluated.
    """
    require_objective(config["objective"])
    require(
        config.get("seeds") is None,
        f"seeds={config.get('seeds')}: a search tries one run at a time; must be left out, as the luckiest seed would be chosen",
    )
    found = Search(config["objective"])
    direction = getattr(given := sweeper.get("direction", found.direction), "name", given)
    require(
        direction == found.direction,
        f"hydra.sweeper.direction={direction}: objective={found.objective} needs hydra.sweeper.direction={found.direction}",
    )
    listed = [f"{key}={value}" for key, value in (sweeper.get("params") or {}).items()]
    for override in map(parsed, [*words, *listed]):
        key = override.key_or_group
        require(
            not override.is_sweep_override() or not within(key, MEASURED),
            f"{override.input_line}: {key} cannot be searched: it says on what ID is measured, or which run is meant, so that the "
            "easiest or luckiest would be chosen",
        )
    train_length = int(config["train_length"])
    require(
        found.objective != "id_loss"
        or EvalOptions(lengths=config["eval"]["lengths"]).at(train_length)[0] <= train_length,
        f"objective=id_loss: eval.lengths has no length up to train_length={train_length}; add one, or set objective=id_exact_match",
    )
    return found
