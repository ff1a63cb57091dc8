"""What the faults share: fast commands, an undisturbed study to compare with, and the counts that are printed at the end."""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from faults.commands import Commands, Starter
from faults.snapshots import take
from faults.study import COMPARE, EVAL, EXPORT, STUDY

SEED = "FAULTS_SEED"
"""Environment variable: the same seed chooses the same moments."""

KEPT = "FAULTS_KEPT"
"""Environment variable: a folder for the undisturbed study, which the next session finds there."""


def pytest_configure() -> None:
    """Choose the seed of this session: before the workers are started, which inherit it."""
    os.environ.setdefault(SEED, str(random.SystemRandom().randrange(1 << 32)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was done, over all tests."""
    counts = Counter[str]()
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in report.user_properties if report.when == "call" else ():
            if name.startswith("count: "):
                counts[name.removeprefix("count: ")] += value
    if counts:
        terminalreporter.section(f"faults ({SEED}={os.environ[SEED]})")
        for name in sorted(counts):
            terminalreporter.write_line(f"{counts[name]:5}  {name}")


@pytest.fixture
def count(record_property) -> Callable[..., None]:
    """Count something for the summary."""
    return lambda name, number=1: record_property(f"count: {name}", number)


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Chooses the moments of a test; the seed of the session is printed."""
    return random.Random(f"{os.environ[SEED]} {request.node.name}")


@pytest.fixture(scope="session")
def starter() -> Iterator[Starter]:
    """Starts commands."""
    started = Starter()
    yield started
    started.close()


@pytest.fixture
def commands(starter: Starter, tmp_path: Path) -> Iterator[Commands]:
    """Runs commands in an empty folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    made = Commands(folder, starter)
    yield made
    made.close()


@pytest.fixture(scope="session")
def undisturbed(starter: Starter, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A study, its evaluation, its comparison and an export, that nothing has disturbed; made once for all workers."""

    def make(work: Path) -> None:
        made = Commands(work, starter)
        for words in (STUDY, EVAL, COMPARE, EXPORT):
            made.run(*words).check()
        made.close()

    return once("undisturbed", make, tmp_path_factory, worker_id)


@pytest.fixture(scope="session")
def snapshots(starter: Starter, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The runs of the study in the middle of training and of the sweep; made once for all workers."""

    def make(work: Path) -> None:
        root = work.with_suffix(".study")
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        made = Commands(root, starter)
        take(made, work)
        made.close()

    return once("snapshots", make, tmp_path_factory, worker_id)


def once(name: str, make: Callable[[Path], None], factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that the first worker makes, and the others wait for; it stays where `KEPT` says."""
    base = factory.getbasetemp()
    folder = Path(os.environ.get(KEPT) or (base if worker_id == "master" else base.parent)) / name
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            work = folder.with_suffix(".part")
            shutil.rmtree(work, ignore_errors=True)  # of a session that was stopped
            work.mkdir()
            make(work)
            shutil.move(work, folder)
    return folder
