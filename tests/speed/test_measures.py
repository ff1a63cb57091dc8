"""Every measure runs at toy size, and compares what it says that it compares."""

import json
import math
import subprocess
import sys
import time
from importlib import import_module
from importlib.metadata import PackageNotFoundError
from itertools import islice
from pathlib import Path

import pytest
import torch

from benchmarks import Failed, Figure, Setting, Skipped, gpu_parts, models
from benchmarks.measures import generate, gpu, overhead, peers, sweep, trainer
from benchmarks.models import PEERS, examples, experiment, lacking, made, own_loop
from benchmarks.record import read_entry

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "bench.py"
MEASURES = sorted(path.stem for path in (ROOT / "scripts" / "benchmarks" / "measures").glob("[a-z]*.py"))
COMMANDS = ("study", "former", "compare", "status", "lengths", "again", "gpu")
"""Measures that run commands, which takes seconds."""
QUICK = Setting(quick=True)
POSITIONS = ("transformer.wpe.weight", "pe.rows")
"""Tables whose size is the number of positions."""

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),  # of other libraries
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


def check(entries):
    """Every figure is a number between its quartiles, and nothing failed."""
    assert not [entry for entry in entries if isinstance(entry, Failed)]
    for entry in entries:
        if isinstance(entry, Figure):
            assert 0 <= entry.low <= entry.median <= entry.high < math.inf
            assert math.isfinite(sum(entry.values.values()))


@pytest.mark.parametrize("name", [name for name in MEASURES if name not in COMMANDS])
def test_a_measure_runs(name):
    entries = list(import_module(f"benchmarks.measures.{name}").measure(QUICK))
    assert entries
    check(entries)


@pytest.mark.long
@pytest.mark.parametrize("name", COMMANDS)
def test_a_measure_that_runs_commands_runs(name, tmp_path):
    command = [sys.executable, SCRIPT, name, "--quick", "--device", "cpu", "--out", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((tmp_path / f"{name}.json").read_text())
    assert record["toy"]
    assert record["figures"]
    check([read_entry({"kind": "figures", **values}) for values in record["figures"]])
    if name == "gpu":
        parts = {figure["what"] for figure in record["figures"]}
        assert {f"part {part}" for part in gpu.PARTS} <= parts


@pytest.mark.parametrize("name", [name for name in gpu.PARTS if name not in ("tests", "runs", "seeds")])
def test_a_part_of_the_gpu_runs_without_one(name, tmp_path):
    """But for the device, end to end."""
    out = tmp_path / "entries"
    gpu.part(name, QUICK, 60, out)
    entries = [read_entry(json.loads(line)) for line in out.read_text().splitlines()]
    assert entries
    check(entries)


@pytest.mark.long
@pytest.mark.whole_run
def test_a_part_that_fails_or_is_too_slow_is_written_down():
    slow = list(gpu.in_process("paper", QUICK, 0.2))
    assert slow == [Failed("part", "ended after 0 seconds")]
    (failed,) = gpu.in_process("none", QUICK, 60)
    assert failed == Failed("part", "KeyError: 'none'")


def test_the_parts_of_the_gpu_end_in_eight_minutes(monkeypatch):
    """However slow they are: each has a limit, and all together have one."""
    now = [0.0]
    monkeypatch.setattr(gpu.time, "monotonic", lambda: now[0])
    limits = []

    def takes_all(name, setting, limit):
        limits.append(limit)
        now[0] += limit
        return [Failed("part", "ended")]

    monkeypatch.setattr(gpu, "in_process", takes_all)
    entries = list(gpu.measure(Setting("cuda")))
    assert now[0] <= gpu.WHOLE < 8 * 60
    assert all(any(entry.what.startswith(name) for entry in entries) for name in gpu.PARTS)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.long
def test_without_a_gpu_its_tests_are_skipped_by_name(tmp_path):
    done = subprocess.run([sys.executable, SCRIPT, "gpu", "--out", tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "SKIPPED" in done.stdout
    assert done.stdout.splitlines()[-1] == "gpu: torch sees no CUDA GPU: nothing was measured"
    assert not any(tmp_path.iterdir())


def test_tests_of_a_gpu_are_told_apart(monkeypatch):
    said = """..s.F
SKIPPED [2] tests/gpu/test_gpu.py:48: torch sees fewer than two CUDA GPUs
FAILED tests/gpu/test_gpu.py::test_flex_attention_is_the_mask - AssertionError: no
1 failed, 3 passed, 2 skipped in 20.00s
"""
    done = subprocess.CompletedProcess([], 1, said, "")
    monkeypatch.setattr(gpu_parts.subprocess, "run", lambda *_, **__: done)
    skipped, failed, passed = gpu_parts.tests(QUICK)
    assert skipped == Skipped("2 of tests/gpu/test_gpu.py:48", "torch sees fewer than two CUDA GPUs")
    assert failed == Failed("tests/gpu/test_gpu.py::test_flex_attention_is_the_mask", "AssertionError: no")
    assert (passed.median, passed.unit) == (3, "tests passed")
    monkeypatch.setattr(
        gpu_parts.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 2, "", "no pytest\n")
    )
    assert list(gpu_parts.tests(QUICK)) == [Failed("tests/gpu", "no pytest")]


def test_waits_are_counted():
    def step():
        torch.ones(3).sum().item()
        torch.ones(3).nonzero()
        torch.ones(3) + 1

    assert gpu_parts.count_waits(QUICK, step) == 2


def test_a_task_below_its_least_is_an_error(tmp_path, monkeypatch):
    from bench import main
    from benchmarks.measures import tasks

    monkeypatch.setattr(
        tasks, "measure", lambda _: iter([Figure("copy", "examples a second", 1, 1, 1, 1, mark=2)])
    )
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    assert main(["tasks", "--out", str(tmp_path)]) == 1
    monkeypatch.setattr(
        tasks, "measure", lambda _: iter([Figure("copy", "examples a second", 3, 3, 3, 1, mark=2)])
    )
    assert main(["tasks", "--out", str(tmp_path)]) == 0
    assert (
        json.loads((tmp_path / "tasks.json").read_text())["command"]
        == f"python scripts/bench.py tasks --out {tmp_path}"
    )


def test_a_toy_is_not_written_over_results():
    done = subprocess.run([sys.executable, SCRIPT, "tasks", "--quick"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "--quick needs --out" in done.stderr


def test_a_library_that_is_not_installed_is_skipped_by_name(monkeypatch):
    def none(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(models, "version", none)
    for module in (peers, trainer, generate):
        entries = list(module.measure(QUICK))
        assert entries
        assert all(isinstance(entry, Skipped) and "is not installed" in entry.reason for entry in entries)
    assert {entry.what for entry in peers.measure(QUICK)} == {
        f"against {peer.name}" for peer in PEERS.values()
    }


def test_both_sides_read_the_same_batches():
    run = experiment(Setting(), "task=passkey", "pe=nope")
    for one, other in islice(zip(examples(run), examples(run, grouped=False), strict=False), 3):
        assert torch.equal(one.tokens, other.tokens)
        assert torch.equal(one.answer, other.answer)
        assert one.groups
        assert not other.groups


@pytest.mark.parametrize("name", [name for name, peer in PEERS.items() if not peer.lacking])
def test_a_peer_has_the_size_of_our_decoder_and_learns(name):
    peer = PEERS[name]
    run = experiment(Setting(), "task=passkey", "optimizer=adamw", "batch_size=8", *peer.words)
    sizes = [
        sum(weight.numel() for name, weight in model.named_parameters() if name not in POSITIONS)
        for model in (peer.build(run, 64), made(run))
    ]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.02)  # biases
    example = next(examples(run, grouped=False))
    assert peer.read(peer.build(run, 64), example.tokens).shape == (
        *example.tokens.shape,
        len(run.task.vocabulary),
    )
    losses = []
    step = peer.loop(run)
    read = peer.read
    object.__setattr__(peer, "read", lambda model, tokens: losses.append(read(model, tokens)) or losses[-1])
    try:
        step()
    finally:
        object.__setattr__(peer, "read", read)
    assert losses[0].requires_grad


@pytest.mark.skipif(bool(lacking("transformers")), reason="transformers is not installed")
def test_preset_and_llama_have_as_many_parameters():
    words = ("task=passkey", "optimizer=adamw")
    llama = PEERS["llama"].build(experiment(Setting(), *words, *PEERS["llama"].words, *peers.THINNER), 64)
    own = made(experiment(Setting(), *words, "pe=nope"))
    sizes = [sum(weight.numel() for weight in model.parameters()) for model in (llama, own)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.01)


def test_the_bare_loop_trains_what_lengen_trains():
    """After as many steps on the same batches, both decoders are the same."""
    run = experiment(QUICK, "task=passkey", "pe=nope", "steps=10")
    decoder = run.make_decoder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(run), "make_decoder", lambda _: decoder)
        overhead.alternating(run, lambda: None, "cpu")
    bare = made(run)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "made", lambda _: bare)
        step = own_loop(run)
    for _ in range(10):
        step()
    for one, other in zip(decoder.parameters(), bare.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_verdicts_that_differ_fail(monkeypatch):
    real = sweep.scored

    def differing(run, decoder, batches, decode="teacher"):
        found = real(run, decoder, batches, decode)
        return [~exact for exact in found] if decode == "greedy" else found

    monkeypatch.setattr(sweep, "scored", differing)
    (entry,) = sweep.measure(QUICK)
    assert isinstance(entry, Failed)
    assert "verdicts differ" in entry.reason


@pytest.mark.skipif(bool(lacking("transformers")), reason="transformers is not installed")
def test_generate_must_give_the_same_verdicts(monkeypatch):
    monkeypatch.setattr(
        generate,
        "converted_verdicts",
        lambda _, __, batches: torch.ones(sum(map(len, batches)), dtype=torch.bool),
    )
    entries = list(generate.measure(QUICK))
    assert [type(entry) for entry in entries] == [Failed]


@pytest.mark.skipif(bool(lacking("transformers")), reason="transformers is not installed")
def test_verdicts_of_generate_are_those_of_the_sweep():
    """On a decoder that gets some answers right."""
    run = experiment(
        Setting(),
        "task=copy",
        "train_length=3",
        "decoder=tiny",
        "batch_size=64",
        "eval.lengths=[1,2,3]",
        "pe=learned",
    )
    decoder, batches = models.trained(run, 100), models.sweep_sets(run, 40)
    verdicts = torch.cat(models.scored(run, decoder, batches))
    assert 0 < verdicts.double().mean() < 1
    assert torch.equal(verdicts, generate.converted_verdicts(decoder, "gpt2", batches))


def test_an_error_of_the_other_loop_is_raised_here():
    def fails(step_ends):
        step_ends()
        raise ValueError("of the other loop")

    side = trainer.Side(fails, "cpu")
    side()
    with pytest.raises(ValueError, match="of the other loop"):
        side()


def test_the_other_loop_works_only_when_it_is_called():
    done = []

    def work(step_ends):
        for number in range(100):
            done.append(number)
            step_ends()

    side = trainer.Side(work, "cpu")
    for number in range(12):
        side()
        time.sleep(0.001)
        assert done == list(range(number + 1))
    side.end()
    assert not side.thread.is_alive()
    assert len(side.blocks) == 1


def test_the_trainer_reads_the_same_examples():
    run = experiment(Setting(), "task=passkey", "pe=nope", "batch_size=8")
    example = next(examples(run, grouped=False))
    batch = trainer.padded(trainer.held(run, 1))
    assert torch.equal(batch["input_ids"], example.tokens[:, : batch["input_ids"].shape[1]])
    assert torch.equal(batch["labels"] >= 0, example.answer[:, : batch["labels"].shape[1]])
