"""Muon: momentum orthogonalised by Newton-Schulz iterations, for matrices (Jordan et al. 2024)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn, optim

from lengen.config.errors import require
from lengen.optimizer import OptimizerRule, Schedule, split

COEFFICIENTS, STEPS, EPSILON = (3.4445, -4.7750, 2.0315), 5, 1e-7
"""Coefficients and number of the Newton-Schulz iterations, and lower bound of the norm (Jordan et al. 2024)."""


@dataclass(frozen=True)
class Muon(OptimizerRule):
    """Muon for the matrices inside the blocks, torch's AdamW for everything else.

    Args:
        lr: peak learning rate of Muon.
        weight_decay: weight decay of the matrices inside the blocks.
        momentum: momentum of Muon.
        rest_lr: peak learning rate of AdamW.
        schedule: warm-up and cosine decay of both.
    """

    whole: ClassVar[bool] = True

    lr: float = 0.02
    weight_decay: float = 0.1
    momentum: float = 0.95
    rest_lr: float = 2e-3
    schedule: Schedule = field(default_factory=Schedule)

    def __post_init__(self) -> None:
        require(self.lr > 0, f"optimizer.lr={self.lr}: must be above 0")
        require(self.rest_lr > 0, f"optimizer.rest_lr={self.rest_lr}: must be above 0")
        require(self.weight_decay >= 0, f"optimizer.weight_decay={self.weight_decay}: must be at least 0")
        require(0 <= self.momentum < 1, f"optimizer.momentum={self.momentum}: must be in [0, 1)")

    def make(self, decoder: nn.Module) -> optim.Optimizer:
        """See `OptimizerRule`."""
        matrices, others = split(decoder)
        return Together(
            [
                Orthogonalised(matrices, self.lr, self.weight_decay, self.momentum),
                optim.AdamW(others, lr=self.rest_lr, weight_decay=0.0, betas=(0.9, 0.98), fused=True),
            ]
        )


class Orthogonalised(optim.Optimizer):
    """The update of `torch.optim.Muon` (orthogonalised Nesterov momentum), for all matrices of a shape at once.

    Torch's implementation updates one matrix after the other, in bfloat16, which most CPUs emulate: it is slower
    there (`scripts/bench.py muon`).

    Args:
        matrices: the matrices to train; those of several decoders may be stacked along axes in front.
        lr: learning rate, multiplied by sqrt(rows / columns) for matrices with more rows than columns.
        weight_decay: weight decay, multiplied by the learning rate.
        momentum: decay rate of the running mean of gradients.
    """

    def __init__(self, matrices: Iterable[Tensor], lr: float, weight_decay: float, momentum: float) -> None:
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every matrix that has a gradient."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = {}
            for weight in group["params"]:
                if weight.grad is not None:
                    by_shape.setdefault(weight.shape, []).append(weight)
            for (*_, rows, columns), weights in by_shape.items():
                momenta = torch.stack([self._momentum(x, group["momentum"]) for x in weights])
                updates = orthogonal(momenta.flatten(0, -3)).view_as(momenta)
                rate = group["lr"] * max(1, rows / columns) ** 0.5
                for weight, update in zip(weights, updates, strict=True):
                    weight.mul_(1 - group["lr"] * group["weight_decay"]).sub_(rate * update)

    def _momentum(self, weight: Tensor, momentum: float) -> Tensor:
        """Update the running mean of a matrix's gradients, and return the Nesterov momentum."""
        gradient, state = weight.grad, self.state[weight]
        assert gradient is not None
        if not state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        running: Tensor = state["momentum_buffer"].lerp_(gradient, 1 - momentum)
        return gradient.lerp(running, momentum)


def orthogonal(matrices: Float[Tensor, "count rows columns"]) -> Float[Tensor, "count rows columns"]:
    """Orthogonalise matrices by Newton-Schulz: same singular vectors, singular values near 1 (about 0.7 to 1.2).

    Computes in bfloat16 on a GPU, as in the source, and in float32 on a CPU, where that is faster.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x.to(torch.bfloat16 if x.is_cuda else torch.float32)
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=EPSILON)
    linear, cubic, quintic = COEFFICIENTS
    for _ in range(STEPS):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=cubic, alpha=quintic), x, beta=linear)
    return (x.mT if tall else x).to(matrices.dtype)


class Together(optim.Optimizer):
    """Several optimizers over disjoint parameters as one. It shares their parameter groups, so that schedules apply to them."""

    def __init__(self, parts: list[optim.Optimizer]) -> None:
        self.parts = parts
        super().__init__([group for part in parts for group in part.param_groups], {})
        self._share()

    def _share(self) -> None:
        """Make the groups of the parts the same objects as those of this optimizer."""
        groups = iter(self.param_groups)
        for part in self.parts:
            part.param_groups = [next(groups) for _ in part.param_groups]

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Do one step with every part, after one evaluation of the closure."""
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
        """Restore the states of the parts."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = [group for part in self.parts for group in part.param_groups]
