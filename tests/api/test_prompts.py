"""Prompts as text: read as they are shown, and answered as the sweep finds."""

from __future__ import annotations

import pytest
import torch

import lengen
from api.conftest import tiny
from api.mine import MyTask
from lengen.api.prompts import tokenized
from lengen.evaluation.scoring import score
from lengen.evaluation.test_set import examples, positions_key
from lengen.task import PAD, Vocabulary, join_symbols

pytestmark = pytest.mark.whole_run  # seconds each


def shown(batch):
    """Prompts and answers of a batch as `Task.show` writes them."""
    names, mask = batch.vocabulary, batch.answer
    return [
        (
            join_symbols(names.decode(row[~some & (row != PAD)].tolist())),
            join_symbols(names.decode(row[some].tolist())),
        )
        for row, some in zip(batch.tokens, mask, strict=True)
    ]


def agree(run):
    """Predictions and verdicts of every length of the sweep; the share that is right."""
    config, rates = run._trained_run.config, []
    for length in config.eval_lengths:
        batch = examples(config.eval, config.formatted_task, length)
        verdicts = score(run.decoder, batch, config.positions, positions_key(config.eval, length), "teacher")
        prompts, answers = zip(*shown(batch), strict=True)
        right = [found == answer for found, answer in zip(run.predict(prompts), answers, strict=True)]
        assert right == verdicts.exact.tolist()
        assert sum(right) == run.curve[length].correct
        rates += right
    return sum(rates) / len(rates)


def test_predictions_are_right_where_the_sweep_says_so(learned):
    assert 0.2 < agree(learned) < 1  # both kinds are there


@pytest.mark.parametrize(
    ("positions", "options"), [("offset", {}), ("e2", {"positions.scales": 1, "positions.factor": 1.2})]
)
def test_predictions_agree_whatever_the_positions(tmp_path, positions, options):
    run = lengen.train(
        task=MyTask(2),
        pe="rope",
        positions=positions,
        results_dir=str(tmp_path),
        **tiny(steps=150, batch_size=64, **{"optimizer.schedule.warmup": 20}, **options),
    )
    assert agree(run) > 0.1


def test_prompts_of_several_lengths_are_answered_as_one_by_one(learned):
    task = learned._trained_run.config.formatted_task
    prompts = [
        prompt
        for length in (1, 4, 2, 7)
        for prompt, _ in shown(task.sample(length, 5, torch.Generator().manual_seed(length)))
    ]
    together = learned.predict(prompts)
    assert together == [learned.predict(prompt) for prompt in prompts]
    assert len({len(answer) for answer in together}) > 1
    assert learned.predict(prompts, limit=1) == [learned.predict(prompt, limit=1) for prompt in prompts]
    assert all(answer == "⏎" or "⏎" not in answer for answer in learned.predict(prompts, limit=1))


@pytest.mark.parametrize(("pe", "positions"), [("rope", "randomized"), ("learned", "contiguous")])
def test_also_where_positions_are_drawn_or_few(tmp_path, pe, positions):
    options = {"pe.maximum": 14} if pe == "learned" else {}
    run = lengen.train(
        task="copy", pe=pe, positions=positions, results_dir=str(tmp_path), **tiny(), **options
    )
    prompts = ["ab#", "abcde#", "a#"]
    assert run.predict(prompts) == [run.predict(prompt) for prompt in prompts]
    if pe == "learned":
        assert [len(answer) for answer in run.predict(prompts)] == [10, 7, 11]  # up to the last position
        with pytest.raises(lengen.UsageError, match="pe=learned holds 14"):
            run.predict("abcdefghijklmn#")


@pytest.mark.parametrize("text", ["x xy z #", "xxyz#", "x xyz #", ["x", "xy", "z", "#"]])
def test_texts_are_read_with_and_without_spaces(text):
    vocabulary = Vocabulary(("x", "y", "xy", "z"))
    assert vocabulary.decode(tokenized(text, vocabulary)) == ["x", "xy", "z", "#"]


def test_a_space_that_is_a_symbol_is_read_as_one():
    vocabulary = Vocabulary(("a", " ", "b"))
    assert vocabulary.decode(tokenized("a b#", vocabulary)) == ["a", " ", "b", "#"]


@pytest.mark.parametrize(("prompt", "symbol"), [("x q #", "q"), (["x", "yx"], "yx"), ("x <pad>", "<")])
def test_an_unknown_symbol_is_named(learned, prompt, symbol):
    with pytest.raises(lengen.UsageError) as error:
        learned.predict([prompt])
    assert f"{symbol!r} is not a symbol of this task (allowed: # x y long z)" in str(error.value)


def test_positions_that_need_the_task_are_refused(tmp_path):
    run = lengen.train(
        task="addition",
        pe="learned",
        positions="coupled",
        results_dir=str(tmp_path),
        **tiny(eval={"lengths": [3], "examples": 20}),
    )
    with pytest.raises(lengen.UsageError, match="positions=coupled: not defined for this prompt"):
        run.predict("12+34=")


def test_attention_is_over_what_was_read(learned):
    found = learned.attention("x long #")
    assert found.symbols == ("<bos>", "x", "long", "#")
    assert found.weights.shape == (2, 2, 4, 4)
    torch.testing.assert_close(found.weights.sum(-1), torch.ones(2, 2, 4))
    assert bool((found.weights.triu(1) == 0).all())
    assert "2 layers x 2 heads x 4 queries x 4 keys" in repr(found)
    whole, one = found._repr_png_(), found.figure(layer=-1, head=0).png
    assert whole.startswith(b"\x89PNG")
    assert one.startswith(b"\x89PNG")
    assert len(one) < len(whole)
