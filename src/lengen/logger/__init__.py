"""The interface of loggers, which report a run elsewhere. The run folder is always complete without them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from lengen.records.curve import Curve

if TYPE_CHECKING:  # a comparison is logged without torch
    from torch import nn

LOCAL = "lengen.logger.local.Local"
"""The class of the logger that sends nothing anywhere."""
PLOTTED = ("exact_match", "ci_low", "ci_high", "token_accuracy", "loss")
"""Columns of a curve that loggers draw over length."""


@dataclass(frozen=True)
class RunFacts:
    """Facts about a run that a logger receives at the start.

    Args:
        name: display name, such as `addition-nope-seed0`.
        cell: hash of the configuration without its seeds; runs of a cell form a group.
        folder: the run folder.
        config: the resolved configuration.
        job_type: `train`.
        tags: task, encoding, positions and decoder.
        named: whether the user has given the name.
    """

    name: str
    cell: str
    folder: Path
    config: Mapping[str, Any]
    job_type: str = "train"
    tags: tuple[str, ...] = field(default=())
    named: bool = False


class Logger:
    """Base class of loggers; every method does nothing."""

    several: ClassVar[bool] = False
    """Whether several runs of one process can be logged at a time, each by an object of its own."""

    @property
    def repeats(self) -> bool:
        """Whether a run that was finished before is logged once more: as a trial of a search that waits for its numbers."""
        return False

    def begin(self, facts: RunFacts) -> None:
        """Called when a run starts or resumes."""

    def watch(self, decoder: nn.Module) -> None:
        """Called before training with what is trained; when `scalars` is called, it has the gradients of that step."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Log metrics of a training step."""

    def curve(self, curve: Curve, figure: Path) -> None:
        """Log the finished curve and its figure."""

    def finish(self, status: str) -> None:
        """Called when a run ends as `finished`, `diverged`, `interrupted` or `failed`. Must leave no state for the next run."""
