"""Seeds as one stacked model on a CUDA GPU (make gpu): the runs that they are alone. `scripts/bench.py stacked` measures the speed."""

from __future__ import annotations

import json

import pytest
import torch
from tests.options import files

from conftest import TINY, read_rows, run_folders
from lengen.config.builder import Builder
from lengen.config.compose import TRAIN, Request
from lengen.experiment.config import RunConfig
from lengen.experiment.stack import stack_fault

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA GPU"),
]
WORDS = ("task=addition", *TINY, "train_length=8", "trainer.log_every=1")


def losses(folder):
    """The loss of every step."""
    return [float(row["loss"]) for row in read_rows(folder / "train.csv")]


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-3), ("bf16", 0.05)])
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_stack_leaves_the_runs_of_its_seeds(lengen, tmp_path, optimizer, precision, tolerance):
    words = (*WORDS, f"optimizer={optimizer}", f"trainer.precision={precision}")
    ran = lengen("train", *words, "seeds=3")
    assert ran.code == 0, ran.err
    for seed in range(3):
        assert lengen("train", *words, f"seed={seed}", "results_dir=alone").code == 0
    stacked = run_folders(tmp_path)
    assert len(stacked) == 3
    for folder in stacked:
        facts = json.loads((folder / "run.json").read_text())
        assert facts["stacked"] == 3
        assert "cpu" not in facts["device"].lower()
        other = tmp_path / "alone" / folder.relative_to(tmp_path / "results" / "runs")
        assert losses(folder) == pytest.approx(losses(other), abs=tolerance)


@pytest.mark.parametrize("name", [path.stem for path in files("pe") if path.stem != "multilevel"])
def test_every_encoding_can_be_stacked_on_a_gpu(name):
    record = Request(TRAIN, ["task=copy", *TINY, f"pe={name}"]).compose()
    assert stack_fault(Builder().build(RunConfig, {**record, "record": record})) is None
