"""Markers and blanks before the tokens of a task: switches that compose (sources stand beside each)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from jaxtyping import Bool
from torch import Tensor
from torch.nn.functional import pad

from lengen.config.errors import LengthUnavailable, require
from lengen.format import Format
from lengen.task import ALONG_TIME, BESIDE, EOS, PAD, SPECIAL, Batch, Vocabulary, close

BLANK = " "
CIRCLED = tuple(chr(code) for code in range(ord("ⓐ"), ord("ⓩ") + 1))


@dataclass(frozen=True)
class Interleaved(Format):
    """Before each token: blanks that separate it, a blank by chance, its marker. Nothing stands before the end token.

    Items are tokens that have a place and are a digit, a letter or a word; signs are none, whatever their place.

    >>> from lengen.task.copy import Copy
    >>> print(Interleaved(hints=True, markers=3).applied(Copy(alphabet=5)).show(length=4))
    ⓐeⓑeⓒdⓐa# -> ⓐeⓑeⓒdⓐa⏎
    >>> print(Interleaved(spacing=1).applied(Copy(alphabet=5)).show(length=4))
    e e d a #  -> e e d a⏎
    >>> print(Interleaved(blanks="aligned").applied(Copy(alphabet=5)).show(length=4, seed=1))
     aee d# ->  aee d⏎

    Args:
        hints: a marker before each item of prompt and answer, the same for the same place; cyclic in the place, from
            a random start for each example (index hints: Zhou et al. 2023; Zhou et al. 2024).
        markers: how many there are.
        blanks: `random` puts a blank before each token of the prompt with a probability of its own (random space
            augmentation: Shen et al. 2023; Zhou et al. 2024). `aligned` draws once for each place: a blank
            stands before all items of a place or before none, in the answer as in the prompt, so that what must be
            matched stays as far apart as it was (our reading of "synchronized" blanks in Aligned Blankspace
            Augmentation, openreview UZovxtlIym). A place that the prompt does not have gets none: it could only be guessed.
        probability: of such a blank.
        spacing: blanks between any two tokens (digits apart from each other: Shen et al. 2023); those
            between prompt and answer are read, not written.
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
        """Names of the markers: circled letters, then circled numbers as far as there are none of these."""
        return tuple(CIRCLED[i] if i < len(CIRCLED) else f"({i + 1})" for i in range(self.markers))

    @property
    def symbols(self) -> tuple[str, ...]:
        """A blank and the markers, where they are used."""
        blanks = (BLANK,) if self.spacing or self.blanks != "none" else ()
        return (*blanks, *(self._marks if self.hints else ()))

    @property
    def aligned(self) -> bool:
        """With markers, or blanks, that are the same for the same place."""
        return self.hints or self.blanks == "aligned"

    def written(self, batch: Batch, vocabulary: Vocabulary, generator: torch.Generator) -> Batch:
        """See `Format`."""
        nowhere, own = torch.zeros_like(batch.tokens), (batch.answer, batch.result)
        places, groups = (nowhere if known is None else known for known in (batch.places, batch.groups))
        slots: list[tuple[Tensor, ...]] = []
        if self.spacing:
            slots += [(gaps(batch) * vocabulary[BLANK], *map(later, own), nowhere, nowhere)] * self.spacing
        if self.blanks == "random":
            read = (batch.tokens != PAD) & ~batch.answer
            drawn = torch.rand(read.shape, generator=generator) < self.probability
            slots.append(((read & drawn) * vocabulary[BLANK], *own, nowhere, nowhere))
        if self.blanks == "aligned":
            items = self._items(batch, "blanks=aligned")
            slots.append((self._aligned(batch, items, generator) * vocabulary[BLANK], *own, nowhere, nowhere))
        if self.hints:
            start = torch.randint(self.markers, (len(batch), 1), generator=generator)
            marks = (start + places) % self.markers + vocabulary[self._marks[0]]
            slots.append((marks * self._items(batch, "hints=true"), *own, places, groups))
        slots.append((batch.tokens, *own, places, groups))
        written = close(*(torch.stack(part, 2).flatten(1) for part in zip(*slots, strict=True)))
        parts: dict[str, Any] = dict(zip((*ALONG_TIME, *BESIDE), written, strict=True))
        lacking = [name for name in BESIDE if getattr(batch, name) is None]
        return replace(batch, **parts | dict.fromkeys(lacking), vocabulary=vocabulary)

    def _items(self, batch: Batch, switch: str) -> Bool[Tensor, "batch time"]:
        """Tokens that have a place and are no sign."""
        names = ["", *SPECIAL[1:], *batch.vocabulary.symbols]
        named = [i >= len(SPECIAL) and any(map(str.isalnum, name)) for i, name in enumerate(names)]
        places = torch.zeros_like(batch.tokens) if batch.places is None else batch.places
        items = (places > 0) & torch.tensor(named)[batch.tokens]
        if not bool(items.any()):
            raise LengthUnavailable(
                f"format.{switch}: under its options this task has no places (length {int(batch.length[0])})"
            )
        return items

    def _aligned(
        self, batch: Batch, items: Bool[Tensor, "batch time"], generator: torch.Generator
    ) -> Bool[Tensor, "batch time"]:
        """Items before which a blank stands: one draw for each place that the prompt has."""
        places = torch.where(items, batch.places, 0)  # type: ignore[arg-type]  # there are items, so there are places
        shape = len(batch), int(places.max()) + 1
        drawn = torch.rand(shape, generator=generator) < self.probability
        read = torch.zeros_like(drawn).scatter(1, places * ~batch.answer, True)
        return (drawn & read).gather(1, places) & items


def gaps(batch: Batch) -> Bool[Tensor, "batch time"]:
    """Every token but the first and the end token."""
    return (batch.tokens != PAD) & (batch.tokens != EOS) & (torch.arange(batch.time) > 0)


def later(mask: Bool[Tensor, "batch time"]) -> Bool[Tensor, "batch time"]:
    """What held for the token before."""
    return pad(mask[:, :-1], (1, 0))
