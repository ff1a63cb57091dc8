"""Passkey retrieval: find a key in noise (Mohtashami and Jaggi 2023)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from lengen.config.errors import require
from lengen.task import DIGITS, SPECIAL, Batch, Span, Task, Vocabulary, assemble, letters
from lengen.task.chance import Chance, independent
from lengen.task.depth import check, depths

INTRODUCTION = (
    "There is an important info hidden inside a lot of irrelevant text. Find it and memorize them. "
    "I will quiz you about the important information there."
)
FILLER = " The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."
LABELS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Passkey(Task):
    """Repeat a key that is hidden in noise. Length: noise tokens.

    >>> print(Passkey(alphabet=4).show(length=8, count=2))
    bdbcadca!493? -> 493⏎
    aacbc!039ddc? -> 039⏎
    >>> print(Passkey(alphabet=4, keys=2).show(length=6))
    db!B039dbc!A493a?B -> 039⏎

    Args:
        digits: number of digits of a key.
        depth: fraction of the noise before the key, from 0 to 1; None draws it uniformly.
        noise: `random` symbols; or `text`, the standard filler sentences in characters, the last of which may be cut. In
            text, a key is placed between two sentences, as close to its depth as possible.
        keys: number of hidden keys; if there are several, each has a label and the question names one.
        alphabet: number of noise symbols (`random` only).
    """

    digits: int = 3
    depth: float | None = None
    noise: Literal["random", "text"] = "random"
    keys: int = 1
    alphabet: int = 16

    def __post_init__(self) -> None:
        require(self.digits >= 1, f"task.digits={self.digits}: must be at least 1")
        check(self.depth)
        require(1 <= self.keys <= len(LABELS), f"task.keys={self.keys}: must be from 1 to {len(LABELS)}")
        require(self.alphabet >= 1, f"task.alphabet={self.alphabet}: must be at least 1")

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Digits, two marks and labels, with noise symbols or the characters of the text."""
        noise = (
            letters(self.alphabet)
            if self.noise == "random"
            else sorted({*INTRODUCTION, *FILLER, *"".join(self._words)})
        )
        return Vocabulary(tuple(dict.fromkeys((*DIGITS, *noise, "!", "?", *LABELS[: self.keys]))))

    @property
    def _words(self) -> tuple[str, str, str]:
        """Templates of introduction, needle and question; `0` is a digit of the key, `@` its label."""
        label = "@" if self.keys > 1 else ""
        key = "0" * self.digits
        if self.noise == "random":
            return "", f"!{label}{key}", f"?{label}"
        name = f"The pass key{label and ' ' + label} is"
        short = name[0].lower() + name[1:]
        needle = f" {name} {key}. Remember it. {key} is {short[:-3]}."
        return INTRODUCTION, needle, f" What is {short[:-3]}? {name} "

    def stress_sets(self) -> Mapping[str, Task]:
        """The key at eleven depths, from the beginning of the noise to its end."""
        return depths(self)

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        return self.digits + 1

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        return independent([0.1] * self.digits)

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw noise and keys; see `Task.sample`."""
        introduction, needle, question = self._words
        keys = torch.randint(10, (count, self.keys, self.digits), generator=generator) + len(SPECIAL)
        names = torch.arange(self.keys).expand(count, -1)
        labels = self.vocabulary.encode(LABELS[: self.keys])[names]
        target = torch.randint(self.keys, (count,), generator=generator)
        row = torch.arange(count)
        hidden = self._fill(needle, keys, labels)
        places = self._fill_places(needle).expand(
            count, self.keys, -1
        )  # for every key, since the question comes last
        body, matched = self._hide(length, hidden, places, generator)
        prompt = [
            Span(self._fill(introduction, keys[:, 0], labels[:, 0])),
            Span(body, matched),
            Span(self._fill(question, keys[row, target], labels[row, target])),
        ]
        answer = Span(keys[row, target], torch.arange(1, self.digits + 1).unsqueeze(0))
        return assemble(length, count, self.vocabulary, prompt, [answer])

    def _fill(
        self, words: str, keys: Int[Tensor, "*batch digits"], labels: Int[Tensor, "*batch"]
    ) -> Int[Tensor, "*batch symbols"]:
        """Ids of a template, filled with the key and the label."""
        template = self.vocabulary.encode(words.replace("@", "0")).expand(*labels.shape, -1)
        slots = self._fill_places(words)
        filled = torch.where(slots > 0, keys[..., (slots - 1).clamp(min=0)], template)
        label = torch.tensor([symbol == "@" for symbol in words], dtype=torch.bool)
        return torch.where(label, labels.unsqueeze(-1), filled)

    def _fill_places(self, words: str) -> Int[Tensor, " symbols"]:
        """Index, from 1, of the digit of the key at each position of a template; 0 elsewhere."""
        zero = torch.tensor([symbol == "0" for symbol in words], dtype=torch.long)
        return zero * ((zero.cumsum(0) - 1) % self.digits + 1)

    def _hide(
        self,
        length: int,
        hidden: Int[Tensor, "batch keys needle"],
        places: Int[Tensor, "batch keys needle"],
        generator: torch.Generator,
    ) -> tuple[Int[Tensor, "batch body"], Int[Tensor, "batch body"]]:
        """Insert every needle before a drawn noise token; return the tokens and their places."""
        count, keys, size = hidden.shape
        noise = (
            torch.randint(self.alphabet, (count, length), generator=generator) + len(SPECIAL) + len(DIGITS)
        )
        if self.noise == "text":
            noise = self.vocabulary.encode(FILLER)[torch.arange(length) % len(FILLER)].expand(count, -1)
        depth = torch.randint(length + 1, (count, keys), generator=generator)
        if self.depth is not None:
            depth = torch.full_like(depth, round(self.depth * length))
        if self.noise == "text":
            depth = nearest_sentence_start(depth, length)
        rank = torch.cat(
            [2 * depth.repeat_interleave(size, 1), torch.arange(1, 2 * length, 2).expand(count, -1)], 1
        )
        order = rank.argsort(dim=1, stable=True)
        body = torch.cat([hidden.flatten(1), noise], 1).gather(1, order)
        return body, torch.cat([places.flatten(1), torch.zeros_like(noise)], 1).gather(1, order)


def nearest_sentence_start(depth: Int[Tensor, "batch keys"], length: int) -> Int[Tensor, "batch keys"]:
    """Nearest start of a filler sentence to each position; the end of a complete last sentence is one, too."""
    first = torch.tensor([i for i in range(len(FILLER)) if FILLER[i - 1] == "."])
    starts = (first + len(FILLER) * torch.arange(length // len(FILLER) + 1).unsqueeze(1)).flatten()
    starts = starts[starts <= length]
    return starts[torch.bucketize(depth, (starts[1:] + starts[:-1]) / 2)]
