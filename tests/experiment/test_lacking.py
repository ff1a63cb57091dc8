"""A task that lacks some lengths: what a run says of the lengths that it trained."""

from __future__ import annotations

import json

import pytest

from conftest import TINY, run_folders
from lengen.report import figure

EVEN = """
from dataclasses import dataclass

from lengen.config.errors import LengthUnavailable
from lengen.task.copy import Copy


@dataclass(frozen=True)
class Even(Copy):
    def sample(self, length, count, generator):
        if length % 2 and length > 1:
            raise LengthUnavailable(f"length {length}: allowed are 1 and even ones")
        return super().sample(length, count, generator)
"""
LONGER = (*TINY, "train_length=6", "eval.lengths=[2,6,8]")


@pytest.fixture
def drawn(monkeypatch):
    """Footnotes of the figures that are drawn."""
    notes = []
    draw = figure.draw
    monkeypatch.setattr(
        figure, "draw", lambda *given, **named: (notes.append(named["footnote"]), draw(*given, **named))
    )
    return notes


@pytest.fixture
def even(tmp_path):
    (tmp_path / "even.py").write_text(EVEN)
    (tmp_path / "conf" / "task").mkdir(parents=True)
    (tmp_path / "conf" / "task" / "even.yaml").write_text("_target_: even.Even\n")


def facts(tmp_path):
    (folder,) = run_folders(tmp_path)
    return json.loads((folder / "run.json").read_text())


def test_the_lengths_that_were_trained_stand_in_run_json_and_on_the_figure(lengen, tmp_path, even, drawn):
    assert lengen("train", "--config-dir", "conf", "task=even", *LONGER).code == 0
    assert facts(tmp_path)["trained_lengths"] == [1, 2, 4, 6]
    assert facts(tmp_path)["unavailable_lengths"] == [3, 5]
    (note,) = drawn
    assert "fresh data at lengths 1 to 2, 4, 6, seed 0" in note
    (folder,) = run_folders(tmp_path)
    again = lengen("eval", "--config-dir", "conf", f"run={folder}", "lengths=[2,4]")
    assert again.code == 0, again.err
    assert "fresh data at lengths 1 to 2, 4, 6, seed 0" in drawn[-1]


def test_all_lengths_are_not_worth_a_word(lengen, tmp_path, drawn):
    assert lengen("train", "task=copy", *LONGER).code == 0
    assert facts(tmp_path)["trained_lengths"] == [1, 2, 3, 4, 5, 6]
    assert facts(tmp_path)["unavailable_lengths"] == []
    (note,) = drawn
    assert "fresh data, seed 0" in note


def test_a_fixed_set_says_which_lengths_it_has(lengen, tmp_path, drawn):
    ran = lengen("train", "task=copy", *LONGER, "trainer.examples=2")
    assert ran.code == 0, ran.err
    lengths = facts(tmp_path)["trained_lengths"]
    assert len(lengths) == 2
    (note,) = drawn
    assert f"2 fixed examples at lengths {lengths[0]} to {lengths[1]}, seed 0" in note


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("train_length=5",), "train_length=5: allowed are 1 and even ones"),
        (("eval.lengths=[2,3]",), "eval.lengths has 3: allowed are 1 and even ones"),
        (
            ("lengths=list", "lengths.values=[2,3,6]"),
            "lengths=list has 3: allowed are 1 and even ones",
        ),
    ],
)
def test_a_length_that_was_named_is_refused_by_its_option(lengen, tmp_path, even, words, line):
    ran = lengen("train", "--config-dir", "conf", "task=even", *LONGER, *words)
    assert (ran.code, ran.err) == (2, f"lengen: {line}\n")
    assert run_folders(tmp_path) == []


def test_data_refuses_a_length_that_a_task_lacks(lengen, even):
    ran = lengen("data", "--config-dir", "conf", "task=even", "length=3")
    assert (ran.code, ran.err) == (2, "lengen: length=3: allowed are 1 and even ones\n")
