"""`import lengen` costs nothing, and names come where they are used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import lengen

COST = """
import sys, time
before = time.perf_counter()
import lengen
seconds = time.perf_counter() - before
heavy = [name for name in ("torch", "hydra", "omegaconf", "numpy", "pandas", "rich") if name in sys.modules]
print(seconds, heavy)
assert not heavy and seconds < 0.25
assert {"train", "study", "load", "compare", "UsageError", "Task"} <= set(dir(lengen))
lengen.UsageError, lengen.LengthUnavailable
assert "torch" not in sys.modules
"""


def test_importing_costs_nothing():
    done = subprocess.run([sys.executable, "-c", COST], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_name_is_there():
    missing = [name for name in lengen.__all__ if not hasattr(lengen, name)]
    assert missing == []
    with pytest.raises(AttributeError, match="no attribute 'tarin'"):
        _ = lengen.tarin
