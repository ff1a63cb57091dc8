"""Traces in the manner of a Turing machine (TAIL: Hua et al. 2025, arXiv 2507.13332).

What the paper asks of a chain of thought: a linear order of steps without jumps, each step atomic, and each preceded by an
explicit fetch that puts its operands next to it. Written here in few symbols: `head:operands=written,`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.functional import pad

from lengen.task import DIGITS, PAD, Span, Vocabulary

SYMBOLS = (*DIGITS, ":", "=", ",", ">")
"""What a trace needs besides the symbols of its task; `>` stands before the answer."""


def alphabet(symbols: Sequence[str]) -> tuple[str, ...]:
    """The symbols of a task, and behind them what a trace needs besides."""
    return tuple(dict.fromkeys((*symbols, *SYMBOLS)))


def trace(
    vocabulary: Vocabulary,
    fetched: Sequence[Int[Tensor, "batch steps"]],
    written: Sequence[Int[Tensor, "batch steps"]],
) -> Span:
    """Step by step: where the head stands (a decimal number from 1), what is fetched, what is written.

    All tokens of a step have the place of what it reads: 2 for the first, and so on.

    Args:
        vocabulary: has `SYMBOLS`.
        fetched: ids of each operand of every step: what stands under the head, and the state where there is one.
        written: ids of what every step leaves: its output, and the state where there is one.
    """
    count, steps = fetched[0].shape
    heads = _heads(vocabulary, steps)
    colon, equals, comma = (torch.full((count, steps), vocabulary[sign]) for sign in ":=,")
    cells = torch.stack([colon, *fetched, equals, *written, comma], 2)
    slots = heads.shape[1] + cells.shape[2]
    kept = pad(heads != PAD, (0, cells.shape[2]), value=True).flatten()
    tokens = torch.cat([heads.expand(count, -1, -1), cells], 2).flatten(1)[:, kept]
    return Span(tokens, torch.arange(2, steps + 2).repeat_interleave(slots)[kept].unsqueeze(0))


def _heads(vocabulary: Vocabulary, steps: int) -> Int[Tensor, "steps figures"]:
    """Ids of 1, 2, …, without leading zeros: PAD stands for these."""
    powers = 10 ** torch.arange(len(str(steps)) - 1, -1, -1)
    numbers = torch.arange(1, steps + 1).unsqueeze(1)
    return torch.where(numbers >= powers, vocabulary.encode(DIGITS)[numbers // powers % 10], PAD)
