"""Addition as text: prompt `Compute 5 7 + 8 6 ? `, answer `The answer is 1 4 3.`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn.functional import pad

from lengen.task import DIGITS, Span
from lengen.task.text import Text, characters, digit, fill, join, keep, number, remaining, spans
from lengen.task.text.scratchpad import think, words

PROMPT, ANSWER = "Compute {first} + {second} ? ", "The answer is {total}."
STEP = {
    "input": "{one}, {other}",
    "computation": "{one} + {other} + carry = {plain} + {incoming} = {sum}",
    "output": "{digit}",
    "variables": "carry: {outgoing}",
    "remaining": "{first} + {second}",
}
VOCABULARY = characters(PROMPT, ANSWER, words(STEP), *DIGITS)


def write(
    digits: Int[Tensor, "2 batch length"],
    total: Int[Tensor, "batch answer"],
    carries: Bool[Tensor, "batch length"],
    kept: Bool[Tensor, "3 #batch answer"],
    order: str,
    parts: Sequence[str] | None,
) -> Text:
    """Write additions as text; the paper has order=plain and no leading zeros.

    Args:
        digits: digits of both operands, least significant first.
        total: digits of the answer, least significant first.
        carries: carry out of every column.
        kept: mask of the digits that are written, of both operands and of the answer.
        order: `plain`, `reversed` (the answer is reversed) or `little_endian` (the operands are reversed too).
        parts: parts of the scratchpad, which has one step per digit of the answer; None for no scratchpad.
    """
    length = carries.shape[1]
    turned = order == "little_endian"
    first, second = (_number(digits[i], kept[i, :, :length], turned) for i in range(2))
    answer = fill(VOCABULARY, ANSWER, total=_number(total, kept[2], order != "plain"))
    trace = [] if parts is None else _think(digits, total, carries, kept, turned, parts)
    return Text(spans(fill(VOCABULARY, PROMPT, first=first, second=second)), trace, spans(answer))


def _think(
    digits: Int[Tensor, "2 batch length"],
    total: Int[Tensor, "batch answer"],
    carries: Bool[Tensor, "batch length"],
    kept: Bool[Tensor, "3 #batch answer"],
    turned: bool,
    parts: Sequence[str],
) -> list[Span]:
    """Scratchpad, column by column from the right; a number's remainder is left of the column, or 0 if nothing is."""
    length = carries.shape[1]
    one, other = pad(digits, (0, 1))
    incoming, outgoing = pad(carries.long(), (1, 0)), pad(carries.long(), (0, 1))
    left = remaining(length + 1)[:, :length]
    next_column = torch.arange(length) == torch.arange(1, length + 2).unsqueeze(1)
    shown = [left & (kept[i, :, None, :length] | next_column) for i in range(2)]
    return think(
        VOCABULARY,
        parts,
        STEP,
        kept[2],
        one=digit(VOCABULARY, one),
        other=digit(VOCABULARY, other),
        plain=number(VOCABULARY, one + other, ""),
        incoming=digit(VOCABULARY, incoming),
        sum=number(VOCABULARY, one + other + incoming, ""),
        digit=digit(VOCABULARY, total),
        outgoing=digit(VOCABULARY, outgoing),
        first=_number(digits[0].unsqueeze(1), shown[0], turned),
        second=_number(digits[1].unsqueeze(1), shown[1], turned),
    )


def _number(
    digits: Int[Tensor, "... digits"], kept: Bool[Tensor, "... digits"], turned: bool
) -> Int[Tensor, "... characters"]:
    """Digits separated by spaces, most significant first unless `turned`."""
    written = keep(digit(VOCABULARY, digits), kept)
    return join(VOCABULARY, " ", written if turned else written.flip(-2))
