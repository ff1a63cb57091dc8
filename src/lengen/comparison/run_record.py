"""One run as found on disk or on W&B: what a comparison needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lengen.records.curve import TRAINED, Curve

MISSING = "(none)"
"""What stands for an option that a run does not have."""


@dataclass(frozen=True)
class RunRecord:
    """One run, as it is found: everything that comparing needs to know of it.

    Args:
        place: its folder, or its name on a server.
        cell: hash of the configuration without its seed.
        seed: `0`, or `0,init_seed=1` where one is set alone.
        config: the configuration, resolved; the seeds in it may be those of another run of the cell.
        facts: what `run.json` says.
        curve: the sweep; empty if the run diverged.
        identity: what the cell is (`lengen.config.identity`); empty where the configuration is not whole.
    """

    place: str
    cell: str
    seed: str
    config: Mapping[str, Any]
    facts: Mapping[str, Any]
    curve: Curve
    identity: Mapping[str, Any] = field(default_factory=dict)

    @property
    def diverged(self) -> bool:
        """Whether training ended in numbers that are none."""
        return bool(self.facts.get("status") == "diverged")

    @property
    def trained(self) -> bool:
        """Whether ID exact match is at least 0.99."""
        return not self.diverged and float(self.facts.get("id_exact_match") or 0.0) >= TRAINED

    @property
    def protocol(self) -> dict[str, Any]:
        """What must be the same where numbers are compared."""
        noted = {key: value for key, value in self.facts.get("protocol", {}).items() if key != "positions"}
        return {**noted, "eval.lengths": self.config["eval"]["lengths"]}

    @property
    def task(self) -> str:
        """The task with its options, as one text: runs of one task may be compared."""
        return json.dumps(self.identity.get("task", self.config["task"]), sort_keys=True)

    def value(self, key: str) -> str:
        """An option as text: `pe`, `train_length`, `task.repeats`, `seed`; `(none)` where the run has no such option."""
        if key in ("seed", "cell"):
            return str(getattr(self, key))
        node: Any = self.config["labels"].get(key, self.config)
        for part in key.split(".") if node is self.config else ():
            node = node.get(part, MISSING) if isinstance(node, Mapping) else MISSING
        return str(node)


@dataclass(frozen=True)
class Excluded:
    """A run, or a place where none was found, that takes no part, and why."""

    place: str
    reason: str
