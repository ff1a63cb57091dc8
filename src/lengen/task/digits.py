"""Arithmetic on numbers of any size, given as rows of digits, least significant digit first."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from lengen.task import PAD, SPECIAL, Batch, Span, Vocabulary, assemble


def carry(columns: Int[Tensor, "numbers digits"], base: int = 10) -> Int[Tensor, "numbers digits"]:
    """Turn column sums into digits by carrying; a carry out of the last column is lost.

    First, all columns carry at once until none is larger than the sum of two digits; each round divides the excess by
    the base. Then a column of base - 1 propagates an incoming carry, so that its carry is that of the last lower column
    with another value (carry look-ahead), as in `lengen.task.addition.add`.
    """
    columns = columns.float()  # whole numbers, exact below 2^24; dividing them takes a tenth of the time
    while float(columns.max()) > 2 * (base - 1):
        over = columns.div(base).floor_()
        columns = columns.sub_(over, alpha=base)
        columns[:, 1:] += over[:, :-1]
    settled = torch.where(columns != base - 1, torch.arange(columns.shape[1]), -1).cummax(1).values
    carries = columns.gather(1, settled.clamp(min=0)) >= base  # a propagating column generates no carry
    columns[:, 1:] += carries[:, :-1]
    return (columns - base * (columns >= base)).long()


def multiply(
    first: Int[Tensor, "batch first"], second: Int[Tensor, "batch second"], base: int = 10
) -> Int[Tensor, "batch product"]:
    """Multiply numbers; the product has as many digits as both operands together.

    The column sums are a convolution, computed by Fourier transform; 64 bits are exact for such small integers.
    """
    width = first.shape[1] + second.shape[1]
    spectrum = torch.fft.rfft(first.double(), width) * torch.fft.rfft(second.double(), width)
    return carry(torch.fft.irfft(spectrum, width).round().long(), base)


def size(digits: Int[Tensor, "*batch digits"]) -> Int[Tensor, "*batch 1"]:
    """Number of digits without leading zeros, at least 1."""
    return 1 + ((digits > 0) * torch.arange(digits.shape[-1])).amax(-1, keepdim=True)


def operand_sizes(
    operands: Literal["equal", "uneven", "pairs"], length: int, count: int, generator: torch.Generator
) -> Int[Tensor, "2 batch 1"]:
    """Draw the sizes of two operands, the longer of which has the length.

    Args:
        operands: `equal`: both have it; `uneven`: one of them is uniform up to it, so that both have it with probability
            1/n; `pairs`: all 2n - 1 pairs of sizes are equally likely.
        length: n, the size of the longer operand.
        count: number of pairs.
        generator: the only source of randomness.
    """
    sizes = torch.full((2, count, 1), length)
    if operands == "equal":
        return sizes
    if operands == "pairs":
        pair = torch.randint(2 * length - 1, (count, 1), generator=generator)
        return torch.stack([length - (pair - length + 1).clamp(min=0), (pair + 1).clamp(max=length)])
    sizes[0] = torch.randint(1, length + 1, (count, 1), generator=generator)
    swap = torch.rand((count, 1), generator=generator) < 0.5  # noqa: PLR2004
    return torch.where(swap, sizes.flip(0), sizes)


def nonzero(
    bits: Int[Tensor, "*batch bits"], sizes: Int[Tensor, "*batch 1"] | int, generator: torch.Generator
) -> Int[Tensor, "*batch bits"]:
    """Cut binary numbers of uniform bits to their sizes, and draw those that are 0 again, uniform among all others."""
    inside = (torch.arange(bits.shape[-1]) < sizes).expand(bits.shape)
    bits = bits * inside
    while bool((zero := (bits == 0).all(-1)).any()):
        fresh = torch.randint(2, (int(zero.sum()), bits.shape[-1]), generator=generator)
        bits[zero] = fresh * inside[zero]
    return bits


def without_leading_zeros(
    digits: Int[Tensor, "*batch digits"], sizes: Int[Tensor, "*batch 1"], generator: torch.Generator
) -> Int[Tensor, "*batch digits"]:
    """Redraw leading digits that are 0 from 1 to 9; numbers of one digit may be 0."""
    leading = (torch.arange(digits.shape[-1]) == sizes - 1) & (sizes > 1) & (digits == 0)
    return torch.where(leading, torch.randint(1, 10, digits.shape, generator=generator), digits)


def number(
    digits: Int[Tensor, "batch digits"],
    sizes: Int[Tensor, "batch 1"] | int,
    *,
    turned: bool,
    group: int | None = None,
) -> Span:
    """Write a number as tokens; the place of a digit is its significance, from 2.

    Args:
        digits: digits, least significant first; the first symbols of the vocabulary must be the digits.
        sizes: number of digits that are written.
        turned: whether the least significant digit is written first.
        group: group of the number; None for no groups.
    """
    row_sizes = sizes if isinstance(sizes, int) else sizes.unsqueeze(1)
    return row(
        digits.unsqueeze(1), row_sizes, torch.empty((1, 0), dtype=torch.long), turned=turned, group=group
    )


def row(
    numbers: Int[Tensor, "batch numbers digits"],
    sizes: Int[Tensor, "#batch numbers 1"] | int,
    signs: Int[Tensor, "numbers signs"],
    *,
    turned: bool,
    places: Int[Tensor, "numbers signs"] | int = 1,
    group: int | None = None,
) -> Span:
    """Write numbers one after another, each followed by its signs; PAD among the signs is removed later.

    Args:
        numbers: digits, least significant first; the first symbols of the vocabulary must be the digits.
        sizes: number of digits that are written of each number.
        signs: ids of the signs that follow each number.
        turned: whether the least significant digit of each number is written first.
        places: places of the signs; those of digits are their significance, from 2.
        group: group of the first number and its signs, one more for each next number; None for no groups.
    """
    columns = torch.arange(numbers.shape[2])
    figures = torch.where(columns < sizes, numbers + len(SPECIAL), PAD)
    significance = (columns + 2).expand(numbers.shape[1], -1)
    if not turned:
        figures, significance = figures.flip(2), significance.flip(1)
    tokens = torch.cat([figures, signs.expand(len(numbers), -1, -1)], 2).flatten(1)
    token_places = torch.cat([significance, torch.as_tensor(places).expand_as(signs)], 1).flatten()
    kept = (tokens != PAD).any(0)  # with fixed sizes, this removes all PAD
    index = torch.arange(numbers.shape[1]).repeat_interleave(tokens.shape[1] // numbers.shape[1])
    groups = 0 if group is None else (index + group)[kept].unsqueeze(0)
    return Span(tokens[:, kept], token_places[kept].unsqueeze(0), groups)


def little_endian(
    sign: str,
    operands: Int[Tensor, "2 batch length"],
    sizes: Int[Tensor, "2 batch 1"],
    result: Int[Tensor, "batch digits"],
    vocabulary: Vocabulary,
) -> Batch:
    """Build examples with two operands and a result, all written least significant digit first.

    Args:
        sign: sign between the operands.
        operands: digits of the operands.
        sizes: number of digits that are written of each operand.
        result: digits of the result; leading zeros are not written.
        vocabulary: a vocabulary whose first symbols are the digits.
    """
    first, second = (number(operands[i], sizes[i], turned=True) for i in range(2))
    answer = number(result, size(result), turned=True)
    prompt = [first, vocabulary.span(sign, 1), second, vocabulary.span("=", 1)]
    return assemble(operands.shape[2], operands.shape[1], vocabulary, prompt, [answer])
