"""Pure functions from logits and tokens to losses and verdicts."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from lengen.task import EOS, Batch


def answer_loss(
    logits: Float[Tensor, "batch time vocab"],
    tokens: Int[Tensor, "batch time"],
    answer: Bool[Tensor, "batch time"],
) -> Float[Tensor, ""]:
    """Cross-entropy over the answers and their end tokens, in nats an answer token."""
    target = tokens[:, 1:].masked_fill(~answer[:, 1:], -100)
    return cross_entropy(logits[:, :-1].flatten(0, 1).float(), target.flatten(), ignore_index=-100)


def right(
    predicted: Int[Tensor, "batch time"],
    tokens: Int[Tensor, "batch time"],
    answer: Bool[Tensor, "batch time"],
) -> Bool[Tensor, "batch time"]:
    """Where the predicted token is the answer's; False outside of answers."""
    return (predicted == tokens) & answer


def exact_match(
    right: Bool[Tensor, "batch time"], answer: Bool[Tensor, "batch time"]
) -> Bool[Tensor, " batch"]:
    """Whether the whole answer is right, end token included."""
    return (right | ~answer).all(1)


def first_error(
    right: Bool[Tensor, "batch time"], answer: Bool[Tensor, "batch time"]
) -> Int[Tensor, " batch"]:
    """Answer tokens before the first wrong one (0 if the first is wrong); -1 where there is none."""
    wrong = answer & ~right
    before = (answer.cumsum(1) * wrong.long()).masked_fill(~wrong, torch.iinfo(torch.long).max).amin(1) - 1
    return torch.where(wrong.any(1), before, -1)


def ended(written: Int[Tensor, "batch time"], batch: Batch) -> Bool[Tensor, "batch time"]:
    """Where the tokens before the first end token that was written are those of the result; False outside of results.

    Results are held against each other from their ends: the scratchpad before may have any size. Without a scratchpad
    the answer must have its own size too.

    Args:
        written: the examples with what was written in place of the answers, padded behind.
        batch: the examples, as wide.
    """
    column = torch.arange(batch.time)
    start = batch.answer.long().argmax(1, keepdim=True)
    ends = (written == EOS) & (column >= start)
    last = batch.time - 1 - batch.result.flip(1).long().argmax(1, keepdim=True)
    shift = ends.long().argmax(1, keepdim=True) - last
    source = column + shift
    thinks = (batch.answer & ~batch.result).any(1, keepdim=True)
    fair = ends.any(1, keepdim=True) & (source >= start) & (thinks | (shift == 0))
    got = written.gather(1, source.clamp(0, batch.time - 1))
    return fair & (got == batch.tokens) & batch.result
