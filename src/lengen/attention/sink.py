"""Attention sink: a logit that takes part of the weight and has no value (gpt-oss 2025; Miller 2023, "off by one")."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import nn
from torch.nn.functional import pad

from lengen.attention import AttentionRule
from lengen.block.inputs import BlockInputs, Keys, MaskedBias, Queries, Shape
from lengen.config.errors import require


class Sink(AttentionRule):
    """Weights e^z / (e^s + sum of e^z), z = scale * q k + bias, so that a head may attend to nothing. One logit s per head.

    s = 0 is softmax off by one, s = minus infinity is softmax. The sink is implemented as one more key in front of the
    others, with a value of zeros; an additional channel, which is 1 in queries and 0 in all other keys, makes its logit s.
    The weight of the sink shrinks with the number of keys, as s does not grow with ln n. Unlike in a softmax, a bias that
    is constant along a row matters. Cost: fused attention over one more token, time quadratic and (without a bias) memory
    linear in tokens.

    The learned sink *token* of Xiao et al. 2023 is something else: it is the token that `decoder.bos` puts in front of
    every example.

    Args:
        shape: the decoder's shape.
        scale: `head_dim` divides the logits by sqrt(head_dim); `none` does not (T5; Kazemnejad et al. 2023).
        logit: s, or its initial value if learned (0 in x-transformers; random in gpt-oss).
        learned: whether s is learned.
    """

    both_ways = True

    def __init__(
        self,
        shape: Shape,
        scale: Literal["head_dim", "none"] = "head_dim",
        logit: float = 0.0,
        learned: bool = True,
    ) -> None:
        super().__init__(shape, scale)
        require(
            math.isfinite(logit) or (logit == -math.inf and not learned),
            f"attention.logit={logit}: must be finite, or -inf with attention.learned=false",
        )
        self.logit = logit
        self.logits = nn.Parameter(torch.full((shape.heads,), logit)) if learned else None

    def forward(
        self,
        query: Queries,
        key: Keys,
        value: Keys,
        bias: MaskedBias | None,
        inputs: BlockInputs,
    ) -> Queries:
        """See `AttentionRule`; with the sink as first key, and a query for it where the causal mask needs one per key."""
        if self.logit == -math.inf:
            return super().forward(query, key, value, bias, inputs)
        logits = key.new_full((self.shape.heads,), self.logit) if self.logits is None else self.logits
        sink = pad((logits / self.scale).to(key.dtype).view(-1, 1, 1), (key.shape[-1], 0))
        key = torch.cat([sink.expand(len(key), -1, -1, -1), pad(key, (0, 1))], 2)
        extra = int(bias is None and query.shape[2] > 1)
        query, value = pad(query, (0, 1, extra, 0), value=1.0), pad(value, (0, 1, 1, 0))
        bias = None if bias is None else pad(bias, (1, 0))
        return super().forward(query, key, value, bias, inputs)[:, :, extra:, :-1]
