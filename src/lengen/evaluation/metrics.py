"""Losses and verdicts as pure functions of logits and tokens."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from lengen.records.verdicts import ENDINGS
from lengen.task import EOS, PAD, Batch


def answer_loss(
    logits: Float[Tensor, "batch time vocab"],
    tokens: Int[Tensor, "batch time"],
    answer: Bool[Tensor, "batch time"],
) -> Float[Tensor, ""]:
    """Cross-entropy over the answers and their end tokens, in nats per answer token."""
    target = tokens[:, 1:].masked_fill(~answer[:, 1:], -100)
    return cross_entropy(logits[:, :-1].flatten(0, 1).float(), target.flatten(), ignore_index=-100)


def answer_nats(
    logits: Float[Tensor, "batch wanted vocab"],
    tokens: Int[Tensor, "batch time"],
    answer: Bool[Tensor, "batch time"],
    first: int,
) -> Float[Tensor, ""]:
    """Sum of the cross-entropies over the answers and their end tokens, in nats.

    Args:
        logits: logits after the tokens from column `first` on, up to the last that precedes a scored one.
        tokens: the tokens.
        answer: True on the tokens that are scored.
        first: column of the first logits.
    """
    scored = slice(first + 1, first + 1 + logits.shape[1])
    target = tokens[:, scored].masked_fill(~answer[:, scored], -100)
    return cross_entropy(logits.flatten(0, 1).float(), target.flatten(), ignore_index=-100, reduction="sum")


def prompts(answer: Bool[Tensor, "batch time"]) -> Int[Tensor, " batch"]:
    """Number of tokens before the answer of each row, for decoders that read it; of all columns in a row without an answer."""
    return (answer.cumsum(1) == 0).sum(1)


def read_columns(answer: Bool[Tensor, "batch time"]) -> tuple[int, int]:
    """Which columns are read to score some answers: logits are wanted from the first on; the second is where reading ends."""
    wanted = answer[:, 1:].any(0).nonzero().flatten()
    return (int(wanted[0]), int(wanted[-1]) + 1) if len(wanted) else (0, 1)


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


def result_start(written: Int[Tensor, "batch time"], batch: Batch) -> Int[Tensor, " batch"]:
    """Column at which the result starts in freely generated answers; -1 if it does not start before the end token.

    It starts after as many steps as the true scratchpad has, whatever they contain. A step ends with the batch's
    delimiter; without one, every token is a step.

    Args:
        written: the examples with the generated tokens in place of the answers, right-padded.
        batch: the examples, padded to the same width.
    """
    column = torch.arange(batch.time)
    answer, result = (mask.long().argmax(1, keepdim=True) for mask in (batch.answer, batch.result))
    place = result.squeeze(1)
    if size := len(batch.delimiter):
        symbols = batch.vocabulary.encode(batch.delimiter)
        true, own = (
            _sequences(tokens, symbols) & (column >= answer + size) for tokens in (batch.tokens, written)
        )
        steps = (true & (column <= result)).sum(1, keepdim=True)
        after = own & (own.cumsum(1) == steps)
        found = torch.where(after.any(1), after.long().argmax(1), -1)
        place = torch.where(true.gather(1, result).squeeze(1), found, place)
    ends = (written == EOS) & (column >= answer)
    ended = ends.any(1) & (ends.long().argmax(1) < place)
    return torch.where(ended, -1, place)


def _sequences(
    tokens: Int[Tensor, "batch time"], symbols: Int[Tensor, " size"]
) -> Bool[Tensor, "batch time"]:
    """True at the column after each occurrence of a sequence of tokens."""
    size = len(symbols)
    found = torch.zeros_like(tokens, dtype=torch.bool)
    if tokens.shape[1] > size:
        found[:, size:] = (tokens.unfold(1, size, 1)[:, :-1] == symbols).all(2)
    return found


def results(written: Int[Tensor, "batch time"], batch: Batch) -> Int[Tensor, "batch time"]:
    """The generated results, each moved to where the true result starts; PAD where no result was written.

    Without a scratchpad nothing is moved. Behind a scratchpad, all places after the end token are taken as end tokens, so
    that a result that stops k tokens early has k wrong places.

    Args:
        written: the examples with the generated tokens in place of the answers, right-padded.
        batch: the examples, padded to the same width.
    """
    start = result_start(written, batch).unsqueeze(1)
    source = torch.arange(batch.time) - batch.result.long().argmax(1, keepdim=True) + start
    inside = (start >= 0) & (source >= 0) & (source < batch.time)
    moved = written.gather(1, source.clamp(0, batch.time - 1)).masked_fill(~inside, PAD)
    over = (((moved == EOS) & batch.result).cumsum(1) > 0) & batch.scratchpad.unsqueeze(1)
    return torch.where(over, EOS, moved)


def endings(
    predicted: Int[Tensor, "batch time"],
    tokens: Int[Tensor, "batch time"],
    answer: Bool[Tensor, "batch time"],
) -> Int[Tensor, " batch"]:
    """How each answer ended, as an index into `lengen.records.verdicts.ENDINGS`; never `never_ended`.

    Args:
        predicted: the tokens that are scored, at the places of the answers.
        tokens: the true tokens.
        answer: mask of the answers.
    """
    first = first_error(right(predicted, tokens, answer), answer)
    column = (answer.long().argmax(1) + first.clamp(min=0)).unsqueeze(1)
    got, due = (part.gather(1, column).squeeze(1) for part in (predicted, tokens))
    found = torch.full_like(first, ENDINGS.index("wrong_token"))
    found[due == EOS] = ENDINGS.index("ran_on")
    found[got == EOS] = ENDINGS.index("stopped_early")
    found[first < 0] = ENDINGS.index("right")
    return found
