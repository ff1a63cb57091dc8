"""The parts of a configuration that have contract tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from lengen.attention import AttentionRule
from lengen.block.inputs import Shape
from lengen.head import Head, Output
from lengen.mixer import Layer, Mixer
from lengen.pe import PositionalEncoding
from lengen.positions import Positions
from lengen.task import Task
from lengen.testing.attention import check_attention
from lengen.testing.encoding import check_encoding
from lengen.testing.head import check_head
from lengen.testing.mixer import check_mixer
from lengen.testing.positions import check_positions
from lengen.testing.report import Report
from lengen.testing.task import check_task


@dataclass(frozen=True)
class Parts:
    """The encoding, attention, mixer, head, positions and task of a configuration."""

    pe: Callable[[Shape], PositionalEncoding]
    attention: Callable[[Shape], AttentionRule]
    mixer: Callable[[Layer], Mixer]
    head: Callable[[Output], Head]
    positions: Positions
    task: Task

    def check(self, group: str, label: str, length: int, *, shown: bool) -> Report:
        """Check one part against its contract.

        Args:
            group: `pe`, `attention`, `mixer`, `head`, `positions` or `task`.
            label: name of the option.
            length: the length at which the task is trained.
            shown: whether positions are checked on examples of this task instead of the default examples.
        """
        if group == "task":
            at = length if self.task.has(length) else None
            report = check_task(self.task, length=at, raise_on_failure=False)
        elif group == "positions":
            task = self.task if shown else None
            report = check_positions(self.positions, task=task, raise_on_failure=False)
        elif group == "pe":
            report = check_encoding(self.pe, raise_on_failure=False)
        elif group == "mixer":
            report = check_mixer(self.mixer, raise_on_failure=False)
        elif group == "head":
            report = check_head(self.head, raise_on_failure=False)
        else:
            report = check_attention(self.attention, raise_on_failure=False)
        return replace(report, subject=f"{group}={label}")
