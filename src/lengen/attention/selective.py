"""Selective attention: a token may tell later ones to look away from another (Leviathan et al. 2024)."""

from __future__ import annotations

from typing import Literal

import torch
from torch.nn.functional import pad

from lengen.attention import AttentionRule
from lengen.block.inputs import BlockInputs, Logits, Shape


class Selective(AttentionRule):
    """softmax(z - F) v with F_ij = sum over tokens m < i of relu(z_mj) in head 0, for all heads. Nothing is learned.

    z are the scaled logits with the encoding's bias: a bias that is negative far away, as ALiBi's, selects less there
    (the paper has RoPE; with a bias is our reading, as in x-transformers). No token selects against itself, nor against
    the first token, which should be bos; F_i counts strictly earlier tokens. Explicit weights and a cumulative sum in
    float32: time and memory quadratic in tokens. A running sum a key is kept from step to step. Beyond the trained
    length more tokens select, so that less is seen; from the start of training on what is old fades. The paper's loss
    on memory and its pruning of the cache are not here: their formulas were not available.

    Args:
        shape: the decoder it serves.
        scale: `head_dim` divides logits by its square root; `none` leaves them (T5, and the central paper).
        keep_first: whether nothing is selected against the first token.
    """

    fused = False

    def __init__(
        self, shape: Shape, scale: Literal["head_dim", "none"] = "head_dim", keep_first: bool = True
    ) -> None:
        super().__init__(shape, scale)
        self.keep_first = keep_first

    def adjust(self, logits: Logits, inputs: BlockInputs) -> Logits:
        """Less what earlier tokens selected; the sum goes on with the next tokens."""
        spared = inputs.back <= 0
        if self.keep_first:
            spared[:, 0] = True
        chosen = logits[:, 0].masked_fill(spared | logits[:, 0].isneginf(), 0).relu()
        before = inputs.cache.get("selected")
        if before is None:
            before = chosen.new_zeros(chosen.shape[0], 0)
        before = pad(before, (0, chosen.shape[2] - before.shape[1])).unsqueeze(1)
        total = before + chosen.cumsum(1)
        inputs.cache.put("selected", total[:, -1])
        return logits - torch.cat([before, total[:, :-1]], 1).unsqueeze(1)
