"""The parts of a configuration that have a contract."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from lengen.attention import AttentionRule
from lengen.block.inputs import Shape
from lengen.pe import PositionalEncoding
from lengen.positions import Positions
from lengen.task import Task
from lengen.testing.attention import check_attention
from lengen.testing.encoding import check_encoding
from lengen.testing.positions import check_positions
from lengen.testing.report import Report
from lengen.testing.task import check_task


@dataclass(frozen=True)
class Parts:
    """An encoding, an attention, positions and a task, as a configuration names them."""

    pe: Callable[[Shape], PositionalEncoding]
    attention: Callable[[Shape], AttentionRule]
    positions: Positions
    task: Task

    def check(self, group: str, label: str, length: int, *, shown: bool) -> Report:
        """Put one of them to its contract.

        Args:
            group: `pe`, `attention`, `positions` or `task`.
            label: name of the option.
            length: that a task is trained at.
            shown: whether positions are shown examples of this task, not those that check them otherwise.
        """
        if group == "task":
            at = length if self.task.has(length) else None
            report = check_task(self.task, length=at, raise_on_failure=False)
        elif group == "positions":
            task = self.task if shown else None
            report = check_positions(self.positions, task=task, raise_on_failure=False)
        elif group == "pe":
            report = check_encoding(self.pe, raise_on_failure=False)
        else:
            report = check_attention(self.attention, raise_on_failure=False)
        return replace(report, subject=f"{group}={label}")
