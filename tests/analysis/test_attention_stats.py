"""`lengen eval inspect=attention`: where heads look, and how far two runs are apart, from command line to files."""

from __future__ import annotations

import shutil
from collections import defaultdict

import pytest

from cli.test_main import refused
from conftest import TINY, read_rows, run_folders, train


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Runs of passkey with two encodings, one with another number of layers, and one of another task."""
    root = tmp_path_factory.mktemp("trained")
    train(
        root,
        ["-m", "pe=nope,t5", *TINY],
        [*TINY, "pe=alibi", "decoder.layers=2"],
        [*TINY, "task=sort", "pe=rope"],
    )
    return root


@pytest.fixture
def runs(trained, tmp_path, lengen):
    """The same runs in the folder of this test, by encoding."""
    shutil.copytree(trained / "results", tmp_path / "results")
    return {path.parts[-3]: path.relative_to(tmp_path) for path in run_folders(tmp_path)}


def table(run, name):
    (path,) = run.glob(f"eval/*/{name}.csv")
    return read_rows(path)


@pytest.mark.long
def test_where_every_head_looks(lengen, runs):
    run = runs["nope"]
    ran = lengen("eval", f"run={run}", "inspect=attention", "examples=10")
    assert ran.code == 0, ran.err
    assert "most weight on the source" in ran.out
    (folder,) = run.glob("eval/attention-*")
    kept = sorted(path.name for path in folder.iterdir() if path.suffix in (".csv", ".png"))
    assert kept == ["attention.csv", "attention.png", "heads.csv", "map-3.png", "map-6.png"]
    rows, sums = table(run, "attention"), defaultdict(float)
    means = defaultdict(float)
    for row in rows:
        key = row["loop"], row["layer"], row["head"], row["length"], row["split"]
        sums[key] += float(row["mass"])
        means[key] += float(row["mass"]) * int(row["distance"])
    assert set(sums) == {("1", "1", head, *at) for head in "12" for at in (("3", "id"), ("6", "ood"))}
    assert all(total == pytest.approx(1, abs=1e-5) for total in sums.values())
    heads = table(run, "heads")
    assert len(heads) == 4
    for row in heads:
        key = row["loop"], row["layer"], row["head"], row["length"], row["split"]
        assert float(row["mean_distance"]) == pytest.approx(means[key], abs=1e-4)
        assert (row["examples"], row["queries"]) == ("10", "40")  # three digits and the end token
        assert 0 < float(row["source_mass"]) < 1
        assert 0 < float(row["source_uniform"]) < 0.2
        assert 0 < float(row["first_mass"]) < 1
    again = lengen("eval", f"run={run}", "inspect=attention", "examples=10", "decode=greedy")
    assert again.out == ran.out  # how answers are decoded changes no weight


def test_a_task_without_places_has_no_source(lengen, runs):
    assert lengen("eval", f"run={runs['rope']}", "inspect=attention", "lengths=[2,3]").code == 0
    for row in table(runs["rope"], "heads"):
        assert row["source_mass"] == row["source_uniform"] == ""
        assert float(row["entropy"]) > 0


def test_how_far_two_runs_are_apart(lengen, runs):
    run = runs["nope"]
    words = ("eval", f"run={run}", "inspect=attention", "examples=12", "lengths=[3,5]")
    ran = lengen(*words, "against=results/runs/passkey/[nt]*/*/seed=*")
    assert ran.code == 0, ran.err
    rows = table(run, "distance")
    assert [(row["against_pe"], row["length"], row["split"]) for row in rows] == [
        ("t5", "3", "id"),
        ("t5", "5", "ood"),
    ]
    for row in rows:
        assert 0 < float(row["distance"]) <= float(row["mean_over_pairs"]) < 1
    assert lengen("eval", f"run={runs['t5']}", *words[2:], f"against={run}").code == 0
    for mine, theirs in zip(
        rows, table(runs["t5"], "distance"), strict=True
    ):  # of two, the same either way round
        assert float(mine["distance"]) == pytest.approx(float(theirs["distance"]), abs=1e-9)


@pytest.mark.parametrize(
    ("against", "words"),
    [
        ("alibi", ["decoder.layers=2", "has 1"]),
        ("rope", ["task=", "Sort"]),
        ("nope", ["the run itself"]),
        ("nothing", ["against=nothing", "no run found"]),
    ],
)
def test_runs_that_do_not_compare_are_refused(lengen, runs, against, words):
    other = runs.get(against, against)
    refused(lengen("eval", f"run={runs['nope']}", "inspect=attention", f"against={other}"), *words)


def test_figures_show_every_head_and_keep_their_words_apart(lengen, runs, figures):
    assert lengen("eval", f"run={runs['alibi']}", "inspect=attention", "lengths=[2,3,6]").code == 0
    figure, *maps = figures
    assert len(maps) == 3
    assert len(figure.axes) == 4
    for axes in figure.axes:
        assert [line.get_label() for line in axes.get_lines()] == ["length 2 (ID)", "length 6 (OOD)"]
        for line in axes.get_lines():
            assert sum(line.get_ydata()) == pytest.approx(1, abs=1e-5)
        (note,) = axes.texts
        name = next(text for text in (axes._left_title,) if text.get_text())
        assert name.get_window_extent().x1 <= note.get_window_extent().x0
