"""A sink: a logit that takes a share of the attention and gives nothing (gpt-oss 2025; Miller 2023, "off by one")."""

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
    """Weights e^z / (e^s + sum of e^z), z = scale * q k + bias: a head may attend to nothing. One logit s a head.

    Fixed at 0 it is softmax off by one, at minus infinity softmax. The sink is one more key, in front of the others,
    and a value of zeros; one more channel, which is 1 in queries and 0 in the other keys, makes its logit s. Fused
    attention over a token more: time quadratic, memory linear in tokens without a bias. The share of the sink shrinks
    as keys become more: s does not grow with ln n. Unlike a softmax, a bias that is constant along a row matters.

    The learned sink *token* of Xiao et al. 2023 is another thing: it is what `decoder.bos` puts in front of every
    example.

    Args:
        shape: the decoder it serves.
        scale: `head_dim` divides logits by its square root; `none` leaves them (T5, and the central paper).
        logit: s, or where it starts (0 in x-transformers; gpt-oss draws it at random).
        learned: whether s is learned.
    """

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
            f"attention.logit={logit}: allowed is a finite number, or -inf if attention.learned is false",
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
        """See `AttentionRule`; with the sink in front, and behind a query for it so that causal stays causal."""
        if self.logit == -math.inf:
            return super().forward(query, key, value, bias, inputs)
        sink = key.new_full((self.shape.heads,), self.logit) if self.logits is None else self.logits
        seen = pad((sink / self.scale).to(key.dtype).view(-1, 1, 1), (key.shape[-1], 0))
        key = torch.cat([seen.expand(len(key), -1, -1, -1), pad(key, (0, 1))], 2)
        front = bias is None and query.shape[2] > 1
        query, value = pad(query, (0, 1, int(front), 0), value=1.0), pad(value, (0, 1, 1, 0))
        bias = None if bias is None else pad(bias, (1, 0))
        return super().forward(query, key, value, bias, inputs)[:, :, int(front) :, :-1]
