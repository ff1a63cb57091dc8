"""Sort symbols or numbers (Kazemnejad et al. 2023; Awasthi and Gupta 2023 for the successor hint)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from lengen.config.errors import require, require_length
from lengen.sampling import orders
from lengen.task import DIGITS, PAD, SEP, SPECIAL, Batch, Span, Task, Vocabulary, assemble, letters
from lengen.task.chance import Chance, log_comb, of_places
from lengen.task.scratchpad.selection import swaps
from lengen.task.text import sort as words
from lengen.task.text.scratchpad import check, without_variables


@dataclass(frozen=True)
class Sort(Task):
    """Write the items in ascending order. Length: items.

    >>> print(Sort(alphabet=26).show(length=4, count=2))
    mcds# -> cdms⏎
    jrbs# -> bjrs⏎
    >>> print(Sort(digits=2, duplicates=True).show(length=3))
    44,39,33# -> 33,39,44⏎
    >>> print(Sort(alphabet=26, style="text").show(length=4))
    Sort the following list [ M, C, D, S ].  -> The sorted list is [ C, D, M, S ].⏎
    >>> print(Sort(alphabet=26, scratchpad="selection").show(length=4))
    mcds# -> cmds;cdms;cdms⏎

    Args:
        alphabet: number of symbols when items are symbols; their order is the alphabet's.
        duplicates: whether an item may occur twice.
        digits: 1 for items that are single symbols; n > 1 for numbers of n digits, with leading zeros (in text: numbers
            of two to n digits).
        hint: `successor` makes half of the training examples ask for the item after a given one (`list ? item #`), the
            auxiliary task of Awasthi and Gupta 2023, if some item has a larger one in the list; evaluation asks only for
            the sorted list.
        given: order of the items in the prompt: `shuffled`, `sorted` or `reversed`; or `equal`: one item repeated,
            whatever `duplicates` says.
        style: `symbols`, or `text`: the format of Kazemnejad et al. 2023, in characters, with capital letters as the
            first 26 items.
        scratchpad: `selection` writes the list after every step of a selection sort, the last of which is the answer;
            `steps` is the scratchpad of Kazemnejad et al. 2023, for text.
        parts: parts of each step of the scratchpad `steps`: input, computation, output, remaining.
    """

    alphabet: int = 100
    duplicates: bool = False
    digits: int = 1
    hint: Literal["none", "successor"] = "none"
    given: Literal["shuffled", "sorted", "reversed", "equal"] = "shuffled"
    style: Literal["symbols", "text"] = "symbols"
    scratchpad: Literal["none", "selection", "steps"] = "none"
    parts: list[str] = field(default_factory=without_variables)

    def __post_init__(self) -> None:
        require(self.alphabet >= 2, f"task.alphabet={self.alphabet}: must be at least 2")  # noqa: PLR2004
        require(1 <= self.digits <= 6, f"task.digits={self.digits}: must be from 1 to 6")  # noqa: PLR2004
        check(self.style, self.scratchpad, self.parts, without_variables())
        require(
            self.style == "symbols" or self.hint == "none",
            f"task.hint={self.hint} with task.style=text: must be none",
        )

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Symbols, or digits and a comma; the question mark of the hint; the separator of the scratchpad."""
        if self.style == "text":
            return words.vocabulary(self._names)
        items = letters(self.alphabet) if self.digits == 1 else (*DIGITS, ",")
        return Vocabulary((*items, "?", *((";",) if self.scratchpad == "selection" else ())))

    @property
    def _names(self) -> tuple[str, ...]:
        """Names of the items in text: A to Z, a to z, then S52, …; empty for numbers."""
        return tuple(map(str.swapcase, letters(self.alphabet))) if self.digits == 1 else ()

    @property
    def values(self) -> int:
        """Number of different items."""
        if self.digits == 1:
            return self.alphabet
        numbers: int = 10**self.digits
        return numbers if self.style == "symbols" else numbers - words.SMALLEST

    def evaluation_task(self) -> Task:
        """Sorting without the hint, with the same vocabulary."""
        return replace(self, hint="none")

    def stress_sets(self) -> Mapping[str, Task]:
        """Lists in order, in reverse order and, if items may occur twice, of one repeated item."""
        names = ("sorted", "reversed", *(("equal",) if self.duplicates else ()))
        return {order: replace(self, given=order) for order in names}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        if self.scratchpad == "steps":
            return super().longest_answer(length)
        if self.style == "text":
            item = max(map(len, self._names), default=2 * self.digits - 1)
            return len(words.ANSWER.format(ordered="")) + length * item + 2 * (length - 1) + 1
        spelled = length if self.digits == 1 else length * (self.digits + 1) - 1
        trace = max(length - 2, 0) * (spelled + 1) if self.scratchpad == "selection" else 0
        return trace + spelled + 1

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        if self.hint != "none" or self.scratchpad != "none":
            return super().chance(length)
        exact = self._likeliest(length)
        if self.style == "text" or self.digits > 1:
            return Chance(exact, super().chance(length).token_accuracy)
        return of_places(exact, self.order_statistics(length).amax(1).tolist())

    def _likeliest(self, length: int) -> float:
        """Probability of the likeliest sorted list."""
        if self.given == "equal":
            return 1 / self.values
        if not self.duplicates:
            return 1 / math.comb(self.values, length)
        often, rest = divmod(length, self.values)  # as equal counts as possible
        lists = math.lgamma(length + 1) - rest * math.log(often + 1) - self.values * math.lgamma(often + 1)
        return math.exp(lists - length * math.log(self.values))

    def order_statistics(self, length: int) -> Float[Tensor, "length values"]:
        """Probability that the k-th smallest item is a value."""
        if self.given == "equal":
            return torch.full((length, self.values), 1 / self.values, dtype=torch.double)
        if self.duplicates:  # at least k of the items are at most the value
            from scipy.special import betainc

            at_least = torch.arange(1, length + 1).unsqueeze(1).numpy()
            below = torch.arange(self.values + 1).numpy() / self.values
            return torch.from_numpy(betainc(at_least, length + 1 - at_least, below)).diff(dim=1)
        rank, value = torch.arange(length).unsqueeze(1), torch.arange(self.values)
        ways = log_comb(value, rank) + log_comb(self.values - 1 - value, length - 1 - rank)
        return (ways - log_comb(torch.tensor(self.values), torch.tensor(length))).exp()

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw lists; see `Task.sample`."""
        items = self._given(length, count, generator)
        if self.style == "text":
            text = words.write(items, self._names, self.parts if self.scratchpad == "steps" else None)
            return text.batch(length, count, self.vocabulary)
        ordered = items.sort(1).values
        prompt, written, work = self.spell(items), self.spell(ordered), self._work(items)
        separator = Span(torch.full((1, 1), SEP))
        if self.hint == "none" or length == 1:
            prompts, answers = [Span(prompt), separator], [Span(written)]
            return assemble(
                length,
                count,
                self.vocabulary,
                prompts,
                answers,
                trace=[Span(work)],
                delimiter=";",
                coupled=False,
            )
        rises = ordered[:, 1:] > ordered[:, :-1]  # with duplicates, only the last of equal items
        asks = (torch.rand((count, 1), generator=generator) < 0.5) & rises.any(1, keepdim=True)  # noqa: PLR2004
        index = (rises * (1 + torch.rand(rises.shape, generator=generator))).argmax(1, keepdim=True)
        item, successor = ordered.gather(1, index), ordered.gather(1, index + 1)
        question = torch.cat([torch.full((count, 1), self.vocabulary["?"]), self.spell(item)], 1)
        prompts = [Span(prompt), Span(question.masked_fill(~asks, PAD)), separator]
        answers = [Span(written.masked_fill(asks, PAD)), Span(self.spell(successor).masked_fill(~asks, PAD))]
        trace = [Span(work.masked_fill(asks, PAD))]
        return assemble(
            length, count, self.vocabulary, prompts, answers, trace=trace, delimiter=";", coupled=False
        )

    def _given(self, length: int, count: int, generator: torch.Generator) -> Int[Tensor, "batch length"]:
        """Draw items in the order of the prompt."""
        if self.given == "equal":
            return torch.randint(self.values, (count, 1), generator=generator).expand(-1, length)
        items = self.draw(length, count, generator)
        return (
            items if self.given == "shuffled" else items.sort(1, descending=self.given == "reversed").values
        )

    def draw(self, length: int, count: int, generator: torch.Generator) -> Int[Tensor, "batch length"]:
        """Draw items as numbers from 0, in random order."""
        if self.duplicates:
            return torch.randint(self.values, (count, length), generator=generator)
        require_length(
            length <= self.values,
            length,
            f"without task.duplicates there are {self.values} items to sort",
        )
        if self.values <= 1000:  # noqa: PLR2004
            return orders((count, self.values), generator)[:, :length]
        items = torch.randint(self.values, (count, length), generator=generator)
        while bool(
            (duplicates := repeated(items)).any()
        ):  # uniform over lists of distinct items, by symmetry
            items[duplicates] = torch.randint(self.values, (int(duplicates.sum()),), generator=generator)
        return items

    def _work(self, items: Int[Tensor, "batch items"]) -> Int[Tensor, "batch symbols"]:
        """Ids of the lists of a selection sort, each followed by a semicolon; the last list is the answer."""
        if self.scratchpad == "none":
            return items[:, :0]
        lists = swaps(items)
        count, steps, _ = lists.shape
        spelled = self.spell(lists.flatten(0, 1))
        spelled = spelled.view(count, steps, spelled.shape[1])
        marks = torch.full((count, steps, 1), self.vocabulary[";"])
        return torch.cat([spelled, marks], 2).flatten(1)

    def spell(self, items: Int[Tensor, "batch items"]) -> Int[Tensor, "batch symbols"]:
        """Ids of items: one each, or digits with commas between numbers."""
        if self.digits == 1:
            return items + len(SPECIAL)
        powers = 10 ** torch.arange(self.digits - 1, -1, -1)
        figures = items.unsqueeze(2) // powers % 10 + len(SPECIAL)
        commas = torch.full_like(figures[:, :, :1], self.vocabulary[","])
        return torch.cat([figures, commas], 2).flatten(1)[:, :-1]


def repeated(items: Int[Tensor, "batch items"]) -> Bool[Tensor, "batch items"]:
    """Mask of the items that occur earlier in their row."""
    ordered, order = items.sort(dim=1, stable=True)
    again = torch.zeros_like(items, dtype=torch.bool)
    return again.scatter(1, order[:, 1:], ordered[:, 1:] == ordered[:, :-1])
