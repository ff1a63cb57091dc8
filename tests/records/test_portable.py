"""Locks of runs, and a system without `fcntl` and `resource`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from conftest import TINY, run_folders
from lengen.config.errors import UsageError
from lengen.evaluation import sweep
from lengen.records.run_dir import RunFolder

HOLD = """
import sys
from pathlib import Path
from lengen.records.run_dir import RunFolder
with RunFolder(Path(sys.argv[1])).locked():
    print("held", flush=True)
    sys.stdin.read()
"""
WITHOUT = """
import sys, warnings
from importlib.abc import MetaPathFinder

class Refuse(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name in ("fcntl", "resource"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.modules.pop("fcntl", None)
sys.meta_path.insert(0, Refuse())
from lengen.cli.main import main
sys.exit(main())
"""


@pytest.fixture
def holder(tmp_path):
    """A process that works on a run."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_run_belongs_to_one_process(tmp_path, holder):
    with (
        pytest.raises(UsageError, match=r"run: another process is working on this run$"),
        RunFolder(tmp_path / "run").locked(),
    ):
        pass


def test_a_process_that_is_killed_lets_go(tmp_path, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert (tmp_path / ".run.lock").exists()
    with RunFolder(tmp_path / "run").locked():
        pass


def test_a_lock_file_that_was_left_is_no_lock(tmp_path):
    (tmp_path / ".run.lock").write_text("123456789\n")
    for _ in range(2):
        with RunFolder(tmp_path / "run").locked():
            pass


def test_an_error_inside_lets_go(tmp_path):
    with pytest.raises(KeyError), RunFolder(tmp_path / "run").locked():
        raise KeyError
    with RunFolder(tmp_path / "run").locked():
        pass


@pytest.mark.whole_run
def test_a_run_needs_neither_fcntl_nor_resource(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT, "train", "task=copy", *TINY],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert len(run_folders(tmp_path)) == 1


class Nowhere:
    """A path on a system without /proc."""

    def __init__(self, path):
        pass

    def read_text(self):
        raise FileNotFoundError


def psutil(**memory):
    """As much of the library as is used."""
    told = SimpleNamespace(**memory)
    return SimpleNamespace(Process=lambda: SimpleNamespace(memory_info=lambda: told))


@pytest.mark.parametrize(
    ("library", "expected"), [(psutil(rss=7), 7), (psutil(rss=7, peak_wset=9), 9), (None, 0)]
)
def test_memory_is_read_from_what_is_there(monkeypatch, library, expected):
    monkeypatch.setattr(sweep, "Path", Nowhere)
    assert 2**20 < sweep.resident_peak() < 2**40  # by `resource`
    monkeypatch.setitem(sys.modules, "resource", None)
    monkeypatch.setitem(sys.modules, "psutil", library)
    assert sweep.resident_peak() == expected
