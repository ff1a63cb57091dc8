"""Heads where answers are trained, scored and decoded."""

import json
from functools import partial

import pytest
import torch
from tests.conftest import TINY, run_folders
from tests.options import files, named
from tests.whole_answers import check_fast_step, check_greedy, check_verdicts

from lengen.attention.softmax import Softmax
from lengen.config.builder import Builder
from lengen.config.compose import TRAIN, Request
from lengen.decoder import Architecture, Decoder
from lengen.evaluation.decoding import greedy
from lengen.experiment.config import RunConfig
from lengen.experiment.stack import check_stackable
from lengen.head.nmst import NMST
from lengen.head.pointer import Pointer
from lengen.pe.rope import RoPE
from lengen.task import EOS, Batch
from lengen.task.addition import Addition
from lengen.task.copy import Copy

HEADS = [
    *named("head"),
    pytest.param(partial(Pointer, over="all"), id="pointer-all"),
    pytest.param(partial(NMST, epsilon=0.05), id="nmst-0.05"),
]


def drawn(task, lengths=(2, 5), rows=6):
    """Examples of several lengths in one batch, without bos: prompts and answers of different sizes."""
    return Batch.join(
        [task.sample(length, rows, torch.Generator().manual_seed(length)) for length in lengths]
    )


def decoder(head, batch, **options):
    """A small decoder in float64 whose next token hangs on all that was read."""
    torch.manual_seed(0)
    size = Architecture(dim=32, **options)
    made = Decoder(size, len(batch.vocabulary), RoPE, Softmax, head=head).double().eval()
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if name.endswith(("out.weight", "down.weight", "query.weight")):
                weight.mul_(3)
    return made


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("loops", [1, 2])
def test_greedy_decoding_is_a_full_pass_for_every_token(head, loops):
    batch = drawn(Addition(operands="uneven", pad="none"))
    check_greedy(decoder(head, batch, loops=loops, inject=loops > 1), batch)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("task", [Addition(operands="uneven", pad="none"), Copy()], ids=["addition", "copy"])
def test_greedy_verdicts_are_those_of_one_pass(head, task):
    batch = drawn(task)
    check_verdicts(decoder(head, batch), batch)


@pytest.mark.parametrize("head", HEADS)
def test_the_fast_step_has_the_loss_and_gradients_of_the_plain_one(head):
    batch = drawn(Addition(operands="uneven", pad="none"))
    check_fast_step(decoder(head, batch), batch)


def test_rows_end_by_themselves_once_they_are_forced_to():
    """A decoder that never writes the end token ends nonetheless."""
    batch = drawn(Copy(), lengths=(40,)).begin()
    ended = []
    for epsilon in (0.0, 0.05):
        made = decoder(partial(NMST, epsilon=epsilon), batch)
        plain = made.head.logits
        column = torch.arange(len(batch.vocabulary)) == EOS
        made.head.logits = lambda x, plain=plain, column=column: plain(x) - 99 * column
        found = greedy(made, batch.tokens, batch.answer, lambda tokens: torch.arange(tokens.shape[1])[None])
        ended.append(((found == EOS) & batch.answer).any(1))
    assert not ended[0].any()
    assert ended[1].all()


@pytest.mark.parametrize("path", files("head"), ids=lambda path: path.stem)
def test_seeds_are_stacked(path):
    words = ("task=copy", f"head={path.stem}", *TINY, "pe=rope")
    record = Request(TRAIN, words).compose()
    check_stackable(Builder().build(RunConfig, {**record, "record": record}))


@pytest.mark.whole_run
@pytest.mark.parametrize("name", ["pointer", "nmst", "st"])
@pytest.mark.sampled(3)
def test_a_run_with_a_head_is_a_run_like_any_other(name, lengen, tmp_path):
    words = ("train", "task=copy", *TINY, "pe=rope", f"head={name}")
    ran = lengen(*words)
    assert ran.code == 0, ran.err
    (run,) = run_folders(tmp_path)
    before = json.loads((run / "run.json").read_text())
    assert before["identity"]["head"]["class"] in ("Pointer", "NMST", "ST")
    assert lengen(*words).code == 0
    assert json.loads((run / "run.json").read_text()) == before
    for decode in ("greedy", "free"):
        ran = lengen("eval", f"run={run}", f"decode={decode}")
        assert ran.code == 0, ran.err
    for extra in ("extend=sharpen", "inspect=stopping", "inspect=entropy", "inspect=remembrance"):
        ran = lengen("eval", f"run={run}", extra)
        assert ran.code == 0, ran.err
    ran = lengen("eval", f"run={run}", "inspect=lens")
    assert ran.code == 2
    assert f"inspect=lens: does not apply to head={name}" in ran.err
    ran = lengen("export", f"run={run}", f"to={tmp_path / 'converted'}")
    assert ran.code == 2
    assert f"head={name} has no architecture of transformers (allowed: linear)" in ran.err


@pytest.mark.whole_run
def test_the_default_is_the_cell_of_earlier_versions(lengen, tmp_path):
    assert lengen("train", "task=copy", *TINY).code == 0
    assert lengen("train", "task=copy", "head=linear", *TINY).code == 0
    (run,) = run_folders(tmp_path)
    assert "head" not in json.loads((run / "run.json").read_text())["identity"]


def test_an_epsilon_for_shorter_answers_is_refused_before_training(lengen):
    ran = lengen("train", "task=copy", *TINY, "head=nmst", "head.epsilon=0.02")
    assert ran.code == 2
    assert ran.err.startswith(
        "lengen: head.epsilon=0.02: eval.lengths has 5, where answers have up to 6 tokens"
    )
    assert len(ran.err.strip().splitlines()) == 1
