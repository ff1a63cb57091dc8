"""Runs found by paths, folders and globs."""

from __future__ import annotations

import pytest

from lengen.comparison.find_runs import find, find_folders
from lengen.config.compose import EVAL
from studies import write_run


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (
        "runs/a/x/seed=0",
        "runs/a/x/seed=1",
        "runs/b/x/seed=0,init_seed=2",
        "runs/b/x/seed=0.aside-20200101T000000",
        "runs/b/x/.seed=3.part",
        ".hidden/a/seed=0",
        "odd[1]/seed=0",
    ):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "run.json").write_text("{}")
    return tmp_path


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (["runs"], ["runs/a/x/seed=0", "runs/a/x/seed=1", "runs/b/x/seed=0,init_seed=2"]),
        (["runs/a/x/seed=1"], ["runs/a/x/seed=1"]),
        (["runs/*/x/seed=0*"], ["runs/a/x/seed=0", "runs/b/x/seed=0,init_seed=2"]),
        (["runs/**/seed=?"], ["runs/a/x/seed=0", "runs/a/x/seed=1"]),
        (
            ["runs/[b]", "runs/a/x/seed=0", "runs"],
            ["runs/b/x/seed=0,init_seed=2", "runs/a/x/seed=0", "runs/a/x/seed=1"],
        ),
        (["odd[1]"], ["odd[1]/seed=0"]),
    ],
)
def test_find(tree, patterns, names):
    assert [folder.path.as_posix() for folder in find_folders(patterns, "run")] == names


@pytest.mark.parametrize("pattern", ["nothing", "runs/c*", "runs/b/x/seed=0.aside-20200101T000000"])
def test_a_pattern_without_runs_is_refused(tree, pattern):
    with pytest.raises(ValueError, match=r"run=.*no run found"):
        find_folders(["runs", pattern], "run")


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("run=runs/*/x/seed=*", ["runs/*/x/seed=*"]),
        ("run=runs/[ab]/x/seed=0,init_seed=2", ["runs/[ab]/x/seed=0,init_seed=2"]),
        ("run=~/runs (old)/a", ["~/runs (old)/a"]),
        ("run=[runs/a/x/seed=0, runs/b/*]", ["runs/a/x/seed=0", "runs/b/*"]),
        ("run=['a,b=c','d']", ["a,b=c", "d"]),
        ("run='a,b'", "a,b"),
        ("run=null", None),
        ("run=", ""),
        ("run=[]", []),
        ("++run=a=b", ["a=b"]),
        ('run=a "quoted" \\ one', ['a "quoted" \\ one']),
        ("name=a, b=c!", "a, b=c!"),
        ("name=null", None),
        ("lengths=range(1,4)", ["range(1,4)"]),
        ("lengths=[1,2x]", [1, "2x"]),
        ("eval.lengths=[range(1,4)]", ["range(1,4)"]),
    ],
)
def test_values_are_taken_as_they_are_written(word, value):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    override = OverridesParser.create().parse_override(EVAL.word(word))
    assert override.value() == value
    assert not override.is_sweep_override()
    key = word.lstrip("+").partition("=")[0]
    assert override.key_or_group == (f"eval.{key}" if key == "lengths" else key)


def test_a_run_that_has_lost_its_facts_is_named(tmp_path):
    folder = write_run(tmp_path, 0, (1.0, 1.0, 0.5, 0.0))
    (folder / "run.json").unlink()
    (found,) = find([str(tmp_path)])
    assert (found.place, found.reason) == (str(folder), "there is no run.json")
