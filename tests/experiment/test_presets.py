"""Presets of the literature: each says what it reproduces, composes, is tried dry, and trains in its small size."""

from __future__ import annotations

import pytest

from lengen.config.compose import TRAIN, Request
from lengen.config.option_page import described
from lengen.config.search import choices, config_dir

PRESETS = choices("experiment")
FEW = ("steps=3", "batch_size=8", "eval.examples=2", "eval.lengths=[1x]", "trainer.progress=false")
KAZEMNEJAD = {"addition", "copy", "lego", "parity", "pcfg", "poly", "reverse", "scan", "sort", "sum"}


def test_a_preset_names_its_paper_and_its_minutes():
    for name in PRESETS:
        if name != "lr_bracket":
            facts = described(config_dir() / "experiment" / f"{name}.yaml")[1]
            assert facts["paper"].partition(" (")[0].rpartition(" ")[2].isdecimal(), facts  # ends in its year
            assert "minute" in facts["cost"]


def test_the_central_paper_has_ten_tasks():
    assert {name.partition("_")[2] for name in PRESETS if name.startswith("kazemnejad2023_")} == KAZEMNEJAD


def test_another_size_leaves_the_task_of_a_preset_as_it_is():
    words = ["experiment=kazemnejad2023_sum"]
    paper, laptop = (Request(TRAIN, [*words, *more]).compose() for more in ((), ("size=laptop",)))
    assert (paper["decoder"]["layers"], laptop["decoder"]["layers"]) == (12, 3)
    assert (paper["trainer"]["examples"], laptop["trainer"]["examples"]) == (100000, None)
    assert paper["task"] == laptop["task"]
    assert paper["eval"] == laptop["eval"]
    assert paper["attention"]["scale"] == laptop["attention"]["scale"] == "none"


@pytest.mark.long
@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_can_be_tried_dry(lengen, tmp_path, name):
    ran = lengen("train", f"experiment={name}", "dry=true")
    assert ran.code == 0, ran.err
    assert "parameters" in ran.out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_trains_on_a_laptop(lengen, name):
    ran = lengen("train", f"experiment={name}", "size=laptop", *FEW)
    assert ran.code == 0, ran.out + ran.err
    assert "ID exact match" in ran.out
