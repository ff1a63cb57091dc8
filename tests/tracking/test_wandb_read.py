"""Runs read back from W&B: a server made of what the logger wrote offline gives the runs that are on disk."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from conftest import read_rows
from lengen.cli.main import main
from lengen.comparison.run_record import Excluded, RunRecord
from lengen.logger import wandb_session
from lengen.tracking.wandb_read import find, read, read_run
from logger.wandb_file import load
from tracking.conftest import logged

pytestmark = pytest.mark.whole_run


def nested(flat: dict) -> dict:
    """Dotted names as the server has them: nested, but for names of media and of groups of metrics."""
    found: dict = {}
    for name, value in flat.items():
        *heads, last = name.split(".") if name.startswith(("protocol.", "curve_table.")) else [name]
        node = found
        for head in heads:
            node = node.setdefault(head, {})
        node[last] = value
    return json.loads(json.dumps(found))


class File:
    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name

    def download(self, root=".", replace=False):
        target = Path(root) / self.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.path, target)
        return target.open(encoding="utf-8")


def served(folder: Path) -> SimpleNamespace:
    """A run as W&B's public interface would give it."""
    path = logged(folder)
    found = load(path)
    run = found["run"]
    table = {
        name: value
        for row in found["history"]
        for name, value in row.items()
        if name.startswith("curve_table.")
    }
    return SimpleNamespace(
        id=run.run_id,
        group=run.run_group,
        job_type=run.job_type,
        tags=list(run.tags),
        state="finished",
        config={name: value for name, value in found["config"].items() if name != "_wandb"},
        summary_metrics=nested({**found["summary"], **table}),
        file=lambda name: File(path.parent / "files" / name, name),
    )


@pytest.fixture
def server(trained, monkeypatch):
    """The trained runs, and one that is none, behind W&B's interface; what it was asked."""
    import wandb

    runs = [served(folder) for folder in sorted((trained / "results").rglob("seed=*")) if folder.is_dir()]
    runs.append(SimpleNamespace(id="c", group="", job_type="compare", tags=["nope"]))
    asked = []

    class Api:
        def __init__(self, timeout):
            assert timeout <= 60

        def runs(self, path, filters, lazy):
            asked.append((path, filters))
            return iter(runs)

    monkeypatch.setattr(wandb, "Api", Api)
    monkeypatch.setattr(wandb_session, "logged_in", lambda: True)
    return SimpleNamespace(runs=runs, asked=asked)


def by_name(runs) -> dict:
    return {(run.cell, run.seed): run for run in runs}


def test_a_project_gives_the_runs_that_are_on_disk(trained, server):
    here = by_name(find([str(trained / "results")]))
    there = by_name(find(["wandb:me/mine"]))
    assert server.asked == [("me/mine", {"jobType": "train"})]
    assert there.keys() == here.keys()
    assert len(there) == 4
    for name, run in there.items():
        assert run.curve == here[name].curve
        assert run.config == dict(here[name].config) | {"seed": run.config["seed"]}
        assert run.trained == here[name].trained
        assert run.protocol == here[name].protocol
        assert len(run.protocol) > 5
        assert run.place.startswith("wandb:me/mine/")
        for fact in (
            "status",
            "id_exact_match",
            "parameters",
            "wall_seconds",
            "device",
            "command",
            "finished",
        ):
            assert run.facts[fact] == here[name].facts[fact], fact


def test_both_make_the_same_table(trained, server, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    for runs, out in ((str(trained / "results"), "here"), ("wandb:me/mine", "there")):
        monkeypatch.setattr(sys, "argv", ["lengen", "compare", f"runs=[{runs}]", f"out={tmp_path / out}"])
        assert main() == 0
    for name in ("table.csv", "curves.csv"):
        tables = [
            [{**row, "place": ""} for row in read_rows(tmp_path / out / name)] for out in ("here", "there")
        ]
        assert tables[0] == tables[1]
        assert len(tables[0]) > 1


@pytest.mark.parametrize("kind", ["cell", "tag"])
def test_a_group_is_a_cell_or_a_tag(server, kind):
    wanted = server.runs[0].group if kind == "cell" else "rope"
    found = list(read(f"wandb:me/mine/{wanted}"))
    assert server.asked == [("me/mine", {"jobType": "train", "$or": [{"group": wanted}, {"tags": wanted}]})]
    assert {run.seed for run in found} == {"0", "1"}
    assert {run.cell if kind == "cell" else run.value("pe") for run in found} == {wanted}


def without(run: SimpleNamespace, *facts: str, **others) -> SimpleNamespace:
    kept = {name: value for name, value in run.summary_metrics.items() if name not in facts}
    return SimpleNamespace(**{**vars(run), "summary_metrics": kept, **others})


def test_a_run_logged_before_is_read_with_what_it_has(server):
    run = read_run(without(server.runs[0], "protocol", "device", "command", "finished", "error"), "here")
    assert isinstance(run, RunRecord)
    assert set(run.protocol) == {"eval.lengths"}


def test_numbers_that_a_server_wrote_short_are_numbers_still(server, trained, tmp_path):
    run = server.runs[0]
    table = json.loads(run.file(run.summary_metrics["curve_table"]["path"]).path.read_text())
    table["data"] = [
        [int(value) if isinstance(value, float) and value == int(value) else value for value in row]
        for row in table["data"]
    ]
    (tmp_path / "short.json").write_text(json.dumps(table))
    short = read_run(without(run, file=lambda name: File(tmp_path / "short.json", "t.json")), "here")
    rows = short.curve.rows
    assert rows == read_run(run, "here").curve.rows
    assert {type(row.exact_match) for row in rows} == {float}


def test_single_seeds_are_told(server):
    config = {**server.runs[0].config, "init_seed": 7}
    assert read_run(without(server.runs[0], config=config), "here").seed == "0,init_seed=7"


def test_a_diverged_run_needs_no_curve(server):
    run = without(server.runs[0], "curve_table")
    run.summary_metrics["status"] = "diverged"
    found = read_run(run, "here")
    assert (found.diverged, len(found.curve), found.cell) == (True, 0, run.group)


@pytest.mark.parametrize(
    ("lacks", "others", "reason"),
    [
        (("status",), {"state": "running"}, "unfinished (status running)"),
        (("curve_table",), {}, "no curve_table was logged"),
        (
            (),
            {"config": {"seed": 0}},
            "its configuration: damaged, or no configuration of lengen: without task, eval",
        ),
    ],
)
def test_what_cannot_be_read_says_why(server, lacks, others, reason):
    found = read_run(without(server.runs[0], *lacks, **others), "here")
    assert isinstance(found, Excluded)
    assert found.reason.startswith(reason)


def test_a_curve_that_is_cut_short_is_left_out(server):
    run = server.runs[0]
    config = {**run.config, "eval": {**run.config["eval"], "lengths": [2, 3, 5, 8]}}
    assert (
        read_run(without(run, config=config), "here").reason
        == "its curve is cut short: lengths [8] are missing"
    )


@pytest.mark.parametrize("place", ["wandb:", "wandb:me", "wandb:me/", "wandb:/mine"])
def test_a_place_that_is_none_is_refused(server, place):
    (left,) = read(place)
    assert left.reason == "must be wandb:ENTITY/PROJECT or wandb:ENTITY/PROJECT/GROUP"
    assert server.asked == []


def test_what_the_server_refuses_is_one_line_and_the_rest_is_read(trained, server, monkeypatch):
    import wandb

    def refuse(**_):
        raise ValueError("Could not find project me/mine\nreally")

    monkeypatch.setattr(wandb, "Api", refuse)
    found = list(find(["wandb:me/mine", str(trained / "results")]))
    assert found[0] == Excluded("wandb:me/mine", "W&B: Could not find project me/mine")
    assert len(found) == 5


def test_an_empty_project_says_so(server):
    server.runs.clear()
    assert list(read("wandb:me/mine")) == [Excluded("wandb:me/mine", "no training run found")]


@pytest.mark.parametrize("key", [False, pytest.param(True, marks=pytest.mark.long)])
def test_without_a_login_or_a_network_it_is_one_line_soon(tmp_path, key):
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    }
    if key:
        environment |= {"WANDB_API_KEY": "0" * 40, "WANDB_BASE_URL": "http://127.0.0.1:9"}
    program = "from lengen.tracking.wandb_read import find; (left,) = find(['wandb:me/mine']); print(left.place, left.reason)"
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert time.monotonic() - began < 30
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines() == [
        "wandb:me/mine not logged in to W&B (wandb login), or its server does not answer"
    ]


def test_nothing_but_a_place_without_a_login_is_refused(lengen, monkeypatch):
    monkeypatch.setattr(wandb_session, "logged_in", lambda: False)
    ran = lengen("compare", "runs=wandb:me/mine/nope")
    assert ran.code == 2
    (line,) = ran.err.splitlines()
    assert "wandb:me/mine/nope: not logged in to W&B" in line
    assert not Path("results").exists()
