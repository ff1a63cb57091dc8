"""scripts/state_tracking.py: rates are chosen on ID with a seed of their own, and what was not trained comes last."""

import csv
import json
import sys

import pytest
import yaml

from conftest import script_module


@pytest.fixture
def script():
    return script_module("state_tracking")


def run(place, rate, share, loss, status="finished"):
    """A run with the choosing seed."""
    folder = place / f"parity/nope/c{rate}/seed=100"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"status": status, "id_exact_match": share}))
    (folder / "config.yaml").write_text(yaml.safe_dump({"optimizer": {"lr": rate}}))
    with (folder / "train.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["step", "id_loss"], [10, 9.0], [20, loss], [25, ""]])


@pytest.mark.parametrize(
    ("slow", "fast", "rate"),
    [
        ((0.9, 0.5), (0.95, 0.9), 0.006),
        ((0.95, 0.5), (0.95, 0.4), 0.006),
        ((0.95, 0.4), (0.95, 0.5), 0.002),
        ((0.5, 0.7), (None, 0.1, "diverged"), 0.002),
    ],
)
def test_the_rate_is_chosen_by_id_exact_match_then_loss(script, tmp_path, monkeypatch, slow, fast, rate):
    monkeypatch.setattr(script, "lengen", lambda *words: None)
    run(tmp_path / "choosing/gru", 0.002, *slow)
    run(tmp_path / "choosing/gru", 0.006, *fast)
    choice = script.Study(tmp_path, 1).choose("parity task.scratchpad=none", "gru")
    assert choice.rate == rate
    assert choice.exact_match == (slow if rate == 0.002 else fast)[0]


def test_a_mixer_that_diverged_at_every_rate_is_not_measured(script, tmp_path, monkeypatch):
    called = []
    monkeypatch.setattr(script, "lengen", lambda *words: called.append(words))
    run(tmp_path / "choosing/gru", 0.002, None, 1.0, "diverged")
    study = script.Study(tmp_path, 1)
    choice = study.choose("parity task.scratchpad=none", "gru")
    assert choice is None
    study.measure("parity", "gru", choice)
    assert len(called) == 1


def test_the_table_of_the_choosing_seed_has_every_rate(script, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "lengen", lambda *words: pytest.fail("nothing is to be compared yet"))
    run(tmp_path / "choosing/gru", 0.006, 0.9, 0.25)
    run(tmp_path / "choosing/gru", 0.002, 0.5, 0.75)
    script.Study(tmp_path, 1).write()
    with (tmp_path / "choosing.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [[*row.values()] for row in rows] == [
        ["parity", "gru", "0.002", "0.5", "0.75"],
        ["parity", "gru", "0.006", "0.9", "0.25"],
    ]


def test_mixers_that_were_not_trained_come_after_the_last_task(script, tmp_path, monkeypatch):
    shares, seeds = {"gru": 1.0, "attention": 0.7}, []

    def lengen(*words):
        if words[0] == "train" and "seed=100" not in words:
            assert "seed=0,1,2,3,4,5" in words
            seeds.append((words[2], next(word for word in words if word.startswith("mixer="))))

    monkeypatch.setattr(script, "lengen", lengen)
    monkeypatch.setattr(script, "TASKS", ("parity", "copy"))
    monkeypatch.setattr(script, "MIXERS", {name: f"mixer={name}" for name in shares})
    monkeypatch.setattr(
        script.Study, "choose", lambda self, task, mixer: script.Choice(shares[mixer], -0.1, 0.002)
    )
    monkeypatch.setattr(sys, "argv", ["state_tracking.py", "--out", str(tmp_path)])
    assert script.main() == 0
    assert seeds == [
        ("task=parity", "mixer=gru"), ("task=copy", "mixer=gru"), ("task=parity", "mixer=attention"), ("task=copy", "mixer=attention"),
    ]  # fmt: skip


@pytest.mark.parametrize("mixer", ["gru", "mamba2-signed", "attention"])
def test_decoders_have_equal_size_and_their_commands_are_accepted(script, lengen, mixer):
    words = [word for word in script.COMMON if not word.startswith("steps")]
    ran = lengen(
        "train",
        *f"task={script.TASKS[0]}".split(),
        *script.MIXERS[mixer].split(),
        *words,
        "dry=true",
    )
    assert ran.code == 0, ran.err
    (line,) = [line for line in ran.out.splitlines() if line.strip().startswith("parameters")]
    assert 115_000 < int(line.split()[1].replace(",", "")) < 129_000
