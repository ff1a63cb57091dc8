"""Scratchpad of selection sort."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor


def swaps(items: Int[Tensor, "batch items"]) -> Int[Tensor, "batch steps items"]:
    """The list after every step of a selection sort, except the last step, whose result is the sorted list.

    Step i swaps the smallest item from index i on (the first of equal ones) with the item at index i; both may be the same
    item. The whole list is written after each step, as in the sorting algorithms of CLRS-Text (Markeeva et al. 2024).

    >>> swaps(torch.tensor([[4, 2, 3, 1]])).tolist()
    [[[1, 2, 3, 4], [1, 2, 3, 4]]]

    Args:
        items: items in the order of the prompt. n items give n - 2 lists; one or two give none.
    """
    count, length = items.shape
    row, index, state = torch.arange(count), torch.arange(length), items
    lists = []
    for step in range(length - 2):  # steps depend on each other; the loop is vectorized over the batch
        keys = state[:, step:] * length + index[step:]
        least = keys.argmin(1) + step
        smallest, first = state[row, least], state[:, step]
        state = state.index_put((row, least), first)
        state[:, step] = smallest
        lists.append(state)
    return torch.stack(lists, 1) if lists else items.new_zeros((count, 0, length))
