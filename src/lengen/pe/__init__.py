"""Positional encodings: how the decoder uses the position of each token.

An encoding is a subclass of `PositionalEncoding` that overrides one or more hooks. The decoder calls all hooks of any
encoding; a hook that is not overridden does nothing. Which position a token has is decided separately, by
`lengen.positions`.

| hook | called | purpose | used by |
|---|---|---|---|
| `embed` | once per forward pass | change the token embeddings | learned, multilevel, sinusoidal, seqpe (`added`) |
| `make_table` | once per forward pass | precompute what `transform` needs from the positions of the new tokens | rope, xpos, comrope, rope_alibi; rcmha (only checks the range) |
| `transform` | in every block | change queries, keys and values | rope, xpos, comrope, rope_alibi; carope (depends on x), rcmha (convolves) |
| `logit_bias` | once per forward pass | add a bias that depends on positions only | alibi, nape, rope_alibi, sandwich, seqpe; t5, kerple, fire with shared layers |
| `context` | in every block | add a bias that depends on queries, keys, x or the layer | cope, cable, wavelet, rcmha; t5, kerple, fire with weights per layer |
| `auxiliary` | every training step | add a loss | seqpe |

An encoding that lowers every logit by the distance between query and key:

    >>> class Ramp(PositionalEncoding):
    ...     def logit_bias(self, query, key):
    ...         return -(query.unsqueeze(-1) - key.unsqueeze(-2)).abs().float().unsqueeze(1)
    >>> positions = torch.arange(3).unsqueeze(0)
    >>> Ramp(Shape(dim=8, heads=2)).logit_bias(positions, positions)[0, 0, 2].tolist()
    [-2.0, -1.0, -0.0]

Values at keys after the query are ignored. `lengen.testing.check_encoding` tests a class against this contract.

One module serves all layers. An encoding with weights per layer creates `Shape.layers` sets of them and selects one by
`BlockInputs.layer`. State that a block carries from one decoding step to the next is kept in `BlockInputs.cache` (cable,
carope, rcmha). Angles, distances and biases are float32, whatever the precision of the activations.

The kind of bias determines the cost of attention under a fused attention rule (`lengen.attention`):

| bias | implementation | cost in tokens |
|---|---|---|
| none (*fused*) | torch's causal attention kernel | time quadratic, memory linear |
| of positions only (*bias mask*) | the same kernel with a mask, one for all examples that share positions | time and memory quadratic |
| learned, or of content (*bias mask, learned*) | explicit weights in training, as torch's CPU kernel has no gradient for a mask; otherwise the same kernel with a mask | time and memory quadratic, about twice those of a mask |

Evaluation reads what is longer than 256 tokens in pieces, with memory linear in tokens for all of them (`lengen.evaluation.reading`).
`scripts/bench.py schemes` measures the costs of training, `lengths` the memory of evaluation. On CUDA, `trainer.flex=true` builds no mask for a bias that depends on the
distance only (alibi, nape, sandwich, rope_alibi; t5 and kerple with shared layers): FlexAttention looks the bias up while
it attends (`lengen.block.flex_bias`). Its values and gradients are tested against those of the mask on a CPU; it has not
been run on a GPU yet.
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
    """Base class of positional encodings. Every hook of it does nothing.

    Args:
        shape: the decoder's shape.
    """

    hooks = ("embed", "make_table", "transform", "logit_bias", "context", "auxiliary")
    renamed = METHODS["PositionalEncoding"]
    revision: ClassVar[int] = 1
    """Raised by every change to what the class computes or draws; part of a cell's identity."""

    reads: ClassVar[bool] = True
    """False if the encoding ignores positions."""
    distances: ClassVar[bool] = False
    """True if the encoding is defined for distances to earlier tokens only, so that positions must increase along time."""
    streams: ClassVar[int | None] = None
    """Number of positions read per token, as the last axis of `positions`; None for one position and no such axis."""
    whole: ClassVar[bool] = False
    """True if the encoding is defined for integer positions only."""
    stretches: ClassVar[bool] = False
    """True if the norms of queries and keys depend on their positions."""
    both_ways: ClassVar[bool] = False
    """True if the class itself says that it is defined for keys after the query, too, as a prompt has with `decoder.mask=prefix`."""
    relative: ClassVar[bool] = True
    """False if a common shift of all positions changes the result."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape

    @property
    def budget(self) -> int | None:
        """Number of positions that are defined, 0 to budget - 1; None if all are."""
        return None

    def embed(
        self,
        x: Float[Tensor, "batch time dim"],
        positions: Real[Tensor, "#batch time *streams"],
    ) -> Float[Tensor, "batch time dim"]:
        """Return the token embeddings, with positions added."""
        return x

    def make_table(self, positions: Real[Tensor, "#batch time *streams"]) -> Tensor | None:
        """Return what `transform` needs for these positions, in float32; None if nothing."""
        return None

    def transform(
        self,
        query: Heads,
        key: Heads,
        value: Heads,
        table: Tensor | None,
        inputs: BlockInputs,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values of the new tokens, as they are compared, cached and mixed.

        Args:
            query: queries, as projected.
            key: keys, as projected.
            value: values, as projected.
            table: the result of `make_table`.
            inputs: what else the block may read.
        """
        return query, key, value

    def logit_bias(
        self,
        query: QueryPositions,
        key: KeyPositions,
    ) -> LogitBias | None:
        """Return what is added to the scaled logits of all blocks, in float32; values at keys after the query are ignored."""
        return None

    def context(
        self,
        query: Queries,
        key: Keys,
        inputs: BlockInputs,
    ) -> LogitBias | None:
        """Return what is added to the scaled logits of one block, in float32; values at keys after the query are ignored.

        Args:
            query: queries of the new tokens, as returned by `transform`.
            key: keys of all tokens so far, as returned by `transform`.
            inputs: what else the block may read.
        """
        return None

    def auxiliary(self, generator: torch.Generator) -> Float[Tensor, ""] | None:
        """Return a loss to add to that of the answers in training; None for no loss.

        Args:
            generator: the only source of randomness, keyed by the training step.
        """
        return None
