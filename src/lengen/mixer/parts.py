"""Parts that mixers share: gates, short convolutions, projections that are no matrices of the blocks."""

from __future__ import annotations

import math
from typing import Literal

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from lengen.block.inputs import wide
from lengen.config.errors import require
from lengen.mixer import Layer, State

Gate = Literal["none", "silu", "sigmoid"]
"""What a projection of the input passes through before it multiplies the output; `none` is no gate."""
EPSILON = 1e-5
"""What the norms of outputs add to the mean square."""
LONGEST, SHORTEST = 0.1, 1e-3
"""Longest and shortest time step that Mamba starts with."""


class Map(nn.Module):
    """A linear map that keeps its own draw and belongs to no blocks' matrices: of gates, time steps and the like.

    Args:
        inputs: channels that it reads.
        outputs: channels that it gives.
        bias: whether it adds a bias, 0 at the start.
        bound: weights are uniform up to it; None is 1 / sqrt(inputs), as in torch.
    """

    def __init__(self, inputs: int, outputs: int, *, bias: bool = False, bound: float | None = None) -> None:
        super().__init__()
        bound = inputs**-0.5 if bound is None else bound
        self.weight = nn.Parameter(torch.empty(outputs, inputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, x: Float[Tensor, "*batch inputs"]) -> Float[Tensor, "*batch outputs"]:
        """Apply the map."""
        return nn.functional.linear(x, self.weight, self.bias)


class BlockMap(nn.Module):
    """Linear maps of groups of neighbouring channels, each of its own group.

    Args:
        channels: channels that it reads and gives.
        size: channels of a group.
        std: standard deviation of the weights; None is sqrt(2 / (5 size)), as in xLSTM.
    """

    def __init__(self, channels: int, size: int, std: float | None = None) -> None:
        super().__init__()
        std = math.sqrt(2 / (5 * size)) if std is None else std
        self.weight = nn.Parameter(torch.randn(channels // size, size, size) * std)

    def forward(self, x: Float[Tensor, "*batch channels"]) -> Float[Tensor, "*batch channels"]:
        """Apply the maps."""
        groups = x.unflatten(-1, self.weight.shape[:2])  # type: ignore[no-untyped-call]
        mapped: Tensor = torch.einsum("...gi,goi->...go", groups, self.weight).flatten(-2)
        return mapped


class ShortConv(nn.Module):
    """A causal convolution of every channel over some tokens, and a SiLU.

    Args:
        channels: number of channels.
        kernel: number of tokens, the token itself and those before it.
        bias: whether it adds a bias.
        active: whether a SiLU follows.
    """

    def __init__(self, channels: int, kernel: int, *, bias: bool = False, active: bool = True) -> None:
        super().__init__()
        bound = kernel**-0.5  # as torch draws it
        self.kernel, self.active = kernel, active
        self.weight = nn.Parameter(torch.empty(channels, kernel).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(channels).uniform_(-bound, bound)) if bias else None

    def forward(
        self, x: Float[Tensor, "batch time channels"], tail: Float[Tensor, "batch earlier channels"] | None
    ) -> tuple[Float[Tensor, "batch time channels"], Float[Tensor, "batch earlier channels"]]:
        """Return the convolved tokens, and the last inputs, which the next tokens need.

        Args:
            x: the inputs of the new tokens, of float32 or wider.
            tail: those of the kernel - 1 tokens before them; None is 0.
        """
        tail = x.new_zeros(x.shape[0], self.kernel - 1, x.shape[2]) if tail is None else tail
        all_inputs, time = torch.cat([tail, x], 1), x.shape[1]
        mixed = sum(
            all_inputs[:, shift : shift + time] * weight for shift, weight in enumerate(self.weight.unbind(1))
        )
        if self.bias is not None:
            mixed = mixed + self.bias
        after = all_inputs[:, time:]
        return (nn.functional.silu(mixed) if self.active else mixed), after  # type: ignore[arg-type,return-value]


def convolved(
    conv: ShortConv | None, x: Float[Tensor, "batch time channels"], state: State | None
) -> tuple[Float[Tensor, "batch time channels"], State]:
    """Apply a short convolution, or its SiLU alone if there is none; return the last inputs besides, with which a state ends.

    Args:
        conv: the convolution.
        x: the inputs of the new tokens, of float32 or wider.
        state: of the mixer, before these.
    """
    if conv is None:
        return nn.functional.silu(x), ()
    mixed, tail = conv(x, None if state is None else state[-1])
    return mixed, (tail,)


def of_heads(
    x: Float[Tensor, "batch time channels"], heads: int
) -> Float[Tensor, "batch time heads channel"]:
    """Divide channels among heads, in float32 or wider."""
    return rearrange(wide(x), "batch time (heads channel) -> batch time heads channel", heads=heads)


def head_count(layer: Layer, heads: int | None) -> int:
    """Return the number of heads, that of the decoder if None.

    Raises:
        UsageError: it does not divide the width of the residual stream.
    """
    heads, dim = layer.shape.heads if heads is None else heads, layer.shape.dim
    require(
        heads >= 1 and dim % heads == 0,
        f"mixer.heads={heads}: must be null, or a divisor of decoder.dim={dim}",
    )
    return heads


def gated(x: Tensor, gate: Tensor | None, kind: Gate) -> Tensor:
    """Multiply with a gate, if there is one, in float32 or wider."""
    if gate is None:
        return x
    gate = wide(gate)
    return x * (nn.functional.silu(gate) if kind == "silu" else gate.sigmoid())


def unit(x: Float[Tensor, "*batch channel"]) -> Float[Tensor, "*batch channel"]:
    """Divide vectors by their length, unless that is below 1e-6."""
    return nn.functional.normalize(x, dim=-1, eps=1e-6)


def turned(
    x: Float[Tensor, "*#batch channels"], angle: Float[Tensor, "*#batch pairs"]
) -> Float[Tensor, "*_batch channels"]:
    """Turn pairs of neighbouring channels by angles; channels beyond those that have an angle stay."""
    pairs = 2 * angle.shape[-1]
    cos, sin = angle.cos(), angle.sin()
    left, right = x[..., :pairs:2], x[..., 1:pairs:2]
    both = torch.stack([left * cos - right * sin, left * sin + right * cos], -1).flatten(-2)
    return torch.cat([both, x[..., pairs:]], -1)


def time_step_bias(size: int) -> Float[Tensor, " size"]:
    """Draw biases whose softplus is log-uniform between 0.001 and 0.1 (Gu and Dao 2023, section 3.6)."""
    steps = torch.exp(torch.rand(size) * math.log(LONGEST / SHORTEST) + math.log(SHORTEST))
    return steps + torch.log(-torch.expm1(-steps))
