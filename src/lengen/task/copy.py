"""Copy: write the symbols of the prompt (Kazemnejad et al. 2023, appendix D; Zhou et al. 2024)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from lengen.config.errors import require, require_length
from lengen.sampling import orders
from lengen.task import SEP, SPECIAL, Batch, Span, Task, Vocabulary, assemble, letters
from lengen.task.chance import Chance, of_places
from lengen.task.scratchpad import tail
from lengen.task.text import copy as words
from lengen.task.text.scratchpad import check


@dataclass(frozen=True)
class Copy(Task):
    """Copy a string. Length: symbols of the string.

    >>> print(Copy(alphabet=5).show(length=4, count=2))
    eeda# -> eeda⏎
    decd# -> decd⏎
    >>> print(Copy(alphabet=5, style="text").show(length=4))
    Copy: e e d a [SEP]  -> e e d a⏎
    >>> print(Copy(style="words").show(length=4))
    Copy: kab leb zab bab [SEP]  -> kab leb zab bab⏎
    >>> print(Copy(alphabet=5, scratchpad="tail").show(length=2))
    ee# -> 1:e=e,2:e=e,>ee⏎

    Args:
        alphabet: number of symbols.
        repeats: `allowed` draws symbols independently, `unique` without repetition, `one` repeats one symbol (rsc of
            Kazemnejad et al. 2023), `ngram` repeats an n-gram of two to four symbols, at least twice where the length
            allows; the last repetition may be cut.
        times: how often the answer contains the string (2 for their rsc2x and cmc2x).
        substitute: whether the prompt names a symbol of the string and a replacement, which takes its place in the answer
            (their rdc, with letters as symbols).
        style: `symbols`; `text`: the format of Kazemnejad et al. 2023, in characters; or `words`: the same with made-up
            words of three letters as symbols (their cmc). With times=2, text has `[NEXT]` between the copies (cmc2x),
            except for a repeated symbol (rsc2x).
        scratchpad: `tail` writes for every symbol the position of the head, the symbol read and the symbol written, and
            then the answer.
    """

    alphabet: int = 20
    repeats: Literal["allowed", "unique", "one", "ngram"] = "allowed"
    times: Literal[1, 2] = 1
    substitute: bool = False
    style: Literal["symbols", "text", "words"] = "symbols"
    scratchpad: Literal["none", "tail"] = "none"

    def __post_init__(self) -> None:
        require(
            self.alphabet >= 1 + self.substitute,
            f"task.alphabet={self.alphabet}: must be at least {1 + self.substitute}",
        )
        check(self.style, self.scratchpad, (), ())
        require(
            self.style != "words" or self.alphabet <= len(words.WORDS),
            f"task.alphabet={self.alphabet} with task.style=words: must be at most {len(words.WORDS)}",
        )

    @property
    def _names(self) -> tuple[str, ...]:
        """Names of the symbols."""
        return words.WORDS[: self.alphabet] if self.style == "words" else letters(self.alphabet)

    @property
    def _template(self) -> str:
        """Template of the answer in text."""
        return words.ONCE if self.times == 1 else words.TWICE if self.repeats == "one" else words.NEXT

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The alphabet, an arrow for substitution, and the symbols of the scratchpad."""
        if self.style != "symbols":
            return words.vocabulary(self._names)
        symbols = (*self._names, ">")
        return Vocabulary(symbols if self.scratchpad == "none" else tail.alphabet(symbols))

    def stress_sets(self) -> Mapping[str, Task]:
        """A short string repeated, in which the last few symbols do not determine the position."""
        return {"repeats": replace(self, repeats="ngram")}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        if self.style != "symbols":
            one = length * max(map(len, self._names)) + length - 1
            return self.times * one + len(self._template.replace("{answer}", "")) + 1
        trace = self.times * tail.size(length, cells=2) + 1 if self.scratchpad == "tail" else 0
        return trace + self.times * length + 1

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        if self.substitute:
            return super().chance(length)
        if self.style != "symbols" or self.scratchpad != "none":
            return Chance(self.likeliest(length), super().chance(length).token_accuracy)
        return of_places(self.likeliest(length), [1 / self.alphabet] * (self.times * length))

    def likeliest(self, length: int) -> float:
        """Probability of the likeliest string; with n-grams, that of one symbol repeated."""
        if self.repeats == "unique":
            return 1 / math.perm(self.alphabet, length)
        if self.repeats == "ngram":
            sizes = [min(size, max(length // 2, 1)) for size in (2, 3, 4)]
            return sum(float(self.alphabet) ** -size for size in sizes) / len(sizes)
        return float(self.alphabet) ** (-1 if self.repeats == "one" else -length)

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw strings; see `Task.sample`."""
        items = self._draw(length, count, generator)
        written, rule = items, None
        if self.substitute:
            old = items.gather(1, torch.randint(length, (count, 1), generator=generator))
            step = torch.randint(1, self.alphabet, (count, 1), generator=generator)
            rule = old, (old + step) % self.alphabet
            written = torch.where(items == old, rule[1], items)
        if self.style != "symbols":
            text = words.write(items, written, rule, self._names, self._template)
            return text.batch(length, count, self.vocabulary)
        index, separator = torch.arange(2, length + 2).unsqueeze(0), torch.full((1, 1), SEP)
        prompt = [Span(items + len(SPECIAL), index), Span(separator, 1)]
        if rule is not None:
            before, after = (Span(symbol + len(SPECIAL)) for symbol in rule)
            prompt = [before, self.vocabulary.span(">"), after, Span(separator), *prompt]
        trace, answer = [], [Span(written + len(SPECIAL), index)] * self.times
        if self.scratchpad == "tail":
            trace = [
                tail.trace(self.vocabulary, [items + len(SPECIAL)], [written + len(SPECIAL)])
            ] * self.times
            answer = [Span(torch.full((1, 1), self.vocabulary[">"]), 1), *answer]
        return assemble(length, count, self.vocabulary, prompt, answer, trace=trace, delimiter=tail.STEP)

    def _draw(self, length: int, count: int, generator: torch.Generator) -> Int[Tensor, "batch length"]:
        if self.repeats == "one":
            return torch.randint(self.alphabet, (count, 1), generator=generator).expand(-1, length)
        if self.repeats == "unique":
            require_length(
                length <= self.alphabet,
                length,
                f"task.repeats=unique allows at most task.alphabet={self.alphabet} symbols",
            )
            return orders((count, self.alphabet), generator)[:, :length]
        items = torch.randint(self.alphabet, (count, length), generator=generator)
        if self.repeats == "ngram":
            sizes = torch.randint(2, 5, (count, 1), generator=generator).clamp(max=max(length // 2, 1))
            return items.gather(1, torch.arange(length) % sizes)
        return items
