"""Ray: the jobs of a study as tasks of a cluster, or of one that is started on this machine."""

from __future__ import annotations

import importlib.util
import logging
import multiprocessing
import os
import re
import signal
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from lengen.config.errors import UsageError, require
from lengen.launcher import Launcher
from lengen.launcher.display import Display
from lengen.launcher.job import FAILED, Job, JobResult, Planned, carry_out
from lengen.launcher.local import cores
from lengen.launcher.tracker import start_tracker
from lengen.training.interruption import HEEDED, SIGNALS

LOOK = 0.5
"""Seconds between looks at how far running jobs are."""
STARTS = 3
"""How often it is tried to start a cluster."""
PLACE = re.compile(r"(ray://)?(?P<host>[^\s:/\[\]]+|\[[0-9a-fA-F:.]+\]):(?P<port>\d+)")
"""An address with host and port."""
HERE, FOUND = "local", "auto"
"""Addresses of a cluster that is started on this machine, and of the one that is there already."""
MOST_PORT = 65535
LEAST_GPU = 0.0001
"""The smallest part of a GPU that Ray counts."""
ANSWER = 10.0
"""Seconds in which a cluster must answer."""
NEEDED = 'needs Ray: pip install "lengen[ray]"'
"""What is said where Ray is not installed."""


@dataclass(frozen=True)
class Ray(Launcher):
    """A Ray cluster. The results folder must be on a file system that its nodes share.

    Args:
        address: of the cluster, `host:port` or `ray://host:port`; `auto` is the one of this machine; null or `local` starts one here and stops it at the
            end.
        cpus: cores that a job reserves; null is one a thread.
        gpus: GPUs that a job reserves; a part of one (0.5) is shared.
        jobs: how many run at a time; null is as many as fit.
        retries: how often a job is started again whose process or node dies; it goes on from its checkpoint.
        shown: whether something is shown.
    """

    address: str | None = None
    cpus: float | None = None
    gpus: float = 0
    jobs: int | None = None
    retries: int = 3
    shown: bool = True

    def __post_init__(self) -> None:
        require(self.jobs is None or self.jobs >= 1, f"jobs={self.jobs}: must be at least 1")
        require(self.cpus is None or self.cpus >= 0, f"launcher.cpus={self.cpus or 0:g}: must be at least 0")
        require(self.gpus >= 0, f"launcher.gpus={self.gpus:g}: must be at least 0")
        require(
            self.gpus == 0 or (LEAST_GPU <= self.gpus <= 1) or float(self.gpus).is_integer(),
            f"launcher.gpus={self.gpus:g}: must be a whole number, or a part of one GPU from {LEAST_GPU} on",
        )
        require(self.retries >= 0, f"launcher.retries={self.retries}: must be at least 0")
        if self.address not in (None, HERE, FOUND):
            found = PLACE.fullmatch(str(self.address))
            require(
                found is not None and 0 < int(found["port"][:9]) <= MOST_PORT,
                f"launcher.address={self.address}: must be null, {FOUND}, {HERE}, host:port or ray://host:port, with a port from 1 to {MOST_PORT}",
            )

    @property
    def _given(self) -> str | None:
        """The address of a cluster that is there; None if one is started here."""
        return None if self.address == HERE else self.address

    def ready(self) -> None:
        """See `Launcher`."""
        require(installed(), f"launcher=ray: {NEEDED}")
        if self._given:
            require_answer(self._given)

    def _needs(self, jobs: Sequence[Job | Planned]) -> dict[str, float]:
        """What each job reserves."""
        cores = max((job.cores for job in jobs), default=1)
        return {"num_cpus": cores if self.cpus is None else self.cpus, "num_gpus": self.gpus}

    def describe(self, planned: Sequence[Planned]) -> list[str]:
        """See `Launcher`."""
        needs = self._needs(planned)
        where = (
            f"use the Ray cluster {self.address}" if self._given else "start a Ray cluster on this machine"
        )
        many = "as many at a time as fit" if self.jobs is None else f"{self.jobs} at a time at most"
        gpus = f", GPUs: {self.gpus:g}" * (self.gpus > 0)
        return [
            f"would {where}; jobs: {len(planned)}, {many}; each reserves CPUs: {needs['num_cpus']:g}{gpus}",
            *([] if installed() else [f"launcher=ray {NEEDED}; it is not installed here"]),
        ]

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[int, JobResult]]:
        """Run jobs as tasks of Ray."""
        self.ready()
        import ray

        start_tracker()
        queue: Any = multiprocessing.SimpleQueue()
        needs = self._needs(jobs)
        packed = [job.packed() for job in jobs]
        with (
            Display([job.label for job in jobs], queue, shown=self.shown) as display,
            connected(self._given, needs),
        ):
            board = ray.remote(num_cpus=0)(Board).remote()
            task = ray.remote(**needs, max_retries=self.retries)(work)
            waiting = iter(enumerate(packed))
            running = {task.remote(each, index, board): index for index, each in islice(waiting, self.jobs)}
            begun = set[int]()
            try:
                while running:
                    with SIGNALS.deferred():  # Ray would forget which signal it was
                        ended, _ = ray.wait([*running], timeout=LOOK)
                        news = ray.get(board.news.remote())
                    SIGNALS.stop_if_pending()
                    for index, state in news:
                        if index not in begun:
                            display.begin(index, index)
                            begun.add(index)
                        queue.put((index, state))
                    for reference in ended:
                        index = running.pop(reference)
                        if index not in begun:
                            display.begin(index, index)
                        result = result_of(reference)
                        display.end(index, index, result)
                        yield index, result
                        for later, each in islice(waiting, 1):
                            running[task.remote(each, later, board)] = later
            except BaseException:
                stop([*running])
                raise


def installed() -> bool:
    """Whether Ray can be imported."""
    return importlib.util.find_spec("ray") is not None


class Board:
    """In a process of its own: how far jobs are, from when they tell until they are asked."""

    def __init__(self) -> None:
        self.states: dict[int, Mapping[str, Any]] = {}

    def tell(self, index: int, state: Mapping[str, Any]) -> None:
        """Note the state of a job."""
        self.states[index] = state

    def news(self) -> list[tuple[int, Mapping[str, Any]]]:
        """What was noted since the last time."""
        news = [*self.states.items()]
        self.states.clear()
        return news


def work(packed: bytes, index: int, board: Any) -> JobResult:
    """Carry out a job, as a task of Ray."""
    board.tell.remote(index, {})
    return carry_out(packed, lambda state: board.tell.remote(index, dict(state)))


def result_of(reference: Any) -> JobResult:
    """Result of a task that has ended."""
    import ray

    try:
        return ray.get(reference)  # type: ignore[no-any-return]
    except ray.exceptions.OutOfMemoryError:
        return JobResult(FAILED, "out of memory; the same command goes on with it")
    except ray.exceptions.WorkerCrashedError:
        return JobResult(FAILED, "its process was killed; the same command goes on with it")
    except ray.exceptions.RayError as error:
        return JobResult(FAILED, f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}")


def require_answer(address: str) -> None:
    """Refuse the address of a cluster at which nothing answers; Ray would try it for minutes.

    Raises:
        UsageError: nothing does.
    """
    found = PLACE.fullmatch(address)
    if found is None:  # `auto` and the like, of which Ray itself says at once what is wrong
        return
    try:
        socket.create_connection((found["host"].strip("[]"), int(found["port"])), ANSWER).close()
    except (OSError, OverflowError, UnicodeError) as error:
        raise UsageError(f"launcher.address={address}: nothing answers there ({error})") from None


def stop(running: Sequence[Any]) -> None:
    """Ask the jobs that run to write a checkpoint and end, and wait for them; after a second signal they end at once."""
    import ray

    try:
        for reference in running:
            ray.cancel(reference)
        if running:
            ray.wait([*running], num_returns=len(running))
    except KeyboardInterrupt:
        for reference in running:
            ray.cancel(reference, force=True)


def begin(address: str | None) -> None:
    """Connect to a cluster; without an address start one, again if it fails: Ray gives a busy machine half a minute.

    Raises:
        UsageError: there is none at this address, or none starts.
    """
    import ray

    os.environ.setdefault("RAY_worker_niceness", "0")  # else 15: beside other work such jobs get nothing
    options: dict[str, Any] = {"address": address or HERE}
    if not address:  # said, for else RAY_ADDRESS or a cluster that runs here would be taken
        options |= {"num_cpus": cores(), "include_dashboard": False}
    for left in reversed(range(1 if address else STARTS)):
        try:
            ray.init(**options, log_to_driver=False, configure_logging=False)
        except Exception as error:  # noqa: BLE001  # of many classes, the base class among them
            ray.shutdown()
            if not left:
                what = f"launcher.address={address}" if address else "launcher=ray: no cluster starts here"
                raise UsageError(f"{what}: {next(iter(str(error).splitlines()), '')}") from None
        else:
            return


@contextmanager
def connected(address: str | None, needs: Mapping[str, float]) -> Iterator[None]:
    """Connect to a cluster, or start one here, while the block runs.

    Args:
        address: of the cluster; None starts one.
        needs: of a job.

    Raises:
        UsageError: there is none at this address, or no job fits into it.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    logging.getLogger("ray").setLevel(logging.ERROR)
    handlers = {number: signal.getsignal(number) for number in HEEDED}
    begin(address)
    for (
        number,
        handler,
    ) in handlers.items():  # in their place Ray has put its own, which end the process at once
        signal.signal(number, handler)
    try:
        there = ray.cluster_resources()
        for name, option in (("CPU", "num_cpus"), ("GPU", "num_gpus")):
            most = there.get(name, 0.0)
            require(
                needs[option] <= most or address is not None,
                f"launcher.{name.lower()}s={needs[option]:g}: this machine has {most:g}",
            )
        yield
    finally:
        ray.shutdown()
