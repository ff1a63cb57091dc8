"""Examples of a step in groups of about equal length, so that a step reads hardly any padding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from lengen.evaluation.metrics import read_columns


class Group(NamedTuple):
    """Examples that are read together, without what the loss does not need.

    Args:
        rows: rows of the batch.
        first: column of the first token whose logits are wanted: the one before the earliest answer.
        end: number of columns that are read: all before the last scored one.
    """

    rows: Int[Tensor, " rows"]
    first: int
    end: int


def groups(answer: Bool[Tensor, "batch time"], merge: float) -> tuple[Group, ...]:
    """Divide a batch into groups of about equal length, the longest first.

    Padding is on the right and attention is causal, so that a row gives the same logits in any group.

    Args:
        answer: True on the tokens that are scored.
        merge: shorter rows join a group of longer ones if that adds less padding than this many tokens.
    """
    return tuple(Group(rows, *read_columns(answer[rows])) for rows in _by_length(answer, merge))


def _by_length(answer: Bool[Tensor, "batch time"], merge: float) -> Iterator[Tensor]:
    """Yield the rows of every group."""
    last = answer.shape[1] - 1 - answer.flip(1).long().argmax(1)
    spans: list[tuple[int, int]] = []  # the shortest and the longest of each group
    lengths, counts = torch.unique(last, return_counts=True)
    for length, count in zip(lengths.flip(0).tolist(), counts.flip(0).tolist(), strict=True):
        if spans and count * (spans[-1][1] - length) <= merge:
            spans[-1] = (length, spans[-1][1])
        else:
            spans.append((length, length))
    for shortest, longest in spans:
        yield ((last >= shortest) & (last <= longest)).nonzero().flatten()
