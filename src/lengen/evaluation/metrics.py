"""Losses and verdicts as pure functions of logits and tokens."""

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
    """Cross-entropy over the answers and their end tokens, in nats per answer token."""
    target = tokens[:, 1:].masked_fill(~answer[:, 1:], -100)
    return cross_entropy(logits[:, :-1].flatten(0, 1).float(), target.flatten(), ignore_index=-100)


def right(
    predicted: Int[Tensor, "batch time"],
    tokens: Int[Tensor, "batch time"],
    answer: Bool[Tensor, "batch time"],
) -> Bool[Tensor, "batch time"]:
    """True where the predicted token is that of the answer; False outside answers."""
    return (predicted == tokens) & answer


def exact_match(
    right: Bool[Tensor, "batch time"], answer: Bool[Tensor, "batch time"]
) -> Bool[Tensor, " batch"]:
    """Whether the whole answer is right, including its end token."""
    return (right | ~answer).all(1)


def first_error(
    right: Bool[Tensor, "batch time"], answer: Bool[Tensor, "batch time"]
) -> Int[Tensor, " batch"]:
    """Number of answer tokens before the first wrong one (0 if the first is wrong); -1 if none is wrong."""
    wrong = answer & ~right
    before = (answer.cumsum(1) * wrong.long()).masked_fill(~wrong, torch.iinfo(torch.long).max).amin(1) - 1
    return torch.where(wrong.any(1), before, -1)


def ended(written: Int[Tensor, "batch time"], batch: Batch) -> Bool[Tensor, "batch time"]:
    """True where the generated tokens before the first end token match the result; False outside results.

    Results are aligned at their ends, so that the scratchpad before them may have any size. Without a scratchpad the
    answer must also have the right size.

    Args:
        written: the examples with the generated tokens in place of the answers, right-padded.
        batch: the examples, padded to the same width.
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
