"""The cores and GPUs of this machine: one process a job, several at a time."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any, ClassVar

from lengen.config.errors import require
from lengen.launcher import Launcher
from lengen.launcher.display import Display
from lengen.launcher.job import Job, JobResult, Planned, carry_out, end_with_parent
from lengen.launcher.tracker import start_tracker
from lengen.training.interruption import SIGNALS
from lengen.training.progress import reported_to

IMPORTED = (
    *("lengen.experiment.run", "lengen.report.terminal", "lengen.optimizer.muon", "lengen.records.schema"),
    *("pandas", "pyarrow.parquet", "scipy.optimize"),
)
"""What every run needs; imported once, by the process from which the workers are forked."""
SIGNALLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SERVER = "lengen.launcher.server"
"""Imported before them."""
_WORKER: dict[str, Any] = {}
"""In a worker: its slot and the queue to its parent."""


@dataclass(frozen=True)
class Local(Launcher):
    """The cores and GPUs of this machine.

    Args:
        jobs: how many jobs run at a time; null is one a physical core, divided by the devices and threads of a job, or one a GPU where
            there are GPUs. 1 runs one after another.
        gpus: GPUs to use; null is all that torch sees.
        shown: whether running jobs are shown.
    """

    here: ClassVar[bool] = True

    jobs: int | None = None
    gpus: int | None = None
    shown: bool = True

    def __post_init__(self) -> None:
        require(self.jobs is None or self.jobs >= 1, f"jobs={self.jobs}: must be at least 1")
        require(self.gpus is None or self.gpus >= 0, f"launcher.gpus={self.gpus}: must be at least 0")

    def slots(self, count: int, threads: int = 1, devices: int = 1) -> list[Mapping[str, str]]:
        """Environment of each process that works at a time, for `count` jobs of some devices and threads each."""
        seen = visible_gpus() if self.gpus is None else visible_gpus()[: self.gpus]
        last = max(
            len(seen) - devices, 0
        )  # a job that wants more GPUs than there are sees all, and is refused
        gpus = [
            ",".join(seen[first : first + devices]) for first in range(0, min(last + 1, len(seen)), devices)
        ]
        many = self.jobs or len(gpus) or max(1, cores() // (threads * devices))
        of_threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        return [
            {**of_threads, **({"CUDA_VISIBLE_DEVICES": gpus[slot % len(gpus)]} if gpus else {})}
            for slot in range(min(many, count))
        ]

    def _slots_of(self, jobs: Sequence[Job | Planned]) -> list[Mapping[str, str]]:
        threads, devices = (
            max((getattr(job, name) for job in jobs), default=1) for name in ("threads", "devices")
        )
        return self.slots(len(jobs), threads, devices)

    def apart(self, count: int) -> bool:
        """See `Launcher`. One after another, jobs are carried out in this process."""
        return len(self.slots(count)) > 1

    def describe(self, planned: Sequence[Planned]) -> list[str]:
        """See `Launcher`."""
        slots, cores = self._slots_of(planned), max(each.cores for each in planned)
        gpus = slots[0].get("CUDA_VISIBLE_DEVICES", "").split(",")
        each = f"{cores} CPU thread{'s' * (cores > 1)}" + (f", GPUs: {len(gpus)}" if gpus[0] else "")
        return [f"jobs on this machine: {len(planned)}, {len(slots)} at a time, each with {each}"]

    def prepare(self, count: int) -> None:
        """Start the process from which workers are forked, which imports torch, if there will be several."""
        if self.apart(count):
            fork_server_context()

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[int, JobResult]]:
        """Run jobs: here, one after another, or several at a time in processes forked from one that has imported torch once."""
        slots = self._slots_of(jobs)
        return self._beside(jobs, slots) if len(slots) > 1 else self._here(jobs)

    def _here(self, jobs: Sequence[Job]) -> Iterator[tuple[int, JobResult]]:
        with Display([job.label for job in jobs], None, shown=self.shown) as display:
            for index, job in enumerate(jobs):
                display.begin(0, index)
                with reported_to(display.reporter(0)):
                    result = job.work()
                display.end(0, index, result)
                yield index, result

    def _beside(
        self, jobs: Sequence[Job], slots: Sequence[Mapping[str, str]]
    ) -> Iterator[tuple[int, JobResult]]:
        context = fork_server_context()
        queue: SimpleQueue[tuple[int, Mapping[str, Any]]] = context.SimpleQueue()
        workers = [Worker(slot, each, queue, context) for slot, each in enumerate(slots)]
        waiting = iter(enumerate(jobs))
        running: dict[Future[JobResult], tuple[int, Worker]] = {}
        with Display([job.label for job in jobs], queue, shown=self.shown) as display:

            def start_next(worker: Worker) -> None:
                for index, job in islice(waiting, 1):
                    running[worker.start(job)] = (index, worker)
                    display.begin(worker.slot, index)

            with closed(workers):
                for worker in workers:
                    start_next(worker)
                while running:
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        index, worker = running.pop(future)
                        result = worker.result(future)
                        display.end(worker.slot, index, result)
                        yield index, result
                        start_next(worker)


@contextmanager
def beside(*, shown: bool = True) -> Iterator[Callable[[Job], JobResult]]:
    """Give what carries out jobs one by one in a process beside this one, which may die of them.

    Args:
        shown: whether what they print is printed here.
    """
    context = fork_server_context()
    worker = Worker(0, {}, context.SimpleQueue(), context)

    def carried_out(job: Job) -> JobResult:
        result = worker.result(worker.start(job))
        if shown:
            print(result.output, end="", flush=True)  # noqa: T201
        return result

    with closed([worker]):
        yield carried_out


def fork_server_context() -> Any:
    """Return what processes are started by: forked from one process that has imported what every run needs.

    It is started here; no signal reaches it before it has imported what ignores them.
    """
    from multiprocessing import forkserver

    start_tracker()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([SERVER, *IMPORTED])
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALLED)
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


class Worker:
    """A slot of the machine: one process, which is replaced if it dies.

    Args:
        slot: from 0.
        environment: environment variables of its process.
        queue: to which it reports.
        context: from which processes are started.
    """

    def __init__(
        self, slot: int, environment: Mapping[str, str], queue: SimpleQueue[Any], context: Any
    ) -> None:
        self.slot, self._environment, self._queue, self._context = slot, environment, queue, context
        self._pool: ProcessPoolExecutor | None = None

    def start(self, job: Job) -> Future[JobResult]:
        """Start a job; what cannot be passed to a process ends at once."""
        try:
            packed = job.packed()
        except Exception as error:  # noqa: BLE001  # of whatever the user's objects hold
            ended: Future[JobResult] = Future()
            ended.set_exception(error)
            return ended
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                1,
                mp_context=self._context,
                initializer=prepare,
                initargs=(self.slot, dict(self._environment), self._queue),
            )
        return self._pool.submit(work, packed)

    def result(self, future: Future[JobResult]) -> JobResult:
        """Return the result of a job that has ended; a process that died is a failed job, and is replaced."""
        try:
            return future.result()
        except BrokenProcessPool:
            self.close()
            return JobResult(1, "its process was killed (out of memory?); the same command goes on with it")
        except Exception as error:  # noqa: BLE001  # the job could not be passed to its process
            return JobResult(1, f"cannot be passed to another process ({error}); jobs=1 runs it here")

    def close(self) -> None:
        """Let the process end."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


@contextmanager
def closed(workers: Sequence[Worker]) -> Iterator[None]:
    """Let the processes end after the block; if it is left by an error or a signal, ask their jobs to end first."""
    try:
        yield
        close(workers)
    except BaseException:
        stop()
        try:
            close(workers)
        except KeyboardInterrupt:  # a second signal: the jobs stop at once, too
            stop(at_once=True)
            close(workers)
        end_servers()
        raise


def close(workers: Sequence[Worker]) -> None:
    """Wait for the jobs that run, and let the processes end."""
    for worker in workers:
        worker.close()


def prepare(slot: int, environment: Mapping[str, str], queue: SimpleQueue[Any]) -> None:
    """Prepare a process for its jobs. Ctrl-C in a terminal reaches all processes, and is passed on by the command alone."""
    from lengen.launcher import server

    server.heed_again()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(environment)
    _WORKER.update(slot=slot, queue=queue)
    end_with_parent()


def work(packed: bytes) -> JobResult:
    """Carry out a job in this process and report to its parent."""

    def report(state: Mapping[str, Any]) -> None:
        with suppress(OSError):  # the parent is gone
            _WORKER["queue"].put((_WORKER["slot"], dict(state)))

    once = partial(SIGNALS.heeded, once=True)  # a signal to all processes is also passed on by the command
    return carry_out(packed, report, once)


def stop(*, at_once: bool = False) -> None:
    """Ask all jobs that run to write a checkpoint and end; or end their processes."""
    for server in servers():
        end(server, at_once=at_once)


def end_servers() -> None:
    """End the process from which workers are forked, and what it has forked since the jobs have ended.

    A signal that comes while it still imports leaves it with orders that it would carry out after this process has ended.
    """
    import psutil

    for server in servers():
        with suppress(psutil.Error):
            server.suspend()  # so that it forks no more
            end(server, at_once=True)
            server.kill()


def servers() -> list[Any]:
    """The processes from which workers are forked."""
    import psutil

    found = []
    for process in psutil.Process().children():
        with suppress(psutil.Error):
            if "forkserver" in " ".join(process.cmdline()):
                found.append(process)
    return found


def end(server: Any, *, at_once: bool) -> None:
    """End the workers that were forked from a process: by a signal that they heed, or at once."""
    import psutil

    with suppress(psutil.Error):
        for process in server.children():
            with suppress(psutil.Error):
                process.kill() if at_once else process.terminate()


def cores() -> int:
    """Physical cores that this process may use."""
    import psutil

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    physical = psutil.cpu_count(logical=False) or allowed
    return max(1, min(allowed, physical, quota() or allowed))


def quota() -> int | None:
    """Cores that the container allows; None if it sets no limit."""
    with suppress(OSError, ValueError):
        most, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, int(most) // int(period))
    return None


def visible_gpus() -> list[str]:
    """Numbers of the CUDA GPUs that this process may use, without starting CUDA."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [each.strip() for each in given.split(",") if each.strip() not in ("", "-1")]
    with suppress(OSError):
        return [str(number) for number, _ in enumerate(Path("/proc/driver/nvidia/gpus").iterdir())]
    return []
