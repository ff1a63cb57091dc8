"""The record of a run, read from disk or from W&B: what a comparison needs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lengen.config.option_names import option_of_target
from lengen.config.pattern_words import GROUP, PARTS, part_group
from lengen.records.curve import TRAINED, Curve
from lengen.records.eval_options import EvalOptions
from lengen.records.plain_text import visible

MISSING = "(none)"
"""Value of an option that a run does not have."""
BETWEEN = "; "
"""Separator of several names in one field; names themselves have commas."""


@dataclass(frozen=True)
class RunRecord:
    """A run, with everything that a comparison needs to know.

    Args:
        place: its folder, or its name on W&B.
        cell: hash of the configuration without its seeds.
        seed: the seed, such as `0`, or `0,init_seed=1` if a seed is set separately.
        config: the configuration, resolved; its seeds may be those of another run of the cell.
        facts: the contents of `run.json`.
        curve: the sweep; empty if the run diverged.
        identity: the identity of the cell (`lengen.config.identity`); empty if the configuration is incomplete.
        exact: which strings of each length were answered correctly; empty if the run kept no verdicts.
    """

    place: str
    cell: str
    seed: str
    config: Mapping[str, Any]
    facts: Mapping[str, Any]
    curve: Curve
    identity: Mapping[str, Any] = field(default_factory=dict)
    exact: Mapping[int, npt.NDArray[np.bool_]] = field(default_factory=dict)

    @property
    def data_seed(self) -> Any:
        """Seed of the training data."""
        return self._seed("data_seed")

    @property
    def init_seed(self) -> Any:
        """Seed of the initial parameters."""
        return self._seed("init_seed")

    def _seed(self, name: str) -> Any:
        """Return a seed that may be set separately."""
        separate = self.config.get(name)
        return self.config.get("seed") if separate is None else separate

    @property
    def diverged(self) -> bool:
        """Whether training diverged (a loss or parameter that is not finite)."""
        return bool(self.facts.get("status") == "diverged")

    @property
    def trained(self) -> bool:
        """Whether ID exact match is at least 0.99."""
        return not self.diverged and float(self.facts.get("id_exact_match") or 0.0) >= TRAINED

    @property
    def protocol(self) -> dict[str, Any]:
        """The evaluation protocol, which compared runs must share."""
        cells = ("positions", "positions_need")  # what cells differ in
        recorded = {key: value for key, value in self.facts.get("protocol", {}).items() if key not in cells}
        return {**recorded, "eval.lengths": self.config["eval"]["lengths"]}

    def protocol_beside(self, by: Sequence[str]) -> dict[str, Any]:
        """Return the protocol without options that name cells, and with numbers for the evaluated lengths.

        Lengths that are written as multiples and those written as numbers are equal if they are the same lengths. Where cells differ in
        their train length, multiples stay what they are.

        Args:
            by: the options that name the cells.
        """
        found = {key: value for key, value in self.protocol.items() if key not in by}
        if "train_length" not in by and "eval.lengths" in found:
            lengths = EvalOptions(lengths=found["eval.lengths"]).at(self.config["train_length"])
            found["eval.lengths"] = list(lengths)
        return found

    @property
    def task(self) -> str:
        """The task with its options, as text; only runs of the same task are compared."""
        return json.dumps(self.identity.get("task", self.config["task"]), sort_keys=True)

    def option(self, key: str) -> Any:
        """Return an option, such as `pe`, `train_length`, `task.repeats` or `seed`; `(none)` if the run has no such option."""
        if key == "seed":
            return int(self.seed) if self.seed.isdecimal() else self.seed
        if key == "cell":
            return self.cell
        node: Any = self.config["labels"].get(key, self.config)
        path = key.split(".") if node is self.config else []
        if inside := within_pattern(self.config, path):
            path.insert(1, PARTS)
        for part in path:
            node = node.get(part, MISSING) if isinstance(node, Mapping) else MISSING
        if inside and isinstance(node, Mapping) and "_target_" in node:
            return option_of_target(node["_target_"], part_group(key))
        return node

    def value(self, key: str) -> str:
        """Return an option as text, control characters as escapes; `(none)` if the run has no such option."""
        return visible(str(self.option(key)))


def within_pattern(config: Mapping[str, Any], path: Sequence[str]) -> bool:
    """Whether an option, such as `mixer.near.pe`, is that of a mixer of the run's pattern.

    Args:
        config: of the run.
        path: the name of the option, in parts.
    """
    mixer = config.get(GROUP)
    parts = mixer.get(PARTS) if isinstance(mixer, Mapping) else None
    return isinstance(parts, Mapping) and len(path) > 1 and path[0] == GROUP and path[1] in parts


@dataclass(frozen=True)
class Excluded:
    """A run that is excluded, or a place without runs, and the reason.

    Args:
        place: its folder, or what was searched.
        reason: why it is excluded.
        asked: the run as it was asked for, without results; None if that cannot be told.
    """

    place: str
    reason: str
    asked: RunRecord | None = field(default=None, compare=False, repr=False)
