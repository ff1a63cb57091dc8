"""A search: what a sweeper of Hydra's is told of its trials, what it may not choose by, and what it says at its end."""

from __future__ import annotations

import math
import re
import shlex
from pathlib import Path

import pytest

from conftest import TINY, run_folders
from lengen.cli.search import Search, search
from lengen.cli.study_jobs import Jobs
from lengen.config.errors import UsageError
from lengen.launcher.job import JobResult
from studies import write_run

CONFIG = {"objective": "id_loss", "train_length": 10, "eval": {"lengths": ["0.5x", "2x"]}}
INTERVAL = "optimizer.lr=interval(0.001,0.1)"


def made(**changes):
    return search(
        {**CONFIG, **changes.pop("config", {})},
        changes.pop("sweeper", {}),
        [INTERVAL, *changes.pop("words", [])],
    )


def test_the_direction_must_be_that_of_the_objective():
    assert made().direction == "minimize"
    assert (
        made(config={"objective": "id_exact_match"}, sweeper={"direction": "maximize"}).direction
        == "maximize"
    )
    for objective, wrong in (("id_loss", "maximize"), ("id_exact_match", "minimize")):
        with pytest.raises(UsageError, match=f"direction={wrong}: objective={objective} needs"):
            made(config={"objective": objective}, sweeper={"direction": wrong})


@pytest.mark.parametrize(
    "objective", ["ood_loss", "ood_exact_match", "exact_match", "reach", None, 1, ["id_loss"]]
)
def test_nothing_but_id_is_an_objective(objective):
    with pytest.raises(
        UsageError, match="must be id_loss or id_exact_match; what is selected on longer lengths"
    ):
        made(config={"objective": objective})


@pytest.mark.parametrize(
    "word",
    [
        "seed=range(5)",
        "data_seed=1,2",
        "task=copy,sort",
        "task.alphabet=2,4",
        "eval.seed=1,2",
        "train_length=5,6",
    ],
)
@pytest.mark.parametrize("in_file", [False, True])
def test_neither_a_seed_nor_what_is_measured_can_be_searched(word, in_file):
    key, _, value = word.partition("=")
    given = {"sweeper": {"params": {key: value}}} if in_file else {"words": [word]}
    with pytest.raises(UsageError, match=re.escape(f"{word}: {key} cannot be searched")):
        made(**given)
    made(words=["seed=3", "train_length=7"])  # what is not varied may be set


def test_an_objective_that_the_sweep_lacks_is_refused():
    ood = {"eval": {"lengths": ["2x", "11"]}}
    with pytest.raises(UsageError, match=r"eval\.lengths has no length up to train_length=10"):
        made(config=ood)
    made(config={**ood, "objective": "id_exact_match"}, sweeper={"direction": "maximize"})


def test_the_best_trial_is_that_with_the_best_objective_and_no_other_counts(tmp_path):
    """The run with the best OOD is the worst on ID."""
    shares = [[0.5, 0.6, 0.9, 0.9], [0.9, 0.9, 0.1, 0.0], [0.9, 0.9, 0.2, 0.0]]
    folders = [write_run(tmp_path, seed, each, steps=100 + seed) for seed, each in enumerate(shares)]
    diverged = write_run(tmp_path, 3, [], status="diverged")
    results = [JobResult(0, value=str(folder)) for folder in folders]
    results += [
        JobResult(1, "diverged", value=str(diverged)),
        JobResult(2, "refused"),
        JobResult(0, value=str(tmp_path / "gone")),
    ]
    exact_match = Search("id_exact_match")
    assert [exact_match.value(each) for each in results] == [0.5, 0.9, 0.9, *[-math.inf] * 3]
    losses = [Search("id_loss").value(each) for each in results]
    assert losses[3:] == [math.inf] * 3
    assert max(losses[:3]) < math.inf
    jobs = Jobs(lambda *_: JobResult(0), "train", [], [Path("my conf")])
    lines = exact_match.best(
        jobs,
        [["task=copy", f"steps={each}", "name='a b'", 'study="mine"', "jobs=2"] for each in range(6)],
        results,
    )
    assert "best of 6 trials, by id_exact_match (maximized)" in lines[0]
    words = shlex.split(lines[1])
    assert words[:4] == ["lengen", "train", "--config-dir", "my conf"]
    assert words[4:] == ["task=copy", f"steps={1 if losses[1] <= losses[2] else 2}", "name='a b'"]
    assert "none of 3 trials" in exact_match.best(jobs, [[]] * 3, results[3:])[0]


def test_a_search_tells_its_sweeper_and_says_what_was_best(lengen, tmp_path):
    pytest.importorskip("optuna")
    words = (
        "task=copy",
        *(word for word in TINY if "heads" not in word),
        "decoder.heads=3,2",
        "hydra.sweeper.n_trials=3",
    )
    ran = lengen("train", "-m", "hydra/sweeper=optuna", INTERVAL, *words)
    assert ran.code == 1  # a trial with 3 heads is refused
    assert len(run_folders(tmp_path)) in (1, 2)
    *_, best, again = ran.out.strip().splitlines()
    assert best.startswith("lengen: best of 3 trials, by id_loss (minimized): ID loss ")
    repeated = lengen(*shlex.split(again)[1:])
    assert repeated.code == 0
    assert "is finished already" in repeated.out


@pytest.mark.long
@pytest.mark.parametrize("launcher", [(), ("hydra/launcher=joblib",)])
def test_a_search_of_twenty_trials_survives_divergence_and_is_repeatable(lengen, tmp_path, launcher):
    pytest.importorskip("optuna")
    wild = (
        "optimizer=adamw",
        "trainer.clip=1e30",
        "optimizer.lr=tag(log,interval(0.0001,1000.0))",
        "hydra.sweeper.n_trials=20",
    )
    command = ("train", "-m", "hydra/sweeper=optuna", *launcher, "task=copy", *TINY, "steps=60", *wild)
    ran = lengen(*command)
    assert ran.code == 1, ran.err
    diverged = ran.err.count("DivergedError")
    assert 0 < diverged < 20
    assert f"{20 - diverged} of 20 jobs finished" in ran.out
    assert len(run_folders(tmp_path)) == 20
    best = ran.out.strip().splitlines()[-2:]
    again = lengen(*command)
    assert len(run_folders(tmp_path)) == 20
    assert again.out.strip().splitlines()[-2:] == best
    losses = {
        folder: Search("id_loss").value(JobResult(0, value=str(folder))) for folder in run_folders(tmp_path)
    }
    assert f"ID loss {min(losses.values()):.4g} " in best[0]
