"""Several processes train what one does: the same losses, parameters and verdicts, however they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas
import psutil
import pytest
import torch

from conftest import TINY, read_rows

WORDS = ("task=addition", *TINY, "train_length=8", "lengths=cyclic", "batch_size=13", "trainer.log_every=1")
"""Lengths that differ within a batch, and a batch that the processes cannot divide evenly."""
LONG = (*WORDS, "steps=100000", "trainer.checkpoint_every=100000", "trainer.probe_every=100000")


def start(folder: Path, *words: str) -> subprocess.Popen:
    """Start `lengen train` in a folder."""
    command = [sys.executable, "-m", "lengen", "train", *words]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def ran(folder: Path, *words: str) -> Path:
    """Run `lengen train` to its end; the run folder."""
    process = start(folder, *words)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    results = next(
        (word.partition("=")[2] for word in words if word.startswith("results_dir=")), "results/runs"
    )
    (run,) = (folder / results).glob("*/*/*/seed=0")
    return run


def training(folder: Path, *words: str) -> tuple[subprocess.Popen, Path, psutil.Process]:
    """Start a run of two processes and wait until it trains; the process, the run folder and the other process."""
    process = start(folder, *LONG, *words)
    until = time.monotonic() + 500
    while not (found := [*folder.glob("results/runs/*/*/*/seed=0/train.csv")]):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.1)
    (other,) = psutil.Process(process.pid).children()
    return process, found[0].parent, other


def losses(folder: Path) -> list[float]:
    """The loss of every step."""
    return [float(row["loss"]) for row in read_rows(folder / "train.csv")]


def assert_same(one: Path, other: Path) -> None:
    """Two runs of a cell have the same losses, parameters and verdicts, to rounding."""
    assert one.parent.name == other.parent.name
    assert losses(other) == pytest.approx(losses(one), abs=1e-5)
    states = [
        torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"] for run in (one, other)
    ]
    assert states[0].keys() == states[1].keys()
    for name, weight in states[0].items():
        assert torch.allclose(states[1][name], weight, atol=1e-5, rtol=0), name
    verdicts = [pandas.read_parquet(run / "verdicts.parquet", partitioning=None) for run in (one, other)]
    pandas.testing.assert_frame_equal(*verdicts)
    curves = [pandas.read_csv(run / "curve.csv") for run in (one, other)]
    clocks = ["seconds", "peak_bytes", "memory_bytes"]
    pandas.testing.assert_frame_equal(*(curve.drop(columns=clocks) for curve in curves), atol=1e-5, rtol=0)
    facts = [json.loads((run / "run.json").read_text()) for run in (one, other)]
    assert facts[0]["parameters"] == facts[1]["parameters"]
    assert facts[0]["largest_position"] == facts[1]["largest_position"]


def test_two_processes_train_what_one_does(lengen, tmp_path):
    runs = []
    for words in (("results_dir=one",), ("results_dir=two", "trainer=ddp")):
        done = lengen("train", *WORDS, *words)
        assert done.code == 0, done.err
        runs += (tmp_path / words[0].partition("=")[2]).glob("*/*/*/seed=0")
    one, two = runs
    assert_same(one, two)
    assert not torch.equal(
        *(
            torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"][
                "decoder.head.weight"
            ]
            for run in (one, two)
        )
    )  # gradients were added in another order: two processes it was


@pytest.mark.long
@pytest.mark.parametrize(
    "words",
    [
        ("optimizer=adamw", "trainer=ddp"),
        ("optimizer=adamw", "trainer=ddp", "trainer.devices=3"),
        ("optimizer=muon", "trainer=ddp", "trainer.accumulate=2"),
        ("optimizer=adamw", "trainer=fsdp"),
        ("optimizer=adamw", "trainer=fsdp", "trainer.accumulate=2", "decoder.loops=2", "pe=seqpe"),
        ("optimizer=adamw", "trainer=ddp", "pe=rope", "positions=randomized", "eval.checkpoint=best"),
    ],
    ids=" ".join,
)
def test_devices_and_strategies_train_what_one_process_does(tmp_path, words):
    own = [word for word in words if not word.startswith("trainer")]
    one = ran(tmp_path, *WORDS, *own, "results_dir=one")
    assert_same(one, ran(tmp_path, *WORDS, *words, "results_dir=other"))


@pytest.mark.long
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_a_run_goes_on_with_another_number_of_processes(tmp_path, strategy):
    words = (*LONG, "optimizer=adamw", "steps=60", "trainer.checkpoint_every=5")
    whole = ran(tmp_path, *words, "results_dir=whole")
    process = start(tmp_path, *words, f"trainer={strategy}")
    last = "results/runs/*/*/*/seed=0/checkpoints/last.ckpt"
    while not [*tmp_path.glob(last)]:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=300)
    assert process.returncode == 143
    (path,) = tmp_path.glob(last)
    assert 5 <= torch.load(path, weights_only=True)["global_step"] < 60
    assert_same(whole, ran(tmp_path, *words))


@pytest.mark.long
def test_a_signal_writes_a_checkpoint_and_ends_all_processes(tmp_path):
    process, folder, other = training(tmp_path, "trainer=ddp")
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 143
    assert "Traceback" not in errors
    assert not other.is_running() or other.status() == psutil.STATUS_ZOMBIE
    assert json.loads((folder / "run.json").read_text())["status"] == "interrupted"
    saved = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert saved["global_step"] > 0


@pytest.mark.long
def test_ctrl_c_in_a_terminal_reaches_all_processes_and_is_taken_as_one(tmp_path):
    process, folder, _ = training(tmp_path, "trainer=ddp")
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert (folder / "checkpoints" / "last.ckpt").exists()


@pytest.mark.long
def test_a_process_that_is_killed_ends_the_command_and_is_named(tmp_path):
    process, folder, other = training(tmp_path, "trainer=ddp")
    other.kill()
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "the process of device 1 was killed" in errors
    assert "goes on from the last checkpoint" in json.loads((folder / "run.json").read_text())["error"]


@pytest.mark.long
def test_the_other_processes_end_with_the_command(tmp_path):
    process, _, other = training(tmp_path, "trainer=ddp")
    process.kill()
    process.communicate()
    other.wait(120)


@pytest.mark.long
def test_a_run_of_several_processes_diverges_as_one_does(tmp_path):
    process = start(
        tmp_path, *WORDS, "optimizer=adamw", "optimizer.lr=1e30", "optimizer.schedule.warmup=0", "trainer=ddp"
    )
    out, errors = process.communicate(timeout=600)
    assert process.returncode == 1
    assert "DivergedError: the loss is nan" in out
    assert "Traceback" not in errors


MINE = """
import torch
import lengen
from lengen.pe.nope import NoPE

class Mine(NoPE):
    def __init__(self, shape):
        super().__init__(shape)
        self.spare = torch.nn.Parameter(torch.ones(3))  # no step uses it

for seed in (0, 1):
    run = lengen.train("trainer=ddp", task="copy", pe=Mine, seed=seed, **OPTIONS)
    print(run.status, len(run.curve))
"""


@pytest.mark.long
def test_a_script_without_a_guard_trains_its_own_class_on_several_devices(tmp_path):
    options = dict(word.split("=", 1) for word in TINY if "[" not in word)
    script = MINE.replace(
        "OPTIONS", repr({**{k: eval(v.title()) for k, v in options.items()}, "eval.lengths": [2, 3, 5]})
    )
    (tmp_path / "mine.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "mine.py"], cwd=tmp_path, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "finished 3"
    assert done.stdout.count("finished 3") == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("trainer=fsdp", "optimizer=muon"),
            "optimizer=muon with trainer.strategy=fsdp: it needs whole matrices",
        ),
        (
            ("trainer=fsdp", "optimizer=adamw", "attention=urpe"),
            "attention=urpe with trainer.strategy=fsdp: its layers share",
        ),
        (("trainer=ddp", "batch_size=1"), "batch_size=1: must be at least 2 with trainer.devices=2"),
        (("trainer=ddp", "trainer.devices=0"), "trainer.devices=0: must be at least 1"),
        (("trainer=ddp", "decoder.dropout=0.1"), "decoder.dropout=0.1 with trainer.devices=2"),
    ],
)
def test_what_several_devices_cannot_train_is_refused(lengen, tmp_path, words, message):
    ran = lengen("train", "task=copy", *TINY, *words)
    assert ran.code == 2
    assert message in ran.err
    assert not (tmp_path / "results").exists()
