"""A factor on the logits of every head, found by trying values one head at a time, without gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import nn, optim

from lengen.config.errors import require
from lengen.decoder import Decoder
from lengen.optimizer import OptimizerRule, Schedule
from lengen.tuning import Base
from lengen.tuning.head_scale import HeadScale


class HeadSearch(HeadScale):
    """Factors of `head_scale`, each of which takes the value of least loss, head by head and layer by layer, in a few passes over all.

    Every step draws strings of one length, the longest, tries all values for one head, the others as they are, and keeps the best; of
    equal ones the present factor. Steps, unless given, are `passes` times the heads of all layers. Ours: the source searches one factor for all heads, and trains them one by one.

    Args:
        values: that are tried, each above 0.
        passes: over all heads, at least 1.
    """

    rate: ClassVar[float | None] = None

    def __init__(self, values: list[float] | None = None, passes: int = 2) -> None:
        values = [1.0, 1.1, 1.2, 1.5, 2.0] if values is None else values
        require(bool(values) and min(values) > 0, f"tune.values={values}: must be a list of numbers above 0")
        require(passes >= 1, f"tune.passes={passes}: must be at least 1")
        super().__init__(1.0, 0.0)
        self.values, self.passes = values, passes

    def steps_of(self, decoder: Decoder) -> int:
        """One for every head and pass."""
        return self.passes * sum(rule.shape.heads for rule in decoder.rules)

    def optimizer(self, rate: float | None, warmup: int) -> dict[str, Any]:
        """The search."""
        return {"_target_": "lengen.tuning.head_search.CoordinateSearch", "values": self.values}

    def lengths(self, longest: int) -> dict[str, Any] | None:
        """The longest length alone."""
        return {"_target_": "lengen.lengths.listed.Listed", "values": [longest], "per_batch": 1}

    def record(self, record: Mapping[str, Any], base: Base) -> dict[str, Any]:
        """One pass of one device reads all strings of a step, since losses are compared."""
        return {"trainer": {**record["trainer"], "devices": 1, "accumulate": 1}}


@dataclass(frozen=True)
class CoordinateSearch(OptimizerRule):
    """Try values for one number of the trainable parameters a step, in their order, again and again.

    Args:
        values: that are tried.
        schedule: has no effect.
    """

    values: list[float]
    schedule: Schedule = field(default_factory=Schedule)

    def make(self, decoder: nn.Module) -> optim.Optimizer:
        """See `OptimizerRule`."""
        return Search((weight for weight in decoder.parameters() if weight.requires_grad), self.values)


class Search(optim.Optimizer):
    """See `CoordinateSearch`. The next number is part of the state, so that an interrupted search goes on.

    Args:
        parameters: whose numbers are searched.
        values: that are tried.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], values: list[float]) -> None:
        super().__init__(parameters, {"lr": 1.0, "values": values, "next": 0})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Set one number to the value of least loss, and return this loss.

        Args:
            closure: computes the loss of the step.
        """
        assert closure is not None
        (group,) = self.param_groups
        numbers = [(weight, index) for weight in group["params"] for index in range(weight.numel())]
        weight, index = numbers[group["next"] % len(numbers)]
        place, present = weight.view(-1)[index], float(weight.view(-1)[index])
        found = []
        for value in dict.fromkeys([present, *group["values"]]):
            place.fill_(value)
            with torch.enable_grad():
                found.append((float(closure().detach()), value))
        place.fill_(min(found, key=lambda each: each[0])[1])
        group["next"] += 1
        with torch.enable_grad():
            return closure()
