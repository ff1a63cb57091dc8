"""Test prompts that were in training, against plain sets of strings; and training without them."""

from __future__ import annotations

import json
from itertools import islice

import pytest
import torch

from conftest import TINY, run_folders
from lengen.lengths.uniform import Uniform
from lengen.positions.contiguous import Contiguous
from lengen.records.eval_options import EvalOptions
from lengen.sampling import generator
from lengen.task import BOS, PAD
from lengen.task.addition import Addition
from lengen.task.copy import Copy
from lengen.task.mixture import Aid, Mixture
from lengen.task.parity import Parity
from lengen.training.batch_stream import BLOCK, BatchStream, fixed_set
from lengen.training.overlap import Deduplicated, OverlapTracker, fingerprints, prompt_fingerprints

EVALUATION = EvalOptions(examples=40)


def prompts(batch):
    """Each prompt as a tuple of ids."""
    rows = zip(batch.tokens, batch.answer, strict=True)
    return [tuple(row[~answer & (row != PAD) & (row != BOS)].tolist()) for row, answer in rows]


def coverage(prompts, wanted, source, steps, seconds):
    return OverlapTracker(prompts, wanted, steps, source).overlap(source, seconds)


def stream(task, examples=None, **options):
    pool = None if examples is None else fixed_set(task, Uniform(maximum=4), examples, 3)
    return BatchStream(task, Contiguous(), Uniform(maximum=4), 16, 3, pool=pool, **options)


@pytest.mark.parametrize("task", [Copy(alphabet=3), Addition(operands="uneven", pad="none"), Parity()])
def test_two_prompts_have_one_fingerprint_exactly_if_they_are_the_same(task):
    batches = [task.sample(length, 300, generator("test", length)) for length in (1, 2, 3, 6)]
    named = [
        pair for batch in batches for pair in zip(prompts(batch), fingerprints(batch).tolist(), strict=True)
    ]
    assert len(set(named)) == len({prompt for prompt, _ in named}) == len({number for _, number in named})


def test_padding_and_answers_do_not_matter():
    batch = Copy().sample(5, 20, generator("test"))
    assert torch.equal(fingerprints(batch), fingerprints(batch.room(7)))
    assert torch.equal(fingerprints(batch), fingerprints(Copy(times=2).sample(5, 20, generator("test"))))


@pytest.mark.parametrize("examples", [None, 50])
@pytest.mark.parametrize("steps", [2, BLOCK, BLOCK + 5])
def test_counts_are_those_of_sets_of_strings(steps, examples):
    task, lengths = Copy(alphabet=3), [1, 3, 4, 7]
    learned = set()
    for batch in islice(stream(task, examples=examples), steps):
        for row, answer in zip(batch.tokens, batch.answer, strict=True):
            learned.add(tuple(row[~answer & (row != PAD) & (row != BOS)].tolist()))
    found = coverage(
        prompt_fingerprints(task, EVALUATION, lengths), 40, stream(task, examples=examples), steps, 60
    )
    for length in lengths:
        strings = prompts(task.sample(length, 40, generator("eval", 0, length)))
        assert found.lengths[length] == (40, len(set(strings)), sum(each in learned for each in strings))
    assert found.facts["exact"]
    assert found.steps == (min(steps, 4) if examples else steps)  # 50 examples are seen within 4 steps of 16


def test_what_passed_by_is_not_drawn_again(monkeypatch):
    task, steps = Copy(alphabet=3), 2 * BLOCK + 3
    prompts = prompt_fingerprints(task, EVALUATION, [1, 3, 4])
    whole = coverage(prompts, 40, stream(task), steps, 60)
    tracker = OverlapTracker(prompts, 40, steps, stream(task))
    for _ in islice(
        stream(task, start=BLOCK + 5, observer=tracker.note), steps + 9
    ):  # a run that went on there
        pass
    assert int(tracker.noted.sum()) == BLOCK - 2
    assert not tracker.noted[: BLOCK + 5].any()
    assert tracker.overlap(stream(task), 60) == whole
    passed = OverlapTracker(prompts, 40, steps, stream(task))
    for _ in islice(stream(task, observer=passed.note), steps):
        pass
    monkeypatch.setattr(BatchStream, "block", None)  # nothing is left to be drawn
    assert passed.overlap(stream(task), 0) == whole


def test_out_of_time_it_is_a_lower_bound_that_says_so():
    task = Copy(alphabet=3)
    found = coverage(prompt_fingerprints(task, EVALUATION, [1, 4]), 40, stream(task), 10 * BLOCK, 0)
    assert found.steps == BLOCK
    assert not found.facts["exact"]
    assert "at least 100% at 1" in found.sentence()


def test_the_figure_says_what_may_surprise_and_nothing_else():
    task = Copy(alphabet=2)
    assert coverage(
        prompt_fingerprints(task, EVALUATION, [1, 2, 60]), 40, stream(task), 50, 60
    ).sentence() == ("; test prompts that were in training: 100% at 1 to 2")
    assert coverage(prompt_fingerprints(task, EVALUATION, [60]), 40, stream(task), 50, 60).sentence() == ""
    assert (
        coverage(prompt_fingerprints(task, EVALUATION, [60]), 90, stream(task), 50, 60).sentence()
        == "; fewer examples: 40 at 60"
    )


@pytest.mark.parametrize("examples", [None, 60])
def test_what_is_asked_is_not_learned(examples):
    task = Copy(alphabet=4)
    asked = prompt_fingerprints(task, EVALUATION, [3, 4])
    found = coverage(asked, 40, stream(Deduplicated(task, asked), examples=examples), 40, 60)
    assert [strings.trained for strings in found.lengths.values()] == [0, 0]
    batch = Deduplicated(task, asked).sample(3, 500, generator("test"))
    assert len(batch) == 500
    strings = set(prompts(task.sample(3, 40, generator("eval", 0, 3))))
    assert strings.isdisjoint(prompts(batch))
    assert len(strings) + len(set(prompts(batch))) == 4**3  # nothing else is lost


def test_what_is_asked_is_not_learned_from_an_aid_of_another_length():
    task = Mixture(Copy(alphabet=4), {"primed": Aid(weight=0.5, lengths=[3])})
    asked = prompt_fingerprints(task, EVALUATION, [3])
    batch = Deduplicated(task, asked).sample(2, 500, generator("test"))
    assert torch.isin(fingerprints(task.sample(2, 500, generator("test"))), asked[3]).any()
    assert not torch.isin(fingerprints(batch), asked[3]).any()


def test_a_run_says_what_was_in_training_and_keeps_it_out_on_request(lengen, tmp_path):
    usual = ("train", "task=copy", "task.alphabet=4", *TINY, "eval.lengths=[2,3,5]", "eval.examples=6")
    for more in (
        (),
        ("trainer.deduplicate=true", "lengths.minimum=2"),
        ("trainer.deduplicate=true", "lengths.minimum=2", "trainer.examples=30"),
    ):
        ran = lengen(*usual, *more)
        assert ran.code == 0, ran.err
    facts = [json.loads((folder / "run.json").read_text()) for folder in run_folders(tmp_path)]
    seen = {
        (bool(each["protocol"].get("deduplicated")), each["protocol"]["training_examples"]): [
            strings["trained"] for strings in each["coverage"]["lengths"].values()
        ]
        for each in facts
    }
    assert seen[False, "fresh"][0] == 6  # 20 steps go through all 16 strings of two symbols
    assert seen[True, "fresh"] == seen[True, 30] == [0, 0, 0]


def test_a_length_of_which_all_is_asked_cannot_be_kept_out(lengen, tmp_path):
    ran = lengen("train", "task=parity", *TINY, "eval.lengths=[2,3,5]", "trainer.deduplicate=true")
    assert ran.code == 2
    assert len(ran.err.strip().splitlines()) == 1
    for word in ("length 2", "trainer.deduplicate=true", "lengths.minimum"):
        assert word in ran.err
    assert not (tmp_path / "results").exists()
