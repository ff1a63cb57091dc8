"""Index hints and blanks before the tokens of a task; the options can be combined, and each names its source."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn.functional import pad

from lengen.config.errors import LengthUnavailable, require
from lengen.format import Format
from lengen.task import EOS, OPTIONAL_FIELDS, PAD, SPECIAL, TOKEN_FIELDS, Batch, Vocabulary, close

BLANK = " "
CIRCLED = tuple(chr(code) for code in range(ord("ⓐ"), ord("ⓩ") + 1))


@dataclass(frozen=True)
class Interleaved(Format):
    """Inserts blanks and markers before the tokens of each example, but not before the end token.

    The order before a token is: blanks of `spacing`, the blank of `blanks`, the marker of `hints`. Items are tokens that
    have a place and are a digit, a letter or a word. Signs are never items.

    >>> from lengen.task.copy import Copy
    >>> print(Interleaved(hints=True, markers=3).applied(Copy(alphabet=5)).show(length=4))
    ⓐeⓑeⓒdⓐa# -> ⓐeⓑeⓒdⓐa⏎
    >>> print(Interleaved(spacing=1).applied(Copy(alphabet=5)).show(length=4))
    e e d a #  -> e e d a⏎
    >>> print(Interleaved(blanks="aligned").applied(Copy(alphabet=5)).show(length=4, seed=1))
     aee d# ->  aee d⏎

    Args:
        hints: whether to insert a marker before each item of prompt and answer. Items with the same place get the
            same marker. Markers are cyclic in the place, with a random start for each example (index hints: Zhou et al.
            2023; Zhou et al. 2024).
        markers: number of different markers.
        blanks: `random` inserts a blank before each token of the prompt, independently with `probability` (random space
            augmentation: Shen et al. 2023; Zhou et al. 2024). `aligned` draws once for each place and inserts a blank
            before all items of that place or before none, in prompt and answer, so that the distance between items that
            must be matched does not change (our reading of "synchronized" blanks in Aligned Blankspace Augmentation,
            openreview UZovxtlIym). A place that does not occur in the prompt gets no blank, since the decoder could only
            guess it.
        probability: probability of each blank of `blanks`.
        spacing: number of blanks between any two tokens (Shen et al. 2023, for digits). Blanks between prompt and answer
            belong to the prompt.
    """

    hints: bool = False
    markers: int = 26
    blanks: Literal["none", "random", "aligned"] = "none"
    probability: float = 0.5
    spacing: int = 0

    def __post_init__(self) -> None:
        require(self.markers >= 2, f"format.markers={self.markers}: must be at least 2")  # noqa: PLR2004
        require(0 <= self.probability <= 1, f"format.probability={self.probability}: must be in [0, 1]")
        require(self.spacing >= 0, f"format.spacing={self.spacing}: must be at least 0")

    @property
    def _marks(self) -> tuple[str, ...]:
        """Names of the markers: circled letters, then numbers in brackets."""
        return tuple(CIRCLED[i] if i < len(CIRCLED) else f"({i + 1})" for i in range(self.markers))

    @property
    def symbols(self) -> tuple[str, ...]:
        """The blank and the markers, if they are used."""
        blanks = (BLANK,) if self.spacing or self.blanks != "none" else ()
        return (*blanks, *(self._marks if self.hints else ()))

    @property
    def aligned(self) -> bool:
        """True with index hints or aligned blanks, which are the same for the same place."""
        return self.hints or self.blanks == "aligned"

    @property
    def adds_constants(self) -> bool:
        """True without index hints and aligned blanks."""
        return not self.aligned

    def longest_answer(self, longest: Int[Tensor, "*batch"]) -> Int[Tensor, "*batch"]:
        """With a blank and a marker before every token but the end token: no item is known to lack one."""
        before = self.hints + (self.blanks == "aligned")
        return longest + (longest - 1) * before + (longest - 2) * self.spacing

    def written(self, batch: Batch, vocabulary: Vocabulary, generator: torch.Generator) -> Batch:
        """See `Format`."""
        zeros, masks = torch.zeros_like(batch.tokens), (batch.answer, batch.result)
        places, groups = (zeros if value is None else value for value in (batch.places, batch.groups))
        slots: list[tuple[Tensor, ...]] = []
        if self.spacing:
            slots += [(gaps(batch) * vocabulary[BLANK], *map(shifted, masks), zeros, zeros)] * self.spacing
        if self.blanks == "random":
            prompt = (batch.tokens != PAD) & ~batch.answer
            drawn = torch.rand(prompt.shape, generator=generator) < self.probability
            slots.append(((prompt & drawn) * vocabulary[BLANK], *masks, zeros, zeros))
        if self.blanks == "aligned":
            items = self._items(batch, "blanks=aligned")
            slots.append((self._aligned(batch, items, generator) * vocabulary[BLANK], *masks, zeros, zeros))
        if self.hints:
            start = torch.randint(self.markers, (len(batch), 1), generator=generator)
            marks = (start + places) % self.markers + vocabulary[self._marks[0]]
            slots.append((marks * self._items(batch, "hints=true"), *masks, places, groups))
        slots.append((batch.tokens, *masks, places, groups))
        written = close(*(torch.stack(part, 2).flatten(1) for part in zip(*slots, strict=True)))
        parts: dict[str, Any] = dict(zip((*TOKEN_FIELDS, *OPTIONAL_FIELDS), written, strict=True))
        missing = [name for name in OPTIONAL_FIELDS if getattr(batch, name) is None]
        delimiter = tuple(each for symbol in batch.delimiter for each in (symbol, *[BLANK] * self.spacing))
        return replace(batch, **parts | dict.fromkeys(missing), vocabulary=vocabulary, delimiter=delimiter)

    def _items(self, batch: Batch, switch: str) -> Bool[Tensor, "batch time"]:
        """Mask of the items: tokens that have a place and are not signs."""
        names = ["", *SPECIAL[1:], *batch.vocabulary.symbols]
        named = [i >= len(SPECIAL) and any(map(str.isalnum, name)) for i, name in enumerate(names)]
        places = torch.zeros_like(batch.tokens) if batch.places is None else batch.places
        items = (places > 0) & torch.tensor(named)[batch.tokens]
        if not bool(items.any()):
            raise LengthUnavailable(
                f"format.{switch}: with these options the task has no places (length {int(batch.length[0])})"
            )
        return items

    def _aligned(
        self, batch: Batch, items: Bool[Tensor, "batch time"], generator: torch.Generator
    ) -> Bool[Tensor, "batch time"]:
        """Mask of the items that get a blank: one draw for each place that occurs in the prompt."""
        places = torch.where(items, batch.places, 0)  # type: ignore[arg-type]  # places are not None, since there are items
        shape = len(batch), int(places.max()) + 1
        drawn = torch.rand(shape, generator=generator) < self.probability
        in_prompt = torch.zeros_like(drawn).scatter(1, places * ~batch.answer, True)
        return (drawn & in_prompt).gather(1, places) & items


def gaps(batch: Batch) -> Bool[Tensor, "batch time"]:
    """Mask of every token except the first and the end token."""
    return (batch.tokens != PAD) & (batch.tokens != EOS) & (torch.arange(batch.time) > 0)


def shifted(mask: Bool[Tensor, "batch time"]) -> Bool[Tensor, "batch time"]:
    """Mask moved one token to the right: the value of the token before."""
    return pad(mask[:, :-1], (1, 0))
