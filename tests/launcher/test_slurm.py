"""Slurm: every job has a result, whatever the queue does with it; with a real Slurm where there is one."""

from __future__ import annotations

import os
import pickle
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from conftest import TINY
from launcher.clusters import STUDY, curves, wait_for
from lengen.config.errors import UsageError
from lengen.launcher import slurm, slurm_job, slurm_results
from lengen.launcher.job import QUEUED, Job, JobResult, Planned
from lengen.launcher.slurm import Slurm
from lengen.launcher.slurm_job import SlurmJob
from lengen.launcher.slurm_queue import State, states
from lengen.launcher.slurm_results import Task, missing, results

submitit = pytest.importorskip("submitit")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"jobs": 0}, r"jobs=0: must be at least 1"),
        ({"cpus": 0}, r"launcher\.cpus=0"),
        ({"requeue": -1}, r"launcher\.requeue=-1"),
        ({"time": "1:30"}, r"launcher\.time=1:30: must be minutes, h:mm:ss or d-hh:mm:ss"),
        ({"time": "soon"}, r"launcher\.time=soon"),
        ({"time": 0}, r"launcher\.time=0: .* above 0"),
        ({"time": "0-00:00"}, r"launcher\.time=0-00:00: .* above 0"),
        ({"memory": "8"}, r"launcher\.memory=8: must be a number with a unit, above 0, as in 8G"),
        ({"memory": "lots"}, r"launcher\.memory=lots"),
        ({"memory": "0G"}, r"launcher\.memory=0G: .* above 0"),
        ({"memory": "1.5G"}, r"launcher\.memory=1\.5G"),
        ({"time": "99999999-00"}, r"launcher\.time=99999999-00: .* below 68 years"),
        ({"time": "9" * 60}, r"launcher\.time=9+: .* below 68 years"),
        ({"time": 1}, r"launcher\.time=1: must be more than the 90 seconds of launcher\.signal_delay_s"),
        ({"cpus": 70000}, r"launcher\.cpus=70000: .* at most 65533"),
        ({"gpus": -1}, r"launcher\.gpus=-1: must be a number, at least 0"),
        ({"gpus": "a100"}, r"launcher\.gpus=a100: .* a type and a number"),
        ({"gpus": "a100:0"}, r"launcher\.gpus=a100:0"),
        ({"partition": "my gpu"}, r"launcher\.partition=my gpu: .* without spaces"),
        ({"partition": ""}, r"launcher\.partition=: "),
        ({"account": "-x"}, r"launcher\.account=-x"),
        ({"signal_delay_s": 65536}, r"launcher\.signal_delay_s=65536: .* at most 65535"),
        ({"extra": ["--time=5"]}, r"launcher\.extra='--time=5': must be given as launcher\.time"),
        ({"extra": ["--mem=8G"]}, r"launcher\.extra='--mem=8G': must be given as launcher\.memory"),
        ({"extra": ["--array=0-3"]}, r"launcher\.extra='--array=0-3': must be left out"),
        ({"folder": "a%j"}, r"launcher\.folder=a%j: must be without %"),
        ({"extra": ["exclude=n7"]}, r"launcher\.extra='exclude=n7': must be an option of sbatch"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        Slurm(**options)


def test_a_dry_run_refuses_them_too(lengen):
    ran = lengen("train", "-m", "task=copy", *TINY, "launcher=slurm", "launcher.time=1:30", "dry=true")
    assert ran.code == 2
    assert ran.err.startswith("lengen: launcher.time=1:30: must be minutes")


@pytest.mark.parametrize("gpus", [0, 2, "a100:1", "volta:3,kepler:5"])
def test_gpus_are_those_of_slurm(gpus):
    assert Slurm(gpus=gpus).gpus == gpus


@pytest.mark.parametrize("limit", [90, "90", "1:30:00", "2-12", "2-12:30:00"])
def test_times_are_those_of_slurm(limit):
    assert Slurm(time=limit).time == limit


def test_without_slurm_the_command_is_refused_before_anything_is_written(lengen, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    ran = lengen("train", "-m", "task=copy", *TINY, "seed=0,1", "launcher=slurm")
    assert (ran.code, ran.err) == (
        2,
        "lengen: launcher=slurm: there is no Slurm here (no sbatch on PATH); launcher=local uses this machine\n",
    )
    assert not list(tmp_path.rglob("run.json"))
    assert not (tmp_path / "results" / "slurm").exists()


def test_without_submitit_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(slurm.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(UsageError, match=r'pip install "lengen\[slurm\]"'):
        Slurm().ready()


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Commands of Slurm that note what they are given, accept every job as number 7, and have an empty queue."""
    folder = tmp_path / "bin"
    folder.mkdir()
    scripts = {
        "sbatch": f'cp "$1" {tmp_path}/submitted.sh; echo Submitted batch job 7',
        "srun": "exit 1",
        "squeue": f"cat {tmp_path}/queue 2>/dev/null",
        "scontrol": f'echo "$@" >> {tmp_path}/asked; echo "JobState=$(cat {tmp_path}/state) Reason=None"',
    }
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(slurm_results, "LOOK", 0.01)
    monkeypatch.setattr(slurm_results, "FIRST", 0.02)
    monkeypatch.setattr(slurm_results, "GRACE", 0.1)
    return tmp_path


def say(text: str) -> JobResult:
    return JobResult(0, text)


def jobs(*texts: str) -> list[Job]:
    return [Job(text, partial(say, text), threads=2, devices=3) for text in texts]


def test_a_study_is_one_array_with_the_options_in_their_places(fake):
    launcher = Slurm(
        partition="short",
        account="lab",
        time="1:30:00",
        gpus="a100:1",
        memory="8G",
        jobs=2,
        setup=["module load cuda"],
        extra=["--exclude=n7", "--exclusive"],
        folder=f"{fake}/runs/../slurm",
        wait=False,
        shown=False,
    )
    ended = dict(launcher.run(jobs("a", "b", "c")))
    assert {index: (result.code, result.line) for index, result in ended.items()} == {
        index: (QUEUED, f"submitted as 7_{index}") for index in range(3)
    }
    assert not any(result.bad for result in ended.values())
    lines = (fake / "submitted.sh").read_text().splitlines()
    for line in (
        "#SBATCH --array=0-2%2",
        "#SBATCH --partition=short",
        "#SBATCH --account=lab",
        "#SBATCH --time=1:30:00",
        "#SBATCH --gpus-per-node=a100:1",
        "#SBATCH --mem=8G",
        "#SBATCH --cpus-per-task=6",
        "#SBATCH --exclude=n7",
        "#SBATCH --exclusive",
        "#SBATCH --requeue",
        "#SBATCH --signal=USR2@90",
        "export OMP_NUM_THREADS=2 MKL_NUM_THREADS=2",
        "module load cuda",
    ):
        assert line in lines
    assert len(list((fake / "slurm").glob("*/7_*_submitted.pkl"))) == 3


def sbatch_options(line: str) -> set[str]:
    assert line.startswith("sbatch ")
    return {*shlex.split(line)[1:]}


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"jobs": 2, "requeue": 0, "signal_delay_s": 30, "cpus": 5},
        {
            "partition": "short",
            "account": "lab",
            "qos": "low",
            "constraint": "a100|v100",
            "time": "1:30:00",
            "gpus": "a100:1",
            "memory": "8G",
            "extra": ["--exclude=n7", "--exclusive", "--comment=a b"],
        },
    ],
    ids=["defaults", "numbers", "names"],
)
def test_a_dry_run_says_the_options_with_which_the_jobs_are_submitted(fake, options, count):
    launcher = Slurm(**options, folder=str(fake / "slurm"), wait=False, shown=False)
    line = launcher.describe([Planned(threads=2, devices=3)] * count)[1]
    assert not (fake / "slurm").exists()
    list(launcher.run(jobs(*"abc"[:count])))
    script = (fake / "submitted.sh").read_text().splitlines()
    given = {shlex.split(each)[1] for each in script if each.startswith("#SBATCH")}
    unsaid = "--(nodes|wckey|output|error|open-mode)=.*"  # the same for every study, or said as a folder
    assert sbatch_options(line) == {each for each in given if not re.fullmatch(unsaid, each)}


def test_a_dry_run_says_what_would_be_submitted(lengen, fake, tmp_path):
    words = ("-m", "task=copy", *TINY, "pe=nope,rope", "seed=0,1", "launcher=slurm")
    ran = lengen("train", *words, "launcher.partition=gpu", "launcher.time=60", "jobs=2", "dry=true")
    assert ran.code == 0, ran.err
    *_, what, command, total = ran.out.splitlines()
    assert what == (
        "lengen: dry run: would submit 4 jobs as an array, 2 at a time, and wait for them; "
        "script and logs in a new folder in results/slurm"
    )
    assert command.startswith("lengen: dry run: sbatch --array=0-3%2 --cpus-per-task=1 ")
    assert "--partition=gpu --requeue --signal=USR2@90 --time=60" in command
    assert total.startswith("lengen: dry run: 4 runs, 4 of them")
    assert not (tmp_path / "results").exists()
    assert not (fake / "submitted.sh").exists()


@pytest.mark.long
def test_a_dry_run_leaves_out_runs_that_are_over_or_in_the_queue(lengen, fake):
    study = ("-m", "task=copy", *TINY, "launcher=slurm", "launcher.wait=false")
    assert lengen("train", "task=copy", *TINY, "seed=0").code == 0
    ran = lengen("train", *study, "seed=0,1,2", "dry=true")
    assert "would submit 2 jobs as an array, all at a time, and not wait for them" in ran.out
    assert lengen("train", *study, "seed=1").code == 0
    (fake / "queue").write_text("7|RUNNING|None\n")
    ran = lengen("train", *study, "seed=0,1,2", "dry=true")
    assert "lengen: dry run: in the queue of Slurm already: 1 job\n" in ran.out
    assert "would submit 1 job, and not wait" in ran.out
    assert "--array" not in ran.out
    ran = lengen("train", *study, "seed=0,1", "dry=true")
    assert "in the queue of Slurm already: 1 job\n" in ran.out
    assert "sbatch" not in ran.out
    ran = lengen("train", *study, "seed=0", "dry=true")
    assert ran.code == 0
    assert "Slurm" not in ran.out


def test_a_dry_run_of_seeds_as_one_model_is_one_job(lengen, fake):
    ran = lengen("train", "-m", "task=copy", *TINY, "seeds=3", "launcher=slurm", "dry=true")
    assert "would submit 1 job of 3 runs, and wait for them" in ran.out
    assert ran.out.splitlines()[-1].startswith("lengen: dry run: 3 runs, ")


def test_a_dry_run_needs_no_slurm(lengen, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    ran = lengen("train", "-m", "task=copy", *TINY, "seed=0,1", "launcher=slurm", "dry=true")
    assert ran.code == 0, ran.err
    assert (
        "would submit 2 jobs as an array, all at a time, and wait for them, where there is Slurm: there is no sbatch here;"
        in ran.out
    )


@pytest.mark.usefixtures("fake")
def test_nothing_is_asked_of_the_devices_and_the_memory_of_this_machine(lengen, monkeypatch):
    """The nodes may have what this machine lacks."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("lengen.config.limits.available_memory", lambda: 10**5)
    gpus = ("task=copy", *TINY, "batch_size=1024", "trainer.accelerator=cuda", "trainer.devices=2")
    assert "trainer.accelerator=cuda: not available" in lengen("train", *gpus).err
    for dry in ((), ("dry=true",)):
        ran = lengen("train", "-m", *gpus, "launcher=slurm", "launcher.wait=false", *dry)
        assert ran.code == 0, ran.err
        ran = lengen("train", "-m", *gpus, "launcher=slurm", "decoder.heads=3", *dry)
        assert ran.code != 0
        assert "decoder.dim=16: must be a multiple of decoder.heads=3" in ran.err


def test_more_jobs_than_an_array_may_have_are_several_arrays(fake, monkeypatch):
    monkeypatch.setattr(slurm, "largest_array", lambda: 1000)
    what, command = Slurm(jobs=8).describe([Planned()] * 2500)
    assert what.startswith("would submit 2500 jobs as 3 arrays of at most 1000, 8 at a time of each")
    assert "--array=0-999%8" in command


@pytest.mark.parametrize(
    ("requeue", "longest", "said"),
    [
        (100, 3510.0, None),  # the limit without the time of the warning
        (100, 3600.0, "goes back to the queue and resumes, up to 1 time"),
        (100, 10 * 3510.0, "goes back to the queue and resumes, up to 9 times"),
        (3, 10 * 3510.0, "it needs that 9 times, and fails after launcher.requeue=3"),
        (0, 3600.0, "and fails (launcher.requeue=0); the same command goes on with it"),
    ],
)
def test_a_dry_run_says_what_becomes_of_jobs_above_the_time_limit(fake, requeue, longest, said):
    launcher = Slurm(time="1:00:00", requeue=requeue)
    rest = launcher.describe([Planned(seconds=seconds) for seconds in (5.0, longest, longest)])[2:]
    if said is None:
        assert rest == []
        return
    (line,) = rest
    assert line.startswith("2 of 3 jobs would take up to ")
    assert "as timed here, and launcher.time=1:00:00 leaves 58 min: such a job writes a checkpoint, " in line
    assert said in line


def test_the_same_command_waits_for_jobs_that_are_in_the_queue(fake, capsys):
    launcher = Slurm(folder=str(fake / "slurm"), wait=False)
    list(launcher.run(jobs("a", "b", "c")))
    (fake / "queue").write_text("7_0|COMPLETED|None\n7_1|RUNNING|None\n7_2|PENDING|Resources\n")
    (fake / "submitted.sh").unlink()
    capsys.readouterr()
    ended = dict(launcher.run(jobs("c", "d", "b")))
    assert (ended[0].line, ended[2].line) == ("submitted as 7_2", "submitted as 7_1")
    assert "--array" not in (fake / "submitted.sh").read_text()  # d alone
    assert "2 jobs are in the queue of Slurm already" in capsys.readouterr().out


@pytest.mark.long
def test_other_options_of_the_launcher_do_not_make_another_job(lengen, fake, monkeypatch):
    """The same command is given with `launcher.wait=false`, and again to wait."""
    study = ("-m", "task=copy", *TINY, "seed=0,1", "launcher=slurm", "launcher.wait=false")
    assert lengen("train", *study).code == 0
    (fake / "queue").write_text("7_0|RUNNING|None\n7_1|PENDING|Resources\n")
    ran = lengen("train", *study, "launcher.time=90", "jobs=1")
    assert ran.code == 0
    assert "2 jobs are in the queue of Slurm already" in ran.out
    assert "submitted" not in ran.out
    assert "0 of 2 jobs finished, 2 in a queue" in ran.out


@pytest.mark.parametrize("words", [("seed=0,1",), ("seeds=2",)], ids=["two jobs", "a stack"])
def test_runs_that_wait_in_the_queue_are_queued_and_not_missing(lengen, fake, words):
    study = ("-m", "study=first", "task=copy", *TINY, *words, "launcher=slurm", "launcher.wait=false")
    (fake / "bin" / "sbatch").write_text(
        '#!/bin/sh\nfor job in 7 7_0 7_1; do echo "$job|PENDING|Resources|$1" >> '
        f"{fake}/queue; done; echo Submitted batch job 7\n"
    )
    ran = lengen("train", *study, f"launcher.folder={fake}/my jobs")
    assert ran.code == 0
    assert "first: 2 runs: 2 queued" in ran.out
    shown = lengen("status", "first").out
    assert "first: 2 runs: 2 queued" in shown
    numbers = ["7_0", "7_1"] if words == ("seed=0,1",) else ["7", "7"]  # one job is no array
    assert re.findall(r"job (\S+) of Slurm, pending \(Resources\)", shown) == numbers
    (fake / "queue").write_text("")
    assert "first: 2 runs: 2 missing" in lengen("status", "first").out


def test_what_slurm_refuses_is_said_on_one_line_and_leaves_nothing(fake):
    (fake / "bin" / "sbatch").write_text("#!/bin/sh\necho 'sbatch: error: no such partition' >&2\nexit 1\n")
    with pytest.raises(UsageError, match=r"^launcher=slurm: sbatch refuses: no such partition$"):
        list(Slurm(folder=str(fake / "slurm"), shown=False).run(jobs("a", "b")))
    assert not (fake / "slurm").exists()


def test_why_jobs_may_wait_for_ever_is_said_once(fake, monkeypatch):
    monkeypatch.setattr(slurm_results, "FIRST", 0.01)
    monkeypatch.setattr(slurm_results, "LOOK", 0.01)
    (fake / "queue").write_text("8_0|PENDING|PartitionConfig\n8_1|PENDING|Priority\n")
    said = []

    def say(line):
        said.append(line)
        for number in range(2):
            (fake / f"8_{number}_0_result.pkl").write_bytes(pickle.dumps(("success", JobResult(0, "well"))))

    tasks = {number: Task(f"8_{number}", fake) for number in range(2)}
    assert len(dict(results(tasks, lambda _: None, lambda _: None, say))) == 2
    assert said == ["lengen: jobs wait, in Slurm's words: PartitionConfig"]


def test_a_job_that_leaves_no_result_fails_with_what_slurm_says(fake):
    (fake / "8_0_0_result.pkl").write_bytes(pickle.dumps(("success", JobResult(0, "well"))))
    (fake / "8_1_0_result.pkl").write_bytes(pickle.dumps(("error", "Traceback\nModuleNotFoundError: x")))
    (fake / "8_2_0_log.err").write_text("lost for ever\nsrun: error: task 0: Killed\n")
    (fake / "queue").write_text(
        "8_2|FAILED|RaisedSignal:9(Killed)\n8_3|OUT_OF_MEMORY|None\n8_5|CANCELLED by 0|None\n9_0|RUNNING|None\n"
    )
    notes, begun, said = [], [], []
    tasks = {number: Task(f"8_{number}", fake) for number in range(6)}  # 8_4 is unknown
    found = dict(results(tasks, notes.append, begun.append, said.append))
    assert not said
    assert found[0].line == "well"
    assert (found[1].code, found[1].line) == (1, "ModuleNotFoundError: x")
    lines = {index: found[index].line.partition(";")[0] for index in range(2, 6)}
    assert lines == {
        2: "its process ended without a result (RaisedSignal:9(Killed))",
        3: "out of memory (launcher.memory)",
        4: "it left the queue without a result",
        5: "it was cancelled",
    }
    assert found[2].line.endswith("8_2_0_log.err ends with: lost for ever")
    assert all(found[index].bad for index in range(1, 6))


def test_a_job_that_goes_back_to_the_queue_is_waited_for(monkeypatch):
    monkeypatch.setattr(slurm_results, "GRACE", 10.0)
    now = [0.0]
    monkeypatch.setattr(slurm_results.time, "monotonic", lambda: now[0])
    absent = {}
    assert missing({0: State("NODE_FAIL"), 1: State("RUNNING"), 2: None}, absent) == []
    now[0] = 9.0
    assert missing({0: State("PENDING"), 1: State("RUNNING"), 2: None}, absent) == []
    now[0] = 11.0
    assert missing({0: State("FAILED"), 1: State("RUNNING"), 2: None}, absent) == [2]


def test_a_queue_that_does_not_answer_fails_no_job(fake, monkeypatch):
    (fake / "bin" / "squeue").write_text("#!/bin/sh\necho slurm_load_jobs error >&2\nexit 1\n")
    given = results({0: Task("8_0", fake)}, *[lambda _: None] * 3)

    sleep, started = time.sleep, time.monotonic()

    def later(seconds):
        if time.monotonic() > started + 0.5:
            (fake / "8_0_0_result.pkl").write_bytes(pickle.dumps(("success", JobResult(0, "late"))))
        sleep(seconds)

    monkeypatch.setattr(slurm_results.time, "sleep", later)
    assert [result.line for _, result in given] == ["late"]


def interrupted(number: int, begun: bool) -> JobResult:
    from lengen.training.interruption import SIGNALS
    from lengen.training.progress import progress_bar

    if begun:
        bar = progress_bar(shown=True)
        bar.update(bar.add_task("", total=10), completed=1)

    with SIGNALS.deferred():
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), signal.SIGTERM)  # as Slurm sends several before it kills
        time.sleep(0.01)
        SIGNALS.stop_if_pending()
    raise AssertionError


@pytest.mark.parametrize(
    ("number", "state", "restarts", "most", "begun", "requeued", "result"),
    [
        (signal.SIGUSR2, "RUNNING", 0, 3, True, True, None),  # before the time limit
        (signal.SIGUSR2, "RUNNING", 3, 3, True, False, "stopped by Slurm 4 times"),
        (signal.SIGUSR2, "RUNNING", 3, 100, True, True, None),
        (signal.SIGUSR2, "RUNNING", 2, 100, False, True, None),  # while it was starting
        (signal.SIGUSR2, "RUNNING", 3, 100, False, False, "launcher.time must be longer than its start"),
        (signal.SIGTERM, "RUNNING", 0, 3, True, True, None),  # a preemption with a time of grace
        (signal.SIGTERM, "COMPLETING", 0, 3, True, False, None),  # cancelled, or Slurm requeues it itself
    ],
)
def test_a_stopped_job_goes_back_to_the_queue_where_slurm_does_not_do_it(
    fake, monkeypatch, number, state, restarts, most, begun, requeued, result
):
    (fake / "state").write_text(state)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "7")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "2")
    monkeypatch.setenv("SLURM_RESTART_COUNT", str(restarts))
    job = SlurmJob(Job("", partial(interrupted, number, begun)).packed(), requeue=most)
    if result is None:
        with pytest.raises(SystemExit) as stopped:
            job()
        assert stopped.value.code == 128 + number
    else:
        left = job()
        assert left.bad
        assert result in left.line
    asked = (fake / "asked").read_text()
    assert ("requeue 7_2" in asked) is requeued


def test_states_of_accounting_and_of_the_queue_are_read_alike():
    assert states("1_0|CANCELLED by 1000|None\n") == states("1_0|CANCELLED|\n")


def test_a_log_says_now_and_then_how_far_a_job_is(monkeypatch, capsys):
    monkeypatch.setattr(slurm_job, "PAUSE", -1.0)
    slurm_job.ProgressLog()({"completed": 3, "total": 10, "text": "loss 0.5"})
    assert capsys.readouterr().out == "3 of 10 loss 0.5\n"


real = [
    pytest.mark.long,
    pytest.mark.cluster,
    pytest.mark.skipif(
        shutil.which("sbatch") is None
        or subprocess.run(["sinfo"], capture_output=True, check=False).returncode != 0,
        reason="there is no Slurm here (sh scripts/slurm.sh up)",
    ),
]


class RealSlurm:
    """A study on the Slurm of this machine."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "lengen", "train", "-m", *STUDY, "launcher=slurm", *words]
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  # which a shell may ignore
        )

    def training(self, count: int) -> list[str]:
        """Numbers of the jobs, once some train."""
        wait_for(lambda: len(list(self.folder.glob("results/runs/copy/*/*/*/checkpoints"))) >= count)
        time.sleep(1.0)
        asked = ["squeue", "--me", "--noheader", "--array", "--states=RUNNING", "--format=%i"]
        return sorted(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split())

    def end(self) -> str:
        """What the command printed, once it has ended."""
        return self.process.communicate(timeout=150)[0]


class TestRealSlurm:
    pytestmark = real

    def test_a_job_that_waits_is_queued_until_it_is_cancelled(self, tmp_path):
        def status() -> str:
            command = [sys.executable, "-m", "lengen", "status", "first"]
            return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout

        held = RealSlurm(tmp_path, "study=first", "launcher.wait=false", "launcher.extra=[--hold]")
        assert "3 in a queue" in held.end()
        shown = status()
        assert "first: 3 runs: 3 queued" in shown
        numbers = re.findall(r"job (\d+)_\d of Slurm, pending \(JobHeldUser\)", shown)
        assert len(numbers) == 3
        subprocess.run(["scancel", numbers[0]], check=True)
        assert "first: 3 runs: 3 missing" in status()

    def test_jobs_that_slurm_stops_go_on_and_their_numbers_are_the_same(self, tmp_path, undisturbed):
        """A warning before a time limit, a requeue by an administrator, a cancelled job."""
        study = RealSlurm(tmp_path)
        running = study.training(1)
        subprocess.run(["scancel", "--signal=USR2", running[0]], check=True)
        if len(running) > 1:
            subprocess.run(["scontrol", "requeue", running[1]], check=True)
        shown = study.end()
        assert study.process.returncode == 0, shown
        assert "3 of 3 jobs finished" in shown
        assert curves(tmp_path) == undisturbed
        log = "".join(path.read_text() for path in tmp_path.glob("results/slurm/*/*_log.out"))
        assert "stopped by SIGUSR2" in log

    def test_a_killed_launcher_and_killed_jobs_are_gone_on_with(self, tmp_path, undisturbed):
        study = RealSlurm(tmp_path)
        first = study.training(1)[0]
        study.process.send_signal(signal.SIGINT)
        assert "jobs stay in the queue of Slurm: scancel" in study.end()
        assert study.process.returncode == 130
        subprocess.run(["scancel", first], check=True)
        again = RealSlurm(tmp_path)
        shown = again.end()
        assert "jobs are in the queue of Slurm already" in shown
        if again.process.returncode:  # it had attached to the job before Slurm had cancelled it
            assert "it was cancelled" in shown
            last = RealSlurm(tmp_path)
            shown = last.end()
            assert last.process.returncode == 0, shown
        assert "3 of 3 jobs finished" in shown
        assert curves(tmp_path) == undisturbed
