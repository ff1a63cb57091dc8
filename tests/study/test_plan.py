"""Which runs a study has, as its file says, and what is added to it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from lengen.config.errors import UsageError
from lengen.studies.places import studies_folder
from lengen.studies.plan import Grid, StudyPlan
from lengen.studies.plan_file import read_plan, update_plan
from lengen.studies.words import checked_name, default_name, replaced, require_beside
from study.made import run, study

WORDS = ["task=copy", "pe=nope,rope", "seed=range(3)"]


def jobs(*pairs: tuple[str, int], steps: int = 20):
    """Overrides and configurations of jobs."""
    for pe, seed in pairs:
        labels = {"task": "copy", "pe": pe}
        config = {"pe": pe, "seed": seed, "steps": steps, "labels": labels, "eval": {"stress": ["x y"]}}
        yield ["task=copy", f"pe={pe}", f"seed={seed}", "jobs=2", "force=true"], config


def test_a_file_comes_back_as_it_was_written(tmp_path):
    grid = Grid.of([*WORDS, "name='a b'", "jobs=2"], ["conf"], jobs(("nope", 0), ("rope", 0)))
    plan = StudyPlan("runs", (grid, Grid((), (), (), (run(3, refused="pe=é: 'no'\"", recorded="0" * 16),))))
    path = tmp_path / "results" / "studies" / "first.yaml"
    assert update_plan(path, lambda before: before or plan) == plan
    assert read_plan(path) == plan
    assert grid.common == ("task=copy", "seed=0")
    assert [each.options for each in grid.runs] == [("pe=nope",), ("pe=rope",)]
    assert grid.words == (*WORDS, "name='a b'")
    assert str(tmp_path) not in path.read_text()
    assert "command: lengen train -m task=copy pe=nope,rope 'seed=range(3)'" in path.read_text()
    before = path.stat().st_mtime_ns
    update_plan(path, lambda before: before or plan)
    assert path.stat().st_mtime_ns == before  # nothing is written where nothing changes


def test_a_union_has_every_run_once():
    first = Grid.of(WORDS, [], jobs(("nope", 0), ("nope", 1)))
    more = Grid.of(WORDS, [], jobs(("nope", 1), ("nope", 2), ("rope", 2)))
    plan = StudyPlan("runs").with_grid(first).with_grid(more)
    assert [(each.pe, each.seed) for each in plan.runs] == [
        ("nope", "seed=0"),
        ("nope", "seed=1"),
        ("nope", "seed=2"),
        ("rope", "seed=2"),
    ]
    assert plan.with_grid(more) == plan
    assert plan.with_grid(Grid.of(WORDS, [], jobs(("nope", 1), ("nope", 1)))) == plan


def test_the_next_runs_of_one_command_stand_in_one_grid():
    """As those of a search, which come one by one."""
    plan = StudyPlan("runs")
    for seed in range(3):
        plan = plan.with_grid(Grid.of(WORDS, [], jobs(("nope", seed))))
    assert len(plan.grids) == 1
    assert [each.seed for each in plan.runs] == ["seed=0", "seed=1", "seed=2"]
    assert len(plan.with_grid(Grid.of(WORDS[:2], [], jobs(("nope", 3)))).grids) == 2


def test_words_that_mean_another_run_by_now_replace_it():
    plan = StudyPlan("runs").with_grid(Grid.of(WORDS, [], jobs(("nope", 0), ("nope", 1))))
    now = plan.with_grid(Grid.of(WORDS, [], jobs(("nope", 1), ("nope", 2), steps=30)))
    assert [each.seed for each in now.runs] == ["seed=0", "seed=1", "seed=2"]
    assert now.runs[0] == plan.runs[0]
    assert now.runs[1] != plan.runs[1]


def test_a_name_depends_on_the_words_alone():
    assert default_name(WORDS, "runs") == default_name(WORDS[::-1], "runs")
    assert default_name(WORDS, "runs").startswith("copy-pe-seed-")
    assert (
        len({default_name(WORDS, "runs"), default_name(WORDS, "other"), default_name(WORDS[:2], "runs")}) == 3
    )
    assert checked_name(default_name(["task=${x}", "pe=a/b,c"], "runs"))
    assert checked_name(default_name([], "runs")).startswith("study-")


@pytest.mark.parametrize("name", ["", "a b", "../a", "a/b", ".hidden", "-m", "é", "a" * 101, "a\n"])
def test_a_name_is_one_of_a_file(name):
    with pytest.raises(UsageError, match="study="):
        checked_name(name)


@pytest.mark.parametrize(
    ("results", "studies"),
    [
        ("results/runs", "results/studies"),
        ("results/runs/", "results/studies"),
        ("out", "studies"),
        ("/data/me/runs", "/data/me/studies"),
        ("..", "../../studies"),
        ("./a/../b/runs", "b/studies"),
    ],
)
def test_studies_lie_beside_their_runs(results, studies, tmp_path, monkeypatch):
    (tmp_path / "one" / "two").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "one" / "two")
    assert str(studies_folder(results)) == studies


def test_what_would_change_the_runs_is_refused_by_name():
    require_beside(
        ["jobs=2", "launcher=local", "launcher.gpus=0", "trainer.threads=2", "logger=local"], "first"
    )
    require_beside(["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"], "first")
    for word in (
        "pe=rope",
        "steps=3",
        "trainer.precision=bf16",
        "force=true",
        "hydra/sweeper=optuna",
        "seed=3",
    ):
        with pytest.raises(UsageError, match=rf"^{word}: the runs of study=first are given"):
            require_beside([word], "first")
    with pytest.raises(UsageError, match=r"given \(allowed: results_dir"):  # a sweeper adds no run by itself
        require_beside(["hydra.sweeper.max_batch_size=3"], "first")


def test_words_replace_those_of_the_same_option():
    assert replaced(WORDS, ["+seed=5", "jobs=3"]) == ["task=copy", "pe=nope,rope", "+seed=5", "jobs=3"]


def test_two_processes_that_add_to_a_file_lose_nothing(tmp_path):
    path = study(tmp_path, run(0))

    def slowly(plan):
        if len(plan.runs) == 1 and not (tmp_path / "other").exists():  # another one is quicker
            (tmp_path / "other").touch()
            update_plan(path, lambda before: before.with_grid(Grid((), (), (), (run(1),))))
        return plan.with_grid(Grid((), (), (), (run(2),)))

    update_plan(path, slowly)
    assert [each.seed for each in read_plan(path).runs] == ["seed=0", "seed=1", "seed=2"]


@pytest.mark.parametrize(
    "change",
    [
        {"results": "../x"}, {"results": 3}, {"grids": None}, {"grids": [3]}, {"more": 1},
        {"grids": [{"command": "lengen train -m 'x", "common": "", "runs": []}]},
        {"grids": [{"command": "", "common": "", "runs": [{"options": "", "task": "a", "pe": "b/c", "seed": "d", "key": "0" * 16}]}]},
        {"grids": [{"command": "", "common": "", "runs": [{"options": "", "task": "a", "pe": "b", "seed": "d", "key": "xyz"}]}]},
    ],
)  # fmt: skip
def test_files_of_strangers_are_checked(tmp_path, change):
    path = study(tmp_path, run(0))
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **change}))
    with pytest.raises(UsageError, match=r"first\.yaml: "):
        read_plan(path)


def test_results_of_runs_are_noted(tmp_path):
    from lengen.cli.study_record import noted
    from lengen.launcher.job import JobResult

    plan = StudyPlan("runs", (Grid((), (), (), (run(0), run(1, refused="before"), run(2))),))
    ended = {run(0).key: JobResult(2, "no"), run(1).key: JobResult(0), "": JobResult(2)}
    assert noted(plan, ended).runs == (replace(run(0), refused="no"), run(1), run(2))
