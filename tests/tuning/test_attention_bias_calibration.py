"""Lines of attention: against slow loops over cells, on copying and reversal, and what a bias without lines computes."""

from statistics import mean, pstdev

import pytest
import torch
from tests.conftest import TINY, run_folders, train

from lengen.attention.softmax import Softmax
from lengen.block.shared import DecoderCache
from lengen.config.builder import Builder
from lengen.decoder import Architecture, Decoder
from lengen.experiment.config import RunConfig
from lengen.pe.alibi import ALiBi
from lengen.pe.t5 import T5
from lengen.positions.contiguous import Contiguous
from lengen.records.run_dir import RunFolder
from lengen.task.copy import Copy
from lengen.task.reverse import Reverse
from lengen.testing import check_positions
from lengen.training.checkpoint import read_checkpoint
from lengen.tuning import Base
from lengen.tuning.attention_bias_calibration import (
    INDEX,
    AttentionBiasCalibration,
    PromptPositions,
    along_lines,
)

BASE = Base("run", "cell", 1, "digest", 5, 13, 13)


def examples(task=None, length=5, rows=6):
    return (task or Copy(alphabet=6)).sample(length, rows, torch.Generator().manual_seed(0)).begin()


def of_cell(line, row, key, prompt):
    """What is constant along the line of a cell, in plain words; None if the cell lies on none."""
    place = row + 1 - prompt  # of the token that the row predicts, in the answer
    if place < 0 or key > row:
        return None
    return {
        "written": row - key if key >= prompt else None,
        "copied": place - key if key < prompt else None,
        "reversed": place - (prompt - 1 - key) if key < prompt else None,
        "distance": row - key,
    }[line]


@pytest.mark.parametrize("line", INDEX)
def test_lines_are_those_of_a_slow_loop(line):
    batch, tokens = examples(), 13
    torch.manual_seed(0)
    weight = torch.rand(6, 2, 3, 13, 13).pow(3).tril()
    found = along_lines(weight, batch, line, tokens, 1.0, 0.3)
    prompt, kept = int(batch.prompt_size[0]), 0
    for layer in range(2):
        for head in range(3):
            cells = {}
            for example in range(6):
                for row in range(12):
                    if not batch.answer[example, row + 1]:
                        continue
                    for key in range(13):
                        if (constant := of_cell(line, row, key, prompt)) is not None:
                            cells.setdefault(constant, []).append(
                                float(weight[example, layer, head, row, key])
                            )
            means = {
                constant: mean(values) for constant, values in cells.items() if len(values) >= 0.3 * 6 * 6
            }
            limit = mean(means.values()) + pstdev(means.values())
            for constant in range(-12, 13):
                value = means.get(constant, -1)
                expected = value if value > limit else -1
                kept += expected != -1
                assert found[layer, head, constant + 12] == pytest.approx(expected, abs=1e-5)
    assert kept


@pytest.mark.parametrize(("task", "line"), [(Copy(alphabet=6), "copied"), (Reverse(alphabet=6), "reversed")])
def test_the_line_to_the_source_is_found_and_leads_to_it_in_longer_strings(task, line):
    """A head that attends to the token to be written, with some noise; at twice the length the bias is at that token alone."""

    def source(batch, row):
        answered = row + 1 - int(batch.prompt_size[0])
        symbols = int(batch.length[0])
        return 1 + (answered if line == "copied" else symbols - 1 - answered)

    batch, tokens = examples(task), 13
    torch.manual_seed(0)
    weight = torch.rand(6, 1, 1, 13, 13).tril() * 0.1
    rows = range(int(batch.prompt_size[0]) - 1, int(batch.prompt_size[0]) + 4)
    for row in rows:
        assert torch.equal(batch.tokens[:, row + 1], batch.tokens[:, source(batch, row)])
        weight[:, 0, 0, row, source(batch, row)] = 0.9
    tuning = AttentionBiasCalibration(lines=[line])
    made = tuning.changed(Decoder(Architecture(layers=1, dim=8, heads=1), 12, ALiBi, Softmax), BASE)
    made.pe.mean_weight[0] = along_lines(weight, batch, line, tokens, 2.0, 0.5)
    (kept,) = tuning.found(made)["lines"]
    assert kept["weight"] == pytest.approx((5 * 0.9 + 0.05) / 6, abs=0.02)  # the end token has no source
    longer = examples(task, length=10, rows=1)
    positions = PromptPositions()(longer, torch.Generator(), training=False)
    bias = made.pe.bias(positions[..., 0], positions[..., 0], positions[:, :1, 1], 0)[0, 0]
    prompt = int(longer.prompt_size[0])
    assert not bias[: prompt - 1].any()
    for row in range(prompt - 1, prompt + 9):
        assert (bias[row] != -1e6).nonzero().flatten().tolist() == [source(longer, row)]


def test_the_bias_is_that_of_a_slow_loop_and_several_lines_give_the_largest():
    torch.manual_seed(0)
    tuning = AttentionBiasCalibration(lines=[*INDEX])
    made = tuning.changed(Decoder(Architecture(layers=2, dim=8, heads=2), 12, ALiBi, Softmax), BASE)
    table = made.pe.mean_weight
    table.copy_(torch.where(torch.rand(table.shape) < 0.08, torch.rand(table.shape), -1.0))
    table[:, 1, 1] = -1
    batch = examples(length=8, rows=1)
    positions = PromptPositions()(batch, torch.Generator(), training=False)
    prompt = int(batch.prompt_size[0])
    for layer in range(2):
        found = made.pe.bias(positions[..., 0], positions[..., 0], positions[:, :1, 1], layer)[0]
        for head in range(2):
            for row in range(batch.time):
                values = {}
                for key in range(row + 1):
                    constants = {line: of_cell(line, row, key, prompt) for line in INDEX}
                    found_there = [
                        float(table[index, layer, head, constant + 12])
                        for index, constant in enumerate(constants.values())
                        if constant is not None and -13 < constant < 13
                    ]
                    values[key] = max([-1.0, *found_there])
                for key in range(row + 1):
                    expected = values[key] if values[key] >= 0 else -1e6
                    expected = expected if max(values.values()) >= 0 else 0
                    assert found[head, row, key] == pytest.approx(expected)
        assert layer == 0 or not found[1].any()


@pytest.mark.parametrize("pe", [ALiBi, T5])
def test_without_a_line_it_is_the_decoder_and_with_lines_decoding_is_the_full_pass(pe):
    torch.manual_seed(0)
    plain = Decoder(Architecture(layers=2, dim=16, heads=2), 12, pe, Softmax).eval()
    tuning, batch = AttentionBiasCalibration(), examples(length=8)
    made = tuning.changed(plain, BASE)
    positions = PromptPositions()(batch, torch.Generator(), training=False)
    with torch.no_grad():
        expected = plain(batch.tokens, Contiguous()(batch, torch.Generator(), training=False))
        torch.testing.assert_close(made(batch.tokens, positions), expected, rtol=0, atol=1e-5)
        made.pe.mean_weight.copy_(
            torch.where(torch.rand(made.pe.mean_weight.shape) < 0.1, torch.rand(()), -1.0)
        )
        full = made(batch.tokens, positions)
        assert not torch.allclose(full, expected, atol=0.01)
        cache = DecoderCache()
        steps = [made(batch.tokens[:, [at]], positions[:, [at]], cache) for at in range(batch.time)]
    torch.testing.assert_close(torch.cat(steps, 1), full, rtol=0, atol=1e-5)


def test_positions_keep_the_contract():
    check_positions(PromptPositions())


def test_without_a_line_it_is_training_from_scratch(lengen, tmp_path):
    """With the data of the tuning, every parameter is that of a plain training."""
    words = ("task=copy", "pe=alibi", *TINY, "trainer.plain=true")
    train(tmp_path, words)
    (base,) = run_folders(tmp_path)
    ran = lengen("tune", f"run={base}", "tune=attention_bias_calibration", "tune.deviations=1000")
    assert ran.code == 0, ran.err
    train(tmp_path, (*words, "data_seed=1000003"))
    made = {kind(RunFolder(path)): RunFolder(path) for path in run_folders(tmp_path)}
    states = {name: read_checkpoint(run.checkpoint("last"))["state_dict"] for name, run in made.items()}
    assert made["tuned"].facts()["tuned"]["lines"] == []
    assert made["tuned"].facts()["category"] == "G"
    for name, weight in states["scratch"].items():
        torch.testing.assert_close(states["tuned"][name], weight, rtol=0, atol=1e-5)
        assert not torch.allclose(weight, states["base"][name], atol=1e-3) or "norm" in name


def kind(run):
    if "tuned" in run.facts():
        return "tuned"
    return "scratch" if run.config()["data_seed"] else "base"


def test_the_bias_is_in_the_checkpoint_and_goes_with_the_run(lengen, tmp_path):
    train(tmp_path, ("task=copy", "pe=nope", *TINY))
    (base,) = run_folders(tmp_path)
    words = ("tune", f"run={base}", "tune=attention_bias_calibration", "tune.deviations=0.5", "steps=4")
    assert lengen(*words).code == 0
    (run,) = (RunFolder(path) for path in run_folders(tmp_path) if path != base)
    kept = read_checkpoint(run.checkpoint("last"))["state_dict"]["decoder.pe.mean_weight"]
    config = Builder().build(
        RunConfig,
        {**run.config(), "logger": {"_target_": "lengen.logger.local.Local"}, "record": run.config()},
    )
    assert torch.equal(config.first_decoder().pe.mean_weight, kept)
    lines = run.facts()["tuned"]["lines"]
    assert len(lines) == int((kept != -1).sum()) > 0
    assert run.config()["optimizer"] == RunFolder(base).config()["optimizer"]
