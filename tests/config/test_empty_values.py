"""An option without a value: what is said to be allowed is."""

from __future__ import annotations

import shlex

import pytest


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("train", "steps="), "steps=: has no value (allowed: whole number: at least 1)"),
        (("train", "results_dir="), "results_dir=: has no value (allowed: text)"),
        (("train", "name="), "name=: has no value (allowed: text or null)"),
        (("train", "decoder.layers="), "decoder.layers=: has no value (allowed: whole number: at least 1)"),
        (("plan", "cells="), "cells=: has no value (allowed: whole number: at least 2)"),
        (("eval", "run="), "run=: has no value (allowed: list of texts)"),
        (("eval", "examples="), "examples=: has no value (allowed: whole number: at least 1, or null)"),
        (("tune", "steps="), "steps=: has no value (allowed: whole number or null)"),
        (("data", "count="), "count=: has no value (allowed: whole number)"),
    ],
)
def test_what_is_allowed_is_said(lengen, words, said):
    ran = lengen(*words)
    assert (ran.code, ran.err) == (2, f"lengen: {said}\n")


@pytest.mark.parametrize(
    "option", ["steps", "results_dir", "name", "train_length", "init_seed", "pe.base", "task.alphabet"]
)
def test_null_is_said_to_be_allowed_exactly_where_it_is(lengen, option: str):
    common = ("task=copy", "pe=rope", "dry=true")
    said = "null" in lengen("train", *common, f"{option}=").err
    assert (lengen("train", *common, f"{option}=null").code == 0) == said


def test_a_list_in_the_place_of_a_text_is_refused_and_a_quoted_text_is_not(lengen):
    ran = lengen("train", "name=[1,2]", "dry=true")
    assert ran.code == 2
    assert ran.err.startswith("lengen: name=[1,2]: must be text; ")
    advice = shlex.split(ran.err.partition("as in ")[2])
    assert lengen("train", *advice, "dry=true").code == 0
    assert lengen("eval", "name={a: b}").err.startswith("lengen: name={a: b}: must be text; ")


@pytest.mark.parametrize(
    "word", ["steps=null", "steps=1e3", "steps=true", "decoder.layers=1E1", "optimizer.lr=null"]
)
def test_a_value_is_echoed_as_it_was_given(lengen, word: str):
    assert lengen("train", word).err.startswith(f"lengen: {word}: must be ")
