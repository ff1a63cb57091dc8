"""The sweep: against a slow loop over single examples, independent of how it is cut, and within memory."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from conftest import TINY, run_folders
from lengen.attention.softmax import Softmax
from lengen.decoder import Architecture, Decoder
from lengen.evaluation.scoring import out_of_memory, score
from lengen.evaluation.sweep import sweep
from lengen.pe.rope import RoPE
from lengen.positions.contiguous import Contiguous
from lengen.records.curve import Curve
from lengen.records.eval_options import EvalOptions
from lengen.records.run_dir import SweepRecord
from lengen.sampling import generator
from lengen.task import EOS, Task
from lengen.task.copy import Copy
from lengen.task.parity import Parity

TASK = Copy(alphabet=3)
FACTS = {
    **dict.fromkeys(("task", "pe", "positions", "attention", "extend", "decoder", "cell"), "x"),
    "seed": 0,
    "step": 0,
    "checkpoint": "last",
    "train_length": 2,
}


def learner(task: Task, name: str, seed: int) -> Decoder:
    """A decoder that learned for a second, so that some answers are right and some are not."""
    torch.manual_seed(seed)
    decoder = Decoder(Architecture(layers=2, dim=32, heads=2), len(task.vocabulary), RoPE, Softmax)
    optimizer = torch.optim.AdamW(decoder.parameters(), lr=3e-3)
    for step in range(60):
        batch = task.sample(1 + step % 3, 64, generator(name, step)).begin()
        logits = decoder(batch.tokens, torch.arange(batch.time).unsqueeze(0))
        loss = torch.nn.functional.cross_entropy(
            logits[:, :-1][batch.answer[:, 1:]], batch.tokens[:, 1:][batch.answer[:, 1:]]
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return decoder.eval()


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return learner(TASK, "sweep test", 0)


def curve(decoder: Decoder, evaluation: EvalOptions, lengths: list[int]) -> Curve:
    done = SweepRecord(Curve(), {})
    return sweep(decoder, TASK, Contiguous(), evaluation, lengths, FACTS, done, lambda _: None).curve


def generated(decoder: Decoder, prompt: list[int], longest: int) -> list[int]:
    """Greedy generation as anybody would write it: one example, no cache, the whole sequence again for each token."""
    tokens = list(prompt)
    with torch.no_grad():
        while len(tokens) - len(prompt) < longest:
            logits = decoder(torch.tensor([tokens]), torch.arange(len(tokens)).unsqueeze(0))
            tokens.append(int(logits[0, -1].argmax()))
            if tokens[-1] == EOS:
                break
    return tokens[len(prompt) :]


@pytest.mark.whole_run
@pytest.mark.parametrize("decode", ["teacher", "greedy"])
def test_rows_are_what_a_slow_loop_finds(decoder, decode):
    rows = curve(decoder, EvalOptions(examples=60, decode=decode, seed=3), [1, 2, 3, 4]).rows
    assert any(0 < row.exact_match < 1 for row in rows)  # else this would show little
    for row in rows:
        batch = TASK.sample(row.length, 60, generator("eval", 3, row.length)).begin()
        exact, errors, nats, right = 0, [], [], 0
        for tokens, answer in zip(batch.tokens, batch.answer, strict=True):
            start = int(answer.long().argmax())
            want = tokens[start:][answer[start:]].tolist()
            got = generated(decoder, tokens[:start].tolist(), len(want) + 3)  # may run on beyond the answer
            exact += got == want
            if got != want:
                pairs = zip(want, got + [-1] * len(want), strict=False)
                errors.append(next(i for i, (a, b) in enumerate(pairs) if a != b))
            with torch.no_grad():
                logits = decoder(tokens.unsqueeze(0), torch.arange(len(tokens)).unsqueeze(0))[0]
            for i, token in enumerate(want, start):
                nats.append(-float(logits[i - 1].log_softmax(-1)[token]))
                right += int(logits[i - 1].argmax()) == token
        assert row.correct == exact
        assert row.first_error == (pytest.approx(sum(errors) / len(errors)) if errors else None)
        assert row.loss == pytest.approx(sum(nats) / len(nats), abs=1e-5)
        if decode == "teacher":
            assert row.token_accuracy == pytest.approx(right / len(nats))


TRACED = Parity(scratchpad="running")


@pytest.fixture(scope="module")
def thinker() -> Decoder:
    """Its own steps are often wrong: what it writes has other sizes than the true trace."""
    return learner(TRACED, "thinker", 2)


@pytest.mark.whole_run
def test_free_decoding_scores_what_stands_behind_the_scratchpad(thinker):
    sizes, verdicts = set(), []
    for length in (2, 3, 5, 8):
        batch = TRACED.sample(length, 60, generator("free", length))
        found = score(thinker, batch, Contiguous(), ("key",), "free")
        whole = score(thinker, batch, Contiguous(), ("key",), "greedy")
        read = batch.begin()
        for row, (tokens, answer) in enumerate(zip(read.tokens, read.answer, strict=True)):
            start = int(answer.long().argmax())
            longest = math.ceil(1.25 * int(answer.sum())) + 8
            got = generated(thinker, tokens[:start].tolist(), longest)
            right = len(got) == int(answer.sum()) and got[-2:] == tokens[answer][-2:].tolist()
            assert bool(found.exact[row]) == right
            sizes.add(len(got) - int(answer.sum()))
            verdicts.append((right, bool(whole.exact[row])))
        assert found.loss == whole.loss
    assert len(sizes) > 1  # else this would show little
    assert {(True, True), (True, False), (False, False)} == set(verdicts)


def test_free_decoding_without_a_scratchpad_is_greedy(decoder):
    for length in (1, 2, 3, 4):
        batch = TASK.sample(length, 60, generator("free", length))
        free, greedy = (
            score(decoder, batch, Contiguous(), ("key",), decode) for decode in ("free", "greedy")
        )
        assert torch.equal(free.exact, greedy.exact)


def test_positions_must_hold_what_a_free_decoder_may_write(lengen):
    words = [
        "train",
        "task=parity",
        "pe=learned",
        "pe.maximum=40",
        *TINY,
        "eval.lengths=[10]",
    ]  # reads 33 tokens
    refused = lengen(*words, "eval.decode=free")
    assert refused.code == 2
    assert "eval.lengths has 10: positions up to 46 are needed, but pe=learned holds 40" in refused.err
    assert lengen(*words, "steps=1").code == 0


def test_a_length_is_the_same_whichever_others_are_asked(decoder):
    rule = EvalOptions(examples=40)
    alone, among = curve(decoder, rule, [3])[3], curve(decoder, rule, [1, 3, 7])[3]
    assert (alone.correct, alone.loss, alone.token_accuracy) == (
        among.correct,
        among.loss,
        among.token_accuracy,
    )
    other = curve(decoder, EvalOptions(examples=40, seed=1), [3])[3]
    assert other.loss != alone.loss


CPU = "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes."
WINDOWS = "[enforce fail at alloc_cpu.cpp:80] data. DefaultCPUAllocator: not enough memory: you tried to allocate 4 bytes."


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError(), RuntimeError(CPU), RuntimeError(WINDOWS)],
    ids=["gpu", "cpu", "windows"],
)
@pytest.mark.parametrize("decode", ["teacher", "greedy", "free"])
def test_what_does_not_fit_is_halved(decoder, decode, error, monkeypatch):
    batch = TASK.sample(3, 50, generator("fit"))
    whole = score(decoder, batch, Contiguous(), ("key",), decode)
    once, sizes = Decoder.forward, []

    def small(decoder, tokens, *rest, **options):
        sizes.append(len(tokens))
        if len(tokens) > 8:
            raise error
        return once(decoder, tokens, *rest, **options)

    monkeypatch.setattr(Decoder, "forward", small)
    cut = score(decoder, batch, Contiguous(), ("key",), decode)
    assert sizes[:4] == [50, 25, 13, 7]
    assert torch.equal(cut.right, whole.right)
    assert cut.loss == pytest.approx(whole.loss, abs=1e-6)


def test_the_error_of_torchs_own_allocator_is_known():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert out_of_memory(caught.value)


@pytest.mark.parametrize("decode", ["teacher", "greedy", "free"])
@pytest.mark.parametrize(
    ("rows", "error"),
    [(50, RuntimeError("shapes differ")), (1, RuntimeError(CPU)), (1, torch.OutOfMemoryError())],
)
def test_other_errors_and_single_examples_that_do_not_fit_are_raised(
    decoder, decode, rows, error, monkeypatch
):
    batch, sizes = TASK.sample(3, 50, generator("fit")), []

    def broken(decoder, tokens, *rest, **options):
        sizes.append(len(tokens))
        raise error

    monkeypatch.setattr(Decoder, "forward", broken)
    with pytest.raises(RuntimeError) as caught:
        score(decoder, batch, Contiguous(), ("key",), decode)
    assert caught.value is error
    assert sizes[-1] == rows
    assert len(sizes) == (1 if rows == 50 else 7)


@pytest.mark.parametrize(
    ("parts", "train_length", "lengths"),
    [
        ([7, 3, 3], 5, [3, 7]),
        (["1x", "1.5x", "4x"], 10, [10, 15, 40]),
        (["0.25x"], 30, [8]),  # rounded
        (["0.1x"], 2, [1]),
        (["0x"], 2, None),
        (["range(2,9,3)"], 5, [2, 5, 8]),
        (["range(4)", 9], 5, None),  # starts at 0
        (["range(1, 4)", "2x"], 5, [1, 2, 3, 10]),
        (["range(1,4,0)"], 5, None),
        (["x"], 5, None),
        ([1.5], 5, None),
        ([], 5, None),
        ([-2], 5, None),
    ],
)
def test_lengths_are_numbers_factors_or_ranges(parts, train_length, lengths):
    if lengths is not None:
        assert EvalOptions(lengths=parts).at(train_length) == lengths
        return
    with pytest.raises(ValueError, match=r"eval\.lengths"):
        EvalOptions(lengths=parts)


def _can_reset() -> bool:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:  # not Linux, or a container whose /proc is read-only
        return False
    return True


PEAKS = """
import torch
from lengen.evaluation.sweep import PeakMemory
for megabytes in (1, 512, 1):
    with PeakMemory(torch.device("cpu")) as memory:
        torch.ones(megabytes * 2**20, dtype=torch.uint8)
    print(memory.peak, memory.growth)
held = torch.ones(2**28, dtype=torch.uint8)  # as an earlier run of the process may hold
freed = [torch.ones(2**14) for _ in range(4000)]  # small, so that the allocator keeps what is freed
del freed
with PeakMemory(torch.device("cpu")) as memory:
    torch.ones(96 * 2**20, dtype=torch.uint8)
print(memory.peak, memory.growth)
"""


@pytest.mark.whole_run
def test_peak_memory_sees_what_was_freed_again():
    # in a process of its own: a mark that cannot be reset would still stand where an earlier test left it
    done = subprocess.run([sys.executable, "-c", PEAKS], capture_output=True, text=True, check=True)
    peaks, growths = zip(*(line.split() for line in done.stdout.splitlines()), strict=True)
    before, much, after, _ = map(int, peaks)
    assert 448 * 2**20 < much - before < 576 * 2**20
    assert after < much - 448 * 2**20 if _can_reset() else after == much
    if _can_reset():  # what was held before does not count
        mebibytes = [int(growth) / 2**20 for growth in growths]
        assert mebibytes == [pytest.approx(each, abs=8) for each in (1, 512, 1, 96)]
    else:
        assert set(growths) == {"None"}


@pytest.mark.long
def test_16384_tokens_without_positions_stay_under_8_gib(tmp_path):
    words = [word for word in TINY if not word.startswith(("decoder.", "eval."))]
    length = 16384 - 1 - 1 - 3 - 1 - 3 - 1  # bos, mark and key, question, answer and end token
    command = ["train", "task=passkey", "pe=nope", f"eval.lengths=[3,{length}]", "eval.examples=2", *words]
    script = "import sys; from lengen.cli.main import main; code = main(); import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); sys.exit(code)"
    done = subprocess.run(
        [sys.executable, "-c", script, *command], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) * 1024 < 8 * 2**30
    (folder,) = run_folders(tmp_path)
    row = Curve.load(folder / "curve.csv")[length]
    assert row.peak_bytes < 8 * 2**30
    assert json.loads((folder / "run.json").read_text())["peak_bytes"] >= row.peak_bytes
    assert json.loads((folder / "run.json").read_text())["memory_bytes"] == row.memory_bytes


@pytest.mark.long
@pytest.mark.parametrize(
    ("pe", "positions"), [("nope", "contiguous"), ("rope", "contiguous"), ("learned", "coupled")]
)
def test_a_preset_trains_and_both_ways_to_decode_agree(lengen, tmp_path, pe, positions):
    """A real run of a preset, minutes long: ID exact match of 0.99 or more, and greedy verdicts equal teacher-forced ones."""
    task = "copy" if pe == "rope" else "addition" if positions == "coupled" else "passkey"
    options = (f"task={task}", f"pe={pe}", f"positions={positions}", "trainer.progress=false")
    assert lengen("train", *options).code == 0
    (folder,) = run_folders(tmp_path)
    facts = json.loads((folder / "run.json").read_text())
    assert facts["trained"], facts["id_exact_match"]
    teacher = Curve.load(folder / "curve.csv")
    from dataclasses import replace

    import yaml

    from lengen.config.builder import Builder
    from lengen.experiment.config import RunConfig
    from lengen.training.checkpoint import read_checkpoint

    config = yaml.safe_load((folder / "config.yaml").read_text())
    run = Builder().build(RunConfig, {**config, "record": config})
    decoder = run.make_decoder()
    state = read_checkpoint(folder / "checkpoints" / "last.ckpt")["state_dict"]
    decoder.load_state_dict({name.removeprefix("decoder."): weight for name, weight in state.items()})
    greedy = partial(sweep, decoder, run.task, run.positions, replace(run.eval, decode="greedy"))
    rows = greedy(
        list(teacher.lengths),
        FACTS | {"train_length": run.train_length},
        SweepRecord(Curve(), {}),
        lambda _: None,
    ).curve.rows
    assert [row.correct for row in rows] == [row.correct for row in teacher.rows]
