"""AdamW (Loshchilov and Hutter 2019)."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import nn, optim

from lengen.config.errors import require
from lengen.optimizer import OptimizerRule, Schedule, split


@dataclass(frozen=True)
class AdamW(OptimizerRule):
    """Torch's AdamW for all parameters, with weight decay on the matrices inside the blocks only.

    Args:
        lr: peak learning rate.
        weight_decay: weight decay of the matrices inside the blocks.
        betas: decay rates of the two moments.
        schedule: warm-up and cosine decay.
    """

    lr: float = 1e-3
    weight_decay: float = 0.1
    betas: list[float] = field(default_factory=lambda: [0.9, 0.98])
    schedule: Schedule = field(default_factory=Schedule)

    def __post_init__(self) -> None:
        require(self.lr > 0, f"optimizer.lr={self.lr}: must be above 0")
        require(self.weight_decay >= 0, f"optimizer.weight_decay={self.weight_decay}: must be at least 0")
        require(
            len(self.betas) == 2 and all(0 <= beta < 1 for beta in self.betas),  # noqa: PLR2004
            f"optimizer.betas={self.betas}: must be two numbers in [0, 1)",
        )

    def make(self, decoder: nn.Module) -> optim.Optimizer:
        """See `OptimizerRule`."""
        matrices, others = split(decoder)
        groups = [
            {"params": matrices, "weight_decay": self.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        made = optim.AdamW(
            [group for group in groups if group["params"]],
            lr=self.lr,
            betas=(self.betas[0], self.betas[1]),
            fused=True,
        )
        made._step_supports_amp_scaling = False  # noqa: SLF001  # bf16 scales no loss; else Lightning refuses to clip
        return made
