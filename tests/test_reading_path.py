"""From the command line to curve.csv: the files that docs/architecture.md lists are those that run, and no others."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import lengen
from conftest import TINY

SOURCE = Path(lengen.__file__).parent
PAGE = Path(__file__).parents[1] / "docs" / "architecture.md"
SECTION = "## From the command line to curve.csv"
OPTIONS = (
    "task",
    "pe",
    "attention",
    "mixer",
    "head",
    "loops",
    "positions",
    "format",
    "lengths",
    "optimizer",
    "launcher",
    "logger",
    "block",
)
"""Packages of options, their contracts and what these share."""
TRAINER = "training/options.py"
"""The option trainer=default, which has no package of its own."""
TRACE = """
import json, sys
from pathlib import Path
import lengen
from lengen.cli.main import main

root, found = str(Path(lengen.__file__).parent) + "/", set()

def note(frame, event, _):
    code = frame.f_code
    if event == "call" and code.co_filename.startswith(root) and code.co_flags & 2:  # functions, not modules and classes
        found.add(code.co_filename.removeprefix(root))

from lengen.records.curve import Curve
save = Curve.save

def last(curve, path):
    save(curve, path)
    if len(curve) == 3:
        sys.setprofile(None)

Curve.save = last
sys.argv = ["lengen", *sys.argv[1:]]
sys.setprofile(note)
code = main()
print(json.dumps(sorted(found)), file=sys.stderr)
sys.exit(code)
"""


def listed():
    """The files of both tables: those to read, in order, and the helpers."""
    text = PAGE.read_text().partition(SECTION)[2]
    reading = re.findall(r"^\| \d+ \| `([\w/.]+)` \|", text, re.MULTILINE)
    helpers = [
        name
        for line in re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE)
        for name in re.findall(r"`([\w/.]+)`", line)
    ]
    return reading, helpers


def module(path):
    """The dotted name of a file."""
    return ".".join(("lengen", *Path(path).with_suffix("").parts)).removesuffix(".__init__")


def imported(path):
    """Modules that a file imports, inside functions too, but for those that only annotations need."""
    tree = ast.parse((SOURCE / path).read_text())
    apart = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in apart:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_at_most_fifteen_files_are_to_be_read():
    reading, helpers = listed()
    assert 10 <= len(reading) <= 15
    assert len({*reading, *helpers}) == len(reading) + len(helpers)
    assert all((SOURCE / name).is_file() for name in (*reading, *helpers))


@pytest.mark.parametrize("helper", listed()[1])
def test_a_helper_knows_nothing_of_the_flow(helper):
    assert {module(path) for path in listed()[0]}.isdisjoint(imported(helper))


@pytest.mark.whole_run
def test_a_short_command_runs_through_these_files_and_no_others(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-c", TRACE, "train", "task=addition", "pe=nope", *TINY],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stderr.splitlines()[-1])
    flow = {name for name in found if name.partition("/")[0] not in OPTIONS and name != TRAINER}
    reading, helpers = listed()
    assert flow <= {*reading, *helpers}
    assert set(reading) <= flow  # what is listed is on the way
