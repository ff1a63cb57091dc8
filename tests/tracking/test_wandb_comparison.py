"""A comparison on W&B, without a network: what it logs is read back from W&B's own file."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from conftest import read_rows
from lengen.cli.main import main
from lengen.logger import wandb_session
from lengen.tracking import wandb_workspace
from lengen.tracking.wandb_comparison import WandbComparison, typed
from logger.wandb_file import chunks, load
from tracking.conftest import logged

pytestmark = pytest.mark.whole_run


@pytest.fixture
def compare(trained, tmp_path, monkeypatch, capsys):
    """Compare the trained runs with some further options; what was written and what was said."""
    monkeypatch.chdir(trained)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    out = tmp_path / "out"

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["lengen", "compare", "wandb=true", f"out={out}", *words])
        monkeypatch.setattr(sys, "path", list(sys.path))
        capsys.readouterr()
        code = main()
        return code, out, capsys.readouterr().err

    return run


def artifacts(path: Path) -> list:
    from wandb.proto import wandb_internal_pb2

    load(path)  # waits for its end
    found = []
    for chunk in chunks(path):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(chunk)
        if record.WhichOneof("record_type") == "artifact":
            found.append(record.artifact)
        elif record.request.WhichOneof("request_type") == "log_artifact":
            found.append(record.request.log_artifact.artifact)
    return found


def media(found: dict, key: str, inside: Path) -> Path:
    (path,) = [row[f"{key}.path"] for row in found["history"] if f"{key}.path" in row]
    return inside / path


def test_a_comparison_is_one_run_with_everything_in_it(compare):
    code, out, said = compare("project=mine", "title=All of it")
    assert code == 0
    path = logged(out)
    found, inside = load(path), path.parent / "files"
    run = found["run"]
    assert (run.project, run.job_type, run.run_group, run.display_name) == (
        "mine",
        "compare",
        "",
        "All of it",
    )
    assert found["exit_code"] == 0
    (line,) = said.splitlines()
    assert line.endswith(f"wandb sync {path.parent}")

    table = json.loads(media(found, "table", inside).read_text())
    with (out / "table.csv").open(newline="") as file:
        columns, *rows = csv.reader(file)
    assert table["columns"] == columns
    assert len(table["data"]) == len(rows) > 1
    for ours, text in zip(table["data"], rows, strict=True):
        for value, cell in zip(ours, text, strict=True):
            assert (value is None and not cell) or value == (
                float(cell) if isinstance(value, float | int) else cell
            )

    figures = {
        key for row in found["history"] for key in row if key.startswith("figures/") and key.endswith(".path")
    }
    assert figures == {f"figures/{picture.stem}.path" for picture in out.glob("*.png")} != set()

    (artifact,) = [each for each in artifacts(path) if each.type == "comparison"]
    assert (
        {entry.path for entry in artifact.manifest.contents}
        == {each.name for ending in ("csv", "md", "html") for each in out.glob(f"*.{ending}")}
        >= {"table.csv", "table.md", "curves.csv"}
    )


def test_the_curves_are_medians_over_length(compare):
    _, out, _ = compare()
    path = logged(out)
    found = load(path)
    (key,) = [
        key for row in found["history"] for key in row if key.startswith("curves/") and key.endswith(".path")
    ]
    table = json.loads(
        (path.parent / "files" / {k: v for row in found["history"] for k, v in row.items()}[key]).read_text()
    )
    every = read_rows(out / "curves.csv")
    wanted = {
        (line, length): np.median(
            [
                float(row["exact_match"])
                for row in every
                if (row["line"], int(row["length"])) == (line, length)
            ]
        )
        for line in ("nope", "rope")
        for length in (2, 3, 5)
    }
    names = {name: table["columns"].index(name) for name in ("step", "lineKey", "lineVal")}
    got = {(row[names["lineKey"]], row[names["step"]]): row[names["lineVal"]] for row in table["data"]}
    assert got == wanted
    chart = found["config"][f"_wandb.visualize.{key.removesuffix('_table.path')}"]
    assert chart["panel_config"]["panelDefId"] == "wandb/lineseries/v0"
    assert set(table["columns"]) >= {"step", "lineKey", "lineVal"}


def test_the_page_goes_with_the_files(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    (tmp_path / "page.html").write_text("<p>")
    WandbComparison().log({}, tmp_path, ["page.html"], title="t", config={})
    (artifact,) = artifacts(logged(tmp_path))[:1]
    assert [entry.path for entry in artifact.manifest.contents] == ["page.html"]


def test_nothing_is_logged_unless_asked_and_where_it_is_disabled(compare, tmp_path, monkeypatch, capsys):
    code, out, said = compare("wandb=false")
    assert (code, said) == (0, "")
    assert not (out / "wandb").exists()
    monkeypatch.setenv("WANDB_MODE", "disabled")
    WandbComparison().log({}, tmp_path, [], title="t", config={})
    assert capsys.readouterr() == ("", "")
    assert not (tmp_path / "wandb").exists()


@pytest.mark.parametrize(
    ("words", "variable", "line"),
    [
        (["project=a/b"], "", "project='a/b': must be a name"),
        ([], "sometimes", "WANDB_MODE=sometimes: must be"),
    ],
)
def test_mistakes_are_refused_before_any_work(compare, monkeypatch, words, variable, line):
    monkeypatch.setenv("WANDB_MODE", variable)
    code, out, said = compare(*words)
    assert code == 2
    assert line in said
    assert not out.exists()


def test_a_failure_is_one_line(tmp_path, monkeypatch, capsys):
    import wandb

    monkeypatch.setenv("WANDB_MODE", "offline")

    def broken(*_, **__):
        raise BrokenPipeError("the service\nis gone")

    monkeypatch.setattr(wandb, "Table", broken)
    (tmp_path / "table.csv").write_text("a\n1\n")
    WandbComparison().log({}, tmp_path, ["table.csv"], title="t", config={})
    first, second = capsys.readouterr().err.splitlines()
    assert first == "lengen: W&B failed (the service); the comparison's files are complete"
    assert "wandb sync" in second


def test_a_table_keeps_its_types(tmp_path):
    (tmp_path / "a.csv").write_text('name,number,mixed,empty\n"a, b",1,1,\nc,2.5,x,\n')
    assert typed(tmp_path / "a.csv") == (
        ["name", "number", "mixed", "empty"],
        [["a, b", 1, "1", None], ["c", 2.5, "x", None]],
    )


def test_a_workspace_has_a_panel_for_every_metric_that_trainings_log():
    pytest.importorskip("wandb_workspaces")
    spec = json.loads(wandb_workspace.build("me", "mine", "All")._to_model().model_dump_json(by_alias=True))
    assert (spec["entity"], spec["project"], spec["displayName"]) == ("me", "mine", "lengen: All")
    sections = spec["spec"]["section"]["panelBankConfig"]["sections"]
    plots = [
        panel["config"] for section in sections for panel in section["panels"] if "Line" in panel["viewType"]
    ]
    axes = {metric: plot["xAxis"] for plot in plots for metric in plot["metrics"]}
    assert axes["curve/exact_match"] == axes["curve/loss"] == axes["curve/token_accuracy"] == "length"
    assert axes["train/loss"] == axes["probe/ood_exact_match"] == "step"
    assert {plot["groupBy"] for plot in plots} == {"labels.value.pe"}
    assert sections[-1]["panels"][0]["viewType"] == "Run Comparer"
    assert "jobType" in json.dumps(spec)


def test_every_metric_of_the_workspace_is_one_that_trainings_log(trained):
    path = logged(next(trained.glob("results/runs/*/*/*/seed=0")))
    known = {key for row in load(path)["history"] for key in row}
    shown = {(axis, metric) for _, axis, metrics in wandb_workspace.SECTIONS for metric in metrics}
    assert {each for pair in shown for each in pair} <= known


class Online:
    """A run on a server that takes everything."""

    settings = type("Settings", (), {"mode": "online"})
    url, id, entity, project = "https://wandb.example/r", "r", "me", "mine"

    def log(self, _): ...

    def log_artifact(self, _): ...

    def finish(self, exit_code): ...


@pytest.mark.parametrize("installed", [True, False])
def test_online_a_workspace_is_saved_or_its_lack_is_told(tmp_path, monkeypatch, capsys, installed):
    monkeypatch.setattr(wandb_session, "logged_in", lambda: True)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setattr(wandb_session.Session, "_start", lambda *_: Online())
    monkeypatch.setattr(wandb_workspace, "find_spec", lambda _: object() if installed else None)
    saved = []

    class View:
        url = "https://wandb.example/w"

        def save(self):
            saved.append(self)
            return self

    monkeypatch.setattr(wandb_workspace, "build", lambda *_: View())
    WandbComparison().log({}, tmp_path, [], title="t", config={})
    assert len(saved) == installed
    assert capsys.readouterr().err.splitlines() == [
        "lengen: W&B: https://wandb.example/r",
        "lengen: W&B workspace: https://wandb.example/w"
        if installed
        else "lengen: no W&B workspace was saved: it needs lengen[dashboards]",
    ]
