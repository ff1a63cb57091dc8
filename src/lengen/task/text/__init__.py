"""Tasks in words: the text formats of the central paper, character for character (Kazemnejad et al. 2023, released code).

One module a task, with its templates on top and one function that fills them: it takes what the task has drawn and
returns what is read and what is written. Every character is a token. `[SEP] `, behind the prompts of copy, reverse and
scan, is six characters like any others; `#`, between the steps of a scratchpad, is the character that the sep token
already stands for. A piece of text is a tensor of ids with characters as its last axis, and a PAD inside is a hole, which
`assemble` closes: pieces of different sizes fit into one tensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import Formatter
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from lengen.task import PAD, SPECIAL, Batch, Span, Vocabulary, assemble

NEGATIVE = "-"


class Text(NamedTuple):
    """What is read, the scratchpad that is written, and the sentence that is scored."""

    prompt: list[Span]
    trace: list[Span]
    answer: list[Span]

    def batch(self, length: int, count: int, vocabulary: Vocabulary) -> Batch:
        """Examples of one length; words have no places."""
        prompt, trace, answer = self
        return assemble(length, count, vocabulary, prompt, answer, trace=trace, coupled=False)


def spans(piece: Int[Tensor, "#batch characters"]) -> list[Span]:
    """One piece of text as a list of spans."""
    return [Span(piece)]


def characters(*texts: str) -> Vocabulary:
    """The characters of some templates and of what fills them, digits among them in their order."""
    found = {
        character for text in texts for words, *_ in Formatter().parse(text) for character in (words or "")
    }
    return Vocabulary(tuple(sorted(found.difference(SPECIAL))))


def fill(vocabulary: Vocabulary, template: str, **pieces: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
    """A template with pieces of text in its braces.

    Args:
        vocabulary: what the ids mean.
        template: words, and names of pieces in braces.
        pieces: their other axes are broadcast against each other.
    """
    row: list[Tensor] = []
    for words, hole, _, _ in Formatter().parse(template):
        row.append(vocabulary.encode(words))
        if hole is not None:
            row.append(pieces[hole])
    shape = torch.broadcast_shapes(*(piece.shape[:-1] for piece in row))  # type: ignore[no-untyped-call]
    return torch.cat([piece.expand(*shape, -1) for piece in row], -1)


def join(
    vocabulary: Vocabulary, separator: str, items: Int[Tensor, "*batch items width"]
) -> Int[Tensor, "*batch characters"]:
    """Items side by side, a separator between every two that are not holes."""
    kept = (items != PAD).any(-1)
    later = kept & (kept.cumsum(-1) > 1)
    between = torch.where(later.unsqueeze(-1), vocabulary.encode(separator), PAD)
    return torch.cat([between, items], -1).flatten(-2)


def keep(items: Int[Tensor, "... items width"], kept: Tensor) -> Int[Tensor, "... items width"]:
    """Items of which some are made holes; the axes before width are broadcast."""
    return torch.where(kept.unsqueeze(-1), items, PAD)


def remaining(length: int) -> Tensor:
    """After which step (rows) which item (columns) is still to be read: those that come later."""
    return torch.ones((length, length), dtype=torch.bool).triu(1)


def table(vocabulary: Vocabulary, names: Sequence[str]) -> Int[Tensor, "names width"]:
    """Names as pieces of text, to be looked up by index."""
    return pad_sequence([vocabulary.encode(name) for name in names], batch_first=True, padding_value=PAD)


def digit(vocabulary: Vocabulary, values: Int[Tensor, "*batch"]) -> Int[Tensor, "*batch one"]:
    """Numbers below 10."""
    return (values + vocabulary["0"]).unsqueeze(-1)


def number(
    vocabulary: Vocabulary, values: Int[Tensor, "*batch"], gap: str = " "
) -> Int[Tensor, "*batch characters"]:
    """Whole numbers without leading zeros: `- 2 4` with a gap between the sign and every digit."""
    size = len(str(int(values.abs().max())))
    figures = values.abs().unsqueeze(-1) // 10 ** torch.arange(size - 1, -1, -1) % 10
    kept = (figures > 0).cumsum(-1) > 0
    kept[..., -1] = True
    written = keep(digit(vocabulary, figures), kept).squeeze(-1)
    if bool((values < 0).any()):
        sign = torch.where(values < 0, vocabulary[NEGATIVE], PAD).unsqueeze(-1)
        written = torch.cat([sign, written], -1)
    return join(vocabulary, gap, written.unsqueeze(-1))
