"""Where numbers go besides the run folder: the contract of a logger. The files are the truth, a logger is a view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lengen.records.curve import Curve


@dataclass(frozen=True)
class RunFacts:
    """What a logger is told of a run when it begins.

    Args:
        name: for people, such as `addition-nope-seed0`.
        cell: hash of the configuration without its seed; runs of one cell are one group.
        folder: the run folder.
        config: the resolved configuration.
        job_type: `train`.
        tags: task, encoding and the like.
    """

    name: str
    cell: str
    folder: Path
    config: Mapping[str, Any]
    job_type: str = "train"
    tags: tuple[str, ...] = field(default=())


class Logger:
    """A logger that does nothing, call by call."""

    def begin(self, facts: RunFacts) -> None:
        """A run starts or goes on."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers of a training step."""

    def curve(self, curve: Curve, figure: Path) -> None:
        """The finished curve and its figure."""

    def finish(self, status: str) -> None:
        """The run is over: `finished`, `diverged`, `interrupted` or `failed`. Must leave nothing behind for the next job."""
