"""What is shown of a study."""

from __future__ import annotations

import pytest

from lengen.launcher import display
from lengen.launcher.display import Display
from lengen.launcher.job import JobResult


class Clock:
    """Stands for the module `time`."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(display, "time", made)
    return made


def test_time_left_is_that_of_jobs_that_have_ended(clock, capsys):
    shown = Display([f"seed={seed}" for seed in range(12)], None, shown=True)
    for slot in (0, 1):  # finished already
        shown.begin(slot, slot)
        clock.now += 0.1
        shown.end(slot, slot, JobResult(0, "there"))
    assert " left)" not in capsys.readouterr().out
    for slot in (0, 1):
        shown.begin(slot, slot + 2)
    for slot in (0, 1):  # two jobs of ten minutes end a second apart: eight are left, two at a time
        clock.now += 600.0 if slot == 0 else 1.0
        shown.end(slot, slot + 2, JobResult(0, "done"))
        shown.begin(slot, slot + 4)
    lines = [line for line in capsys.readouterr().out.splitlines() if "done" in line]
    assert lines == [
        "lengen: 3 of 12: seed=2: done (40 min left)",
        "lengen: 4 of 12: seed=3: done (40 min left)",
    ]


def test_nothing_is_left_at_the_end(clock, capsys):
    shown = Display(["seed=0"], None, shown=True)
    shown.begin(0, 0)
    clock.now += 90.0
    shown.end(0, 0, JobResult(0, "done"))
    assert capsys.readouterr().out.splitlines()[-1] == "lengen: 1 of 1: seed=0: done"


def test_what_a_job_says_is_printed_once_for_all(clock, capsys):
    """A worker's own lines would be lost otherwise, such as what has changed since an earlier run."""
    shown = Display(["seed=0", "seed=1"], None, shown=True)
    for slot, output in enumerate(
        ("lengen: few examples\nstep 1/20\n", "lengen: few examples\nlengen: changed\n")
    ):
        shown.begin(slot, slot)
        clock.now += 90.0
        shown.end(slot, slot, JobResult(0, "done", output))
    assert [line for line in capsys.readouterr().out.splitlines() if "done" not in line] == [
        "lengen: few examples",
        "lengen: changed",
    ]


def test_a_job_in_this_process_has_one_line(capsys):
    """Its bar goes to the display, which is none here; only its end is told."""
    from rich.progress import TextColumn

    from lengen.launcher.job import Job
    from lengen.launcher.local import Local
    from lengen.training.progress import progress_bar

    def work() -> JobResult:
        with progress_bar(TextColumn("step"), shown=True) as bar:
            bar.update(bar.add_task("", total=3), completed=3)
        return JobResult(0, "done")

    assert len([*Local(jobs=1).run([Job(f"seed={seed}", work, 1) for seed in range(2)])]) == 2
    assert capsys.readouterr().out.splitlines() == [
        "lengen: 1 of 2: seed=0: done",
        "lengen: 2 of 2: seed=1: done",
    ]
