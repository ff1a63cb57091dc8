"""What needs CUDA GPUs (make gpu): bf16, FlexAttention, and several devices against one."""

from __future__ import annotations

import json

import pytest
import torch

from conftest import TINY, read_rows, run_folders
from lengen.attention.softmax import Softmax
from lengen.decoder import Architecture, Decoder
from lengen.pe.alibi import ALiBi

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA GPU"),
]
TWO = pytest.mark.skipif(torch.cuda.device_count() < 2, reason="torch sees fewer than two CUDA GPUs")
WORDS = ("task=addition", *TINY, "train_length=8", "optimizer=adamw", "trainer.log_every=1")


def losses(folder):
    """The loss of every step."""
    return [float(row["loss"]) for row in read_rows(folder / "train.csv")]


def test_a_run_trains_in_bf16_near_float32(lengen, tmp_path):
    for precision in ("auto", "float32"):
        words = (f"trainer.precision={precision}", f"results_dir={precision}")
        assert lengen("train", *WORDS, *words).code == 0
    half, single = (next((tmp_path / name).glob("*/*/*/seed=0")) for name in ("auto", "float32"))
    assert "cpu" not in json.loads((half / "run.json").read_text())["device"].lower()
    assert losses(half) == pytest.approx(losses(single), abs=0.05)
    assert losses(half) != losses(single)


def test_flex_attention_is_the_mask():
    architecture = Architecture(layers=2, dim=64, heads=2)
    tokens, positions = torch.randint(0, 9, (4, 200), device="cuda"), torch.arange(200, device="cuda")[None]
    torch.manual_seed(0)
    plain = Decoder(architecture, 9, ALiBi, Softmax).cuda()
    flex = Decoder(architecture, 9, ALiBi, Softmax, flex=True).cuda()
    flex.load_state_dict(plain.state_dict())
    torch.testing.assert_close(flex(tokens, positions), plain(tokens, positions), atol=1e-3, rtol=0)


@TWO
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_two_gpus_train_what_one_does(lengen, tmp_path, strategy):
    words = (*WORDS, "trainer.precision=float32")
    assert lengen("train", *words, "results_dir=one").code == 0
    assert lengen("train", *words, f"trainer={strategy}").code == 0
    (two,) = run_folders(tmp_path)
    (one,) = (tmp_path / "one").glob("*/*/*/seed=0")
    assert losses(two) == pytest.approx(losses(one), abs=1e-4)
