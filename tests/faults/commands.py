"""Command lines as processes that can be stopped at any moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

PATIENCE = 180.0
"""Seconds after which a command counts as hanging."""


class Starter:
    """Starts commands quickly: see `faults.starter`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("starter.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=alone({}),
        )

    def ask(self, request: object) -> int | None:
        """Send a request; return its answer."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{json.dumps(request)}\n")
        self._process.stdin.flush()
        answer: int | None = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End it."""
        self._process.communicate()


@dataclass
class Commands:
    """Runs command lines in a folder; whatever still runs is killed at the end.

    Args:
        folder: where they run.
        starter: forks them.
        environment: variables in which theirs differs from that of the tests.
    """

    folder: Path
    starter: Starter
    environment: Mapping[str, str] = field(default_factory=dict)
    running: list[Running] = field(default_factory=list)

    def start(self, *words: str, fresh: bool = False, **environment: str) -> Running:
        """Start a command line.

        Args:
            words: after `lengen`.
            fresh: with a Python of its own, as a shell starts it.
            environment: further variables.
        """
        variables = {**self.environment, **environment}
        (logs := Path(tempfile.gettempdir())).mkdir(exist_ok=True)
        files = [
            Path(tempfile.mkstemp(prefix="faults-", suffix=end, dir=logs)[1]) for end in (".out", ".err")
        ]
        if fresh:
            with files[0].open("wb") as out, files[1].open("wb") as err:
                process = subprocess.Popen(
                    [sys.executable, "-m", "lengen", *words],
                    cwd=self.folder,
                    env=alone(variables),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                )
            running = Running(words, process.pid, files, process.poll)
        else:
            request = {"words": words, "folder": str(self.folder), "environment": variables}
            pid = self.starter.ask({**request, "out": str(files[0]), "err": str(files[1])})
            assert pid
            running = Running(words, pid, files, lambda: self.starter.ask(pid))
        self.running.append(running)
        return running

    def run(self, *words: str, fresh: bool = False, **environment: str) -> Running:
        """Run a command line to its end."""
        running = self.start(*words, fresh=fresh, **environment)
        running.wait()
        return running

    def close(self) -> None:
        """Kill what still runs, and remove what was printed."""
        for each in self.running:
            each.kill()
            for file in each.files:
                file.unlink(missing_ok=True)


@dataclass
class Running:
    """A command line.

    Args:
        words: after `lengen`.
        pid: process, and its session and group.
        files: that receive standard output and standard error.
        poll: exit code; None while it runs. Called until it is not None.
    """

    words: tuple[str, ...]
    pid: int
    files: list[Path]
    poll: Callable[[], int | None]
    code: int | None = None

    @property
    def out(self) -> str:
        """What it has printed."""
        return self.files[0].read_text(encoding="utf-8", errors="backslashreplace")

    @property
    def err(self) -> str:
        """What it has printed to standard error."""
        return self.files[1].read_text(encoding="utf-8", errors="backslashreplace")

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        if self.code is None:
            self.code = self.poll()
        return self.code is not None

    def wait(self, seconds: float = PATIENCE) -> int:
        """Wait for its end; return the exit code, or -9 after SIGKILL."""
        wait_for(lambda: self.ended, seconds, f"lengen {' '.join(self.words)} hangs")
        assert self.code is not None
        return self.code

    def until(self, condition: Callable[[], object]) -> None:
        """Wait for a moment, or for its end."""
        wait_for(lambda: self.ended or condition(), PATIENCE, "no such moment", pause=0.001)

    def signal(self, number: int) -> None:
        """Send a signal to all its processes, as a terminal does."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:  # it has ended, or has not yet made its group
            if not self.ended:
                os.kill(self.pid, number)

    def kill(self) -> int:
        """Kill all its processes; return the exit code, which is that of an earlier end if it had ended."""
        self.signal(signal.SIGKILL)
        code = self.wait()
        wait_for(lambda: not self.left, 10, "killed processes live on")
        return code

    @property
    def left(self) -> list[psutil.Process]:
        """Its processes that still run."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, ProcessLookupError):
                if os.getsid(process.pid) == self.pid and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def check(self, code: int = 0) -> None:
        """Require an exit code and no traceback."""
        printed = f"lengen {' '.join(self.words)}: {self.code}\n{self.out}\n{self.err}"
        assert self.wait() == code, printed
        assert "Traceback" not in self.out + self.err, printed


def wait_for(condition: Callable[[], object], seconds: float, otherwise: str, pause: float = 0.01) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(pause)


def alone(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment without the settings of other programs, and with some variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WANDB_", "HYDRA_"))}
    return {**kept, "OMP_NUM_THREADS": "1", **variables}
