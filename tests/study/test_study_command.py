"""`lengen train -m` keeps the file of its study, and `lengen train study=` carries out what is left; runs are stand-ins."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml
from tests.conftest import TINY

from lengen.cli.commands import train
from lengen.config.errors import UsageError
from lengen.config.identity import record_key
from lengen.launcher.job import FAILED, JobResult
from lengen.records.earlier_runs import seed_name
from study.made import FINISHED

STUDY = ("train", "-m", "task=copy", "pe=nope,rope", "seed=range(2)")


class Stand:
    """Stands in for the training of a run: leaves its folder, and notes that it ran."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.bad: dict[str, Exception] = {}
        """By encoding: what goes wrong."""

    def __call__(self, config, _allowed):
        labels = config["labels"]
        label = f"{labels['pe']} {config['seed']} {config['steps']}"
        path = Path(
            config["results_dir"], labels["task"], labels["pe"], f"c{record_key(config)}", seed_name(config)
        )
        file = path / "run.json"
        assert list(Path(config["results_dir"]).parent.glob("studies/*.yaml"))  # written before the first run
        if file.exists() and json.loads(file.read_text())["status"] == "finished":
            return JobResult(0, "finished already", value=str(path))
        self.ran.append(label)
        error = self.bad.get(labels["pe"])
        if isinstance(error, UsageError):
            raise error
        path.mkdir(parents=True, exist_ok=True)
        facts = {**FINISHED, "record_key": record_key(config)}
        if error:
            file.write_text(json.dumps({**facts, "status": "failed", "error": str(error)}))
            return JobResult(FAILED, str(error))
        for name in ("config.yaml", "curve.csv"):
            (path / name).write_text("\n")
        file.write_text(json.dumps(facts))
        return JobResult(0, "trained", value=str(path))


@pytest.fixture
def stand(monkeypatch):
    """The runs that were carried out."""
    made = Stand()
    monkeypatch.setattr(train, "train_job", made)
    monkeypatch.setattr(
        "lengen.analysis.compare_runs.show_table",
        lambda folders, *, full: sys.stdout.write(f"{'tables' if full else 'table'} of {len(folders)}\n"),
    )
    return made


def files(folder: Path) -> list[Path]:
    """All files below a folder."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def only(folder: Path) -> Path:
    """The file of the only study."""
    (path,) = folder.glob("results/studies/*.yaml")
    return path


def test_a_multirun_is_a_study_and_the_same_command_is_the_same(lengen, tmp_path, stand):
    ran = lengen(*STUDY)
    assert ran.code == 0
    name = only(tmp_path).stem
    assert f"lengen: study {name}: 4 runs\n" in ran.out
    assert f"lengen: study {name}: 4 runs: 4 done\nlengen: lengen compare runs=results/runs/copy " in ran.out
    assert "tables of 4" in lengen(*STUDY, "-v").out
    assert len(stand.ran) == 4
    before = only(tmp_path).read_text()
    ran = lengen("train", "seed=range(2)", "-m", "pe=nope,rope", "task=copy", "jobs=1")
    assert ran.code == 0
    assert len(stand.ran) == 4
    assert f"study {name}: 4 runs, 0 of them new" in ran.out
    assert "table of 4" in ran.out
    assert only(tmp_path).read_text() == before


def test_what_failed_or_is_missing_is_carried_out_and_nothing_else(lengen, tmp_path, stand):
    stand.bad = {"rope": OSError("no memory")}
    assert lengen(*STUDY, "study=first").code == 1
    assert lengen("status", "first").code == 1
    assert "failed\n    pe=rope seed=0: no memory" in lengen("status", "first").out
    stand.bad, stand.ran = {}, []
    ran = lengen("train", "study=first", "jobs=1", "trainer.threads=2")
    assert ran.code == 0, ran.err
    assert stand.ran == ["rope 0 1500", "rope 1 1500"]
    assert "table of 4" in ran.out
    assert "2 of 2 jobs finished" in ran.out
    ran = lengen("train", "study=first")
    assert (ran.code, len(stand.ran)) == (0, 2)
    assert "table of 4\n\nlengen: study first: 4 runs: 4 done" in ran.out
    assert len(yaml.safe_load(only(tmp_path).read_text())["grids"]) == 1


def test_more_seeds_and_other_options_are_added(lengen, tmp_path, stand):
    lengen(*STUDY, "study=first", "steps=9")
    stand.ran = []
    ran = lengen("train", "-m", "study=first", "seed=range(3)")
    assert stand.ran == ["nope 2 9", "rope 2 9"]
    assert "study first: 6 runs, 2 of them new" in ran.out
    assert (
        lengen("train", "-m", "study=first", "pe=alibi").code == 0
    )  # with the other words of its last command
    assert stand.ran[2:] == ["alibi 0 9", "alibi 1 9", "alibi 2 9"]
    assert lengen("status", "first").out == "first: 9 runs: 9 done\n"
    stand.ran = []
    only(tmp_path).rename(tmp_path / "results/studies/second.yaml")  # a study has the name of its file
    for path in tmp_path.glob("results/runs/copy/rope/*/seed=1/run.json"):
        path.unlink()
    assert lengen("train", "study=second").code == 0
    assert stand.ran == ["rope 1 9"]


@pytest.mark.long
def test_results_of_several_machines_are_merged_by_copying(lengen, tmp_path, stand):
    import shutil

    lengen(*STUDY, "study=first", "results_dir=a/runs")
    lengen(*STUDY, "study=second", "seed=range(1,4)", "results_dir=b/runs")
    shutil.copytree("b", "a", dirs_exist_ok=True)
    shutil.move("a", "c")
    assert "4 runs: 4 done" in lengen("status", "first", "results_dir=c/runs").out
    assert "6 runs: 6 done" in lengen("status", "second", "results_dir=c/runs").out
    stand.ran = []
    assert lengen("train", "study=second", "results_dir=c/runs").code == 0
    assert stand.ran == []


@pytest.mark.long
def test_a_refused_run_is_told_and_a_study_of_refused_runs_leaves_no_file(lengen, tmp_path, stand):
    stand.bad = {"rope": UsageError("pe=rope: not today"), "nope": UsageError("pe=nope: not today")}
    assert lengen(*STUDY, "study=first").code == 1
    assert not list(tmp_path.iterdir())
    del stand.bad["nope"]
    ran = lengen(*STUDY, "study=first")
    assert ran.code == 1
    assert (ran.out + ran.err).count("rope: not today") - 1 == 1
    assert "2 done, 2 refused" in lengen("status", "first").out
    assert "pe=rope seed=0: pe=rope: not today" in lengen("status", "first").out
    stand.bad = {}
    assert lengen("train", "study=first").code == 0
    assert lengen("status", "first").code == 0


@pytest.mark.long
def test_stress_sets_are_left_to_the_run(lengen, stand):
    lengen(*STUDY, "study=first", "eval.stress=[repeats]")
    ran = lengen("train", "study=first")
    assert ran.out.count("finished already") == 4


@pytest.mark.long
def test_options_of_ones_own_are_named_again(lengen, tmp_path, stand):
    (tmp_path / "conf" / "pe").mkdir(parents=True)
    (tmp_path / "conf/pe/mine.yaml").write_text("_target_: lengen.pe.nope.Nope\n")
    stand.bad = {"mine": OSError("no")}
    assert lengen("train", "--config-dir", "conf", "-m", "task=copy", "pe=mine,nope", "study=first").code == 1
    ran = lengen("train", "study=first")
    assert ran.code == 2
    assert "name it with --config-dir" in ran.err
    stand.bad = {}
    assert lengen("train", "study=first", "--config-dir", "conf").code == 0


def test_the_same_run_twice_is_one_job(lengen, stand):
    ran = lengen("train", "-m", "study=first", "task=copy", "pe=nope,nope", "seed=0,1,0", "steps=9")
    assert ran.code == 0, ran.err
    assert sorted(stand.ran) == ["nope 0 9", "nope 1 9"]
    assert [line for line in ran.out.splitlines() if "the same run" in line] == [
        "lengen: the same run 4 times: pe=nope seed=0: carried out once",
        "lengen: the same run twice: pe=nope seed=1: carried out once",
    ]
    assert "lengen: study first: 2 runs\n" in ran.out
    assert "2 of 2 jobs finished" in ran.out


def test_a_dry_study_counts_the_same_run_once(lengen):
    ran = lengen("train", "-m", "task=copy", "seed=0,0", "optimizer.lr=0.01,1e-2", *TINY, "dry=true")
    assert ran.code == 0
    assert "lengen: the same run 4 times: seed=0 optimizer.lr=0.01: carried out once\n" in ran.out
    assert "1 of 1 job checked" in ran.out


MISTAKES = [
    (["study=frist"], "study=frist: no such study in results/studies; did you mean 'first'?"),
    (["study=first", "pe=rope"], "pe=rope: the runs of study=first are given"),
    (["study=first", "steps=3"], "lengen train -m study=first steps=3 adds runs"),
    (["study=../first"], "study=../first: must be 1 to 100 letters"),
    (["-m", "study=a b", "seed=0,1"], "study=a b: must be 1 to 100 letters"),
    (["-m", "study=", "seed=0,1"], "study=: has no value"),
    (["-m", "study=first", "results_dir=results/other"], "its runs are in runs, not in other"),
    (["-m", "seed=0,1", "results_dir=a${seed}/x"], "results_dir=a0/x,a1/x: the runs of a study have one folder in common"),
    (["-m", "study=torn", "seed=0,1"], "torn.yaml: not the file of a study"),
    (["study=torn"], "torn.yaml: not the file of a study"),
    (["study=first", "dry=true"], "dry=true: lengen status first says what is left of it"),
    (["study=first", "jobs=many"], "jobs=many: must be a whole number or null"),
    (["study=first", "--config-dir=nowhere"], "--config-dir=nowhere: no such folder"),
]  # fmt: skip


def test_mistakes_are_refused_on_one_line(lengen, tmp_path, stand):
    stand.bad = {"rope": OSError("no")}
    lengen("train", "-m", "task=copy", "pe=nope,rope", "study=first")
    (tmp_path / "results/studies/torn.yaml").write_text("results: ru")
    before, stand.ran = files(tmp_path), []
    for words, reason in MISTAKES:
        ran = lengen("train", *words)
        assert ran.code == 2, ran.out + ran.err
        assert reason in ran.err
        assert len(ran.err.splitlines()) == 1
    assert stand.ran == []
    assert files(tmp_path) == before
    assert not (tmp_path / "results/other").exists()


@pytest.mark.long
def test_a_dry_study_of_many_runs_describes_the_first_three(lengen):
    words = ("-m", "task=copy", "pe=nope", "seed=range(4)", *TINY, "dry=true")
    ran = lengen("train", *words)
    assert ran.code == 0
    assert [line for line in ran.out.splitlines() if line.startswith("lengen: job ")] == [
        f"lengen: job {number}: seed={number - 1}" for number in (1, 2, 3)
    ]
    assert ran.out.count("parameters  ") == 3
    assert "lengen: dry run: the first 3 are described (lengen train -v describes all)\n" in ran.out
    assert "lengen: 4 of 4 jobs checked, and none trained\n" in ran.out
    assert "finished" not in ran.out
    assert ran.out.splitlines()[-1].startswith("lengen: dry run: 4 runs, 4 of them to be trained, ")
    ran = lengen("train", "-v", *words)
    assert (ran.out.count("lengen: job "), ran.out.count("parameters  ")) == (4, 4)
    assert "are described" not in ran.out
    wrong = lengen("train", "-m", "task=copy", *TINY, "dry=true", "steps=10,11,12,0,13")
    assert wrong.code == 1
    assert "lengen: job 4: steps=0\n" in wrong.out
    assert "lengen: job 5: " not in wrong.out
    assert "lengen: 4 of 5 jobs checked, and none trained\n" in wrong.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-m", "seed=range(4)", "jobs=0"), "lengen: jobs=0: must be at least 1"),
        (("-m", "seed=range(4)", "launcher=slurm", "launcher.time=60m"), "lengen: launcher.time=60m: must be minutes"),
        (("launcher=slurm",), "lengen: launcher: a single run would be carried out here: add -m"),
    ],
)  # fmt: skip
def test_a_dry_run_is_refused_once_what_its_command_would_be(lengen, words, said):
    ran = lengen("train", "task=copy", *TINY, *words, "dry=true")
    assert (ran.code, len(ran.err.splitlines())) == (2, 1), ran.err
    assert ran.err.startswith(said)
    assert "parameters" not in ran.out


@pytest.mark.long
def test_a_dry_study_says_what_all_its_runs_need_together(lengen, tmp_path):
    words = ("-m", "task=copy", "pe=nope,rope", "seed=0,1", *TINY)
    ran = lengen("train", *words, "dry=true")
    assert ran.code == 0
    assert ran.out.splitlines()[-1].startswith("lengen: dry run: 4 runs, 4 of them to be trained, ")
    assert not (tmp_path / "results").exists()
    assert lengen("train", "task=copy", "pe=nope", *TINY).code == 0
    ran = lengen("train", *words, "dry=true")
    assert ran.out.splitlines()[-1].startswith("lengen: dry run: 4 runs, 3 of them to be trained, ")
    ran = lengen("train", *words, "force=true", "dry=true")
    assert ran.out.splitlines()[-1].startswith("lengen: dry run: 4 runs, 4 of them to be trained, ")
