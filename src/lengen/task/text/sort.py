"""Sorting as text: prompt `Sort the following list [ M, E, F ]. `, answer `The sorted list is [ E, F, M ].`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from lengen.task import DIGITS, Span, Vocabulary
from lengen.task.text import Text, characters, fill, join, keep, number, remaining, spans, table
from lengen.task.text.scratchpad import think, words

PROMPT, ANSWER = "Sort the following list [ {given} ]. ", "The sorted list is [ {ordered} ]."
SMALLEST = 10
STEP = {
    "input": "{front}",
    "computation": "The minimum of the unsorted portion",
    "output": "{least}",
    "remaining": "[ {rest} ]",
}


def vocabulary(names: Sequence[str]) -> Vocabulary:
    """Vocabulary of lists of items with these names."""
    return characters(PROMPT, ANSWER, words(STEP), *(names or DIGITS))


def write(items: Int[Tensor, "batch length"], names: Sequence[str], parts: Sequence[str] | None) -> Text:
    """Write sorting examples as text.

    Args:
        items: items from 0 in the order of the prompt.
        names: names of the items; if empty, items are numbers from 10 (in the paper, below 10,000).
        parts: parts of the scratchpad, a selection sort that swaps the smallest remaining item with the first; None for
            no scratchpad.
    """
    speech = vocabulary(names)

    def spell(values: Int[Tensor, "..."]) -> Int[Tensor, "... width"]:
        return table(speech, names)[values] if names else number(speech, values + SMALLEST)

    prompt = fill(speech, PROMPT, given=join(speech, ", ", spell(items)))
    answer = fill(speech, ANSWER, ordered=join(speech, ", ", spell(items.sort(1).values)))
    trace: list[Span] = []
    if parts is not None:
        length = items.shape[1]
        front, least, rest = select(items)
        trace = think(
            speech,
            parts,
            STEP,
            torch.ones((1, length), dtype=torch.bool),
            front=spell(front),
            least=spell(least),
            rest=join(speech, ", ", keep(spell(rest), remaining(length))),
        )
    return Text(spans(prompt), trace, spans(answer))


def select(
    items: Int[Tensor, "batch length"],
) -> tuple[Int[Tensor, "batch length"], Int[Tensor, "batch length"], Int[Tensor, "batch length length"]]:
    """For every step of a selection sort: the first remaining item, the smallest one, and the list after the swap."""
    fronts, lists = [], []
    for step in range(items.shape[1]):
        front = items[:, step : step + 1]
        least = items[:, step:].amin(1, keepdim=True)
        place = step + (items[:, step:] == least).int().argmax(1, keepdim=True)  # the first of equal items
        items = items.scatter(1, place, front)
        items[:, step] = least[:, 0]
        fronts.append(front)
        lists.append(items)
    return torch.cat(fronts, 1), items, torch.stack(lists, 1)
