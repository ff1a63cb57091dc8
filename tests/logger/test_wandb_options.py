"""Options of W&B and its environment variables: an option wins, and both reach the record of the run."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import wandb

from conftest import TINY, run_folders, without_settings
from lengen.config.errors import UsageError
from lengen.logger.wandb import Wandb
from lengen.logger.wandb_upload import mark, study_line
from logger.test_wandb import files, only, whole
from logger.wandb_file import load

VARIABLES = {
    "WANDB_NAME": "from-env",
    "WANDB_TAGS": "one, two",
    "WANDB_RUN_GROUP": "env-group",
    "WANDB_PROJECT": "env-project",
    "WANDB_ENTITY": "env-team",
    "WANDB_NOTES": "env notes",
}
OPTIONS = {
    "name": "mine",
    "tags": ["three"],
    "group": "my-group",
    "project": "my-project",
    "entity": "my-team",
    "notes": "my notes",
}


def described(run) -> tuple:
    return run.display_name, run.run_group, run.project, run.entity, run.notes, sorted(run.tags)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ("from-env", "env-group", "env-project", "env-team", "env notes", ["one", "two"])),
        (OPTIONS, ("mine", "my-group", "my-project", "my-team", "my notes", ["three"])),
    ],
)
def test_an_option_wins_over_the_variable_and_a_variable_over_the_default(
    facts, monkeypatch, options, expected
):
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    whole(Wandb(**options, mode="offline"), facts)
    *others, tags = described(only(facts.folder)["run"])
    assert tuple(others) == expected[:-1]
    assert tags == sorted([*expected[-1], "copy", "nope", "x" * 64, facts.cell])


def test_a_name_that_was_given_is_not_replaced_by_the_variable(facts, monkeypatch):
    monkeypatch.setenv("WANDB_NAME", "from-env")
    whole(Wandb(mode="offline"), replace(facts, named=True))
    assert only(facts.folder)["run"].display_name == "copy-nope-seed3"


def test_wandb_writes_where_its_variable_says(facts, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "there"))
    (tmp_path / "there").mkdir()
    whole(Wandb(mode="offline"), facts)
    assert files(facts.folder) == []
    assert only(tmp_path / "there")["summary"]["status"] == "finished"
    assert f"wandb sync {tmp_path / 'there' / 'wandb'}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variables", "project"),
    [({}, "mine"), ({"WANDB_PROJECT": "the-sweeps", "WANDB_ENTITY": "us"}, "the-sweeps")],
)
def test_a_trial_of_a_sweep_is_in_the_project_of_the_agent_or_that_of_the_option(
    facts, monkeypatch, variables, project
):
    for name in ("WANDB_PROJECT", "WANDB_ENTITY"):  # which are put back
        monkeypatch.setenv(name, variables.get(name, ""))
    monkeypatch.setenv("WANDB_SWEEP_ID", "abcd1234")
    monkeypatch.setenv("WANDB_RUN_ID", "trial1")
    wandb.teardown()  # it read the variables when it was set up
    whole(Wandb(mode="offline", project="mine"), facts)
    wandb.teardown()
    run = only(facts.folder)["run"]
    assert (run.project, run.run_id, run.sweep_id) == (project, "trial1", "abcd1234")


def test_rows_after_an_interruption_follow_those_before(facts):
    for steps, status in (((10, 20), "interrupted"), ((20, 30), "finished")):
        logger = Wandb(mode="offline")
        logger.begin(facts)
        for step in steps:
            logger.scalars(step, {"train/loss": 1.0})
        logger.finish(status)
    numbers = [row["_step"] for path in files(facts.folder) for row in load(path)["history"]]
    assert len(numbers) == 4
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(
    ("variables", "options", "message"),
    [
        ({}, {"tags": ["x" * 65]}, "logger.tags"),
        ({}, {"name": ""}, "logger.name"),
        ({}, {"group": "g" * 129}, "logger.group"),
        ({"WANDB_PROJECT": "a/b"}, {}, "WANDB_PROJECT"),
        ({"WANDB_DIR": __file__}, {}, "WANDB_DIR"),
        ({"WANDB_MODE": "never"}, {}, "WANDB_MODE"),
    ],
)
def test_what_wandb_would_refuse_is_refused_by_name(monkeypatch, variables, options, message):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=message):
        Wandb(**options)


def test_gradients_model_and_code_are_logged_on_request(facts, tmp_path):
    module = tmp_path / "mine.py"
    module.write_text("x = 1\n")
    (facts.folder / "run.json").write_text(
        json.dumps({"id_exact_match": 0.5, "sources": {"pkg.mine": {"path": str(module), "hash": "0"}}})
    )
    (facts.folder / "checkpoints").mkdir()
    for name in ("config.yaml", "checkpoints/last.ckpt", "checkpoints/previous.ckpt"):
        (facts.folder / name).write_text("x")
    decoder = torch.nn.Linear(2, 1)
    logger = Wandb(mode="offline", gradients=True, log_model=True, save_code=True)
    logger.begin(facts)
    logger.watch(decoder)
    for step in (1, 2):
        decoder.zero_grad()
        decoder(torch.tensor([[1.0, step]])).sum().backward()
        logger.scalars(step, {"train/loss": 1.0})
    logger.finish("finished")
    found = only(facts.folder)
    rows = [row for row in found["history"] if "gradients/weight.bins" in row]
    assert [row["step"] for row in rows] == [1, 2]
    bins = rows[1]["gradients/weight.bins"]
    assert (bins[0], bins[-1]) == (1.0, 2.0)  # the gradients of a linear map are its input
    assert found["metrics"]["gradients/*"] == "step"
    artifacts = {kind: sorted(paths) for kind, paths in found["artifacts"].values()}
    assert artifacts == {
        "model": ["checkpoints/last.ckpt", "config.yaml", "figure.png", "run.json"],
        "code": ["pkg/mine.py"],
    }


def test_nothing_of_it_is_logged_unasked(facts):
    logger = Wandb(mode="offline")
    logger.begin(facts)
    logger.watch(decoder := torch.nn.Linear(2, 1))
    decoder(torch.ones(1, 2)).sum().backward()
    assert logger._session.run.settings.x_disable_stats
    logger.scalars(1, {"train/loss": 1.0})
    logger.finish("finished")
    found = only(facts.folder)
    assert (found["artifacts"], found["stats"]) == ({}, 0)
    assert not any("gradients" in name for row in found["history"] for name in row)
    assert not Wandb(system=True)._session.settings["x_disable_stats"]


def test_a_service_that_has_ended_is_not_put_back(monkeypatch):
    monkeypatch.setenv("WANDB_NAME", "mine")
    os.environ["WANDB_SERVICE"] = "3-1-unix-/nowhere"
    with pytest.MonkeyPatch.context() as patch:
        without_settings(patch)
        assert "WANDB_NAME" not in os.environ
    assert os.environ["WANDB_NAME"] == "mine"
    assert "WANDB_SERVICE" not in os.environ


def test_a_study_names_its_own_runs_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def unsent(run: str, wandb: str, name: str) -> Path:
        sync_dir = tmp_path / wandb / name
        sync_dir.mkdir(parents=True)
        mark(tmp_path / run, sync_dir)
        return tmp_path / run

    runs = [
        unsent(f"r/{cell}/seed={seed}", f"r/{cell}/seed={seed}/wandb", f"offline-run-{cell}{seed}")
        for cell in "ab"
        for seed in "01"
    ]
    assert study_line(runs).endswith("has not received 4 runs; to upload: wandb sync r/*/*/wandb")
    assert study_line(runs[:2]).endswith("wandb sync r/a/*/wandb")
    assert study_line(runs[1:]).endswith("wandb sync r/a/seed=1/wandb r/b/*/wandb")
    here = [unsent(f"r/c/seed={seed}", "all", f"offline-run-{seed}") for seed in "012"]
    assert study_line(here).endswith("wandb sync all")
    assert study_line(here[:2]).endswith("wandb sync all/offline-run-0 all/offline-run-1")
    assert study_line([unsent("r/d/seed=0", "all", "run-9")]).endswith(
        "wandb sync --include-online all/run-9"
    )


@pytest.mark.long
def test_a_study_has_one_line_and_every_run_the_command_that_repeats_it(lengen, tmp_path):
    words = (
        "task=copy",
        "pe=nope,rope",
        "logger=wandb",
        "logger.log_model=true",
        "logger.mode=offline",
        *TINY,
    )
    ran = lengen("train", "-m", *words, "jobs=1", "study=first")
    assert ran.code == 0, ran.err
    assert "wandb sync" not in ran.err
    (line,) = [line for line in ran.out.splitlines() if "wandb sync" in line]
    assert line.startswith(
        "lengen: W&B has not received 2 runs; to upload: wandb sync results/runs/copy/*/*/seed=0/wandb"
    )
    runs = run_folders(tmp_path)
    matched = sorted(tmp_path.glob(line.rpartition(" ")[2]))
    assert matched == [run / "wandb" for run in runs]
    for run in runs:
        found = load(*files(run))
        program, command, *options = found["command"]
        assert (program, command) == ("lengen", "train")
        assert json.loads((run / "run.json").read_text())["command"].startswith("lengen train task=copy pe=")
        again = lengen(command, *options)
        assert again.code == 0
        assert f"{run.relative_to(tmp_path)} is finished already" in again.out
    model = dict(load(*files(runs[0]))["artifacts"].values())["model"]
    downloaded = tmp_path / "downloaded"
    for name in model:
        (downloaded / name).parent.mkdir(parents=True, exist_ok=True)
        (downloaded / name).write_bytes((runs[0] / name).read_bytes())
    assert lengen("eval", f"run={downloaded}", "lengths=4").code == 0
    for folder in matched:  # as wandb sync leaves it
        for path in Path(folder).glob("*/*.wandb"):
            path.with_suffix(".wandb.synced").touch()
    assert "wandb sync" not in lengen("train", "study=first").out
