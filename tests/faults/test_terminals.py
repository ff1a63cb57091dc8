"""Standard output that is full, closed, or knows only ASCII: what was asked for is done all the same."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from faults.commands import Commands, alone
from faults.study import COMPARE, EVAL, TINY, differences, of_some, tables

pytestmark = pytest.mark.faults

SOME = ("train", "-m", "pe=nope,rope", "seed=0,1", *TINY, "jobs=1")
FULL = "lengen: standard output: No space left on device\n"
ASCII = (
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "POSIX", "LANG": "C", "TERM": "dumb"},
)


def shell(folder: Path, line: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command line, as the `"$@"` of a shell's."""
    return subprocess.run(
        ["bash", "-c", line, "lengen", sys.executable, "-m", "lengen", *words],
        cwd=folder,
        env=alone(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_standard_output_loses_no_result(commands: Commands, undisturbed: Path, count):
    for words in (SOME, EVAL, COMPARE):
        ran = shell(commands.folder, '"$@" > /dev/full', *words)
        assert (ran.returncode, ran.stderr) == (1, FULL), (words, ran)
        count("full standard outputs")
    same(commands.folder, undisturbed)


def test_a_reader_that_goes_away_loses_no_result(commands: Commands, undisturbed: Path, count):
    for words in (SOME, EVAL, COMPARE):
        ran = shell(commands.folder, '"$@" | head -c 1', *words)
        assert (ran.returncode, ran.stderr) == (0, ""), (words, ran)
        count("closed standard outputs")
    same(commands.folder, undisturbed)


@pytest.mark.parametrize("environment", ASCII, ids=["ioencoding", "c", "posix"])
def test_ascii_is_enough(commands: Commands, undisturbed: Path, environment: dict[str, str], count):
    root = commands.folder
    shutil.copytree(undisturbed / "results", root / "results")
    for words in (
        ("train", "pe=nope", "seed=0", *TINY),
        ("train", "pe=nope", "seed=99", *TINY),
        (*EVAL, "jobs=1"),
        COMPARE,
    ):
        ran = commands.run(*words, fresh=True, **environment)
        ran.check()
        if "LANG" not in environment:  # Python takes UTF-8 where the locale is C, if it may
            assert ran.out.isascii(), ran.out
        assert "Error" not in ran.err, ran.err
        count("commands in ASCII")


def same(root: Path, undisturbed: Path) -> None:
    """Require the results of the undisturbed study."""
    assert [path.name for path in root.iterdir()] == ["results"]
    found, expected = tables(root), of_some(tables(undisturbed), "seed=0", "seed=1")
    assert differences({name: found.get(name) for name in expected}, expected) == []
    assert (root / "results/compare/compare.json").exists()
