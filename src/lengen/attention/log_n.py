"""Logits that grow with the logarithm of the number of keys (Chiang and Cholak 2022; Su 2023; Jin et al. 2024)."""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from lengen.attention import AttentionRule
from lengen.block.inputs import BlockInputs, Shape, wide
from lengen.config.errors import require


def counted(inputs: BlockInputs) -> Float[Tensor, "query 1"]:
    """How many keys each row sees, 1 for the first, as a number to take logarithms of."""
    return inputs.visible.to(wide(inputs.x).dtype).unsqueeze(-1)


class LogN(AttentionRule):
    """softmax(max(1, ln n / ln L) * scale * q k + bias) v, where n is the number of keys that the row sees.

    More keys flatten a softmax; logits that grow with ln n keep its entropy about constant. Up to L keys nothing
    changes, so that a trained decoder may be given this rule afterwards. Each row counts its own keys, so that rows
    never depend on later tokens (the form of ReRoPE and LongLM; CLEX multiplies all rows by that of the last). Without
    the clip the rule is for training: ln(n + 1) / ln(L + 1), 1 at L keys; the added 1 is our choice, it spares the
    first row a factor of 0. The bias of the encoding is not multiplied, which is our reading. Fused: time quadratic,
    memory linear in tokens without a bias. Defined at every length.

    Args:
        shape: the decoder it serves.
        scale: `head_dim` divides logits by its square root; `none` leaves them (T5, and the central paper).
        trained_tokens: L, the tokens of the longest trained example, bos included (tokens, not the task's length).
        clip: whether rows of fewer keys are left alone.
    """

    def __init__(
        self,
        shape: Shape,
        scale: Literal["head_dim", "none"] = "head_dim",
        trained_tokens: int = 64,
        clip: bool = True,
    ) -> None:
        super().__init__(shape, scale)
        require(trained_tokens >= 2, f"attention.trained_tokens={trained_tokens}: allowed is 2 or more")  # noqa: PLR2004
        self.trained_tokens, self.clip = trained_tokens, clip

    def sharpen(self, inputs: BlockInputs) -> Float[Tensor, "query 1"]:
        """The logarithm of the row's keys over that of the trained ones."""
        keys = counted(inputs)
        if self.clip:
            return torch.clamp(keys.log() / math.log(self.trained_tokens), min=1)
        return keys.log1p() / math.log1p(self.trained_tokens)
