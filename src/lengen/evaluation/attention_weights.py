"""Attention weights of a decoder, for any attention rule.

A rule is linear in the values. Its output for one-hot values is therefore its weights, and no rule needs to return them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor

from lengen.attention import AttentionRule
from lengen.block.inputs import BlockInputs
from lengen.decoder import Decoder

Slots = dict[tuple[int, int], Float[Tensor, "batch heads query key"]]
"""Weights by loop and layer, both from 0."""


@torch.no_grad()
def weights(
    decoder: Decoder,
    tokens: Int[Tensor, "batch time"],
    positions: Real[Tensor, "#batch time *streams"],
    prompt: Int[Tensor, " batch"] | None = None,
) -> Slots:
    """Return the attention weights of every head.

    Args:
        decoder: in evaluation mode.
        tokens: token ids, including bos.
        positions: positions of the tokens.
        prompt: number of tokens before the answer of each row, for decoders that read it.

    Returns:
        Weights by loop and layer.
    """
    collected: Slots = {}

    def collect(layer: int) -> Callable[..., None]:
        def hook(rule: AttentionRule, arguments: tuple[Any, ...], _: Tensor) -> None:
            loop = sum(other == layer for _, other in collected)
            query, key, _value, bias, inputs = arguments
            collected[loop, layer] = rule_weights(rule, query, key, bias, inputs)

        return hook

    with ExitStack() as stack:
        for layer, rule in enumerate(decoder.rules):
            handle = rule.register_forward_hook(collect(layer))
            stack.callback(handle.remove)
        decoder(tokens, positions, prompt=prompt)
    return collected


def rule_weights(
    rule: AttentionRule,
    query: Float[Tensor, "batch heads query head_dim"],
    key: Float[Tensor, "batch heads key head_dim"],
    bias: Float[Tensor, "#batch #heads query key"] | None,
    inputs: BlockInputs,
) -> Float[Tensor, "batch heads query key"]:
    """Return the weights of a rule: its output for one-hot values, `head_dim` keys at a time."""
    keys, width = key.shape[2:]
    columns = math.ceil(keys / width) * width
    one_hot = torch.zeros(keys, columns, dtype=key.dtype, device=key.device).fill_diagonal_(1)
    parts = [
        rule.forward(query, key, part.expand(*key.shape[:2], -1, -1), bias, inputs)
        for part in torch.split(one_hot, width, 1)
    ]
    return torch.cat(parts, -1)[..., :keys]
