"""Attention rules: how queries and keys become attention weights, and values are mixed.

A rule is a subclass of `AttentionRule`. The base class is softmax attention, softmax(scale * q k + bias) v; a rule
overrides the steps in which it differs. The bias comes from the positional encoding (`lengen.pe`). The steps, in order:

| hook | purpose | overridden by |
|---|---|---|
| `sharpen` | multiply the logits of each row and head by a factor, but not the bias | log_n, ssmax, asentmax, temperature, lssa |
| `hide` | mask keys, in addition to later ones | hard_alibi, window, blockwise |
| `compare` | compare queries with keys, before the scale (where weights are explicit) | knn_memory, extensions that change distances |
| `adjust` | change the logits, after scale, bias and masks | selective, knn_memory |
| `normalise` | turn logits into weights | lssa, stick_breaking, entmax |
| `reweigh` | change the normalised weights | lssar, urpe |
| `forward` | change queries, keys and values before these steps, or how values are mixed | sink, lssa, knn_memory |
| `share` | share weights between layers; called once, when the decoder is built | urpe |

A rule that lets a token attend to itself and the three tokens before it:

    >>> class LastFour(AttentionRule):
    ...     def hide(self, inputs):
    ...         return (inputs.back > 3)[None, None]

`lengen.testing.check_attention` tests a class against this contract. Each layer has a module of its own.

Cost: a rule that overrides `sharpen` and `hide` only stays fused. It uses torch's kernels, with time quadratic and memory
linear in tokens if there is no bias (`lengen.pe` has the cost of a bias); hidden keys make a mask. All other rules compute
explicit weights, keep several matrices with time and memory quadratic in tokens, and declare `fused = False`.
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
    """Softmax attention, and base class of attention rules. Each layer has its own module.

    Args:
        shape: the decoder's shape.
        scale: `head_dim` divides the logits by sqrt(head_dim); `none` does not (T5; Kazemnejad et al. 2023).
    """

    hooks = ("forward", "share", "sharpen", "hide", "compare", "adjust", "normalise", "reweigh")
    revision: ClassVar[int] = 1
    """Raised by every change to what the class computes or draws; part of a cell's identity."""

    fused: ClassVar[bool] = True
    """False if the rule overrides a step after the bias (`adjust`, `normalise` or `reweigh`), which needs explicit weights."""
    distances: ClassVar[bool] = False
    """True if the rule is defined for distances to earlier tokens only, so that positions must increase along time."""
    whole: ClassVar[bool] = False
    """True if the rule is defined for integer positions only."""
    directions: bool = False
    """True if only the directions of queries and keys matter, so that an encoding must not change their norms; may be set per instance."""
    both_ways: ClassVar[bool] = False
    """True if the class itself says that it is defined for later keys, too, as a prompt has with `decoder.mask=prefix`: it hides and counts none."""
    reads: bool = False
    """True if the rule itself depends on positions; may be set per instance."""
    sparse: bool = False
    """True if earlier keys may get a weight of exactly 0; may be set per instance."""

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
        """Return the values mixed by the attention weights.

        Args:
            query: queries of the new tokens.
            key: keys of all tokens so far.
            value: values of all tokens so far.
            bias: what is added to the scaled logits, minus infinity for masked keys. None means the causal mask only; there
                is then either a single query, which sees all keys, or one query per key. A bias may also be given as
                `inputs.distance_bias`.
            inputs: what else the block may read.
        """
        factor, bias = self.sharpen(inputs), self._masked(bias, inputs)
        if factor is not None:
            query = (wide(query) * factor).to(query.dtype)
        if not self.fused:
            return self._mixing_weights(query, key, bias, inputs).to(value.dtype) @ value
        if inputs.distance_bias is not None:
            return inputs.distance_bias.mix(query, key, value, self.scale)
        mask = None if bias is None else bias.to(query.dtype)
        causal = bias is None and query.shape[2] > 1
        return scaled_dot_product_attention(
            query, key, value, attn_mask=mask, is_causal=causal, scale=self.scale
        )

    @property
    def only_sharpens(self) -> bool:
        """Whether the rule differs from softmax by a factor on the logits at most, so that FlexAttention can compute it."""
        overridden = (
            getattr(type(self), hook) is not getattr(AttentionRule, hook) for hook in ("forward", "hide")
        )
        return self.fused and not any(overridden)

    @property
    def linear(self) -> bool:
        """Whether memory is linear in tokens where there is no bias: no key is hidden, and no weights are explicit."""
        return self.fused and type(self).hide is AttentionRule.hide

    def share(self, first: AttentionRule) -> None:
        """Take over the weights that all layers share. By default layers share nothing.

        Args:
            first: the rule of the first layer, of the same class and options.
        """

    def sharpen(self, inputs: BlockInputs) -> Float[Tensor, "..."] | None:
        """Return the factor on the scaled logits of each row and head, before the bias is added; None for 1.

        Its shape broadcasts with [batch, heads, query, 1]; its dtype is float32 or wider, in which queries are multiplied.
        """
        return None

    def hide(self, inputs: BlockInputs) -> Bool[Tensor, "#batch #heads query key"] | None:
        """Return which keys are masked, in addition to later ones; None if none. Each query must see at least its own key."""
        return None

    def compare(self, query: Queries, key: Keys, inputs: BlockInputs) -> Logits:
        """Return the products of queries and keys; called only where weights are explicit (`fused` is False)."""
        return query @ key.mT

    def adjust(self, logits: Logits, inputs: BlockInputs) -> Logits:
        """Return the logits to normalise, given the logits after scale, bias and masks (minus infinity at masked keys)."""
        return logits

    def normalise(self, logits: Logits, inputs: BlockInputs) -> Logits:
        """Return the weights, 0 where the logits are minus infinity."""
        return logits.softmax(-1)

    def reweigh(self, weights: Logits, inputs: BlockInputs) -> Logits:
        """Return the weights to mix values with, given the normalised ones."""
        return weights

    def _mixing_weights(
        self, query: Queries, key: Keys, bias: MaskedBias | None, inputs: BlockInputs
    ) -> Logits:
        """The explicit weights, given sharpened queries and a bias with all masks."""
        logits = wide(self.compare(query, key, inputs)) * self.scale
        logits = logits.masked_fill(inputs.later, -torch.inf) if bias is None else logits + bias
        return self.reweigh(self.normalise(self.adjust(logits, inputs), inputs), inputs)

    def _masked(self, bias: MaskedBias | None, inputs: BlockInputs) -> MaskedBias | None:
        """The bias, minus infinity at keys that the rule or the causal mask hides."""
        hidden = self.hide(inputs)
        if hidden is None:
            return bias
        if bias is None:
            hidden = hidden | inputs.later
            bias = torch.zeros(hidden.shape, device=hidden.device)
        return bias.masked_fill(hidden, -torch.inf)
