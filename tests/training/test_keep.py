"""Which checkpoints of a finished run stay."""

from __future__ import annotations

import pytest

from conftest import TINY, run_folders

STEPS = {f"step={step}.ckpt" for step in (5, 10, 15, 20)}


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        ("all", {"last.ckpt", "best.ckpt", *STEPS}),
        pytest.param("null", {"last.ckpt", "best.ckpt"}, marks=pytest.mark.long),
        pytest.param("last", {"last.ckpt"}, marks=pytest.mark.long),
        pytest.param("best", {"best.ckpt"}, marks=pytest.mark.long),
        ("none", set()),
    ],
)
def test_the_checkpoints_that_are_to_stay_do(lengen, tmp_path, keep, left):
    ran = lengen("train", "task=copy", *TINY, f"trainer.keep={keep}")
    assert ran.code == 0, ran.err
    (folder,) = run_folders(tmp_path)
    assert {path.name for path in (folder / "checkpoints").iterdir()} == left
    if keep == "null":
        return
    for checkpoint in ("last", "best"):
        ran = lengen("eval", f"run={folder}", "lengths=[4]", f"checkpoint={checkpoint}")
        assert ran.code == (0 if f"{checkpoint}.ckpt" in left else 2)
        if ran.code:
            assert f"/checkpoints/{checkpoint}.ckpt: the run was trained with trainer.keep={keep}" in ran.err
    assert "is finished already" in lengen("train", "task=copy", *TINY, f"trainer.keep={keep}").out
    assert "is finished already" in lengen("train", "task=copy", *TINY).out  # no part of a cell


def test_a_step_of_its_own_is_the_parameters_of_that_step(lengen, tmp_path):
    from lengen.training.checkpoint import read_checkpoint

    assert lengen("train", "task=copy", *TINY, "trainer.keep=all").code == 0
    (folder,) = run_folders(tmp_path)
    for name in STEPS:
        step = int(name.removeprefix("step=").removesuffix(".ckpt"))
        assert read_checkpoint(folder / "checkpoints" / name)["global_step"] == step
