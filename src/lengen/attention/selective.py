"""Selective attention: a token can mask an earlier token for all later ones (Leviathan et al. 2024)."""

from __future__ import annotations

from typing import Literal

import torch
from torch.nn.functional import pad

from lengen.attention import AttentionRule
from lengen.block.inputs import BlockInputs, Logits, Shape


class Selective(AttentionRule):
    """softmax(z - F) v with F_ij = sum over tokens m < i of relu(z_mj) in head 0, for all heads. Nothing is learned.

    z are the scaled logits with the encoding's bias: if the bias is negative at far keys, as in ALiBi, less is masked there
    (the paper uses RoPE; including a bias is our interpretation, as in x-transformers). A token masks neither itself nor
    the first token, which should be bos; F_i sums over strictly earlier tokens. Decoding keeps one running sum per key.
    Beyond the trained length more tokens contribute to F, so that less is visible; old tokens fade from the start of
    training on. The paper's memory loss and cache pruning are not implemented, as their formulas were not available.
    Cost: explicit weights and a cumulative sum in float32, time and memory quadratic in tokens.

    Args:
        shape: the decoder's shape.
        scale: `head_dim` divides the logits by sqrt(head_dim); `none` does not (T5; Kazemnejad et al. 2023).
        keep_first: whether the first token is never masked.
    """

    fused = False
    reads_queries = True

    def __init__(
        self, shape: Shape, scale: Literal["head_dim", "none"] = "head_dim", keep_first: bool = True
    ) -> None:
        super().__init__(shape, scale)
        self.keep_first = keep_first

    def adjust(self, logits: Logits, inputs: BlockInputs) -> Logits:
        """Subtract F from the logits; the running sum continues with the next tokens."""
        protected = inputs.back <= 0
        if self.keep_first:
            protected[:, 0] = True
        selected = logits[:, 0].masked_fill(protected | logits[:, 0].isneginf(), 0).relu()
        before = inputs.cache.get("selected")
        if before is None:
            before = selected.new_zeros(selected.shape[0], 0)
        before = pad(before, (0, selected.shape[2] - before.shape[1])).unsqueeze(1)
        total = before + selected.cumsum(1)
        inputs.cache.put("selected", total[:, -1])
        return logits - torch.cat([before, total[:, :-1]], 1).unsqueeze(1)
