"""What holds of every decoder that answers: greedy decoding, verdicts, and the step of training without padding."""

from dataclasses import replace

import pytest
import torch

from lengen.evaluation.decoding import greedy
from lengen.evaluation.metrics import prompts
from lengen.evaluation.scoring import score
from lengen.positions.contiguous import Contiguous
from lengen.task import PAD
from lengen.training.batch_stream import Example
from lengen.training.fit import example_loss
from lengen.training.groups import groups


def places(tokens):
    """Positions of some tokens: those of their columns."""
    return torch.arange(tokens.shape[1]).unsqueeze(0)


def written(made, batch):
    """The tokens of a batch that begins, with the answers that a decoder writes, one full pass a token."""
    tokens, prompt = batch.tokens.masked_fill(batch.answer, PAD), prompts(batch.answer)
    with torch.no_grad():
        for time in range(1, batch.time):
            logits = made(tokens[:, :time], places(tokens[:, :time]), prompt=prompt)[:, -1]
            tokens[:, time] = torch.where(batch.answer[:, time], logits.argmax(-1), tokens[:, time])
    return tokens


def check_greedy(made, batch):
    """Greedy decoding is a full pass for every token."""
    whole = batch.begin()
    assert len(prompts(whole.answer).unique()) > 3
    assert torch.equal(greedy(made, whole.tokens, whole.answer, places), written(made, whole))


def check_verdicts(made, batch):
    """Greedy verdicts are those of one pass, on the task's answers, and on the decoder's own without and with a fault in every second one."""
    own = written(made, batch.begin())[:, 1:]
    wrong = own.clone()
    for row in range(0, len(batch), 2):
        at = int(batch.answer[row].nonzero().flatten()[row % 3])
        wrong[row, at] += 1 if wrong[row, at] < len(batch.vocabulary) - 1 else -1  # not to padding
    for each in (batch, replace(batch, tokens=own), replace(batch, tokens=wrong)):
        teacher, decoded = (
            score(made, each, Contiguous(), ("test",), kind) for kind in ("teacher", "greedy")
        )
        assert torch.equal(teacher.exact, decoded.exact)
        assert decoded.loss == pytest.approx(teacher.loss, rel=1e-6)
    assert torch.equal(decoded.exact, torch.arange(len(batch)) % 2 == 1)


def check_fast_step(made, batch):
    """A step in groups of equal length has the loss and the gradients of the plain one, and every parameter has some."""
    whole, found = batch.begin(), []
    for plain in (False, True):
        made.plain = plain
        made.zero_grad()
        grouped = () if plain else groups(whole.answer, 4)
        loss = example_loss(made, Example(whole.tokens, whole.answer, places(whole.tokens), groups=grouped))
        loss.backward()
        assert all(weight.grad is not None for weight in made.parameters())
        found.append([loss.detach(), *(weight.grad.clone() for weight in made.parameters())])
    for fast, slow in zip(*found, strict=True):
        torch.testing.assert_close(fast, slow)
