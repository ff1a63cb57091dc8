"""Muon: momentum orthogonalised by Newton-Schulz, for matrices (Jordan et al. 2024)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn, optim

from lengen.optimizer import OptimizerRule, Schedule, split
from lengen.refusal import require


@dataclass(frozen=True)
class Muon(OptimizerRule):
    """Torch's Muon for the matrices inside the blocks, torch's AdamW for everything else.

    Args:
        lr: peak learning rate of Muon.
        weight_decay: decay of the matrices inside the blocks.
        momentum: of Muon.
        rest_lr: peak learning rate of AdamW.
        schedule: warm-up and cosine, of both.
    """

    lr: float = 0.02
    weight_decay: float = 0.1
    momentum: float = 0.95
    rest_lr: float = 2e-3
    schedule: Schedule = field(default_factory=Schedule)

    def __post_init__(self) -> None:
        require(self.lr > 0, f"optimizer.lr={self.lr}: allowed is above 0")
        require(self.rest_lr > 0, f"optimizer.rest_lr={self.rest_lr}: allowed is above 0")
        require(self.weight_decay >= 0, f"optimizer.weight_decay={self.weight_decay}: allowed is 0 or more")
        require(0 <= self.momentum < 1, f"optimizer.momentum={self.momentum}: allowed is 0 up to, but not, 1")

    def make(self, decoder: nn.Module) -> optim.Optimizer:
        """See `OptimizerRule`."""
        matrices, others = split(decoder)
        return Together(
            [
                optim.Muon(matrices, lr=self.lr, weight_decay=self.weight_decay, momentum=self.momentum),
                optim.AdamW(others, lr=self.rest_lr, weight_decay=0.0, betas=(0.9, 0.98)),
            ]
        )


class Together(optim.Optimizer):
    """Several optimizers over disjoint parameters as one: the groups are theirs, so schedules reach them."""

    def __init__(self, parts: list[optim.Optimizer]) -> None:
        self.parts = parts
        super().__init__([group for part in parts for group in part.param_groups], {})
        self._share()

    def _share(self) -> None:
        """Let the parts' groups be the very objects of this optimizer."""
        groups = iter(self.param_groups)
        for part in self.parts:
            part.param_groups = [next(groups) for _ in part.param_groups]

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of every part, after one evaluation of the closure."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """The states of the parts."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the states of the parts back."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = [group for part in self.parts for group in part.param_groups]
