"""The results of jobs that Slurm runs: from the files that they leave, and from the queue for those that leave none."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lengen.launcher.job import FAILED, JobResult
from lengen.launcher.slurm_queue import State, accounting, held, queue, summary

LOOK, FIRST, MOST = 1.0, 2.0, 20.0
"""Seconds between looks at the folder of results; seconds before Slurm is asked for the first time, and most between questions."""
GRACE = 20.0
"""Seconds after which the missing result of a job that is not in the queue counts: network folders show files late, and Slurm
may be putting it back into the queue."""
MACHINERY = ("srun: ", "slurmstepd", "submitit ")
"""Start of lines of a log that are not the job's own."""


@dataclass(frozen=True)
class Task:
    """A job of an array.

    Args:
        number: such as `123_4`, or `123` for a job without an array.
        folder: of its files.
    """

    number: str
    folder: Path

    @property
    def array(self) -> str:
        """Number of the array."""
        return self.number.partition("_")[0]

    @property
    def log(self) -> Path:
        """What the job wrote to standard error."""
        return self.folder / f"{self.number}_0_log.err"

    def result(self) -> JobResult | None:
        """What the job has left; None if there is nothing yet."""
        with suppress(FileNotFoundError, EOFError):  # not there, or not there as a whole
            outcome, left = pickle.loads((self.folder / f"{self.number}_0_result.pkl").read_bytes())  # noqa: S301
            if outcome == "success":
                return left  # type: ignore[no-any-return]
            return JobResult(FAILED, str(left).strip().splitlines()[-1], traceback=str(left))
        return None

    def lost(self, state: State | None) -> JobResult:
        """The result of a job that has ended in some state and left none."""
        reason = (state or accounting([self.number]).get(self.number) or State("")).text
        last = ""
        with suppress(OSError):
            lines = map(str.strip, self.log.read_text("utf-8", errors="replace").splitlines())
            own = [line for line in lines if line and not line.startswith(MACHINERY)]
            last = own[-1] if own else ""
        return JobResult(FAILED, f"{reason}; {self.log}" + (f" ends with: {last}" if last else ""))


def results(
    tasks: Mapping[int, Task],
    note: Callable[[str], None],
    begin: Callable[[set[int]], None],
    say: Callable[[str], None],
) -> Iterator[tuple[int, JobResult]]:
    """Wait for jobs; yield the index and the result of each as it comes.

    Args:
        tasks: the jobs, by index.
        note: receives how many run, and what the others wait for.
        begin: receives the indices of those that run.
        say: receives, once each, reasons for which jobs may wait for ever.
    """
    said = set[str]()
    left, absent = dict(tasks), dict[int, float]()
    pause, due = FIRST, time.monotonic() + FIRST
    while left:
        for folder in {task.folder for task in left.values()}:
            with suppress(OSError):  # network folders look again at what has changed
                folder.chmod(folder.stat().st_mode)
        for index, task in [*left.items()]:
            if (result := task.result()) is not None:
                del left[index]
                yield index, result
        if left and time.monotonic() > due:
            if (found := queue()) is not None:
                states = {index: found.get(task.number) for index, task in left.items()}
                note(summary([*filter(None, states.values())]))
                for reason in sorted(held(filter(None, states.values())) - said):
                    said.add(reason)
                    say(f"lengen: jobs wait, in Slurm's words: {reason}")
                begin({index for index, state in states.items() if state and state.name == "RUNNING"})
                for index in missing(states, absent):
                    yield index, left.pop(index).lost(states[index])
            pause = min(MOST, pause * 1.5) if not absent else FIRST
            due = time.monotonic() + pause
        time.sleep(LOOK if left else 0)


def missing(states: Mapping[int, State | None], absent: dict[int, float]) -> list[int]:
    """The jobs that have been absent from the queue for too long.

    Args:
        states: of the jobs without a result; None if Slurm does not know one.
        absent: since when each is absent; updated.
    """
    now = time.monotonic()
    gone = [index for index, state in states.items() if state is None or state.ended]
    since = {index: absent.get(index, now) for index in gone}
    absent.clear()
    absent.update(since)
    return [index for index in gone if now > absent[index] + GRACE]
