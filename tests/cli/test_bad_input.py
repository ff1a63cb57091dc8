"""Command lines that are invalid by construction: exit code 2, one short line that names the option, nothing written."""

from __future__ import annotations

import time

import pytest

from bad_input import Line, files, grammar, names, ranges, sizes, types
from conftest import TINY
from lengen.config.compose import TRAIN
from lengen.config.explain import flat
from lengen.config.foreign import ABSENT, MEANT, foreign_word, foreign_words

GENERATORS = (types, names, grammar, ranges, sizes, files)
LIMIT, WIDTH = 10, 300
"""Seconds that an answer may take, and characters that it may have."""
SOME = 10
"""Lines of each generator that the ordinary suite tries."""
pytestmark = pytest.mark.whole_run  # many command lines


def some(generator) -> list[Line]:
    """Lines of a generator, evenly."""
    lines = list(generator.lines())
    return lines[:: len(lines) // SOME][:SOME]


def faults(line: Line, lengen, folder) -> list[str]:
    """What is wrong with the answer to a command line."""
    if line.yaml is not None:
        (folder / "conf/pe").mkdir(parents=True, exist_ok=True)
        (folder / "conf/pe/mine.yaml").write_text(line.yaml)
    before = sorted(folder.rglob("*"))
    started = time.process_time()
    ran = lengen(*line.words)
    seconds = time.process_time() - started
    found = {
        f"exit code {ran.code}": ran.code != 2,
        f"{len(ran.err.splitlines())} lines": len(ran.err.splitlines()) != 1,
        f"{len(ran.err)} characters": len(ran.err) > WIDTH,
        f"does not name {line.named}": line.named not in ran.err,
        f"{seconds:.1f} s": seconds > LIMIT,
        "something was written": sorted(folder.rglob("*")) != before,
    }
    return [text for text, wrong in found.items() if wrong] + [ran.err[:200]] * any(found.values())


@pytest.mark.parametrize("generator", GENERATORS, ids=lambda each: each.__name__.partition(".")[2])
def test_some_bad_lines_are_refused(generator, lengen, tmp_path):
    wrong = {str(line): found for line in some(generator) if (found := faults(line, lengen, tmp_path))}
    assert not wrong


@pytest.mark.long
@pytest.mark.parametrize("generator", GENERATORS, ids=lambda each: each.__name__.partition(".")[2])
def test_all_bad_lines_are_refused(generator, lengen, tmp_path):
    wrong = {str(line): found for line in generator.lines() if (found := faults(line, lengen, tmp_path))}
    assert not wrong


def test_there_are_enough_of_them_and_no_two_are_equal():
    lines = [(line.words, line.yaml) for generator in GENERATORS for line in generator.lines()]
    assert len(lines) >= 500
    assert len({*lines}) == len(lines)
    assert {words[0] for words, _ in lines} >= {"train", "eval", "compare", "data", "plan", "check", "list"}


@pytest.fixture(scope="module")
def options() -> dict[str, list[str]]:
    """All dotted options of `train` by optimizer and task."""
    from lengen.config.compose import Request

    chosen = (
        ["optimizer=muon", "pe=rope"],
        ["optimizer=adamw", "pe=learned", "task=dataset", "logger=wandb"],
    )
    return {" ".join(words): flat(Request(TRAIN, words).compose()) for words in chosen}


def test_every_word_of_another_library_leads_to_an_option_or_to_a_reason(options):
    known = {name for names in options.values() for name in names} | {"decoder", "optimizer"}
    words = foreign_words()
    assert len(words) == len({*words}) == sum(len(each.split()) for each in (*MEANT.values(), *ABSENT))
    assert len(words) > 200
    for word in words:
        for shape in ("{}", "trainer.{}", "zz.{}"):
            answer = foreign_word(shape.format(word))
            if answer.startswith("; in lengen this is "):
                assert answer.split("'")[1] in known, word
            else:
                assert answer.startswith("; lengen has no such option, because "), (word, shape)
                assert len(answer) < 250


@pytest.mark.parametrize(
    ("word", "leads"),
    [
        ("max_steps=10", "'steps'"), ("trainer.max_steps=10", "'steps'"), ("devices=2", "'trainer.devices'"), ("gpus=1", "'trainer.devices'"),
        ("max_epochs=3", "steps sets"), ("learning_rate=1", "'optimizer.lr'"), ("d_model=8", "'decoder.dim'"),
        ("warmup_steps=8", "'optimizer.schedule.warmup'"), ("report_to=wandb", "'logger'"), ("output_dir=x", "'results_dir'"),
        ("resume_from_checkpoint=x", "the same command resumes"), ("project=x", "'logger.project'"), ("lr=1", "'optimizer.lr'"),
        ("trainer.accelerator=gpu", "did you mean 'cuda'?"), ("trainer.num_nodes=2", "one machine"),
        ("precision=bf16-mixed", "'trainer.precision=bf16'"), ("trainer.precision=bf16-mixed", "did you mean 'bf16'?"),
        ("accelerator=gpu", "'trainer.accelerator=cuda'"), ("gpu=1", "'trainer.accelerator'"), ("batch=8", "'batch_size'"),
        ("precision=16", "'trainer.precision' (allowed: auto, float32, or bf16)"), ("max_steps=-1", "'steps' (allowed: whole number: at least 1)"),
        ("device=tpu", "'trainer.accelerator' (allowed: auto, cpu, cuda, or mps)"), ("devices=auto", "'trainer.devices' (allowed: whole number"),
        ("optimizer_type=sgd", "'optimizer' (allowed: adamw, muon)"), ("num_beams=4", "'eval.decode' (allowed: teacher, greedy, or free)"),
        ("--max_steps=-1", "'steps' (allowed: whole number: at least 1)"), ("optimizer_type=adamw", "'optimizer'\n"),
        ("--learning_rate=1", "'optimizer.lr'"), ("--max_epochs", "steps sets"), ("--pe=rope", "no dashes: pe=rope"),
    ],
)  # fmt: skip
def test_words_of_other_libraries_are_answered_on_the_command_line(lengen, word, leads):
    ran = lengen("train", word)
    assert ran.code == 2
    assert leads in ran.err
    assert "did you mean 'deduplicate'" not in ran.err
    assert "'cpu'" not in ran.err


VALID = (
    (), ("pe=rope",), ("pe=alibi", "eval.stress=[]"), ("pe=learned", "pe.maximum=64"), ("positions=randomized", "pe=rope"),
    ("attention=ssmax",), ("optimizer=adamw", "optimizer.lr=1e-4"), ("task=addition",), ("task=dyck", "train_length=4", "eval.lengths=[4]"),
    ("format=hints", "task=copy"), ("lengths=growing",), ("decoder.tied=true",), ("limits.memory=2GB",), ("results_dir=a=b(c",),
    ("task=passkey", "eval.stress=[depth=0.50]"), ("pe=seqpe",), ("trainer.examples=50", "task=copy"), ("-m", "seed=range(2)"),
)  # fmt: skip


@pytest.mark.parametrize("words", VALID, ids=" ".join)
def test_a_valid_line_is_tried_without_writing_anything(lengen, tmp_path, words):
    ran = lengen("train", *TINY, *words, "dry=true")
    assert ran.code == 0, ran.err
    for name in ("run ", "parameters ", "training ", "test set ", "time ", "memory ", "disk "):
        assert f"\n  {name}" in ran.out
    assert list(tmp_path.iterdir()) == []
