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
    """Number of keys that each row sees (1 for the first row), in float32 or wider."""
    return inputs.visible.to(wide(inputs.x).dtype).unsqueeze(-1)


class LogN(AttentionRule):
    """softmax(max(1, ln n / ln L) * scale * q k + bias) v, where n is the number of keys that the row sees.

    With more keys a softmax flattens; logits that grow with ln n keep its entropy about constant. Up to L keys nothing
    changes, so that this rule can be applied to a trained decoder. Each row counts its own keys and never depends on later
    tokens (as in ReRoPE and LongLM; CLEX uses the factor of the last row for all rows). Without the clip the rule is meant
    for training: ln(n + 1) / ln(L + 1), which is 1 at L keys; adding 1 is our choice and avoids a factor of 0 in the first
    row. The bias of the encoding is not multiplied, which is our interpretation. Defined at every length. Cost: fused
    attention, time quadratic and (without a bias) memory linear in tokens.

    Args:
        shape: the decoder's shape.
        scale: `head_dim` divides the logits by sqrt(head_dim); `none` does not (T5; Kazemnejad et al. 2023).
        trained_tokens: L, number of tokens of the longest training example, including bos (not the task's length).
        clip: whether rows with fewer than L keys are left unchanged.
    """

    def __init__(
        self,
        shape: Shape,
        scale: Literal["head_dim", "none"] = "head_dim",
        trained_tokens: int = 64,
        clip: bool = True,
    ) -> None:
        super().__init__(shape, scale)
        require(trained_tokens >= 2, f"attention.trained_tokens={trained_tokens}: must be at least 2")  # noqa: PLR2004
        self.trained_tokens, self.clip = trained_tokens, clip

    def sharpen(self, inputs: BlockInputs) -> Float[Tensor, "query 1"]:
        """The logarithm of the row's number of keys, divided by that of the trained number."""
        keys = counted(inputs)
        if self.clip:
            return torch.clamp(keys.log() / math.log(self.trained_tokens), min=1)
        return keys.log1p() / math.log1p(self.trained_tokens)
