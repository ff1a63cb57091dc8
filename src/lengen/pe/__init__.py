"""How positions enter the decoder: the contract that every positional encoding implements.

The decoder calls every hook and never asks which encoding it has; a hook that is not overridden does nothing.

| hook | when | for whom |
|---|---|---|
| `embed` | once a pass, on the token embeddings | learned, multilevel, sinusoidal, seqpe (`added`) |
| `make_table` | once a pass, from the positions of the new tokens | rope, xpos, comrope, rope_alibi; rcmha (refuses) |
| `logit_bias` | once a pass, for any query and key positions; knows no content | alibi, nape, rope_alibi, sandwich, seqpe; t5, kerple, fire where layers share |
| `transform` | in every block, on queries, keys and values | rope, xpos, comrope, rope_alibi; carope (reads x), rcmha (convolves) |
| `context` | in every block: a bias that needs queries, keys, x or the layer | cope, cable, wavelet, rcmha; t5, kerple, fire where layers do not share |
| `auxiliary` | every training step: a loss of its own | seqpe |

What a block keeps from step to step stands in `BlockInputs.memory` (cable, carope, rcmha). Angles, distances and biases are
float32 whatever the precision of the activations. One module serves all layers; one that has weights a layer makes
`Shape.layers` of them and picks by `BlockInputs.layer`.

What attention costs is decided by the bias, under a rule that is fused:

| bias | path | cost in tokens |
|---|---|---|
| none | torch's kernel, causal (*fused*) | time quadratic, memory linear |
| of positions alone (*bias mask*) | the same kernel reads a mask, one for all examples that share positions | time and memory quadratic |
| learned, or of content (*bias mask, learned*) | in training explicit weights, as torch's CPU kernel has no gradient for a mask; the same kernel otherwise | time and memory quadratic, about twice those of a mask |

`scripts/bench.py schemes` measures it. On CUDA `trainer.flex=true` makes no mask of a bias by distance, learned or not
(alibi, nape, sandwich, rope_alibi; t5 and kerple where layers share): FlexAttention looks it up (`lengen.block.flex_bias`).
Values and gradients are held to those of the mask, on a CPU; it was not run on a GPU yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from jaxtyping import Float, Real
from torch import Tensor

from lengen.block.hooks import HookedModule
from lengen.block.inputs import (
    BlockInputs,
    Heads,
    KeyPositions,
    Keys,
    LogitBias,
    Queries,
    QueryPositions,
    Shape,
)
from lengen.config.aliases import METHODS, moved_from

if not TYPE_CHECKING:
    __getattr__ = moved_from(__name__)


class PositionalEncoding(HookedModule):
    """A positional encoding that does nothing, hook by hook.

    Args:
        shape: the decoder it serves.
    """

    hooks = ("embed", "make_table", "transform", "logit_bias", "context", "auxiliary")
    renamed = METHODS["PositionalEncoding"]
    revision: ClassVar[int] = 1
    """Goes up in the change that alters what the class computes or draws; a part of every cell's identity."""

    reads: ClassVar[bool] = True
    """False if positions never reach the decoder."""
    distances: ClassVar[bool] = False
    """True if only distances to earlier tokens are defined, so that positions must increase along time."""
    streams: ClassVar[int | None] = None
    """How many positions of a token it reads; None for one."""
    whole: ClassVar[bool] = False
    """True if only integer positions are defined."""
    stretches: ClassVar[bool] = False
    """True if the lengths of queries and keys carry their positions."""
    relative: ClassVar[bool] = True
    """False if a common shift of all positions changes what is computed."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape

    @property
    def budget(self) -> int | None:
        """Number of positions that are defined, 0 to budget - 1; None where every position is."""
        return None

    def embed(
        self,
        x: Float[Tensor, "batch time dim"],
        positions: Real[Tensor, "#batch time *streams"],
    ) -> Float[Tensor, "batch time dim"]:
        """Token embeddings with what the encoding adds to them."""
        return x

    def make_table(self, positions: Real[Tensor, "#batch time *streams"]) -> Tensor | None:
        """What `transform` needs for these positions, in float32; None for nothing."""
        return None

    def transform(
        self,
        query: Heads,
        key: Heads,
        value: Heads,
        table: Tensor | None,
        inputs: BlockInputs,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of the new tokens, as they are compared, cached and mixed.

        Args:
            query: as projected; likewise key and value.
            key: see query.
            value: see query.
            table: what `make_table` made.
            inputs: the block's view of the pass.
        """
        return query, key, value

    def logit_bias(
        self,
        query: QueryPositions,
        key: KeyPositions,
    ) -> LogitBias | None:
        """What is added to the scaled logits, in float32; values at key positions after the query's are ignored."""
        return None

    def context(
        self,
        query: Queries,
        key: Keys,
        inputs: BlockInputs,
    ) -> LogitBias | None:
        """What is added to the scaled logits of one block, in float32; values at later keys are ignored.

        Args:
            query: of the new tokens, as `transform` left them.
            key: of all tokens so far.
            inputs: the block's view of the pass.
        """
        return None

    def auxiliary(self, chance: torch.Generator) -> Float[Tensor, ""] | None:
        """A loss that is added to that of the answers in training.

        Args:
            chance: the only source of chance, another one every step.
        """
        return None
