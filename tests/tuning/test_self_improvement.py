"""Own answers: they are what the decoder writes, true only where it is right, and nothing of the true ones enters."""

import torch

from lengen.attention.softmax import Softmax
from lengen.decoder import Architecture, Decoder
from lengen.pe.nope import NoPE
from lengen.task import EOS, PAD, Batch
from lengen.task.copy import Copy
from lengen.tuning.self_improvement import SelfLabelled, usable


def decoder(task):
    torch.manual_seed(0)
    return Decoder(Architecture(), len(task.vocabulary), NoPE, Softmax).eval()


def test_answers_are_those_of_a_slow_loop():
    task = Copy(alphabet=5)
    made = decoder(task)
    made.head.weight.data[EOS] *= 0.6  # so that some answers do not end
    labelled = SelfLabelled(task, 3, lambda: made, None)
    batch = task.sample(6, 40, torch.Generator().manual_seed(1))
    found = labelled.answered(batch)
    expected = []
    for row in batch.tokens:
        prompt = [1, *row[: int(batch.prompt_size[0])].tolist()]
        tokens = list(prompt)
        while (len(tokens) - len(prompt) < 7 + 8 and tokens[-1] != EOS) or len(tokens) == len(prompt):
            with torch.no_grad():
                tokens.append(
                    int(made(torch.tensor([tokens]), torch.arange(len(tokens))[None])[0, -1].argmax())
                )
        if tokens[-1] == EOS:
            expected.append(tokens[1:])
    assert 0 < len(expected) < 40
    assert [[each for each in row if each != PAD] for row in found.tokens.tolist()] == expected
    for row, answer, tokens in zip(found.answer, found.tokens, expected, strict=True):
        size = int(batch.prompt_size[0])
        assert row[:size].sum() == 0
        assert row.sum() == len(tokens) - size
        assert answer[row][-1] == EOS


def test_true_answers_do_not_enter():
    """Another answer to the same prompts gives the same examples."""
    task = Copy(alphabet=5)
    made = decoder(task)
    labelled = SelfLabelled(task, 3, lambda: made, None)
    batch = task.sample(6, 40, torch.Generator().manual_seed(1))
    spoiled = torch.where(batch.answer, (batch.tokens + 1) % 4 + 4, batch.tokens)
    other = Batch(spoiled, batch.answer, batch.result, None, batch.length, batch.vocabulary)
    assert torch.equal(labelled.answered(batch).tokens, labelled.answered(other).tokens)


def test_short_answers_and_those_that_do_not_end_are_left_out():
    asked = torch.ones(4, 5, dtype=torch.bool)
    written = torch.tensor([[5, 5, 5, EOS, 0], [5, 5, EOS, 5, 5], [5, EOS, 0, 0, 0], [5, 5, 5, 5, 5]])
    assert usable(written, asked, 1)[0].tolist() == [True, True, False, False]
    assert usable(written, asked, None)[0].tolist() == [True, True, True, False]
    assert usable(written, asked, None)[1].sum(1).tolist() == [4, 3, 2, 5]


def test_short_lengths_have_true_answers_and_every_batch_is_full():
    task = Copy(alphabet=5)
    made = decoder(task)
    labelled = SelfLabelled(task, 3, lambda: made, 1)
    generators = [torch.Generator().manual_seed(2) for _ in range(2)]
    assert torch.equal(labelled.sample(3, 9, generators[0]).tokens, task.sample(3, 9, generators[1]).tokens)
    assert len(labelled.sample(6, 9, generators[0])) == 9
