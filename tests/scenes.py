"""A block's view of a pass, made up for tests."""

import torch

from lengen.block.inputs import BlockCache, BlockInputs


def inputs(queries, keys=None, *, x=None, positions=None, layer=0, memory=None, rows=2, dim=32):
    """The newest of some tokens, counted from 0 unless positions (of all) are given; x is random, another for each number of keys."""
    keys = queries if keys is None else keys
    positions = torch.arange(keys).unsqueeze(0) if positions is None else positions
    if x is None:
        chance = torch.Generator().manual_seed(1)
        x = torch.randn(rows, keys, dim, generator=chance, dtype=torch.float64)
    return BlockInputs(
        x[:, keys - queries : keys],
        layer,
        positions[:, keys - queries : keys],
        positions[:, :keys],
        memory or BlockCache(),
    )


def several(pe, positions):
    """Positions as an encoding reads them: the same at every level, where a token has several."""
    return positions if pe.streams is None else torch.stack([positions] * pe.streams, -1)
