"""A job at which another process is, is passed over, waited for, and run again: done once, here or there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from lengen.launcher import Launcher, shared
from lengen.launcher.job import ELSEWHERE, Job, JobResult
from lengen.launcher.shared import run_shared
from lengen.records.claim import ClaimedError, claimed, holder

HOLD = """
import sys
from pathlib import Path
from lengen.records.claim import claimed
with claimed(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


class Here(Launcher):
    """Runs jobs here, and notes which."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[int, JobResult]]:
        self.batches.append([job.label for job in jobs])
        for index, job in enumerate(jobs):
            yield index, job.work()


@pytest.fixture
def other(tmp_path):
    """A process that has the run `b`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "b")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def job(folder: Path) -> Job:
    def work() -> JobResult:
        try:
            with claimed(folder):
                return JobResult(0, "done")
        except ClaimedError as error:
            return JobResult(ELSEWHERE, error.text, value=str(error.folder))

    return Job(folder.name, work)


@pytest.mark.parametrize("ending", ["lets go", "is killed"])
def test_a_run_of_another_process_is_passed_over_and_run_when_it_is_free(
    tmp_path, other, monkeypatch, capsys, ending
):
    launcher = Here()

    def pause(_: float) -> None:
        assert launcher.batches == [["a", "b", "c"]]  # the others have not waited
        if ending == "lets go":
            other.communicate("\n")
        else:
            other.kill()
            other.wait()

    monkeypatch.setattr(shared.time, "sleep", pause)
    found = list(run_shared(launcher, [job(tmp_path / name) for name in "abc"]))
    assert [index for index, _ in found] == [0, 2, 1]
    assert {result.line for _, result in found} == {"done"}
    assert launcher.batches == [["a", "b", "c"], ["b"]]
    assert f"waiting for 1 run of process {other.pid} on " in capsys.readouterr().out


def test_who_has_a_folder_can_be_asked_without_claiming_it(tmp_path, other):
    assert holder(tmp_path / "b").startswith(f"process {other.pid} on ")
    assert holder(tmp_path / "a") == ""
    other.kill()
    other.wait()
    assert (tmp_path / ".b.claim").exists()
    assert holder(tmp_path / "b") == ""


def test_nothing_is_run_where_there_is_nothing():
    launcher = Here()
    assert list(run_shared(launcher, [])) == []
    assert launcher.batches == []
