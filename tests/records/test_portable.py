"""A system without `fcntl` and `resource`."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from conftest import TINY, run_folders
from lengen.evaluation import sweep

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


@pytest.mark.long
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
