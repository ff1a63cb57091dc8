"""Biases that depend on the distance only, computed without a mask: torch's FlexAttention looks distances up in a table.

A mask has a number for every head, query and key (and for every example if their positions differ); the table has one for
every head and distance. FlexAttention supports training on CUDA only, compiled; elsewhere a mask is used. It has not been
run on CUDA yet: tests compare its values and gradients with those of the mask, uncompiled on a CPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

MIN_HEAD_DIM = 16
"""Smallest number of channels per head that the kernel supports."""


@dataclass(frozen=True)
class DistanceBias:
    """A bias on scaled logits as a table over distances.

    Args:
        rows: the bias of each head at distances 0, 1, 2, …, in float32.
        positions: positions of the tokens.
    """

    rows: Float[Tensor, "heads distance"]
    positions: Int[Tensor, "#batch time"]

    def mix(
        self,
        query: Float[Tensor, "batch heads time head_dim"],
        key: Float[Tensor, "batch heads time head_dim"],
        value: Float[Tensor, "batch heads time head_dim"],
        scale: float,
    ) -> Float[Tensor, "batch heads time head_dim"]:
        """Causal softmax attention with the bias: softmax(scale * q k + rows) v."""
        rows, positions = self.rows, self.positions.expand(len(query), -1).contiguous()
        mixed: Tensor = kernel()(
            query.to(value.dtype),
            key.to(value.dtype),
            value,
            score_mod=lambda logit, example, head, at, to: (
                logit + rows[head, (positions[example, at] - positions[example, to]).abs()]
            ),
            block_mask=causal_block_mask(query.shape[2], query.device),
            scale=scale,
        )
        return mixed


def supports(device: torch.device) -> bool:
    """Whether FlexAttention supports training on a device."""
    return device.type == "cuda"


@cache
def kernel(backend: str = "inductor") -> Any:
    """FlexAttention, compiled for any number of tokens and examples; sizes of 1 are compiled separately."""
    from torch._dynamo import config  # its import takes a second

    config.recompile_limit = max(64, config.recompile_limit)
    return torch.compile(flex_attention, dynamic=True, backend=backend)


@lru_cache(maxsize=64)
def causal_block_mask(time: int, device: torch.device) -> BlockMask:
    """The causal mask in the kernel's format: which blocks of it are full, empty or partial.

    Args:
        time: number of tokens.
        device: device of the mask.
    """
    return create_block_mask(lambda _b, _h, at, to: at >= to, None, None, time, time, device=str(device))
