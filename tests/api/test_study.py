"""Studies, comparisons and evaluations from Python: the files and rows of the command line."""

from __future__ import annotations

from pathlib import Path

import pandas
import pytest

import lengen
from api.conftest import TINY
from api.mine import MyEncoding, Wide
from conftest import command

pytestmark = pytest.mark.whole_run


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(tmp_path_factory.mktemp("study"))
        yield lengen.study(task="copy", pe=["rope", MyEncoding, Wide], seed=range(2), **TINY)


def test_lists_are_varied_and_a_run_that_fails_is_named(study, capsys):
    labels = [(run.config["labels"]["pe"], run.config["seed"]) for run in study.runs]
    assert labels == [("rope", 0), ("rope", 1), ("my_encoding", 0), ("my_encoding", 1)]
    assert all(run.config["eval"]["lengths"] == [2, 3, 5] for run in study.runs)
    assert [repr(each).partition(":")[0] for each in study.failed] == ["pe=Wide seed=0", "pe=Wide seed=1"]
    assert "Study of 6 runs over pe, seed" in repr(study)
    assert repr(study).count("failed: pe=Wide seed=") == 2
    assert "pe.width=0: must be at least 1" in repr(study)


def test_what_is_impossible_is_named_before_the_first_run_is_trained(tmp_path, monkeypatch, capsys):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("lengen.api.training.run_configuration", stopped)
    sizes = {**TINY, "decoder": {"layers": 1, "dim": 16}, "decoder.heads": [2, 3]}
    with pytest.raises(KeyboardInterrupt):
        lengen.study(task="copy", **sizes, seed=[0, -1])
    assert capsys.readouterr().err.splitlines() == [
        "lengen: refused: decoder.heads=2 seed=-1: seed=-1: must be at least 0",
        "lengen: refused: decoder.heads=3 seed=0: decoder.dim=16: must be a multiple of decoder.heads=3",
        "lengen: refused: decoder.heads=3 seed=-1: decoder.dim=16: must be a multiple of decoder.heads=3",
    ]


def test_a_study_shows_its_table_and_figures(study):
    assert set(study.table["line"]) == {"rope", "my_encoding"}
    assert len(study.pairs)
    assert study.figure("curves").png.startswith(b"\x89PNG")
    html = study._repr_html_()
    assert "my_encoding" in html
    assert "data:image/png;base64," in html
    assert study.comparison.path.parts[:3] == ("results", "runs", "studies")
    other = study.compare(by="decoder", out="results/other")
    assert len(other.table) != 0


def test_a_study_of_which_every_run_fails_fails():
    with pytest.raises(lengen.UsageError, match="unknown option task=cpoy"):
        lengen.study(task="cpoy", seed=[0, 1])
    with pytest.raises(lengen.UsageError, match="jobs=0: must be at least 1"):
        lengen.study(task="copy", jobs=0)
    with pytest.raises(lengen.UsageError, match=r"pe=\[\]: needs at least one value"):
        lengen.study(task="copy", pe=[])


def test_compare_writes_what_the_command_writes(study, monkeypatch, capsys):
    capsys.readouterr()
    found = lengen.compare("results/runs", by="pe", out="results/python")
    assert capsys.readouterr().out == ""
    assert command(monkeypatch, "compare", "runs=results/runs", "by=pe", "out=results/words") == 0
    for name in ("table.csv", "pairs.csv", "curves.csv", "table.md", "page.html"):
        assert (found.path / name).read_text() == (Path("results/words") / name).read_text(), name
    assert found.files == sorted(
        path.name for path in Path("results/words").iterdir() if path.name != "compare.json"
    )
    pandas.testing.assert_frame_equal(found.table, pandas.read_csv(found.path / "table.csv"))
    assert found.page.exists()
    assert found.figure("curves", panel="copy").save("curves.svg").read_text().startswith("<?xml")
    assert "curves-copy" in repr(found)
    with pytest.raises(lengen.UsageError, match=r"figure 'curvs': there is none \(allowed: .*curves-copy"):
        found.figure("curvs")
    lengen.compare("results/runs", by="decoder", out="results/python")
    with pytest.raises(lengen.UsageError, match="another comparison has been written there since"):
        found.figure()


def test_compare_refuses_as_the_command_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(lengen.UsageError, match="unknown option 'treshold'; did you mean 'threshold'"):
        lengen.compare(treshold=0.5)


def test_evaluate_is_the_eval_of_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run = lengen.train(task="copy", pe="rope", **TINY)
    found = run.evaluate(lengths=[4, 6], decode="greedy")
    assert found.curve.lengths == (4, 6)
    assert command(monkeypatch, "eval", f"run={run.path}", "lengths=[4,6]", "decode=greedy") == 0
    assert "is there already" in capsys.readouterr().out
    hard = run.evaluate(stress="repeats", lengths=[4])
    assert len(hard) == 1
    assert hard[0].stress == "repeats"
    assert hard[0].path.parent == run.path / "eval"
    assert list(hard.to_pandas()["stress"]) == ["repeats"]
    assert str(hard[0].path) in repr(hard)
    assert "<table>" in hard._repr_html_()
    looked = run.evaluate(inspect="attention", examples=4)
    assert "attention.csv" in repr(looked)
    with pytest.raises(lengen.UsageError, match="there are 0 curves"):
        _ = looked.curve
    with pytest.raises(lengen.UsageError, match="unknown option 'lenghts'"):
        run.evaluate(lenghts=[3])
    with pytest.raises(lengen.UsageError, match=r"run\.evaluate evaluates this run"):
        run.evaluate(run="x")


def test_a_list_is_the_value_of_an_option_that_is_a_list():
    from lengen.api.study import list_options

    options = {"seed": [0, 1], "eval.lengths": [2, 4], "optimizer.lr": [0.1, 0.2], "task.alphabet": 3}
    assert list_options(["task=copy"], options, None) == ["eval.lengths"]


@pytest.mark.long
@pytest.mark.whole_run
def test_side_by_side_the_runs_are_those_of_one_after_another(study):
    """The encoding has no file: it is passed to the processes by value."""
    again = lengen.study(
        task="copy",
        pe=["rope", MyEncoding, Wide],
        seed=range(2),
        jobs=2,
        results_dir="results/beside",
        **TINY,
    )
    assert len(again.runs) == len(study.runs)
    assert [str(each.error) for each in again.failed] == [str(each.error) for each in study.failed]
    for one, two in zip(study.runs, again.runs, strict=True):
        assert [row.correct for row in one.curve.rows] == [row.correct for row in two.curve.rows]
        assert [row.loss for row in one.curve.rows] == [row.loss for row in two.curve.rows]
