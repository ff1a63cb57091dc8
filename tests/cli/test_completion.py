"""Tab completion: what the shell is told, and that the script which asks for it works in a shell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from lengen.cli.help_text import FLAGS
from lengen.config.search import choices, groups


@pytest.fixture
def completed(lengen, monkeypatch):
    """What `lengen -sc query=bash` answers for a line with the cursor at its end."""

    def ask(line: str, behind: str = "") -> list[str]:
        monkeypatch.setenv("COMP_LINE", line + behind)
        monkeypatch.setenv("COMP_POINT", str(len(line)))
        ran = lengen("-sc", "query=bash")
        assert (ran.code, ran.err) == (0, "")
        return ran.out.split()

    return ask


@pytest.mark.parametrize(
    ("line", "some", "none"),
    [
        ("lengen tr", ["train"], ["list"]),
        ("lengen list ", ["pe", "task", "published"], ["train_length="]),
        ("lengen list pe=al", ["pe=alibi"], ["pe=nope"]),
        ("lengen train --c", ["--cfg", "--config-dir"], ["--multirun"]),
        ("lengen eval -", ["-v", "--verbose", "-h"], ["-tree"]),
        ("lengen plan -", ["--help"], ["-v", "--verbose"]),
        ("lengen train --cfg ", ["job", "hydra"], ["train_length="]),
        (
            "lengen train ",
            ["train_length=", "eval.decode=", "pe=", "pe.", "dry="],
            ["labels.task=", "hydra="],
        ),
        ("lengen train pe=", ["pe=nope"], ["task=copy"]),
        ("lengen train -m pe=nope,", ["pe=nope,rope"], ["pe=nope,nope"]),
        ("lengen train force=", ["force=true", "force=false"], []),
        ("lengen train eval.decode=", ["eval.decode=greedy", "eval.decode=teacher", "eval.decode=free"], []),
        ("lengen train pe=alibi pe.", ["pe.slopes="], []),
        ("lengen train pe=alibi pe.slopes=", ["pe.slopes=harmonic", "pe.slopes=null"], []),
        ("lengen train task=copy task.", ["task.repeats="], ["task.digits="]),
        ("lengen train task.", ["task.digits="], ["task.repeats="]),
        ("lengen train trainer.keep=b", ["trainer.keep=best"], ["trainer.keep=last"]),
        ("lengen train optimizer.schedule.w", ["optimizer.schedule.warmup="], []),
        ("lengen eval decode=", ["decode=greedy"], []),
        ("lengen compare metric=lo", ["metric=loss"], ["metric=seconds"]),
        ("lengen plan control=", ["control=true"], []),
        ("lengen status all=", ["all=true"], []),
        ("lengen share ", ["run=", "export=", "push="], ["name="]),
        ("lengen pull to=", [], ["true", "to=true"]),
        ("lengen nothing ", [], ["train"]),
        ("lengen train pe=alibbi pe.", [], ["pe.slopes="]),
    ],
)
def test_what_may_stand_at_the_cursor(completed, line, some, none):
    words = completed(line)
    assert {*some} <= {*words}
    assert not {*none} & {*words}
    assert all(word.startswith(line.split(" ")[-1]) for word in words)


def test_every_group_and_option_is_offered(completed):
    assert completed("lengen list ") == sorted(groups())
    for group in groups():
        assert completed(f"lengen list {group}=") == [f"{group}={name}" for name in choices(group)]


def test_what_stands_behind_the_cursor_does_not_count(completed):
    assert completed("lengen train pe=alib", "i pe.slopes=1") == ["pe=alibi"]


def test_own_options_experiments_studies_and_folders_are_offered(completed, tmp_path):
    for group, name in (("experiment", "ours"), ("pe", "mine")):
        (tmp_path / "conf" / group).mkdir(parents=True)
        (tmp_path / "conf" / group / f"{name}.yaml").write_text("# Ours\n")
    (tmp_path / "results/studies").mkdir(parents=True)
    (tmp_path / "results/studies/first.yaml").write_text("")
    assert completed("lengen train --config-dir co") == ["conf/"]
    assert completed("lengen train --config-dir conf experiment=o") == ["experiment=ours"]
    assert completed("lengen list --config-dir=conf pe=mi") == ["pe=mine"]
    assert completed("lengen train experiment=o") == []
    assert completed("lengen train study=") == ["study=first"]
    assert "first" in completed("lengen status ")
    assert completed("lengen compare runs=res") == ["runs=results/"]


def test_the_flags_are_those_of_hydra():
    from hydra._internal.utils import get_args_parser

    known = {name for action in get_args_parser()._actions for name in action.option_strings}
    for flag in FLAGS:
        names = {word for word in flag.replace(",", " ").split() if word.startswith("-")}
        assert names <= known
    for flag in ("--cfg", "--info"):
        values = next(line.split()[-1].split("|") for line in FLAGS if line.startswith(flag))
        (action,) = (each for each in get_args_parser()._actions if flag in each.option_strings)
        assert {*values} == {*action.choices}


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash")
def test_the_script_completes_in_a_shell(lengen, tmp_path):
    script = lengen("-sc", "install=bash").out
    (tmp_path / "lengen").write_text(f'#!/bin/sh\nexec {sys.executable} -m lengen "$@"\n')
    (tmp_path / "lengen").chmod(0o755)
    asked = """
complete -p lengen
COMP_WORDS=(lengen train pe=alibi pe.slopes=h) COMP_CWORD=3 COMP_LINE="${COMP_WORDS[*]}" COMP_POINT=${#COMP_LINE}
COMP_POINT=${#COMP_LINE}
_lengen
echo "${COMPREPLY[@]}"
"""
    place = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ran = subprocess.run(
        ["bash", "-c", script + asked], env=place, capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines() == ["complete -o default -F _lengen lengen", "pe.slopes=harmonic"]


def test_completion_needs_neither_torch_nor_hydra(tmp_path):
    program = """
import os, sys
os.environ["COMP_LINE"] = "lengen train pe=alibi pe.slopes="
sys.argv = ["lengen", "-sc", "query=bash"]
from lengen.cli.main import main
assert main() == 0
print([name for name in ("torch", "hydra", "omegaconf", "rich", "numpy") if name in sys.modules])
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines()[-1] == "[]"
