"""Links below results lead nowhere else."""

from __future__ import annotations

import pytest

from lengen.config.errors import UsageError
from lengen.records.links import require_inside, require_no_way_out
from lengen.records.run_dir import EvalFolder, RunFolder


def test_results_may_themselves_be_a_link(tmp_path):
    (tmp_path / "big").mkdir()
    (tmp_path / "results").symlink_to(tmp_path / "big")
    require_inside(tmp_path / "results" / "copy" / "nope", tmp_path / "results")


def test_a_link_below_them_may_not_lead_out(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "copy").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(
        UsageError, match=r"results/copy/nope: a link leads out of .*results, to .*elsewhere/nope"
    ):
        require_inside(tmp_path / "results" / "copy" / "nope", tmp_path / "results")


@pytest.mark.parametrize(
    "name",
    [
        "eval",
        "checkpoints",
        "curve.csv",
        "wandb/latest-run",
        "wandb/logs/debug-core.log",
        "checkpoints/last.ckpt",
    ],
)
@pytest.mark.parametrize("target", ["../elsewhere", "{tmp}/elsewhere", "../absent", "/"])
def test_a_run_that_leads_out_is_not_worked_on(tmp_path, name, target):
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "run" / name
    link.parent.mkdir(parents=True)
    up = "../" * name.count("/")
    link.symlink_to(up + target if target.startswith("..") else target.format(tmp=tmp_path))
    evaluation = EvalFolder(tmp_path / "run" / "eval" / "depth-0123")
    for folder in (RunFolder(tmp_path / "run"), evaluation):
        with pytest.raises(UsageError, match=f"run/{name}: a link leads out"), folder.locked():
            pass
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_links_within_a_run_are_allowed(tmp_path):
    """W&B leaves such links."""
    (tmp_path / "run" / "wandb" / "offline-run-1").mkdir(parents=True)
    (tmp_path / "run" / "wandb" / "latest-run").symlink_to("offline-run-1")
    (tmp_path / "run" / "wandb" / "offline-run-1" / "logs").mkdir()
    (tmp_path / "run" / "wandb" / "offline-run-1" / "logs" / "debug-core.log").symlink_to(
        "/somewhere/core.log"
    )
    require_no_way_out(tmp_path / "run")
    with RunFolder(tmp_path / "run").locked():
        pass
