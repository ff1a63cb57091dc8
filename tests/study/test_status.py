"""`lengen status`: every state that a run can be in, from its folder alone."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time

import pytest

from study.made import FINISHED, left, run, study

HOLD = """
import sys
from pathlib import Path
from lengen.records.claim import claimed
with claimed(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def status(monkeypatch, tmp_path, capsys):
    """Run `lengen status` in an empty folder."""
    from lengen.cli.commands.status import main

    monkeypatch.chdir(tmp_path)

    def ask(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        return main([*words]), *capsys.readouterr()

    return ask


def test_every_state_is_told_with_its_reason(status, tmp_path):
    runs = [run(number) for number in range(10)]
    unlike = run(10, refused="decoder.heads=3: must divide"), run(11, failed="its process was killed")
    study(tmp_path, *runs, *unlike)
    left(tmp_path, runs[0], **FINISHED)
    left(tmp_path, runs[1], **{**FINISHED, "id_exact_match": 0.5, "trained": False})
    left(tmp_path, runs[2], status="diverged", error="DivergedError: loss nan\nmore", curve=False)
    interrupted = left(tmp_path, runs[3], status="interrupted", curve=False)
    (interrupted / "train.csv").write_text("step,loss\n10,1.0\n40,0.5\n")
    left(tmp_path, runs[4], status="running", curve=False)  # its process was killed
    left(tmp_path, runs[5], status="failed", error="OutOfMemoryError: \x1b[31mtoo much", curve=False)
    torn = left(tmp_path, runs[6])
    (torn / "run.json").write_text("")
    left(tmp_path, runs[7], **FINISHED, curve=False)
    left(tmp_path, run(80), cell="c2", status="finished")  # a run of another configuration
    running = left(tmp_path, runs[9], status="running", curve=False)
    (running / "train.csv").write_text("step,loss\n50,1.0\n")
    with subprocess.Popen([sys.executable, "-c", HOLD, str(running)], stdin=-1, stdout=-1) as other:
        assert other.stdout.readline() == b"held\n"
        code, out, err = status("first")
        other.kill()
    assert (code, err) == (1, "")
    lines = out.splitlines()
    assert lines[0] == (
        "first: 12 runs: 1 done, 1 not trained, 1 diverged, 1 running, 2 interrupted, 2 failed, 1 refused, 2 damaged, 1 missing"
    )
    told = {
        line.split(": ")[0].strip(): line.partition(": ")[2] for line in lines[1:] if line.startswith("    ")
    }
    assert told["pe=nope seed=1"] == "ID exact match 0.500"
    assert told["pe=nope seed=2"] == "DivergedError: loss nan"
    assert told["pe=nope seed=3"] == "step 40 of 100"
    assert told["pe=nope seed=4"] == "step 0 of 100"
    assert told["pe=nope seed=5"] == r"OutOfMemoryError: \x1b[31mtoo much"
    assert "run.json: not a JSON file" in told["pe=nope seed=6"]
    assert "its results are torn or missing" in told["pe=nope seed=7"]
    assert told["pe=nope seed=9"] == f"step 50 of 100, process {other.pid} on {socket.gethostname()}"
    assert told["pe=nope seed=10"] == "decoder.heads=3: must divide"
    assert told["pe=nope seed=11"] == "its process was killed"
    assert "pe=nope seed=0" not in told
    assert "about 8 min left, 1 at a time" in lines  # 7.5 runs of 60 s; what is refused takes none
    assert lines[-2].startswith("lengen train study=first ")
    assert lines[-1] == (
        "refused runs are impossible as they are written: correct or remove it in results/studies/first.yaml, or leave it"
    )
    code, out, _ = status("study=first", "all=true")
    assert "pe=nope seed=0: ID exact match 1.000" in out
    assert "1 running" not in out  # its process is gone


def test_a_study_of_which_refused_runs_alone_are_left_promises_nothing(status, tmp_path):
    study(tmp_path, run(0), run(1, refused="a=1: wrong"), run(2, refused="a=2: wrong"))
    left(tmp_path, run(0), **FINISHED)
    assert status("first") == (
        1,
        (
            "first: 3 runs: 1 done, 2 refused\n  refused\n    pe=nope seed=1: a=1: wrong\n    pe=nope seed=2: a=2: wrong\n"
            "refused runs are impossible as they are written: correct or remove them in results/studies/first.yaml, or leave them\n"
        ),
        "",
    )
    assert [line.split() for line in status()[1].splitlines()] == [
        ["study", "runs", "done", "refused"],
        ["first", "3", "1", "2"],
    ]


@pytest.fixture
def squeue(tmp_path, monkeypatch):
    """Let `squeue` answer with some lines, or let it fail; how often it was asked."""
    program, asked = tmp_path / "bin" / "squeue", tmp_path / "asked"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")

    def answer(*lines: str, code: int = 0) -> None:
        (tmp_path / "queue").write_text("".join(f"{line}\n" for line in lines))
        program.write_text(f"#!/bin/sh\necho . >> {asked}\ncat {tmp_path}/queue\nexit {code}\n")
        program.chmod(0o755)

    answer.times = lambda: len(asked.read_text().split()) if asked.exists() else 0
    answer()
    return answer


def submitted(tmp_path, array, *keys: str, folder="slurm") -> str:
    """Files of an array of jobs with these keys; its script."""
    files = tmp_path / folder / array
    files.mkdir(parents=True)
    (files / "jobs.json").write_text(json.dumps({f"{array}_{index}": key for index, key in enumerate(keys)}))
    return f"{files}/submission_file_1.sh"


def test_a_run_whose_job_waits_is_queued_as_long_as_slurm_has_the_job(status, tmp_path, squeue):
    runs = [run(number) for number in range(8)]
    study(tmp_path, *runs)
    left(tmp_path, runs[0], **FINISHED)  # its job has not left the queue yet
    interrupted = left(tmp_path, runs[1], status="interrupted", curve=False)
    (interrupted / "train.csv").write_text("step,loss\n40,0.5\n")
    left(tmp_path, runs[5], status="failed", error="RuntimeError: no", curve=False)
    here = f"{tmp_path}/results/runs"
    keys = [each.key for each in runs]
    script = submitted(tmp_path, "7", *(f"{key} {here}" for key in keys[:4]), f"{keys[6]} {here} again")
    other = submitted(
        tmp_path, "9", f"{keys[4]} {tmp_path}/elsewhere/runs", f"{keys[5]} {here}/", folder="my jobs"
    )
    squeue(
        f"7_0|COMPLETING|None|{script}",
        f"7_1|PENDING|BeginTime|{script}",
        f"7_2|RUNNING|None|{script}",
        f"7_3|CANCELLED by 0|None|{script}",
        f"7_4|PENDING|ReqNodeNotAvail, UnavailableNodes:a|{script}",
        f"9_0|PENDING|None|{other}",
        f"9_1|PENDING|None|{other}",
        "11|PENDING|Resources|(null)",
        "12|PENDING|Resources|/somebody/else.sh",
    )
    code, out, err = status("first")
    assert (code, err) == (1, "")
    assert out.splitlines()[0] == "first: 8 runs: 1 done, 4 queued, 3 missing"
    for line in (
        "pe=nope seed=1: job 7_1 of Slurm, pending (BeginTime), step 40 of 100",
        "pe=nope seed=2: job 7_2 of Slurm, starting",
        "pe=nope seed=5: job 9_1 of Slurm, pending, RuntimeError: no",
        "pe=nope seed=6: job 7_4 of Slurm, pending (ReqNodeNotAvail, UnavailableNodes:a)",
    ):
        assert f"    {line}\n" in out
    assert [line.split() for line in status()[1].splitlines()] == [
        ["study", "runs", "done", "queued", "missing", "left"],
        ["first", "8", "1", "4", "3", "7", "min"],
    ]
    squeue(f"7_2|PENDING|Resources|{script}", code=1)  # no answer
    assert "1 interrupted, 1 failed, 5 missing" in status("first")[1]
    squeue()  # Slurm knows none of them any more
    assert "1 interrupted, 1 failed, 5 missing" in status("first")[1]


def test_the_runs_of_a_stack_wait_as_one_job(status, tmp_path, squeue):
    runs = [run(number) for number in range(3)]
    study(tmp_path, *runs)
    script = submitted(tmp_path, "7", f"{runs[0].key} {runs[2].key} {tmp_path}/results/runs")
    squeue(f"7_0|PENDING|None|{script}")
    assert "2 queued, 1 missing" in status("first")[1]


@pytest.mark.parametrize("damage", ["{", "[]", '{"7_0": 3}', None])
def test_files_of_an_array_that_cannot_be_read_make_no_run_queued(status, tmp_path, squeue, damage):
    study(tmp_path, run(0))
    script = submitted(tmp_path, "7", f"{run(0).key} {tmp_path}/results/runs")
    file = next(tmp_path.glob("slurm/7/jobs.json"))
    file.unlink() if damage is None else file.write_text(damage)
    squeue(f"7_0|PENDING|None|{script}")
    code, out, err = status("first")
    assert (code, err) == (1, "")
    assert "1 missing" in out


def test_slurm_is_asked_once_and_only_if_a_run_may_wait(status, tmp_path, squeue):
    study(tmp_path, run(0))
    study(tmp_path, run(1), name="second")
    left(tmp_path, run(0), **FINISHED)
    status("first")
    assert squeue.times() == 0
    study(tmp_path, run(2), name="third")
    status()
    assert squeue.times() == 1


def test_all_done_is_exit_code_0_and_one_line_a_study_without_a_name(status, tmp_path):
    runs = [run(number) for number in range(3)]
    study(tmp_path, *runs)
    study(tmp_path, run(1), run(9), name="second")
    for each in runs:
        left(tmp_path, each, **FINISHED)
    assert status("first") == (0, "first: 3 runs: 3 done\n", "")
    code, out, _ = status()
    assert code == 0
    assert [line.split() for line in out.splitlines()] == [
        ["study", "runs", "done", "missing", "left"],
        ["first", "3", "3"],
        ["second", "2", "1", "1", "60", "s"],
    ]
    assert status("second")[0] == 1
    assert status("results_dir=results/other") == status()  # studies lie beside the folder of the runs
    assert "no study in elsewhere/studies" in status("results_dir=elsewhere/runs")[1]


@pytest.mark.parametrize(
    ("results_dir", "words"),
    [("results/runs", ""), ("my runs/a", " 'results_dir=my runs/a'")],
)
def test_the_command_that_goes_on_with_a_study_is_whole(status, tmp_path, results_dir, words):
    study(tmp_path, run(1))
    (tmp_path / "results").rename(tmp_path / "moved")
    (tmp_path / results_dir).parent.mkdir(exist_ok=True)
    (tmp_path / "moved").rename((tmp_path / results_dir).parent)
    plan = (tmp_path / results_dir).parent / "studies" / "first.yaml"
    plan.write_text(plan.read_text().replace("results: runs", f"results: {results_dir.rpartition('/')[2]}"))
    out = status("first", f"results_dir={results_dir}")[1]
    assert f"lengen train study=first{words}   carries out what is left" in out


def test_a_run_recorded_under_the_key_of_another_version_is_done(status, tmp_path):
    study(tmp_path, run(1, recorded=f"{7:016x}"))
    path = left(tmp_path, run(7), **FINISHED)
    path.rename(path.with_name("seed=1"))
    assert status("first")[0] == 0


def test_code_that_changed_since_makes_a_run_missing(status, tmp_path):
    planned = run(1)
    study(tmp_path, planned)
    (tmp_path / "mine.py").write_text("new")
    sources = {"mine": {"path": str(tmp_path / "mine.py"), "hash": "0"}}
    left(tmp_path, planned, **FINISHED, sources=sources)
    assert "mine changed since" in status("first")[1]
    (tmp_path / "mine.py").unlink()  # on another machine it lies elsewhere
    assert status("first")[0] == 0


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["frist"], "study=frist: no such study in results/studies; did you mean 'first'? (allowed: "),
        (["study=../first"], "study=../first: must be 1 to 100 letters"),
        (["first", "second"], "second: study=first was given before"),
        (["pe=nope"], "unknown option 'pe'"),
        (["--al"], "--al: unknown flag"),
        (["all=yes", "first"], "all=yes: must be true or false"),
        (["study="], "study=: has no value"),
        (["torn"], "torn.yaml: not the file of a study"),
        (["strange"], "strange.yaml: not the file of a study (grids.0.runs.0.task"),
        (["bomb"], "bomb.yaml"),
        (["folder"], "folder.yaml: Is a directory"),
    ],
)
def test_mistakes_and_files_of_strangers_are_refused_on_one_line(status, tmp_path, words, reason):
    path = study(tmp_path, run(1))
    (path.parent / "torn.yaml").write_text(path.read_text()[:200])
    (path.parent / "strange.yaml").write_text(path.read_text().replace("task: copy", "task: ../../etc"))
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    (path.parent / "bomb.yaml").write_text(f"a0: &a0 [x]\n{levels}")
    (path.parent / "folder.yaml").mkdir()
    code, _, err = status(*words)
    assert code == 2
    assert reason in err
    assert len(err.splitlines()) == 1
    assert len(err) <= 300
    code, out, _ = status()  # the others are shown
    assert code == 0
    assert "first" in out
    assert "torn.yaml: not the file of a study" in out


def test_it_answers_soon_and_without_torch(tmp_path):
    study(tmp_path, run(1))
    script = "import sys; sys.argv = ['lengen', 'status', 'first']; from lengen.cli.main import main; main(); print('torch' in sys.modules, 'hydra' in sys.modules)"
    started = time.process_time(), os.times().children_user
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("False False\n")
    assert os.times().children_user - started[1] < 3
