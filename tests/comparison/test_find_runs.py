"""Runs as they are found on disk, and what is said of those that cannot be read."""

import json
import shutil
import subprocess
import sys

import pytest

from lengen.comparison.find_runs import find
from lengen.comparison.run_record import Excluded, RunRecord
from studies import write_run

GOOD = [1.0, 1.0, 0.6, 0.1]


def one(found):
    """The only thing that was found."""
    (each,) = found
    return each


def test_a_run_is_read_as_it_stands(tmp_path):
    folder = write_run(tmp_path, 3, GOOD, pe="rope", steps=250)
    run = one(find([str(tmp_path)]))
    assert isinstance(run, RunRecord)
    assert (run.place, run.cell, run.seed) == (str(folder), "c000000001", "3")
    assert [row.exact_match for row in run.curve.rows] == GOOD
    assert run.trained
    assert not run.diverged
    assert [run.value(key) for key in ("pe", "task", "task.repeats", "steps", "seed", "no.such")] == [
        "rope",
        "copy",
        "allowed",
        "250",
        "3",
        "(none)",
    ]


def test_globs_name_runs_or_folders_above_them_and_each_run_counts_once(tmp_path):
    for seed in range(3):
        write_run(tmp_path / "a", seed, GOOD)
    write_run(tmp_path / "b", 7, GOOD)
    everything = sorted(str(path.parent) for path in tmp_path.rglob("run.json"))
    for patterns in (
        [str(tmp_path)],
        [f"{tmp_path}/*"],
        [f"{tmp_path}/**/seed=*"],
        [f"{tmp_path}/a", f"{tmp_path}/a/copy/nope/*/seed=[0-9]", f"{tmp_path}/b"],
    ):
        assert sorted(run.place for run in find(patterns)) == everything
    assert [run.seed for run in find([f"{tmp_path}/a/*/*/*/seed=[12]"])] == ["1", "2"]


def test_old_runs_and_hidden_ones_do_not_count(tmp_path):
    folder = write_run(tmp_path, 0, GOOD)
    for name in ("seed=0.aside-20260101T000000", ".seed=0.part"):
        shutil.copytree(folder, folder.with_name(name))
    shutil.copytree(folder, folder / "eval" / "carry")
    assert [run.place for run in find([str(tmp_path)])] == [str(folder)]


def spoil(folder, what):
    """Make a run unreadable in one way."""
    curve = folder / "curve.csv"
    lines = curve.read_text().splitlines(keepends=True)
    match what:
        case "nothing matches":
            shutil.rmtree(folder.parents[2])
        case "run.json: not a JSON file":
            (folder / "run.json").write_text("{")
        case "config.yaml: not a YAML file":
            (folder / "config.yaml").write_text("a: [")
        case "older version of lengen":
            text = (folder / "config.yaml").read_text()
            (folder / "config.yaml").write_text(text.replace("train_length:", "length:"))
        case "missing column extend":
            header, *rest = (line.split(",") for line in lines)
            place = header.index("extend")
            curve.write_text("".join(",".join([*row[:place], *row[place + 1 :]]) for row in [header, *rest]))
        case "column":  # cut in the middle of a line
            curve.write_text("".join(lines)[: -len(lines[-1]) // 2])
        case "lengths [20, 40] are missing":  # cut at the end of a line
            curve.write_text("".join(lines[:3]))
        case "curve.csv: No such file":
            curve.unlink()
        case "unfinished (status running)":
            facts = json.loads((folder / "run.json").read_text())
            (folder / "run.json").write_text(json.dumps({**facts, "status": "running"}))


@pytest.mark.parametrize(
    "why",
    [
        "nothing matches",
        "run.json: not a JSON file",
        "config.yaml: not a YAML file",
        "older version of lengen",
        "missing column extend",
        "column",
        "lengths [20, 40] are missing",
        "curve.csv: No such file",
        "unfinished (status running)",
    ],
)
def test_what_cannot_be_read_is_a_line_and_the_rest_is_still_read(tmp_path, why):
    bad, good = write_run(tmp_path / "bad", 0, GOOD), write_run(tmp_path / "good", 1, GOOD)
    spoil(bad, why)
    found = list(find([f"{tmp_path}/bad/copy", f"{tmp_path}/good"]))
    (left,) = [each for each in found if isinstance(each, Excluded)]
    assert why in left.reason
    assert "\n" not in left.reason
    assert [each.place for each in found if isinstance(each, RunRecord)] == [str(good)]


def test_a_run_that_diverged_has_no_curve_and_still_counts(tmp_path):
    write_run(tmp_path, 0, None, status="diverged")
    run = one(find([str(tmp_path)]))
    assert run.diverged
    assert not run.trained
    assert not len(run.curve)


@pytest.mark.whole_run
def test_finding_and_comparing_do_not_import_torch():
    script = "import lengen.analysis.compare_runs, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
