"""Arithmetic on digits, for numbers of any size: a row of a batch is a number, least significant digit first."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from lengen.task import PAD, SPECIAL, Batch, Span, Vocabulary, assemble


def carry(columns: Int[Tensor, "numbers digits"], base: int = 10) -> Int[Tensor, "numbers digits"]:
    """Digits of the number whose columns sum to these; what is carried out of the last column is lost.

    Large columns hand on what is over, all at once, until none holds more than two digits can sum to: each round
    divides the excess by the base. Then a column of base - 1 passes on what comes in, and the carry is that of the
    last column below that does not (carry look-ahead), as in `lengen.task.addition.add`.
    """
    columns = columns.float()  # whole numbers, exact below 2^24; dividing them takes a tenth of the time
    while float(columns.max()) > 2 * (base - 1):
        over = columns.div(base).floor_()
        columns = columns.sub_(over, alpha=base)
        columns[:, 1:] += over[:, :-1]
    settled = torch.where(columns != base - 1, torch.arange(columns.shape[1]), -1).cummax(1).values
    carries = columns.gather(1, settled.clamp(min=0)) >= base  # a column that passes on makes none of its own
    columns[:, 1:] += carries[:, :-1]
    return (columns - base * (columns >= base)).long()


def multiply(
    first: Int[Tensor, "batch first"], second: Int[Tensor, "batch second"], base: int = 10
) -> Int[Tensor, "batch product"]:
    """Digits of the products, as many as both operands have.

    The columns are a convolution, by Fourier transform: exact in 64 bits, since they are whole numbers and small.
    """
    width = first.shape[1] + second.shape[1]
    spectrum = torch.fft.rfft(first.double(), width) * torch.fft.rfft(second.double(), width)
    return carry(torch.fft.irfft(spectrum, width).round().long(), base)


def size(digits: Int[Tensor, "*batch digits"]) -> Int[Tensor, "*batch 1"]:
    """How many digits a number has without leading zeros, at least 1."""
    return 1 + ((digits > 0) * torch.arange(digits.shape[-1])).amax(-1, keepdim=True)


def operand_sizes(
    operands: Literal["equal", "uneven"], length: int, count: int, generator: torch.Generator
) -> Int[Tensor, "2 batch 1"]:
    """Sizes of two operands: `equal` to the length; or `uneven`, one has the length, the other a uniform size up to it."""
    sizes = torch.full((2, count, 1), length)
    if operands == "equal":
        return sizes
    sizes[0] = torch.randint(1, length + 1, (count, 1), generator=generator)
    swap = torch.rand((count, 1), generator=generator) < 0.5  # noqa: PLR2004
    return torch.where(swap, sizes.flip(0), sizes)


def led(
    digits: Int[Tensor, "*batch digits"], sizes: Int[Tensor, "*batch 1"], generator: torch.Generator
) -> Int[Tensor, "*batch digits"]:
    """Decimal numbers of some sizes whose leading digit is not 0, drawn anew where it is; the number 0 stays."""
    leading = (torch.arange(digits.shape[-1]) == sizes - 1) & (sizes > 1) & (digits == 0)
    return torch.where(leading, torch.randint(1, 10, digits.shape, generator=generator), digits)


def number(
    digits: Int[Tensor, "batch digits"],
    sizes: Int[Tensor, "batch 1"] | int,
    *,
    turned: bool,
    group: int | None = None,
) -> Span:
    """A number as tokens, with its significance (from 2) as place.

    Args:
        digits: of a vocabulary whose first symbols they are.
        sizes: how many digits are written.
        turned: whether the least significant one comes first.
        group: of the number; None for no groups.
    """
    one = sizes if isinstance(sizes, int) else sizes.unsqueeze(1)
    return row(digits.unsqueeze(1), one, torch.empty((1, 0), dtype=torch.long), turned=turned, group=group)


def row(
    numbers: Int[Tensor, "batch numbers digits"],
    sizes: Int[Tensor, "#batch numbers 1"] | int,
    signs: Int[Tensor, "numbers signs"],
    *,
    turned: bool,
    places: Int[Tensor, "numbers signs"] | int = 1,
    group: int | None = None,
) -> Span:
    """Numbers one after another, each with its signs behind it; a PAD among the signs is a hole.

    Args:
        numbers: digits of a vocabulary whose first symbols they are.
        sizes: how many digits are written of each.
        signs: ids of what follows each number.
        turned: whether the least significant digit of each comes first.
        places: of the signs; those of digits are their significance, from 2.
        group: of the first number and its signs; that of the next is one more. None for no groups.
    """
    columns = torch.arange(numbers.shape[2])
    figures = torch.where(columns < sizes, numbers + len(SPECIAL), PAD)
    significance = (columns + 2).expand(numbers.shape[1], -1)
    if not turned:
        figures, significance = figures.flip(2), significance.flip(1)
    tokens = torch.cat([figures, signs.expand(len(numbers), -1, -1)], 2).flatten(1)
    where = torch.cat([significance, torch.as_tensor(places).expand_as(signs)], 1).flatten()
    kept = (tokens != PAD).any(0)  # where all sizes are fixed, no hole is left to be closed
    own = torch.arange(numbers.shape[1]).repeat_interleave(tokens.shape[1] // numbers.shape[1])
    groups = 0 if group is None else (own + group)[kept].unsqueeze(0)
    return Span(tokens[:, kept], where[kept].unsqueeze(0), groups)


def little_endian(
    sign: str,
    operands: Int[Tensor, "2 batch length"],
    sizes: Int[Tensor, "2 batch 1"],
    result: Int[Tensor, "batch digits"],
    vocabulary: Vocabulary,
) -> Batch:
    """Problems of two operands and their results, every number least significant digit first.

    Args:
        sign: what stands between the operands.
        operands: their digits.
        sizes: how many digits are written of each.
        result: its digits; leading zeros are not written.
        vocabulary: its first symbols are the digits.
    """
    first, second = (number(operands[i], sizes[i], turned=True) for i in range(2))
    answer = number(result, size(result), turned=True)
    prompt = [first, vocabulary.span(sign, 1), second, vocabulary.span("=", 1)]
    return assemble(operands.shape[2], operands.shape[1], vocabulary, prompt, [answer])
