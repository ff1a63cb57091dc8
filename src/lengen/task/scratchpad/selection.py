"""Selection sort, swap by swap."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor


def swaps(items: Int[Tensor, "batch items"]) -> Int[Tensor, "batch steps items"]:
    """The list after every step but the last, which leaves the sorted list.

    Step i swaps the smallest item from place i on, the first of them where there are several, with the one at place i,
    which may be that item itself. The whole list is written after each step, as CLRS-Text does for its sorting
    algorithms (Markeeva et al. 2024).

    >>> swaps(torch.tensor([[4, 2, 3, 1]])).tolist()
    [[[1, 2, 3, 4], [1, 2, 3, 4]]]

    Args:
        items: in the order in which they are read; n of them make n - 2 lists, and one or two make none.
    """
    count, length = items.shape
    row, index, state = torch.arange(count), torch.arange(length), items
    made = []
    for step in range(length - 2):  # each step needs what the one before has left; all lists take it at once
        keys = state[:, step:] * length + index[step:]
        least = keys.argmin(1) + step
        smallest, first = state[row, least], state[:, step]
        state = state.index_put((row, least), first)
        state[:, step] = smallest
        made.append(state)
    return torch.stack(made, 1) if made else items.new_zeros((count, 0, length))
