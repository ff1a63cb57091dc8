"""Shapes and types in lengen are checked while the tests run; `lengen` runs a command line in this process."""

from __future__ import annotations

import csv
import gc
import importlib.util
import os
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import pytest

import typecheck

typecheck.install()
fast = Event()
"""Set where the fast tests alone are run."""

TINY = (
    "decoder.layers=1",
    "decoder.dim=16",
    "decoder.heads=2",
    "train_length=3",
    "batch_size=16",
    "steps=20",
    "eval.examples=50",
    "eval.lengths=[2,3,5]",
    "trainer.probe_every=10",
    "trainer.probe_examples=24",
    "trainer.log_every=5",
    "trainer.checkpoint_every=5",
    "trainer.progress=false",
)
"""A run of a second or two."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fast", action="store_true", help="the first case of each test, without whole runs")


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Look for no cycles in a process that collects tests: what it makes by then stays to the end."""
    if session.config.getoption("dist", "no") == "no":
        gc.disable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark cases as long of which a test is `sampled`, of those that are alike; with `--fast`, keep the first case of each test, and leave out whole runs."""
    counted = Counter[str]()
    for item in items:
        if (sampled := item.get_closest_marker("sampled")) is not None:
            name, _, case = item.nodeid.partition("[")
            if not re.search(sampled.kwargs.get("alike", ""), case):
                continue
            if counted[name] % sampled.args[0]:
                item.add_marker(pytest.mark.long)
            counted[name] += 1
    if not config.getoption("fast"):
        return
    fast.set()
    first = {item.nodeid.partition("[")[0]: item for item in reversed(items)}
    chosen = {item for item in first.values() if not whole_run(item)}
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = [item for item in items if item in chosen]


def whole_run(item: pytest.Item) -> bool:
    """Whether a test runs a command line or a browser, or is marked as long as one."""
    fixtures = {"lengen", "browser"}.intersection(getattr(item, "fixturenames", ()))
    return bool(fixtures) or bool(item.get_closest_marker("whole_run"))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Check types from here on, and look for cycles in what comes; wait for no disk in this process, whose power only faults cut."""
    typecheck.started.set()
    gc.freeze()
    gc.enable()
    if not any(item.get_closest_marker("faults") for item in session.items):
        os.fsync = lambda descriptor: None


@pytest.fixture(autouse=True)
def _checked() -> None:
    """Check the first calls of each function in each test, and say in each what is said once."""
    from lengen.config.notices import say_once

    typecheck.seen.clear()
    say_once.cache_clear()


@dataclass
class Ran:
    """How a command line ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def lengen(tmp_path, monkeypatch, capsys):
    """Run `lengen` with some arguments in an empty folder."""
    alone(monkeypatch, tmp_path)

    def run(*arguments: str) -> Ran:
        capsys.readouterr()
        code = command(monkeypatch, *arguments)
        return Ran(code, *capsys.readouterr())

    return run


def alone(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Go to a folder, and leave the settings of other programs behind."""
    monkeypatch.chdir(folder)
    # the jobs of a multirun run in this process, and are checked here for whatever launcher
    monkeypatch.setattr("lengen.launcher.local.cores", lambda: 1)
    monkeypatch.setattr("lengen.launcher.Launcher.apart", lambda *_: False)
    without_settings(monkeypatch)


def without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the variables of other programs behind, but for the one by which W&B finds its service in this process.

    Put back later, it would name a service that has ended, and whoever asked next would look for its socket.
    """
    os.environ.pop("WANDB_SERVICE", None)
    for name in [name for name in os.environ if name.startswith(("WANDB_", "HYDRA_"))]:
        monkeypatch.delenv(name)


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run a command line here; its exit code. With `--fast`, the test that wants one is skipped."""
    if fast.is_set():
        pytest.skip("a whole run")
    from lengen.cli.main import main

    monkeypatch.setattr(sys, "argv", ["lengen", *arguments])
    monkeypatch.setattr(sys, "path", list(sys.path))
    return main()


def train(folder: Path, *commands: Sequence[str]) -> None:
    """Train what several tests read, in a folder of its own."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        alone(monkeypatch, folder)
        for words in commands:
            assert command(monkeypatch, "train", *words) == 0


def script_module(name: str) -> Any:
    """A fresh module of a file in scripts/."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def run_folders(root: Path) -> list[Path]:
    """Finished or unfinished runs below a folder."""
    return sorted(path.parent for path in root.glob("results/runs/*/*/*/seed=*/run.json"))


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def figures(monkeypatch):
    """The figures that are drawn, before they become pixels."""
    from matplotlib.figure import Figure

    kept, save = [], Figure.savefig

    def keep(figure, *arguments, **options):
        kept.append(figure)
        figure.set_dpi(options["dpi"])  # as it stays when it is measured
        return save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    return kept
