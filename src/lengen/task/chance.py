"""Chance: how often the likeliest answer is right, given the length of a problem and nothing else.

Exact match is that of the likeliest whole answer; token accuracy that of the likeliest token at every place of the answer,
pooled over all answer tokens. Both count the end token.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

DRAWS = 512
"""Examples from which chance is estimated: half as many as a test set has, so that an evaluation spends less on them."""


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


def counted(written: Int[Tensor, "answers size"]) -> Chance:
    """Chance of answers that are all there are, by their shares.

    Args:
        written: answers, end token included, right-padded with 0.
    """
    votes = Votes.of(*_numbered(written))
    return votes.chance(votes)


def estimated(drawn: Int[Tensor, "answers size"]) -> Chance:
    """Chance as estimated from draws: what is likeliest in one half of them is measured on the other.

    Each half takes either part once, and the results are averaged.

    Args:
        drawn: at least two answers, end token included, right-padded with 0.
    """
    numbered, symbols = _numbered(drawn)
    first, second = (Votes.of(half, symbols) for half in np.array_split(numbered, 2))
    pair = zip(first.chance(second), second.chance(first), strict=True)
    return Chance(*((one + other) / 2 for one, other in pair))


def _numbered(written: Int[Tensor, "answers size"]) -> tuple[Int[np.ndarray, "answers size"], int]:
    """Number the tokens that occur from 1, and padding 0; return the answers, and the number of symbols."""
    tokens = written.numpy()
    known = np.bincount(tokens.ravel()) > 0
    known[0] = False
    return known.cumsum()[tokens], int(known.sum()) + 1


class Votes(NamedTuple):
    """Counts of whole answers and of the tokens at each of their places.

    Args:
        whole: number of answers by their tokens.
        places: number of answers by place and token; 0 for padding.
    """

    whole: Counter[bytes]
    places: Int[np.ndarray, "size symbols"]

    @classmethod
    def of(cls, written: Int[np.ndarray, "answers size"], symbols: int) -> Votes:
        """Count answers of tokens below `symbols`, right-padded with 0."""
        size = written.shape[1]
        index = written + symbols * np.arange(size)
        places = np.bincount(index.ravel(), minlength=size * symbols).reshape(size, symbols)
        places[:, 0] = 0
        return cls(Counter(answer.tobytes() for answer in written), places)

    def chance(self, picked: Votes) -> Chance:
        """Score on these answers what is likeliest among others."""
        [(likeliest, _)] = picked.whole.most_common(1)
        right = np.take_along_axis(self.places, picked.places.argmax(1, keepdims=True), 1).sum()
        return Chance(self.whole[likeliest] / self.whole.total(), float(right / self.places.sum()))
