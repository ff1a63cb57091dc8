"""Jobs side by side: every result comes back, a process that dies loses one job, and nobody is left behind."""

from __future__ import annotations

import gc
import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from conftest import TINY, read_rows
from lengen.config.errors import UsageError
from lengen.launcher import local
from lengen.launcher.job import Job, JobResult, Planned, carry_out
from lengen.launcher.local import Local

pytestmark = pytest.mark.whole_run  # processes of their own


@pytest.fixture(autouse=True)
def _bare(monkeypatch):
    """These jobs need no torch, and the machine has many cores."""
    monkeypatch.setattr(local, "IMPORTED", ())
    monkeypatch.setattr(local, "cores", lambda: 4)


def double(number: int) -> JobResult:
    sys.stdout.write(f"doubling {number}\n")
    return JobResult(0, f"{2 * number}", value=os.getpid())


def die() -> JobResult:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def fail() -> JobResult:
    raise KeyError("a bug")


def variable(name: str) -> JobResult:
    return JobResult(0, os.environ.get(name, ""))


def jobs(*works) -> list[Job]:
    return [Job(f"job {index}", work) for index, work in enumerate(works)]


@pytest.mark.parametrize(
    ("options", "visible", "said"),
    [
        ({}, "", "jobs on this machine: 6, 4 at a time, each with 1 CPU thread"),
        ({"jobs": 9}, "", "jobs on this machine: 6, 6 at a time, each with 1 CPU thread"),
        ({}, "0,1,2", "jobs on this machine: 6, 3 at a time, each with 1 CPU thread, GPUs: 1"),
        ({"gpus": 0}, "0,1,2", "jobs on this machine: 6, 4 at a time, each with 1 CPU thread"),
    ],
)
def test_a_dry_run_says_how_many_run_at_a_time(monkeypatch, options, visible, said):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert Local(**options).describe([Planned()] * 6) == [said]


def test_a_dry_run_counts_the_threads_of_all_devices_of_a_job(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    (line,) = Local().describe([Planned(threads=2), Planned(devices=2), Planned()])
    assert line == "jobs on this machine: 3, 1 at a time, each with 2 CPU threads"


def results(launcher: Local, *works) -> dict[int, JobResult]:
    return dict(launcher.run(jobs(*works)))


def test_every_job_has_its_result_and_its_process(capfd):
    found = results(Local(jobs=3), *(partial(double, number) for number in range(6)))
    assert {index: result.line for index, result in found.items()} == {n: str(2 * n) for n in range(6)}
    assert found[4].output == "doubling 4\n"
    pids = {result.value for result in found.values()}
    assert os.getpid() not in pids
    assert 1 < len(pids) <= 3
    shown = capfd.readouterr().out
    assert shown.count("lengen: ") == 6
    assert "lengen: 6 of 6: job" in shown
    assert "doubling" not in shown


def test_one_at_a_time_runs_here():
    found = results(Local(jobs=1), *(partial(double, number) for number in range(3)))
    assert list(found) == [0, 1, 2]
    assert {result.value for result in found.values()} == {os.getpid()}


def test_a_process_that_dies_loses_its_job_alone():
    found = results(Local(jobs=2), die, *(partial(double, number) for number in range(3)), die)
    assert [found[index].code for index in range(5)] == [1, 0, 0, 0, 1]
    assert "its process was killed" in found[0].line


def test_a_bug_is_shown_with_its_traceback(capfd):
    found = results(Local(jobs=2), fail, partial(double, 1))
    assert found[0].code == 1
    assert found[0].line == "KeyError: 'a bug'"
    assert 'raise KeyError("a bug")' in found[0].traceback
    assert 'raise KeyError("a bug")' in capfd.readouterr().err


def test_a_class_of_a_notebook_reaches_the_process():
    """Which has no module that the process could import."""
    space = {"__name__": "__main__", "JobResult": JobResult}
    exec("class Mine:\n    def __call__(self):\n        return JobResult(0, type(self).__name__)", space)
    found = results(Local(jobs=2), space["Mine"](), space["Mine"]())
    assert {result.line for result in found.values()} == {"Mine"}


def test_what_cannot_be_passed_on_is_a_failed_job():
    lock = threading.Lock()
    found = results(Local(jobs=2), partial(double, 1), lambda: lock)
    assert found[0].code == 0
    assert found[1].code == 1


def test_each_gpu_has_a_queue(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    assert [each["CUDA_VISIBLE_DEVICES"] for each in Local().slots(10)] == ["3", "5"]
    assert [each["CUDA_VISIBLE_DEVICES"] for each in Local(jobs=3).slots(10)] == ["3", "5", "3"]
    assert [each["CUDA_VISIBLE_DEVICES"] for each in Local(gpus=1).slots(10)] == ["3"]
    assert [each["CUDA_VISIBLE_DEVICES"] for each in Local().slots(10, devices=2)] == ["3,5"]
    assert [each["CUDA_VISIBLE_DEVICES"] for each in Local().slots(10, devices=3)] == ["3,5"]
    assert "CUDA_VISIBLE_DEVICES" not in Local(gpus=0).slots(10)[0]
    found = results(
        Local(), partial(variable, "CUDA_VISIBLE_DEVICES"), partial(variable, "CUDA_VISIBLE_DEVICES")
    )
    assert {result.line for result in found.values()} <= {"3", "5"}


def test_threads_share_the_cores(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(local, "visible_gpus", list)
    assert len(Local().slots(10)) == 4
    assert len(Local().slots(10, threads=2)) == 2
    assert len(Local().slots(10, threads=8)) == 1
    assert len(Local().slots(10, devices=2)) == 2
    assert len(Local().slots(10, threads=2, devices=2)) == 1
    assert len(Local().slots(3)) == 3
    assert Local().slots(10, threads=2)[0]["OMP_NUM_THREADS"] == "2"


@pytest.mark.parametrize(
    ("options", "message"), [({"jobs": 0}, "jobs=0"), ({"gpus": -1}, r"launcher\.gpus=-1")]
)
def test_impossible_numbers_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        Local(**options)


def test_a_job_reports_how_far_it_is():
    from rich.progress import TextColumn

    from lengen.training.progress import progress_bar

    def bar() -> JobResult:
        shown = progress_bar(TextColumn("loss {task.fields[loss]:.1f}"), shown=True)
        line = shown.add_task("", total=10, loss=0.0)
        shown.update(line, completed=4, loss=0.25)
        return JobResult(0)

    states = []
    carry_out(Job("", bar).packed(), states.append)
    assert states == [{"completed": 4, "total": 10, "text": "loss 0.2"}]


STUDY = """
import os, sys, time
from pathlib import Path
from lengen.launcher import local
from lengen.launcher.job import Job, JobResult

def busy(name):
    from lengen.training.interruption import SIGNALS  # of the process that does the job
    with SIGNALS.deferred():
        Path(name).touch()
        for _ in range(1000):
            time.sleep(float(os.environ.get("STEP", "0.02")))
            if SIGNALS.pending:
                Path(name + ".checkpoint").touch()
            SIGNALS.stop_if_pending()
    return JobResult(0)

if __name__ == "__main__":
    from functools import partial
    local.IMPORTED = ()
    from lengen.training.interruption import SIGNALS
    with SIGNALS.heeded():
        list(local.Local(jobs=2).run([Job(name, partial(busy, name)) for name in ("a", "b", "c")]))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_jobs_end_with_their_launcher_and_leave_checkpoints(tmp_path, number):
    """Asked to by a signal; or because it is gone, which leaves nobody who could ask."""
    script = tmp_path / "study.py"
    script.write_text(STUDY)
    process = subprocess.Popen([sys.executable, str(script)], cwd=tmp_path, stderr=subprocess.DEVNULL)
    wait_for(lambda: (tmp_path / "a").exists() and (tmp_path / "b").exists())
    below = psutil.Process(process.pid).children(recursive=True)
    assert len(below) >= 3
    process.send_signal(number)
    process.wait(timeout=60)
    wait_for(lambda: (tmp_path / "a.checkpoint").exists() and (tmp_path / "b.checkpoint").exists())
    assert not (tmp_path / "c").exists()
    psutil.wait_procs(below, timeout=20)
    assert not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in below)


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_a_signal_to_all_processes_is_one_for_every_job(tmp_path, number):
    """As Ctrl-C in a terminal, or of a scheduler; a second one would stop the jobs without a checkpoint."""
    script = tmp_path / "study.py"
    script.write_text(STUDY)
    process = subprocess.Popen(
        [sys.executable, str(script)],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "STEP": "2"},  # seconds, in which both signals would come
    )
    wait_for(lambda: (tmp_path / "a").exists() and (tmp_path / "b").exists())
    below = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, number)
    _, error = process.communicate(timeout=60)
    assert (tmp_path / "a.checkpoint").exists(), error
    assert (tmp_path / "b.checkpoint").exists()
    assert not (tmp_path / "c").exists()
    assert f"Interrupted: stopped by {number.name}" in error
    psutil.wait_procs(below, timeout=20)
    assert not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in below)


def wait_for(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.whole_run
def test_side_by_side_the_numbers_are_those_of_one_after_another(lengen, tmp_path, monkeypatch):
    study = ("-m", "task=copy", "pe=nope,rope", *TINY)
    assert lengen("train", *study, "results_dir=one", "jobs=1").code == 0
    ran = lengen("train", *study, "results_dir=two", "jobs=2")
    assert ran.code == 0, ran.err
    assert "2 of 2 jobs finished" in ran.out
    assert "2 of 2: pe=" in ran.out
    curves = sorted(path.relative_to(tmp_path / "one") for path in Path("one").resolve().rglob("curve.csv"))
    assert len(curves) == 2
    for path in curves:
        one, two = (
            [
                {**row, "seconds": "", "peak_bytes": "", "memory_bytes": ""}
                for row in read_rows(tmp_path / name / path)
            ]
            for name in ("one", "two")
        )
        assert one == two


@pytest.mark.long
def test_a_refused_job_is_named_and_the_others_run(lengen, tmp_path):
    ran = lengen(
        "train", "-m", "task=copy", "decoder.heads=2,3", *(w for w in TINY if "heads" not in w), "jobs=2"
    )
    assert ran.code == 1
    assert "1 of 2 jobs finished" in ran.out
    assert (ran.out + ran.err).count("must be a multiple of decoder.heads=3") == 1
    assert "Traceback" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["jobs=0"], "jobs=0: must be at least 1"),
        (["-m", "jobs=0", "seed=0,1"], "jobs=0: must be at least 1"),
        (["-m", "jobs=many", "seed=0,1"], "jobs=many: must be a whole number or null"),
    ],
)
def test_no_jobs_at_a_time_is_refused(lengen, tmp_path, words, reason):
    ran = lengen("train", "task=copy", *TINY, *words)
    assert (ran.code, ran.err) == (2, f"lengen: {reason}\n")
    assert not (tmp_path / "results" / "runs" / "copy").exists()


def test_importing_what_the_server_imports_leaves_the_signals_of_other_processes_alone(monkeypatch):
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_DFL) for number in numbers}
    try:
        importlib.reload(importlib.import_module(local.SERVER))
        assert {signal.getsignal(number) for number in numbers} == {signal.SIG_DFL}
        monkeypatch.setattr(sys, "orig_argv", ["python", "-c", "from multiprocessing.forkserver import main"])
        module = importlib.reload(importlib.import_module(local.SERVER))
        assert {signal.getsignal(number) for number in numbers} == {signal.SIG_IGN}
        assert not gc.isenabled()
        module.heed_again()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert {signal.getsignal(number) for number in numbers[1:]} == {signal.SIG_DFL}
        assert gc.isenabled()
    finally:
        gc.enable()
        monkeypatch.undo()
        importlib.reload(importlib.import_module(local.SERVER))
        for number, handler in before.items():
            signal.signal(number, handler)


EARLY = """
import time
from functools import partial
from lengen.launcher import local
from lengen.launcher.job import Job, JobResult
from lengen.launcher.local import Local

local.IMPORTED = ("slow_to_import",)
local.cores = lambda: 4


def nothing():
    return JobResult(0)


if __name__ == "__main__":
    open("begun", "w").close()
    list(Local(jobs=2, shown=False).run([Job(str(number), nothing) for number in range(4)]))
"""


def test_a_signal_before_the_first_job_leaves_nobody_who_would_begin_one(tmp_path):
    """The process that forks still imports; later it would fork workers, whose locks have gone with the command."""
    (tmp_path / "study.py").write_text(EARLY)
    (tmp_path / "slow_to_import.py").write_text("import time\ntime.sleep(4)\n")
    with (tmp_path / "err").open("w") as err:
        process = subprocess.Popen(
            [sys.executable, "study.py"],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", ""))),
            },
            stderr=err,
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
        )
    wait_for((tmp_path / "begun").exists)
    wait_for(lambda: psutil.Process(process.pid).children(recursive=True))
    time.sleep(1)
    below = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    psutil.wait_procs(below, timeout=20)
    assert not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in below)
    assert "semlock" not in (tmp_path / "err").read_text().lower()


@pytest.mark.long
@pytest.mark.parametrize("seconds", [0.7, 1.5, 2.5, 3.5, 5.0])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_any_time_ends_a_study_in_one_line(tmp_path, seconds, number):
    """To all processes, as Ctrl-C in a terminal: whatever they are importing, checking or training."""
    words = ("-m", "task=copy", *TINY, "steps=2000", "seed=0,1,2,3", "jobs=2")
    process = subprocess.Popen(
        [sys.executable, "-m", "lengen", "train", *words],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )
    time.sleep(seconds)
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert len([line for line in err.splitlines() if "failed: " not in line]) <= 1, err
    assert "Traceback" not in err
