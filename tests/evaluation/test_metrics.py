"""Losses and verdicts against loops over tokens."""

import math

import pytest
import torch

from lengen.evaluation.metrics import answer_loss, exact_match, first_error, right


def draw(seed, rows=40, time=9, vocabulary=6):
    """Logits, tokens, and answers that are runs somewhere after the first token; some rows have none."""
    chance = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, time, vocabulary, generator=chance)
    tokens = torch.randint(vocabulary, (rows, time), generator=chance)
    begin, end = torch.randint(1, time + 1, (2, rows, 1), generator=chance).sort(0).values
    column = torch.arange(time)
    return logits, tokens, (begin <= column) & (column < end), chance


@pytest.mark.parametrize("seed", range(5))
def test_answer_loss(seed):
    logits, tokens, answer, _ = draw(seed)
    losses = []
    for row in range(len(tokens)):
        for time in range(1, tokens.shape[1]):
            if answer[row, time]:  # predicted by the logits one before
                scores = logits[row, time - 1].tolist()
                losses.append(math.log(sum(map(math.exp, scores))) - scores[tokens[row, time]])
    assert answer_loss(logits, tokens, answer).item() == pytest.approx(sum(losses) / len(losses), rel=1e-5)


def test_answer_loss_reads_nothing_else():
    logits, tokens, answer, _ = draw(0)
    logits.requires_grad_()
    answer_loss(logits, tokens, answer).backward()
    used = logits.grad.any(-1)
    assert torch.equal(used[:, :-1], answer[:, 1:])
    assert not used[:, -1].any()
    changed = torch.where(answer, tokens, (tokens + 1) % 6)
    assert answer_loss(logits, changed, answer) == answer_loss(logits, tokens, answer)


def test_answer_loss_is_float32():
    logits, tokens, answer, _ = draw(0)
    assert answer_loss(logits.bfloat16(), tokens, answer).dtype == torch.float32


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("error", [0.0, 0.1, 0.5, 1.0])
def test_verdicts(seed, error):
    _, tokens, answer, chance = draw(seed)
    wrong = torch.rand(tokens.shape, generator=chance) < error
    predicted = torch.where(wrong, (tokens + 1) % 6, tokens)
    correct = right(predicted, tokens, answer)
    exact, first = exact_match(correct, answer), first_error(correct, answer)
    for row in range(len(tokens)):
        marks = [not bool(wrong[row, time]) for time in range(9) if answer[row, time]]
        assert int(correct[row].sum()) == sum(marks)
        assert bool(exact[row]) == all(marks)
        assert int(first[row]) == (marks.index(False) if False in marks else -1)
    assert not correct[~answer].any()


def test_the_end_token_counts():
    answer = torch.tensor([[False, True, True]])
    assert exact_match(torch.tensor([[False, True, True]]), answer).tolist() == [True]
    missed = torch.tensor([[False, True, False]])
    assert exact_match(missed, answer).tolist() == [False]
    assert first_error(missed, answer).tolist() == [1]
