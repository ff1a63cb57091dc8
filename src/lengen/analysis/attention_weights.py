"""The attention weights of a decoder, whatever its rule: what the rule makes of one-hot values.

A rule is linear in the values, so that mixing the rows of an identity gives its weights: no rule needs to show them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor

from lengen.attention import AttentionRule
from lengen.block.inputs import BlockInputs
from lengen.decoder import Decoder
from lengen.positions import Positions
from lengen.sampling import generator
from lengen.task import Batch

NUMBERS = 2**23
"""Weights of all heads that are held at once: 32 MiB of float32."""
Slots = dict[tuple[int, int], Float[Tensor, "batch heads query key"]]
"""Weights by loop and layer, both from 0."""


@torch.no_grad()
def weights(
    decoder: Decoder, tokens: Int[Tensor, "batch time"], positions: Real[Tensor, "#batch time *streams"]
) -> Slots:
    """Weights of every head over some tokens.

    Args:
        decoder: in evaluation mode.
        tokens: all of them, bos included.
        positions: of the tokens.
    """
    found: Slots = {}

    def keep(layer: int) -> Callable[..., None]:
        def hook(rule: AttentionRule, arguments: tuple[Any, ...], _: Tensor) -> None:
            loop = sum(known == layer for _, known in found)
            query, key, _value, bias, inputs = arguments
            found[loop, layer] = of_rule(rule, query, key, bias, inputs)

        return hook

    with ExitStack() as stack:
        for layer, rule in enumerate(decoder.rules):
            handle = rule.register_forward_hook(keep(layer))
            stack.callback(handle.remove)
        decoder(tokens, positions)
    return found


def of_rule(
    rule: AttentionRule,
    query: Float[Tensor, "batch heads query head_dim"],
    key: Float[Tensor, "batch heads key head_dim"],
    bias: Float[Tensor, "#batch #heads query key"] | None,
    inputs: BlockInputs,
) -> Float[Tensor, "batch heads query key"]:
    """Weights of a rule: its mix of one-hot values, as many at a time as a head has channels."""
    keys, width = key.shape[2:]
    ones = torch.zeros(keys, -(-keys // width) * width, dtype=key.dtype, device=key.device).fill_diagonal_(1)
    parts = [
        rule.forward(query, key, part.expand(*key.shape[:2], -1, -1), bias, inputs)
        for part in torch.split(ones, width, 1)
    ]
    return torch.cat(parts, -1)[..., :keys]


def looked(
    decoder: Decoder, batch: Batch, positions: Positions, key: tuple[str | int, ...], rows: int | None = None
) -> Iterator[tuple[Batch, Slots]]:
    """Examples as the decoder reads them and its weights over them, as many at a time as memory wants.

    Args:
        decoder: in evaluation mode.
        batch: as the task draws it, without bos.
        positions: the position of each token.
        key: of the generator for random positions.
        rows: examples at a time; None takes as many as memory wants.
    """
    architecture = decoder.architecture
    batch = batch.begin() if architecture.bos else batch
    device = next(decoder.parameters()).device
    drawn = positions(batch, generator(*key), training=False)
    held = architecture.loops * architecture.layers * architecture.heads * batch.time**2
    size = rows or max(NUMBERS // held, 1)
    for start in range(0, len(batch), size):
        some = slice(start, start + size)
        part = batch.rows(some)
        placed = (drawn if drawn.shape[0] == 1 else drawn[some])[:, : part.time]
        yield (
            part,
            {
                slot: found.cpu()
                for slot, found in weights(decoder, part.tokens.to(device), placed.to(device)).items()
            },
        )
