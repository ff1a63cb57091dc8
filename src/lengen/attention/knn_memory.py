"""kNN memory: a window of tokens, and the nearest of all earlier keys (Memorizing Transformer, Wu et al. 2022)."""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Bool
from torch import Tensor, nn
from torch.nn.functional import normalize

from lengen.attention import AttentionRule
from lengen.block.inputs import BlockInputs, Keys, Logits, MaskedBias, Queries, Shape, wide
from lengen.config.errors import require


class KnnMemory(AttentionRule):
    """One softmax over the last `window` tokens and, of all earlier tokens, the `neighbours` with the largest logits.

    Neighbours are found anew for every row and head, exactly, in training as in decoding; among equal logits the later key
    is taken. Logits are z = scale * q k + bias, or exp(t) cos(q, k) + bias with a learned t per head that starts at
    ln `temperature`. The paper mixes two softmaxes by a learned gate; one softmax over both, and cosines, are the form of
    later implementations. There the local keys are those of the last segment, and the encoding's bias reaches them alone;
    here the window slides, and keys of the memory are compared as the encoding gives them, so that a steep bias keeps far
    keys from being neighbours. As in the paper, no gradient reaches keys and values through the memory: they are trained
    by the rows that have them in their window. Up to window + neighbours tokens it is a softmax (with score=logit).
    Beyond the trained length a row attends to as many keys as before, chosen from more. Cost: explicit weights and a
    sort, time and memory quadratic in tokens; nothing is saved.

    Args:
        shape: the decoder's shape.
        scale: `head_dim` divides the logits by sqrt(head_dim); `none` does not (T5; Kazemnejad et al. 2023). Only with score=logit.
        window: last tokens that are always seen, the row's own included; at least 1.
        neighbours: keys that are taken from those before the window; at least 0, and 0 is `attention=window`.
        score: how queries and keys are compared, in the window as in the memory: `logit`, or `cosine` with a learned temperature.
        temperature: initial factor on cosines, above 0.
        gradient: whether gradients reach keys and values through the memory.
    """

    fused = False
    sparse = True

    def __init__(
        self,
        shape: Shape,
        scale: Literal["head_dim", "none"] = "head_dim",
        window: int = 16,
        neighbours: int = 8,
        score: Literal["logit", "cosine"] = "logit",
        temperature: float = 20.0,
        gradient: bool = False,
    ) -> None:
        super().__init__(shape, scale)
        require(window >= 1, f"attention.window={window}: must be at least 1")
        require(neighbours >= 0, f"attention.neighbours={neighbours}: must be at least 0")
        require(
            0 < temperature < math.inf, f"attention.temperature={temperature}: must be above 0, and finite"
        )
        require(
            score == "logit" or scale == "head_dim",
            f"attention.scale={scale}: cosines have no scale but attention.temperature; must be head_dim with attention.score=cosine",
        )
        self.window, self.neighbours, self.gradient = window, neighbours, gradient
        self.directions = score == "cosine"
        if self.directions:
            self.scale = 1.0
            self.logarithm = nn.Parameter(torch.full((shape.heads,), math.log(temperature)))

    def forward(
        self, query: Queries, key: Keys, value: Keys, bias: MaskedBias | None, inputs: BlockInputs
    ) -> Queries:
        """See `AttentionRule`; cosines are products of normalised vectors, and values of the memory may be cut off."""
        if self.directions:
            factor = wide(self.logarithm).exp().view(-1, 1, 1)
            query = (factor * normalize(wide(query), dim=-1)).to(query.dtype)
            key = normalize(wide(key), dim=-1).to(key.dtype)
        if not self._cuts(key):
            return super().forward(query, key, value, bias, inputs)
        weights = self._mixing_weights(query, key, bias, inputs).to(value.dtype)
        far = self._far(inputs)
        return weights.masked_fill(far, 0) @ value + weights.masked_fill(~far, 0) @ value.detach()

    def compare(self, query: Queries, key: Keys, inputs: BlockInputs) -> Logits:
        """Products of queries and keys, without a gradient to the keys of the memory if there is to be none."""
        products = super().compare(query, key, inputs)
        if not self._cuts(key):
            return products
        return torch.where(self._far(inputs), super().compare(query, key.detach(), inputs), products)

    def adjust(self, logits: Logits, inputs: BlockInputs) -> Logits:
        """Minus infinity for keys of the memory that are no neighbours."""
        if logits.shape[-1] - self.window <= self.neighbours:
            return logits
        far = self._far(inputs)
        scores = logits.detach().masked_fill(~far, -torch.inf).flip(-1)  # the later of two equal ones first
        nearest = scores.sort(dim=-1, descending=True, stable=True).indices[..., : self.neighbours]
        chosen = torch.zeros_like(scores, dtype=torch.bool).scatter(-1, nearest, value=True).flip(-1)
        return logits.masked_fill(far & ~chosen, -torch.inf)

    def _cuts(self, key: Keys) -> bool:
        """Whether there are gradients, and a memory that they must not reach."""
        return not self.gradient and torch.is_grad_enabled() and key.shape[2] > self.window

    def _far(self, inputs: BlockInputs) -> Bool[Tensor, "query key"]:
        """Which keys are in the memory of which row."""
        return inputs.back >= self.window
