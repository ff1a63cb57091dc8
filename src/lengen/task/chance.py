"""Chance: how often the likeliest answer is right, given the length of a problem and nothing else.

Exact match is that of the likeliest whole answer; token accuracy that of the likeliest token at every place of the answer,
pooled over all answer tokens. Both count the end token.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad


class Chance(NamedTuple):
    """Scores of the likeliest answer.

    Args:
        exact_match: probability of the likeliest answer, its scratchpad and end token included.
        token_accuracy: share of answer tokens that are the likeliest at their place.
    """

    exact_match: float
    token_accuracy: float


def of_places(exact_match: float, best: Sequence[float]) -> Chance:
    """Chance of answers that all have the same size.

    Args:
        exact_match: probability of the likeliest answer.
        best: probability of the likeliest token at every place, without the end token.
    """
    return Chance(exact_match, (math.fsum(best) + 1) / (len(best) + 1))


def independent(best: Sequence[float]) -> Chance:
    """Chance of answers of one size whose tokens are independent, by the probability of the likeliest token of each."""
    return of_places(math.prod(best), best)


def one_place(template: str, share: float) -> Chance:
    """Chance of answers that are a template of single characters in which one character varies.

    >>> one_place("The answer is 6.", 0.1)
    Chance(exact_match=0.1, token_accuracy=0.947...)
    """
    return of_places(share, [1.0] * (len(template) - 1) + [share])


def answers(tokens: Int[Tensor, "batch time"], mask: Bool[Tensor, "batch time"]) -> Int[Tensor, "batch size"]:
    """Move answers, which are the last tokens of their rows, to the left; 0 after their ends."""
    sizes = mask.sum(1, keepdim=True)
    index = mask.long().argmax(1, keepdim=True) + torch.arange(int(sizes.max()))
    inside = torch.arange(index.shape[1]) < sizes
    return tokens.gather(1, index.clamp(max=tokens.shape[1] - 1)) * inside


def of_listed(listed: Int[Tensor, "answers size"], weights: Float[Tensor, " answers"]) -> Chance:
    """Chance of answers that are all known.

    Args:
        listed: every possible answer, end token included, right-padded with 0; may contain duplicates.
        weights: their probabilities, which sum to 1.
    """
    unique, index = torch.unique(listed, dim=0, return_inverse=True)
    shares = torch.zeros(len(unique), dtype=torch.double).index_add_(0, index, weights.double())
    right = written = 0.0
    for column in listed.unbind(1):
        votes = torch.zeros(int(column.max()) + 1, dtype=torch.double).index_add_(0, column, weights.double())
        right += float(votes[1:].max())
        written += float(votes[1:].sum())
    return Chance(float(shares.max()), right / written)


def log_comb(items: Int[Tensor, "*#shape"], chosen: Int[Tensor, "*#shape"]) -> Float[Tensor, "*shape"]:
    """Logarithm of the number of ways to choose some of some items; minus infinity if there are too few."""
    rest = items - chosen
    gammas = [(each.double() + 1).lgamma() for each in (items, chosen, rest.clamp(min=0))]
    return (gammas[0] - gammas[1] - gammas[2]).masked_fill(rest < 0, -math.inf)


class Votes:
    """Counts of whole answers and of the tokens at each of their places."""

    def __init__(self) -> None:
        self.whole = Counter[bytes]()
        self.places = torch.zeros((0, 0), dtype=torch.long)

    def add(self, drawn: Int[Tensor, "answers size"]) -> None:
        """Count answers, end token included, right-padded with 0."""
        size, symbols = drawn.shape[1], int(drawn.max()) + 1 if drawn.numel() else 0
        rows, columns = (max(pair) for pair in zip(self.places.shape, (size, symbols), strict=True))
        self.places = pad(self.places, (0, columns - self.places.shape[1], 0, rows - self.places.shape[0]))
        index = (torch.arange(size) * columns + drawn).flatten()
        counted = torch.bincount(index, minlength=size * columns).view(size, columns)
        self.places[:size] += counted
        self.whole.update(row[row > 0].tobytes() for row in drawn.numpy())


def estimated(drawn: Iterable[Int[Tensor, "answers size"]]) -> Chance:
    """Chance as estimated from draws: what is likeliest in one half of them is measured on the other.

    Args:
        drawn: parts of the draws: answers, end token included, right-padded with 0. Every second answer of a part is in
            the first half.
    """
    first, second = Votes(), Votes()
    for part in drawn:
        first.add(part[::2])
        second.add(part[1::2])
    if not second.whole:
        return Chance(0.0, 0.0)
    likeliest = max(first.whole, key=first.whole.__getitem__)
    rows, columns = (max(pair) for pair in zip(first.places.shape, second.places.shape, strict=True))
    one, other = (
        pad(each.places, (0, columns - each.places.shape[1], 0, rows - each.places.shape[0]))[:, 1:]
        for each in (first, second)
    )
    right = other.gather(1, one.argmax(1, keepdim=True)).sum()
    return Chance(second.whole[likeliest] / second.whole.total(), float(right / other.sum()))
