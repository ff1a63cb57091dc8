"""Products of all tokens so far by an operator that need not be associative, along balanced trees."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

Nodes = Float[Tensor, "batch node channel"]
"""Products of neighbouring stretches of tokens, in their order."""


def prefixes(
    leaves: Nodes,
    operator: Callable[[Nodes, Nodes], Nodes],
    known: Mapping[int, Float[Tensor, "batch channel"]],
) -> tuple[Float[Tensor, "batch leaf channel"], dict[int, Float[Tensor, "batch channel"]]]:
    """Return the products of all tokens up to each new one, and the products of the stretches that are left open.

    After t tokens these are perfect trees, one of 2^k tokens for every binary digit k of t that is 1, the longest first, as the places of a
    counter. A product of t tokens takes them from the left: the one before the last digit, times the last. Up the tree by
    pairs, and down it, as Blelloch (1990) does: fewer than twice as many operators as tokens, in at most 2 log2 (t + 1) calls.

    Args:
        leaves: the new tokens.
        operator: product of stretches with those that follow them, of which there are equally many.
        known: the open stretches before the new tokens, by k.
    """
    levels, left = list[Tensor](), dict[int, Tensor]()
    nodes, level, highest = leaves, 0, max(known, default=-1)
    while nodes.shape[1] or level <= highest:
        if level in known:
            nodes = torch.cat([known[level].unsqueeze(1), nodes], 1)
        levels.append(nodes)
        pairs = nodes.shape[1] // 2
        if nodes.shape[1] % 2:
            left[level] = nodes[:, -1]
        first, second = nodes[:, : 2 * pairs : 2], nodes[:, 1 : 2 * pairs : 2]
        nodes = operator(first, second) if pairs else nodes[:, :0]
        level += 1
    products = leaves.new_zeros(leaves.shape[0], 1, leaves.shape[2])  # of no token, which nothing reads
    for level in reversed(range(len(levels))):
        opening = levels[level][:, ::2]
        alone = highest <= level  # nothing comes before the first node
        earlier, later = products[:, alone : opening.shape[1]], opening[:, alone:]
        joined = operator(earlier, later) if later.shape[1] else later
        odd = torch.cat([opening[:, :alone], joined], 1)
        padded = nn.functional.pad(odd, (0, 0, 0, products.shape[1] - odd.shape[1]))
        products = torch.stack([products, padded], 2).flatten(1, 2)[:, : levels[level].shape[1] + 1]
        products = products[:, level in known :]  # that before a known node is of tokens before the new ones
    return products[:, products.shape[1] - leaves.shape[1] :], left
