"""A bias by distance that no mask is made of: torch's FlexAttention looks each distance up while it attends.

A mask holds a number for every head, query and key, and where positions differ for every example; the table here holds
one for every head and distance. FlexAttention trains on CUDA alone, compiled; elsewhere there is always a mask. It
was not run on CUDA yet: values and gradients are held to those of the mask as plain operations.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

NARROWEST = 16
"""Channels of a head that the kernel has at least."""


@dataclass(frozen=True)
class DistanceBias:
    """What an encoding adds to scaled logits, as a table of distances.

    Args:
        rows: of each head at distances 0, 1, 2, …, in float32.
        positions: of the tokens.
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
        """Causal softmax attention: softmax(scale * q k + rows) v."""
        rows, positions = self.rows, self.positions.expand(len(query), -1).contiguous()
        mixed: Tensor = kernel()(
            query.to(value.dtype),
            key.to(value.dtype),
            value,
            score_mod=lambda logit, example, head, at, to: (
                logit + rows[head, (positions[example, at] - positions[example, to]).abs()]
            ),
            block_mask=triangle(query.shape[2], query.device),
            scale=scale,
        )
        return mixed


def serves(device: torch.device) -> bool:
    """Whether FlexAttention trains on a device."""
    return device.type == "cuda"


@cache
def kernel(backend: str = "inductor") -> Any:
    """FlexAttention, compiled for any number of tokens and examples: a few times, as 1 of either counts apart."""
    from torch._dynamo import config  # takes a second to import

    config.recompile_limit = max(64, config.recompile_limit)
    return torch.compile(flex_attention, dynamic=True, backend=backend)


@lru_cache(maxsize=64)
def triangle(time: int, device: torch.device) -> BlockMask:
    """The causal mask of so many tokens, as the kernel wants it: which blocks of it are full, empty or cut."""
    return create_block_mask(lambda _b, _h, at, to: at >= to, None, None, time, time, device=str(device))
