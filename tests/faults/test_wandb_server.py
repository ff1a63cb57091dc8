"""A W&B server that refuses, hangs, drops connections or fails, from the beginning or in training: no result is lost."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest

from faults.commands import Commands, Running, Starter, alone, wait_for
from faults.study import LENGTHS, TINY, differences, of_some, tables
from faults.wandb_server import KEY, Server, serving
from lengen.logger.wandb_session import PATIENCE, UPLOAD

pytestmark = pytest.mark.faults

TIMED = """
import json, time
from pathlib import Path
from lengen.logger.wandb import Wandb

class Timed(Wandb):
    \"\"\"W&B, with the seconds that each call takes.\"\"\"
    def begin(self, facts):
        self.folder, self.spent = facts.folder, {}
        self._timed("begin", facts)

    def scalars(self, step, values):
        self._timed("scalars", step, values)

    def curve(self, curve, figure):
        self._timed("curve", curve, figure)

    def finish(self, status):
        self._timed("finish", status)
        (self.folder / "spent.json").write_text(json.dumps(self.spent))

    def _timed(self, name, *arguments):
        started = time.perf_counter()
        getattr(super(), name)(*arguments)
        self.spent.setdefault(name, []).append(time.perf_counter() - started)
"""
OPTION = "_target_: timed.Timed\nproject: lengen\nentity: null\nmode: online\n"
LONG = (  # as often as every 50 steps of the default decoder
    "steps=1500",
    "trainer.log_every=150",
    "trainer.probe_every=500",
    "trainer.checkpoint_every=500",
)
CASES = {
    "refuse": ("refuse", None, ()),
    "hang": ("hang", None, ()),
    "drop": ("drop", None, ()),
    "error": ("error", None, ()),
    "answer, then hang": ("answer", "hang", LONG),
    "answer, then drop": ("answer", "drop", LONG),
    "answer, then error": ("answer", "error", LONG),
}
"""What a server does, what it does once training has begun, and options of the run."""


@dataclass
class Case:
    """A run with its server."""

    root: Path
    server: Server
    running: Running
    seconds: float = 0.0


@pytest.fixture(scope="module")
def cases(starter: Starter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Case]]:
    """All at one time: they wait more than they work."""
    made: dict[str, Case] = {}
    with ExitStack() as stack:
        for name, (mode, _, options) in CASES.items():
            root = tmp_path_factory.mktemp("work")
            (root / "mine/logger").mkdir(parents=True)
            (root / "mine/timed.py").write_text(TIMED)
            (root / "mine/logger/timed.yaml").write_text(OPTION)
            server = stack.enter_context(serving(mode))
            if mode == "refuse":
                server.server_close()
            commands = Commands(root, starter, environment(root, server))
            stack.callback(commands.close)
            words = (*TINY, *options, "pe=nope", "seed=0", "logger=timed", "--config-dir=mine")
            made[name] = Case(root, server, commands.start("train", *words))
        started = time.monotonic()
        later = {name for name, (_, after, _) in CASES.items() if after}

        def step() -> bool:
            for name in sorted(later):
                if any(made[name].root.glob("results/runs/*/*/*/*/train.csv")):
                    made[name].server.mode = CASES[name][1] or ""
                    later.discard(name)
            for case in made.values():
                if case.running.ended and not case.seconds:
                    case.seconds = time.monotonic() - started
            return all(case.seconds for case in made.values())

        wait_for(step, 400, "a command hangs")
        yield made


def environment(root: Path, server: Server) -> dict[str, str]:
    """Of somebody who has logged in to this server."""
    folders = dict.fromkeys(("WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR"), str(root / "home"))
    return {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": KEY, "NETRC": str(root / "netrc"), **folders}


@pytest.mark.parametrize("name", CASES)
def test_no_result_is_lost_and_training_is_not_delayed(
    name: str, cases: dict[str, Case], undisturbed: Path, count
):
    case, later = cases[name], CASES[name][1]
    case.running.check()
    (run,) = case.root.glob("results/runs/majority/*/*/seed=0")
    spent = json.loads((run / "spent.json").read_text())
    facts = json.loads((run / "run.json").read_text())
    assert facts["status"] == "finished"
    delay = median(spent["scalars"]) * len(spent["scalars"])  # without what other programs take from this one
    assert delay < 0.01 * facts["train_seconds"] or not later, (spent, facts["train_seconds"])
    assert sum(spent["begin"]) < 3 * PATIENCE
    assert sum(spent["curve"] + spent["finish"]) < UPLOAD + 2 * PATIENCE
    said = [line for line in case.running.err.splitlines() if line.startswith("lengen: W&B")]
    reached = [line for line in said if "cannot be reached" in line or "has not received" in line]
    assert len(reached) == 1, case.running.err
    assert any("wandb sync" in line for line in said), case.running.err
    if not later:
        expected = of_some(tables(undisturbed), "seed=0")
        expected = {
            file: value for file, value in expected.items() if "/nope/" in file and "/eval/" not in file
        }
        for table in (found := tables(case.root), expected):
            for file in [file for file in table if file.endswith("config.yaml")]:
                del table[file]  # of another logger
        assert differences(found, expected) == []
    count(f"W&B servers: {name}")


@pytest.mark.parametrize("name", ["refuse", "answer, then drop"])
def test_what_was_not_received_can_be_uploaded_later(name: str, cases: dict[str, Case], tmp_path: Path):
    line = next(
        line
        for line in cases[name].running.err.splitlines()
        if line.startswith("lengen: ") and "wandb sync" in line
    )
    *flags, folder = shlex.split(line.rpartition("wandb sync ")[2])
    shutil.copytree(cases[name].root / folder, tmp_path / "run" / Path(folder).name)
    with serving("answer") as server:
        ran = subprocess.run(
            [sys.executable, "-m", "wandb", "sync", *flags, str(tmp_path / "run" / Path(folder).name)],
            env=alone(environment(tmp_path, server)),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert len([row for row in server.history if "curve/exact_match" in row]) == LENGTHS
