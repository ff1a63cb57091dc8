"""Slurm: the jobs of a study as one array, submitted by submitit."""

from __future__ import annotations

import hashlib
import math
import multiprocessing
import os
import re
import shlex
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lengen.config.errors import UsageError, require
from lengen.config.limits import duration
from lengen.launcher import Launcher
from lengen.launcher.display import Display
from lengen.launcher.job import QUEUED, Job, JobResult, Planned
from lengen.launcher.slurm_index import JOBS, read_keys, write_keys
from lengen.launcher.slurm_job import WARNING, SlurmJob
from lengen.launcher.slurm_queue import largest_array, queue
from lengen.launcher.slurm_results import Task, results
from lengen.launcher.tracker import start_tracker
from lengen.statistics.formats import counted

TIME = re.compile(r"\d+|\d+:\d\d:\d\d|\d+-\d+(:\d\d){0,2}")
"""Time limits: minutes, hours:minutes:seconds, days-hours, days-hours:minutes:seconds."""
MEMORY = re.compile(r"0*[1-9]\d{0,11}[KMGT]B?", re.IGNORECASE)
"""Memory; Slurm would take a number alone for megabytes."""
FLAG = re.compile(r"--[a-z][a-z-]*(=.+)?")
"""Options of sbatch."""
NAME = re.compile(r"[^\s\x00-\x1f-][^\s\x00-\x1f]*")
"""Names that sbatch takes: no spaces, and no dash at the start."""
GPUS = re.compile(r"\d{1,6}|[A-Za-z][\w.-]*:[1-9]\d{0,5}(,[A-Za-z][\w.-]*:[1-9]\d{0,5})*")
"""GPUs of a job: how many, or how many of which types."""
MOST_SIGNAL = 65535
"""Most seconds between a signal and the time limit."""
MOST_CPUS = 65533
"""Most cores of a task, a number of 16 bits in Slurm."""
MOST_TIME = 2**31 - 1
"""Longest time limit in seconds that is passed to Slurm, 68 years."""
OURS = {
    **dict.fromkeys(("partition", "account", "qos", "constraint", "time"), ""),
    "cpus-per-task": "cpus",
    "gpus-per-node": "gpus",
    "mem": "memory",
    "signal": "signal_delay_s",
    **dict.fromkeys(("requeue", "no-requeue"), "requeue"),
}
"""Options of sbatch that the launcher sets, with the names of its own where these differ."""
NEEDED = (
    "array",
    "output",
    "error",
    "open-mode",
    "quiet",
    "parsable",
    "test-only",
    "wrap",
    "ntasks",
    "ntasks-per-node",
)
"""Options of sbatch by which the launcher would not find the jobs or their results."""
REQUEUED = ("--no-requeue", "--requeue")
"""Whether Slurm puts a job back into the queue when its node fails or another job takes its place."""


@dataclass(frozen=True)
class Slurm(Launcher):
    """A Slurm cluster. The results folder must be on a file system that its nodes share.

    Args:
        partition: where jobs run; null is the cluster's default, as for all options whose default is null.
        account: that is charged.
        qos: quality of service.
        constraint: features that a node must have.
        time: limit of a job: minutes, `h:mm:ss` or `d-hh:mm:ss`.
        cpus: cores of a job; null is one a thread.
        gpus: GPUs of a job, as a number or with a type (`a100:1`); 0 is none.
        memory: of a job, such as `8G`.
        jobs: how many run at a time; null is as many as Slurm allows.
        requeue: how often a job that Slurm is about to stop (time limit, preemption) writes a checkpoint and goes back to the queue.
        signal_delay_s: seconds before the time limit at which a job is told so.
        setup: lines of shell before each job, such as `module load cuda`.
        extra: further options of sbatch, such as `--exclude=node7`.
        folder: of logs and results of jobs.
        wait: whether the command waits for its jobs and shows them; false submits and ends.
        shown: whether something is shown.
    """

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    time: int | str | None = None
    cpus: int | None = None
    gpus: int | str = 0
    memory: str | None = None
    jobs: int | None = None
    requeue: int = 100
    signal_delay_s: int = 90
    setup: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    folder: str = "results/slurm"
    wait: bool = True
    shown: bool = True

    def __post_init__(self) -> None:
        require(self.jobs is None or self.jobs >= 1, f"jobs={self.jobs}: must be at least 1")
        require(
            self.cpus is None or 1 <= self.cpus <= MOST_CPUS,
            f"launcher.cpus={self.cpus}: must be at least 1, and at most {MOST_CPUS}",
        )
        require(self.requeue >= 0, f"launcher.requeue={self.requeue}: must be at least 0")
        for option in ("partition", "account", "qos", "constraint"):
            value = getattr(self, option)
            require(
                value is None or NAME.fullmatch(value) is not None,
                f"launcher.{option}={value}: must be a name as sbatch --{option} takes it, without spaces",
            )
        require(
            GPUS.fullmatch(str(self.gpus)) is not None,
            f"launcher.gpus={self.gpus}: must be a number, at least 0, or a type and a number, as in a100:1",
        )
        require(
            0 <= self.signal_delay_s <= MOST_SIGNAL,
            f"launcher.signal_delay_s={self.signal_delay_s}: must be at least 0, and at most {MOST_SIGNAL}",
        )
        require(
            self.time is None
            or (TIME.fullmatch(str(self.time)) is not None and 0 < seconds(self.time) <= MOST_TIME),
            f"launcher.time={self.time}: must be minutes, h:mm:ss or d-hh:mm:ss, above 0 and below 68 years",
        )
        require(
            self.time is None or self.signal_delay_s < seconds(self.time),
            f"launcher.time={self.time}: must be more than the {self.signal_delay_s} seconds of launcher.signal_delay_s: a job would be told of its end at its start",
        )
        require(
            self.memory is None or MEMORY.fullmatch(self.memory) is not None,
            f"launcher.memory={self.memory}: must be a number with a unit, above 0, as in 8G or 500M",
        )
        for each in self.extra:
            require(
                FLAG.fullmatch(each) is not None,
                f"launcher.extra={each!r}: must be an option of sbatch, as in --exclude=node7",
            )
            name, _ = flag(each)
            require(
                name not in OURS,
                f"launcher.extra={each!r}: must be given as launcher.{OURS.get(name) or name}",
            )
            require(
                name not in NEEDED,
                f"launcher.extra={each!r}: must be left out: the launcher sets it itself, or would not find its jobs",
            )
        require(
            "%" not in self.folder,
            f"launcher.folder={self.folder}: must be without %, in which Slurm reads numbers of jobs",
        )

    @property
    def _folder(self) -> Path:
        return Path(os.path.normpath(self.folder)).absolute()

    def ready(self) -> None:
        """See `Launcher`."""
        require(
            shutil.which("sbatch") is not None and shutil.which("srun") is not None,
            "launcher=slurm: there is no Slurm here (no sbatch on PATH); launcher=local uses this machine",
        )
        try:
            import submitit  # noqa: F401
        except ImportError:
            raise UsageError('launcher=slurm: needs submitit: pip install "lengen[slurm]"') from None

    def describe(self, planned: Sequence[Planned]) -> list[str]:
        """See `Launcher`; Slurm is asked which of the jobs it has already."""
        there = self._in_queue([each.key for each in planned])
        queued = f"in the queue of Slurm already: {counted(len(there), 'job')}" if there else ""
        new = [each for index, each in enumerate(planned) if index not in there]
        if not new:
            return [queued]
        size = min(len(new), largest_array())
        parameters = self._parameters(size, *largest(new))
        runs, arrays = sum(each.runs for each in new), -(-len(new) // size)
        what = f"{counted(len(new), 'job')}{f' of {runs} runs' if runs > len(new) else ''}"
        if len(new) > 1:
            each = "an array" if arrays == 1 else f"{arrays} arrays of at most {size}"
            many = min(size, self.jobs or size)
            what += f" as {each}, {'all' if many == size else many} at a time{' of each' * (arrays > 1)}"
        then = "wait for them" if self.wait else "not wait for them (launcher.wait=false)"
        if shutil.which("sbatch") is None:
            then += ", where there is Slurm: there is no sbatch here"
        return [
            *filter(None, [queued]),
            f"would submit {what}, and {then}; script and logs in a new folder in {os.path.normpath(self.folder)}",
            " ".join(["sbatch", *flags(parameters, size)]),
            *self._stopped([each.seconds for each in new]),
        ]

    def _stopped(self, estimates: Sequence[float]) -> list[str]:
        """Say which jobs are stopped by their time limit, and what becomes of them."""
        if self.time is None:
            return []
        usable = seconds(self.time) - self.signal_delay_s
        late = [each for each in estimates if each > usable]
        if not late:
            return []
        back = math.ceil(max(late) / usable) - 1
        if not self.requeue:
            then = "and fails (launcher.requeue=0); the same command goes on with it"
        elif back <= self.requeue:
            then = f"goes back to the queue and resumes, up to {counted(back, 'time')}"
        else:
            then = (
                f"goes back to the queue and resumes; it needs that {counted(back, 'time')}, and fails after launcher.requeue={self.requeue}: "
                "the same command then goes on with it"
            )
        line = (
            f"{len(late)} of {counted(len(estimates), 'job')} would take up to {duration(max(late))} as timed here, "
            f"and launcher.time={self.time} leaves {duration(usable)}: such a job writes a checkpoint, {then}"
        )
        return [line]

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[int, JobResult]]:
        """Submit the jobs that are not in the queue yet, and yield the results of all as they come."""
        self.ready()
        start_tracker()
        with Display([job.label for job in jobs], multiprocessing.SimpleQueue(), shown=self.shown) as display:
            tasks = self._tasks(jobs, display.say)
            arrays = " ".join(sorted({task.array for task in tasks.values()}))
            stay = f"jobs stay in the queue of Slurm: scancel {arrays} cancels them, the same command waits for them"
            if not self.wait:
                display.say(f"lengen: {stay}")
                yield from (
                    (index, JobResult(QUEUED, f"submitted as {task.number}")) for index, task in tasks.items()
                )
                return
            begun = set[int]()

            def begin(running: set[int]) -> None:
                for index in running - begun:
                    display.begin(index, index)
                begun.update(running)

            try:
                for index, result in results(tasks, display.note, begin, display.say):
                    begin({index})
                    display.end(index, index, result)
                    yield index, result
            except KeyboardInterrupt:
                display.say(f"lengen: {stay}")
                raise

    def _tasks(self, jobs: Sequence[Job], say: Callable[[str], None]) -> dict[int, Task]:
        """Submit the jobs that are not in the queue yet; where all are, by index."""
        packed = [job.packed() for job in jobs]
        keys = [job.key or hashlib.sha256(each).hexdigest() for job, each in zip(jobs, packed, strict=True)]
        tasks = self._in_queue(keys)
        if tasks:
            say(
                f"lengen: {counted(len(tasks), 'job')} {'is' if len(tasks) == 1 else 'are'} in the queue of Slurm already"
            )
        new = [index for index in range(len(jobs)) if index not in tasks]
        threads, cores = largest([jobs[index] for index in new])
        size = largest_array()
        for start in range(0, len(new), size):
            part = new[start : start + size]
            submitted = self._submit(
                [SlurmJob(packed[index], self.requeue) for index in part], threads, cores
            )
            folder = submitted[0].folder
            write_keys(
                folder, {task.number: keys[index] for task, index in zip(submitted, part, strict=True)}
            )
            say(
                f"lengen: {counted(len(part), 'job')} submitted to Slurm as {submitted[0].array}; logs are in {folder}"
            )
            tasks |= dict(zip(part, submitted, strict=True))
        return tasks

    def _in_queue(self, keys: Sequence[str]) -> dict[int, Task]:
        """Find jobs that an earlier command has submitted and that have not ended, by index."""
        running = {number for number, state in (queue() or {}).items() if not state.ended}
        tasks = {}
        for file in self._folder.glob(f"*/{JOBS}") if running else ():
            for number, key in read_keys(file.parent).items():
                if number in running and key in keys:
                    tasks[keys.index(key)] = Task(number, file.parent)
        return tasks

    def _submit(self, jobs: Sequence[SlurmJob], threads: int, cores: int) -> list[Task]:
        """Submit jobs as one array.

        Args:
            jobs: the jobs.
            threads: of each process of a job.
            cores: of each job, unless `cpus` says.

        Raises:
            UsageError: Slurm refuses it.
        """
        from submitit import SlurmExecutor
        from submitit.core.utils import FailedJobError

        folder = new_folder(self._folder)
        executor = SlurmExecutor(folder)
        executor.update_parameters(**self._parameters(len(jobs), threads, cores))
        try:
            submitted = executor.submit_array(jobs)
        except FailedJobError as error:
            shutil.rmtree(folder)
            with suppress(OSError):  # not empty
                folder.parent.rmdir()
            lines = str(error).replace("sbatch: ", "").replace("error: ", "").strip().splitlines()
            raise UsageError(f"launcher=slurm: sbatch refuses: {'; '.join(lines)}") from None
        return [Task(job.job_id, folder) for job in submitted]

    def _parameters(self, count: int, threads: int, cores: int) -> dict[str, Any]:
        """Parameters of submitit for an array.

        Args:
            count: of its jobs.
            threads: of each process of a job.
            cores: of each job, unless `cpus` says.
        """
        cpus = self.cpus or cores
        given = {
            "partition": self.partition,
            "account": self.account,
            "qos": self.qos,
            "constraint": self.constraint,
            "time": self.time,
            "gpus_per_node": self.gpus or None,
            "mem": self.memory,
        }
        return {
            "job_name": "lengen",
            "cpus_per_task": cpus,
            "array_parallelism": self.jobs or count,
            "signal_delay_s": self.signal_delay_s,
            "setup": [
                f"export OMP_NUM_THREADS={threads} MKL_NUM_THREADS={threads}",
                f"export SRUN_CPUS_PER_TASK={cpus}",  # since Slurm 22.05 srun does not inherit it
                *self.setup,
            ],
            "additional_parameters": dict(map(flag, [REQUEUED[self.requeue > 0], *self.extra])),
            "time": None,
            **{name: value for name, value in given.items() if value is not None},
        }


def seconds(limit: int | str) -> int:
    """Seconds of a time limit as Slurm reads it.

    >>> seconds(90), seconds("1:30:00"), seconds("2-12"), seconds("1-00:30")
    (5400, 5400, 216000, 88200)
    """
    days, dash, rest = str(limit).rpartition("-")
    parts = [int(part[:12]) for part in rest.split(":")]
    if not dash and len(parts) == 1:  # minutes
        return 60 * parts[0]
    hours, minutes, left = [*parts, 0, 0][:3]
    return ((int(days[:12] or 0) * 24 + hours) * 60 + minutes) * 60 + left


def largest(jobs: Sequence[Job | Planned]) -> tuple[int, int]:
    """Most threads of a process, and most cores, of some jobs."""
    return max((each.threads for each in jobs), default=1), max((each.cores for each in jobs), default=1)


def flags(parameters: Mapping[str, Any], count: int) -> list[str]:
    """Options of sbatch, as submitit writes them for parameters, without those of which the launcher alone makes use.

    Args:
        parameters: of submitit.
        count: of the jobs; one is no array.

    >>> flags({"array_parallelism": 8, "time": None, "signal_delay_s": 9, "additional_parameters": {"exclusive": True}}, 3)
    ['--array=0-2%3', '--exclusive', '--signal=USR2@9']
    """
    given = dict(parameters)
    many, delay = given.pop("array_parallelism"), given.pop("signal_delay_s")
    given.pop("setup", None)
    given |= {"signal": f"{WARNING.name.removeprefix('SIG')}@{delay}"}
    given |= {"array": f"0-{count - 1}%{min(count, many)}"} if count > 1 else {}
    given |= given.pop("additional_parameters")
    return [
        f"--{name.replace('_', '-')}" + ("" if value is True else f"={shlex.quote(str(value))}")
        for name, value in sorted(given.items())
        if value is not None
    ]


def flag(text: str) -> tuple[str, str | bool]:
    """Name and value of an option of sbatch.

    >>> flag("--exclude=node7"), flag("--exclusive")
    (('exclude', 'node7'), ('exclusive', True))
    """
    name, equals, value = text.removeprefix("--").partition("=")
    return name, value if equals else True


def new_folder(parent: Path) -> Path:
    """Make a folder that is named by the time."""
    parent.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%dT%H%M%S")
    for count in range(1000):
        folder = parent / (f"{stamp}-{count}" if count else stamp)
        with suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise UsageError(f"launcher.folder={parent}: a thousand studies in one second")
