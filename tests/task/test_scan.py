"""SCAN by parsing commands and acting, written from the paper's interpretation functions."""

import json
from collections import Counter, defaultdict
from itertools import product
from pathlib import Path

import pytest
import torch
import yaml
from scipy.stats import chisquare

from conftest import TINY
from lengen.records.eval_options import EvalOptions
from lengen.task import PAD
from lengen.task.scan import Scan

from .reading import draw

LONGER = (24, 25, 26, 27, 28, 30, 32, 33, 36, 40, 48)
LENGTHS = (*range(1, 23), *LONGER)
PRESET = Path(__file__).parents[2] / "configs" / "task" / "scan.yaml"
UNLIKELY = 1e-3


def act(words):
    """The actions of a command, from its outermost word inwards."""
    for joint in ("and", "after"):
        if joint in words:
            where = words.index(joint)
            first, second = act(words[:where]), act(words[where + 1 :])
            return first + second if joint == "and" else second + first
    *inner, last = words
    if last in ("twice", "thrice"):
        return act(inner) * (2 if last == "twice" else 3)
    if last in ("left", "right"):
        turn = [{"left": "LTURN", "right": "RTURN"}[last]]
        if inner[-1] == "opposite":
            return turn + turn + act(inner[:-1])
        if inner[-1] == "around":
            return (turn + act(inner[:-1])) * 4
        return turn + act(inner)
    assert not inner
    return [] if last == "turn" else [last.upper()]


@pytest.mark.parametrize(
    ("command", "actions"),
    [
        ("jump left", "LTURN JUMP"),
        ("jump around right", "RTURN JUMP RTURN JUMP RTURN JUMP RTURN JUMP"),
        ("turn left twice", "LTURN LTURN"),
        ("turn opposite left", "LTURN LTURN"),
        ("jump opposite left and walk thrice", "LTURN LTURN JUMP WALK WALK WALK"),
        (
            "jump opposite left after walk around left",
            "LTURN WALK LTURN WALK LTURN WALK LTURN WALK LTURN LTURN JUMP",
        ),
    ],
)
def test_the_solver_gives_the_examples_of_the_paper(command, actions):
    assert act(command.split()) == actions.split()


def grammar():
    """Every command, from the phrase-structure grammar."""
    directed = ["".join(parts) for parts in product(["", "opposite ", "around "], ["left", "right"])]
    verbs = ["walk", "look", "run", "jump"]
    phrases = [f"{verb} {direction}" for verb in [*verbs, "turn"] for direction in directed] + verbs
    sentences = [phrase + times for phrase in phrases for times in ("", " twice", " thrice")]
    return sentences + [" ".join(parts) for parts in product(sentences, ["and", "after"], sentences)]


def test_all_commands_are_drawn_alike_and_carried_out():
    expected = defaultdict(set)
    for command in grammar():
        expected[len(act(command.split()))].add(command)
    assert sum(map(len, expected.values())) == 20910
    assert set(expected) == set(LENGTHS)
    # the sizes of the paper's length split
    assert sum(len(expected[length]) for length in LONGER) == 3920
    for length, commands in expected.items():
        batch = Scan().sample(length, 16 * len(commands), torch.Generator().manual_seed(length))
        assert batch.places is None
        counts = Counter(map(bytes, batch.tokens.to(torch.uint8).numpy()))
        assert chisquare(list(counts.values())).pvalue > UNLIKELY / len(LENGTHS)
        rows = [batch.vocabulary.decode(row) for row in counts]
        for row in rows:
            split, end = row.index("#"), row.index("<eos>")
            assert row[split + 1 : end] == act(row[:split])
        assert {" ".join(row[: row.index("#")]) for row in rows} == commands
        assert len(rows) == len(commands)


@pytest.mark.parametrize("length", [3, 10, 22, 33, 40])
def test_draws_are_carried_out(length):
    batch, pairs = draw(Scan(), length, 100)
    for read, written in pairs:
        assert written == act(read[:-1])
        assert len(written) == length
    assert batch.time == int((batch.tokens != PAD).sum(1).max())


def test_other_lengths_are_refused():
    for length in set(range(1, 60)) - set(LENGTHS):
        with pytest.raises(ValueError, match=rf"length {length}: no SCAN command .* 22, 24, .* 40, 48\]"):
            draw(Scan(), length, 1)


def test_the_preset_is_the_length_split_of_the_paper():
    preset = yaml.safe_load(PRESET.read_text())
    asked = EvalOptions(**preset["eval"]).at(preset["train_length"])
    assert preset["train_length"] == 22
    assert [length for length in asked if length > 22] == list(LONGER)
    assert set(asked) < set(LENGTHS)


def test_a_run_passes_over_lengths_without_commands(lengen, tmp_path):
    ran = lengen("train", "task=scan", *TINY, "steps=2", "train_length=22", "eval.lengths=[22,24,48]")
    assert ran.code == 0, ran.err
    (curve,) = tmp_path.glob("results/runs/scan/*/*/*/curve.csv")
    assert len(curve.read_text().splitlines()) == 4


@pytest.mark.parametrize("lengths", ["uniform", "growing"])
def test_training_leaves_out_lengths_without_commands(lengen, tmp_path, lengths):
    ran = lengen("train", "task=scan", *TINY, f"lengths={lengths}", "steps=4", "train_length=25")
    assert ran.code == 0, ran.err
    (facts,) = tmp_path.glob("results/runs/scan/*/*/*/run.json")
    assert json.loads(facts.read_text())["protocol"]["train_length"] == 25


def test_an_export_leaves_out_lengths_without_commands(lengen, tmp_path):
    asked = ("examples=100", "eval.examples=4", "eval.lengths=[25,30]", "trainer.progress=false")
    ran = lengen("data", "task=scan", "train_length=25", "export=out", *asked)
    assert ran.code == 0, ran.err
    splits = json.loads((tmp_path / "out" / "lengen.json").read_text())["splits"]
    assert list(splits["train"]["lengths"]) == [str(length) for length in LENGTHS if length <= 25]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["eval.lengths=[22,29,48]"], ["eval.lengths has 29: no SCAN command"]),
        (["train_length=29"], ["train_length=29: no SCAN command"]),
        (["train_length=23"], ["train_length=23: no SCAN command"]),
        (
            ["lengths=list", "lengths.values=[3,23,25]", "train_length=25"],
            ["lengths=list has 23: no SCAN command"],
        ),
    ],
)
def test_a_run_at_lengths_without_commands_is_refused(lengen, tmp_path, arguments, words):
    ran = lengen("train", "task=scan", *arguments)
    assert ran.code == 2
    assert all(word in ran.err for word in words)
    assert list(tmp_path.iterdir()) == []
