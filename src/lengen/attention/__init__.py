"""How logits become weights: the contract of an attention.

A rule is softmax(scale * q k + bias) v with one step or another of its own. The steps, in order; one that is not
overridden does what softmax does:

| hook | what | for whom |
|---|---|---|
| `sharpen` | a factor on each row's and head's logits, but not on the bias | log_n, ssmax, asentmax, temperature, lssa |
| `hide` | keys that a head does not see, beside later ones | hard_alibi, window, blockwise |
| `adjust` | logits that look at each other | selective |
| `normalise` | logits to weights | lssa, stick_breaking, entmax |
| `reweigh` | weights, changed after they were normalised | lssar, urpe |
| `forward` | other queries, keys and values than those of the tokens | sink, lssa |
| `share` | once, when the decoder is built: weights of the first layer for all | urpe |

A rule that only sharpens and hides stays fused: torch's own kernels, time quadratic and memory linear in tokens
without a bias (`lengen.pe` says what a bias costs); what it hides is a mask. The others need explicit weights, time and
memory quadratic with several such matrices kept, and say so by `fused = False`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from lengen.block.hooks import HookedModule
from lengen.block.inputs import BlockInputs, Keys, Logits, MaskedBias, Queries, Shape, wide
from lengen.config.aliases import moved_from

if not TYPE_CHECKING:
    __getattr__ = moved_from(__name__)


class AttentionRule(HookedModule):
    """From queries, keys and values to their mix. One module a layer.

    Args:
        shape: the decoder it serves.
        scale: `head_dim` divides logits by its square root; `none` leaves them (T5, and the central paper).
    """

    hooks = ("forward", "share", "sharpen", "hide", "adjust", "normalise", "reweigh")
    revision: ClassVar[int] = 1
    """Goes up in the change that alters what the class computes or draws; a part of every cell's identity."""

    fused: ClassVar[bool] = True
    """False if a step behind the bias is the rule's own."""
    distances: ClassVar[bool] = False
    """True if only distances to earlier tokens are defined, so that positions must increase along time."""
    whole: ClassVar[bool] = False
    """True if only integer positions are defined."""
    directions: ClassVar[bool] = False
    """True if queries and keys count by their direction alone, so that an encoding must leave their lengths as they are."""
    reads: bool = False
    """True if positions matter to the rule itself; an option may decide it."""
    sparse: bool = False
    """True if an earlier key may have a weight of exactly 0; an option may decide it."""

    def __init__(self, shape: Shape, scale: Literal["head_dim", "none"] = "head_dim") -> None:
        super().__init__()
        self.shape = shape
        self.scale = shape.head_dim**-0.5 if scale == "head_dim" else 1.0

    def forward(
        self,
        query: Queries,
        key: Keys,
        value: Keys,
        bias: MaskedBias | None,
        inputs: BlockInputs,
    ) -> Queries:
        """Mix the values.

        Args:
            query: queries, the newest tokens.
            key: keys of all tokens so far.
            value: their values.
            bias: added to the scaled logits, minus infinity where a key is not to be seen. None means causal and
                nothing else, unless the inputs has a table of distances: all keys for a single query, as many queries
                as keys otherwise.
            inputs: the block's view of the pass.
        """
        factor, bias = self.sharpen(inputs), self._hidden(bias, inputs)
        if factor is not None:
            query = (wide(query) * factor).to(query.dtype)
        if not self.fused:
            logits = wide(query @ key.mT) * self.scale
            logits = logits.masked_fill(inputs.later, -torch.inf) if bias is None else logits + bias
            weights = self.reweigh(self.normalise(self.adjust(logits, inputs), inputs), inputs)
            return weights.to(value.dtype) @ value
        if inputs.distance_bias is not None:
            return inputs.distance_bias.mix(query, key, value, self.scale)
        mask = None if bias is None else bias.to(query.dtype)
        causal = bias is None and query.shape[2] > 1
        return scaled_dot_product_attention(
            query, key, value, attn_mask=mask, is_causal=causal, scale=self.scale
        )

    @property
    def only_sharpens(self) -> bool:
        """Whether the rule is softmax but for a factor on the logits, so that no kernel needs more than that."""
        own = (getattr(type(self), hook) is not getattr(AttentionRule, hook) for hook in ("forward", "hide"))
        return self.fused and not any(own)

    def share(self, first: AttentionRule) -> None:
        """Take over what all layers have in common; a rule a layer shares nothing.

        Args:
            first: the rule of the first layer, made alike.
        """

    def sharpen(self, inputs: BlockInputs) -> Float[Tensor, "..."] | None:
        """What each row and head multiplies its scaled logits by, before the bias; None for 1.

        Its shape broadcasts with [batch, heads, query, 1], and it is of float32 or wider: queries are multiplied there.
        """
        return None

    def hide(self, inputs: BlockInputs) -> Bool[Tensor, "#batch #heads query key"] | None:
        """Which keys are not seen, beside later ones; None for no others. Each query sees at least its own."""
        return None

    def adjust(self, logits: Logits, inputs: BlockInputs) -> Logits:
        """Logits, scaled, biased and minus infinity where a key is not seen, before they are normalised."""
        return logits

    def normalise(self, logits: Logits, inputs: BlockInputs) -> Logits:
        """Logits to weights, 0 where they are minus infinity."""
        return logits.softmax(-1)

    def reweigh(self, weights: Logits, inputs: BlockInputs) -> Logits:
        """Weights, changed after they were normalised."""
        return weights

    def _hidden(self, bias: MaskedBias | None, inputs: BlockInputs) -> MaskedBias | None:
        """The bias, minus infinity where the rule or the causal mask hides a key."""
        hidden = self.hide(inputs)
        if hidden is None:
            return bias
        if bias is None:
            hidden = hidden | inputs.later
            bias = torch.zeros(hidden.shape, device=hidden.device)
        return bias.masked_fill(hidden, -torch.inf)
