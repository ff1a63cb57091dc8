"""A user's mistake, a missing length, a bug: which is which, and where a bug is shown."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import pytest
import torch

from conftest import TINY, run_folders
from lengen.config.errors import (
    LONGEST_LINE,
    LengthUnavailable,
    UsageError,
    is_usage_error,
    one_line,
    require,
    require_length,
)
from lengen.task.copy import Copy
from lengen.task.unavailable import length_needed

TASK = """
from dataclasses import dataclass

from lengen.task.copy import Copy

{top}

@dataclass(frozen=True)
class Mine(Copy):
    wrong: int = 0

    def __post_init__(self):
        super().__post_init__()
        {made}

    def sample(self, length, count, generator):
        {drawn}
        return super().sample(length, count, generator)
"""
ENCODING = """
from lengen.pe.nope import NoPE


class Mine(NoPE):
    def make_table(self, positions):
        return {line} if positions.shape[1] > 2 else None  # checked before on two tokens
"""
RAISED = {
    "ValueError": ("int('x')", "ValueError: invalid literal"),
    "OSError": ("open('/nowhere/at/all')", "FileNotFoundError: [Errno 2]"),
    "TypeError": ("len(3)", "TypeError: object of type 'int'"),
    "KeyError": ("{}['gone']", "KeyError: 'gone'"),
}
BLANK = {"top": "", "made": "pass", "drawn": "pass"}


def own(folder, group, text):
    """A file of the user's own with its YAML."""
    (folder / "conf" / group).mkdir(parents=True)
    (folder / f"own_{group}.py").write_text(text)
    (folder / "conf" / group / "mine.yaml").write_text(f"_target_: own_{group}.Mine\n")


def program(folder, *words):
    """A command line in a process of its own, as a user starts it."""
    return subprocess.run(
        [sys.executable, "-m", "lengen", "train", "--config-dir", "conf", *TINY, *words],
        cwd=folder,
        capture_output=True,
        text=True,
    )


def assert_shown(err, folder, file, line, error):
    """A traceback whose last lines are the line in the user's file and the error."""
    assert "Traceback" in err
    tail = err[err.rindex(f'File "{folder / file}"') :]
    assert line in tail
    assert error in tail.splitlines()[-1]


@pytest.mark.parametrize("entries", [3, 40, 400])
def test_a_long_list_of_what_is_allowed_ends_with_how_many_more_there_are(entries):
    names = [f"option_{index}" for index in range(entries)]
    line = one_line(f"unknown option task=wrong; did you mean 'right'? (allowed: {', '.join(names)})")
    listed, _, more = line.partition("(allowed: ")[2].removesuffix(")").partition(" and ")
    shown = listed.split(", ")
    assert shown == names[: len(shown)]
    assert len(shown) + int(more.removesuffix(" more") or 0) == entries
    assert len(line) <= LONGEST_LINE
    assert (entries > 3) == bool(more)


@pytest.mark.parametrize("kind", RAISED)
@pytest.mark.parametrize("place", BLANK)
def test_an_error_in_a_task_of_ones_own_shows_its_line(tmp_path, monkeypatch, place, kind, lengen):
    line, error = RAISED[kind]
    name = f"own_{place}_{kind}"
    (tmp_path / "conf" / "task").mkdir(parents=True)
    (tmp_path / f"{name}.py").write_text(TASK.format_map(BLANK | {place: line}))
    (tmp_path / "conf" / "task" / "mine.yaml").write_text(f"_target_: {name}.Mine\n")
    with pytest.raises(Exception) as raised:  # which one is looked at below
        lengen("train", "--config-dir", "conf", *TINY, "task=mine")
    last = raised.traceback[-1]
    assert last.path == tmp_path / f"{name}.py"
    assert line in str(last.statement)
    assert f"{raised.typename}: {raised.value}".startswith(error)


@pytest.mark.whole_run
def test_a_program_ends_with_the_line_of_the_user_and_code_1(tmp_path):
    own(tmp_path, "task", TASK.format_map(BLANK | {"drawn": "int('x')"}))
    ran = program(tmp_path, "task=mine")
    assert ran.returncode == 1
    assert_shown(ran.stderr, tmp_path, "own_task.py", "int('x')", "ValueError: invalid literal")


@pytest.mark.whole_run
@pytest.mark.parametrize("kind", ["ValueError", pytest.param("OSError", marks=pytest.mark.long)])
def test_an_error_in_a_forward_pass_shows_its_line(tmp_path, kind):
    line, error = RAISED[kind]
    own(tmp_path, "pe", ENCODING.format(line=line))
    ran = program(tmp_path, "task=copy", "pe=mine")
    assert ran.returncode == 1, ran.stderr
    assert_shown(ran.stderr, tmp_path, "own_pe.py", line, error)
    (run,) = run_folders(tmp_path)
    assert f'"error": "{error.partition(":")[0]}' in (run / "run.json").read_text()


@pytest.mark.whole_run
def test_in_a_multirun_the_others_go_on(tmp_path):
    own(tmp_path, "task", TASK.format_map(BLANK | {"drawn": "self.wrong and int('x')"}))
    ran = program(tmp_path, "-m", "task=mine", "+task.wrong=1,0")
    assert ran.returncode == 1
    assert "1 of 2 jobs finished" in ran.stdout
    assert "failed: " in ran.stderr
    assert "task.wrong=1: ValueError: invalid literal" in ran.stderr
    assert f'File "{tmp_path / "own_task.py"}"' in ran.stderr
    assert "self.wrong and int('x')" in ran.stderr


@pytest.mark.parametrize(
    ("top", "error"),
    [
        ("import nowhere_at_all", ModuleNotFoundError),
        ("from math import tau, no_such_name", ImportError),
        ("def broken(:", SyntaxError),
    ],
)
def test_what_is_wrong_inside_a_module_keeps_its_place(tmp_path, lengen, top, error):
    name = f"inside_{error.__name__}"
    (tmp_path / "conf" / "task").mkdir(parents=True)
    (tmp_path / f"{name}.py").write_text(TASK.format_map(BLANK | {"top": top}))
    (tmp_path / "conf" / "task" / "mine.yaml").write_text(f"_target_: {name}.Mine\n")
    with pytest.raises(error) as raised:
        lengen("train", "--config-dir", "conf", *TINY, "task=mine")
    place = raised.value.filename if error is SyntaxError else str(raised.traceback[-1].path)
    assert place == str(tmp_path / f"{name}.py")


@pytest.mark.parametrize("group", ["task", "pe", "extend"])
@pytest.mark.parametrize(
    ("top", "said"),
    [
        ("import nowhere_at_all", "line 1: imports 'nowhere_at_all', which is not installed here"),
        (
            "from math import tau, no_such_name",
            "line 1: cannot be imported: ImportError: cannot import name 'no_such_name'",
        ),
        ("import helps_{group}", "line 1: imports 'deeper_missing', which is not installed here"),
        ("def broken(:", "line 1: cannot be imported: SyntaxError: "),
    ],
)
def test_check_says_what_a_module_lacks_above_the_traceback_of_that_code(tmp_path, lengen, group, top, said):
    name = f"lacks_{group}_{len(top)}"
    (tmp_path / "conf" / group).mkdir(parents=True)
    (tmp_path / f"helps_{group}.py").write_text("\nimport deeper_missing\n")
    (tmp_path / f"{name}.py").write_text(top.format(group=group) + "\n")
    (tmp_path / "conf" / group / "mine.yaml").write_text(f"_target_: {name}.Mine\n")
    ran = lengen("check", "--config-dir", "conf", f"{group}=mine")
    line, *trace = ran.err.splitlines()
    assert ran.code == 2
    assert line.startswith(f"lengen: {name}.py, {said}")
    assert any(f'File "{tmp_path / name}.py", line 1' in each for each in trace)
    assert trace[-1].partition(":")[0] in ("ModuleNotFoundError", "ImportError", "SyntaxError")
    assert not any("/lengen/" in each or "importlib" in each for each in trace)


@pytest.mark.parametrize("target", ["no_such_module.Mine", "inside.no_such.Mine", "inside.Nobody"])
def test_a_wrong_target_is_one_line(tmp_path, lengen, target):
    (tmp_path / "conf" / "task").mkdir(parents=True)
    (tmp_path / "inside.py").write_text("")
    (tmp_path / "conf" / "task" / "mine.yaml").write_text(f"_target_: {target}\n")
    ran = lengen("train", "--config-dir", "conf", "task=mine")
    assert ran.code == 2
    (line,) = ran.err.splitlines()
    assert f"task._target_={target}: " in line


@pytest.mark.parametrize("yaml", ["a: [1", "a: ${nowhere}", "\tx"])
def test_yaml_of_ones_own_that_cannot_be_composed_is_one_line(tmp_path, lengen, yaml):
    (tmp_path / "conf" / "task").mkdir(parents=True)
    (tmp_path / "conf" / "task" / "mine.yaml").write_text(f"_target_: lengen.task.copy.Copy\n{yaml}\n")
    ran = lengen("train", "--config-dir", "conf", "task=mine")
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 1


def test_the_helpers_raise_what_they_say():
    require(True, "never")
    require_length(True, 3, "never")
    with pytest.raises(UsageError, match=r"^task\.alphabet=0: must be at least 1$"):
        require(False, "task.alphabet=0: must be at least 1")
    with pytest.raises(LengthUnavailable, match=r"^length 3: allowed are even ones$"):
        require_length(False, 3, "allowed are even ones")
    assert not issubclass(LengthUnavailable, UsageError)
    assert not issubclass(UsageError, LengthUnavailable)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (UsageError("x"), True),
        (FileNotFoundError(2, "x", "y"), True),
        (LengthUnavailable("x"), False),
        (ValueError("x"), False),
        (TypeError("x"), False),
    ],
)
def test_only_refusals_and_files_are_told_on_one_line(error, expected):
    assert is_usage_error(error, {"own"}) is expected


@dataclass(frozen=True)
class Even(Copy):
    """A copy of even lengths."""

    def sample(self, length, count, generator):
        require_length(length % 2 == 0, length, "allowed are even ones")
        return super().sample(length, count, generator)


@dataclass(frozen=True)
class Old(Copy):
    """Refuses lengths as tasks did before."""

    def sample(self, length, count, generator):
        if length % 2:
            raise ValueError(f"length {length}: allowed are even ones")
        return super().sample(length, count, generator)


@dataclass(frozen=True)
class Older(Old):
    """Refuses lengths in a method, by `require`."""

    def sample(self, length, count, generator):
        self.check(length)
        return super().sample(length, count, generator)

    def check(self, length):
        require(length % 2 == 0, f"length {length}: allowed are even ones")


@dataclass(frozen=True)
class Buggy(Copy):
    """Raises a ValueError by no statement of its own."""

    by: str = "int"

    def sample(self, length, count, generator):
        if self.by == "int":
            int("x")
        if self.by == "torch":
            torch.distributions.Normal(torch.tensor(0.0), torch.tensor(-1.0))
        if self.by == "helper":
            helper()
        unpacked, _ = (length, count, generator)
        return unpacked


def helper():
    raise ValueError("not a task's own words")


def test_a_missing_length_is_missing():
    assert [length for length in range(1, 7) if Even().has(length)] == [2, 4, 6]
    with (
        pytest.raises(UsageError, match=r"^eval.lengths has 3: allowed are even ones$"),
        length_needed("eval.lengths has 3"),
    ):
        Even().sample(3, 1, torch.Generator())


@pytest.mark.parametrize("kind", [Old, Older])
def test_an_older_task_is_understood_and_warned_of(kind):
    with pytest.warns(
        FutureWarning, match=f"^{kind.__name__} reports a missing length .* raise lengen.LengthUnavailable"
    ):
        assert not kind().has(3)
    assert kind().has(4)
    with (
        pytest.warns(FutureWarning, match=kind.__name__) as warned,
        pytest.raises(UsageError, match=r"^train_length=3: allowed are even ones$"),
        length_needed("train_length=3"),
    ):
        kind().sample(3, 1, torch.Generator())
    assert {each.filename for each in warned} == {__file__}


@pytest.mark.parametrize("by", ["int", "torch", "helper", "unpacking"])
def test_any_other_value_error_of_a_task_is_a_bug(by):
    with pytest.raises(ValueError, match=r"literal|constraint|words|unpack") as raised:
        Buggy(by=by).has(3)
    assert type(raised.value) is ValueError


def test_a_refused_option_inside_of_a_task_is_no_missing_length():
    @dataclass(frozen=True)
    class Inner(Copy):
        def sample(self, length, count, generator):
            return Copy(alphabet=0).sample(length, count, generator)

    with pytest.raises(UsageError, match=r"task\.alphabet=0"):
        Inner().has(3)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["task=dataset", "task.path=nofile.csv"], "task.path=nofile.csv: no such file or folder"),
        (["task=dataset", "task.path=."], "task.path=.: cannot be read"),
        (["task=dataset", "task.train=trian"], "task.train=trian: no such split; did you mean 'train'?"),
        (["task=copy", "task.repeats=unique", "length=30"], "length=30: task.repeats=unique allows at most"),
    ],
    ids=lambda each: each[-1] if isinstance(each, list) else "",
)
def test_a_refused_option_is_named_first_and_a_length_where_it_is_missing(lengen, words, said):
    ran = lengen("data", *words)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert ran.err.startswith(f"lengen: {said}")
