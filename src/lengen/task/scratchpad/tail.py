"""Scratchpads that imitate a Turing machine (TAIL: Hua et al. 2025, arXiv 2507.13332).

The paper requires of a chain of thought a linear sequence of steps without jumps, atomic steps, and before each step an
explicit fetch that puts its operands next to it. Here a step is written compactly as `head:operands=written,`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.functional import pad

from lengen.task import DIGITS, PAD, Span, Vocabulary

SYMBOLS = (*DIGITS, ":", "=", ",", ">")
"""Symbols of a trace beyond those of its task; `>` precedes the answer."""
STEP = ","
"""Symbol at the end of every step."""


def alphabet(symbols: Sequence[str]) -> tuple[str, ...]:
    """Append the symbols of a trace to those of a task."""
    return tuple(dict.fromkeys((*symbols, *SYMBOLS)))


def trace(
    vocabulary: Vocabulary,
    fetched: Sequence[Int[Tensor, "batch steps"]],
    written: Sequence[Int[Tensor, "batch steps"]],
) -> Span:
    """Build a trace; each step has the head position (a decimal number from 1), the operands and the results.

    All tokens of a step have the place of the symbol that it reads: 2 for the first, and so on.

    Args:
        vocabulary: a vocabulary that contains `SYMBOLS`.
        fetched: ids of the operands of every step: the symbols under the head, and the state if there is one.
        written: ids of the results of every step: its output, and the state if there is one.
    """
    count, steps = fetched[0].shape
    heads = _heads(vocabulary, steps)
    colon, equals, comma = (torch.full((count, steps), vocabulary[sign]) for sign in ":=,")
    cells = torch.stack([colon, *fetched, equals, *written, comma], 2)
    slots = heads.shape[1] + cells.shape[2]
    kept = pad(heads != PAD, (0, cells.shape[2]), value=True).flatten()
    tokens = torch.cat([heads.expand(count, -1, -1), cells], 2).flatten(1)[:, kept]
    return Span(tokens, torch.arange(2, steps + 2).repeat_interleave(slots)[kept].unsqueeze(0))


def size(steps: int, cells: int) -> int:
    """Number of tokens of a trace.

    Args:
        steps: number of steps.
        cells: operands and results of a step.
    """
    return sum(len(str(head)) for head in range(1, steps + 1)) + steps * (cells + len(":=,"))


def _heads(vocabulary: Vocabulary, steps: int) -> Int[Tensor, "steps figures"]:
    """Ids of the digits of 1, 2, …, with PAD for leading zeros."""
    powers = 10 ** torch.arange(len(str(steps)) - 1, -1, -1)
    numbers = torch.arange(1, steps + 1).unsqueeze(1)
    return torch.where(numbers >= powers, vocabulary.encode(DIGITS)[numbers // powers % 10], PAD)
