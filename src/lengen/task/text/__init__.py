"""Tasks as text: the formats of Kazemnejad et al. 2023 (released code), character for character.

Each module has the templates of one task and a function that fills them: it takes what the task has drawn and returns
prompt, scratchpad and answer. Every character is a token. `[SEP] `, at the end of the prompts of copy, reverse, scan and
(as an option) sum, is six ordinary characters; `#`, between the steps of a scratchpad, is the sep token. A piece of text
is a tensor of ids with characters as its last axis. Pieces of different sizes fit into one tensor, since `assemble`
removes PAD inside them.
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
END = " . Thus,  "
"""The end of every scratchpad, which comes right before the answer."""


class Text(NamedTuple):
    """Spans of the prompt, of the scratchpad, and of the answer without it."""

    prompt: list[Span]
    trace: list[Span]
    answer: list[Span]

    def batch(self, length: int, count: int, vocabulary: Vocabulary) -> Batch:
        """Build a batch of examples of one length; text has no places."""
        prompt, trace, answer = self
        return assemble(length, count, vocabulary, prompt, answer, trace=trace, delimiter=END, coupled=False)


def spans(piece: Int[Tensor, "#batch characters"]) -> list[Span]:
    """Wrap a piece of text in a list of spans."""
    return [Span(piece)]


def characters(*texts: str) -> Vocabulary:
    """Vocabulary of the characters of templates and of the texts that fill them, sorted."""
    used = {
        character for text in texts for words, *_ in Formatter().parse(text) for character in (words or "")
    }
    return Vocabulary(tuple(sorted(used.difference(SPECIAL))))


def fill(vocabulary: Vocabulary, template: str, **pieces: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
    """Fill a template with pieces of text.

    Args:
        vocabulary: the meaning of the ids.
        template: text with names of pieces in braces.
        pieces: pieces by name; their axes before characters are broadcast against each other.
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
    """Join items with a separator, leaving out items that are PAD."""
    kept = (items != PAD).any(-1)
    later = kept & (kept.cumsum(-1) > 1)
    between = torch.where(later.unsqueeze(-1), vocabulary.encode(separator), PAD)
    return torch.cat([between, items], -1).flatten(-2)


def keep(items: Int[Tensor, "... items width"], kept: Tensor) -> Int[Tensor, "... items width"]:
    """Replace items outside a mask by PAD; the axes before width are broadcast."""
    return torch.where(kept.unsqueeze(-1), items, PAD)


def remaining(length: int) -> Tensor:
    """Mask of the items (columns) that remain after each step (rows): those after it."""
    return torch.ones((length, length), dtype=torch.bool).triu(1)


def table(vocabulary: Vocabulary, names: Sequence[str]) -> Int[Tensor, "names width"]:
    """Names as pieces of text, one per row, to be looked up by index."""
    return pad_sequence([vocabulary.encode(name) for name in names], batch_first=True, padding_value=PAD)


def digit(vocabulary: Vocabulary, values: Int[Tensor, "*batch"]) -> Int[Tensor, "*batch one"]:
    """Numbers below 10 as pieces of text."""
    return (values + vocabulary["0"]).unsqueeze(-1)


def number(
    vocabulary: Vocabulary, values: Int[Tensor, "*batch"], gap: str = " "
) -> Int[Tensor, "*batch characters"]:
    """Integers without leading zeros as pieces of text, with `gap` between sign and digits: `- 2 4`."""
    size = len(str(int(values.abs().max())))
    figures = values.abs().unsqueeze(-1) // 10 ** torch.arange(size - 1, -1, -1) % 10
    kept = (figures > 0).cumsum(-1) > 0
    kept[..., -1] = True
    written = keep(digit(vocabulary, figures), kept).squeeze(-1)
    if bool((values < 0).any()):
        sign = torch.where(values < 0, vocabulary[NEGATIVE], PAD).unsqueeze(-1)
        written = torch.cat([sign, written], -1)
    return join(vocabulary, gap, written.unsqueeze(-1))
