"""`best=`: of several values of an option, the one that is best on ID, for every cell; against a slow choice by pandas."""

import itertools
import math
import re

import pandas
import pytest
from numpy.random import default_rng

import lengen as api
from lengen.api.arguments import compose_call
from lengen.comparison.best import choose
from lengen.comparison.find_runs import find
from lengen.comparison.grouping import assemble
from lengen.config.compose import COMPARE
from lengen.config.errors import UsageError
from studies import write_run

RATES = (0.001, 0.003, 0.01)
GOOD, FAIR, POOR = [1.0, 1.0], [1.0, 0.9], [0.5, 0.5]
"""Exact match at the two ID lengths, 5 and 10; the first is that of run.json, and loss is a third of what both lack."""


def optimizer(lr, **options):
    return {"_target_": "lengen.optimizer.adamw.AdamW", "lr": lr, **options}


def cell(root, pe, lr, seeds, **options):
    """Runs of one cell: exact match at every length, by seed."""
    name = f"c-{pe}-{lr}-{'-'.join(map(str, options.values()))}"
    for seed, shares in enumerate(seeds):
        status = "finished" if shares else "diverged"
        write_run(root, seed, shares, pe=pe, cell=name, status=status, optimizer=optimizer(lr, **options))


@pytest.fixture
def runs(tmp_path):
    """Two encodings: the first is best on ID in the middle and on OOD at the end, the second at the largest rate."""
    root = tmp_path / "runs"
    for lr, known, far in zip(RATES, (POOR, GOOD, FAIR), (0.1, 0.2, 0.9), strict=True):
        cell(root, "nope", lr, [[*known, far, far]] * 3)
    for lr, known, far in zip(RATES, (POOR, FAIR, GOOD), (0.1, 0.9, 0.2), strict=True):
        cell(root, "rope", lr, [[*known, far, far]] * 3)
    return root


def picks(root, **options):
    study = assemble(find([str(root)]), best=["optimizer.lr"], **options)
    rates = {cell.name: {run.option("optimizer.lr") for run in cell.runs} for cell in study.panels[0].cells}
    return {name: rate for name, (rate,) in rates.items()}


def test_each_cell_has_the_value_that_is_best_on_id_and_no_run_of_any_other(runs):
    study = assemble(find([str(runs)]), best=["optimizer.lr"])
    (panel,) = study.panels
    assert [cell.name for cell in panel.cells] == ["nope", "rope"]
    assert [{run.value("optimizer.lr") for run in cell.runs} for cell in panel.cells] == [{"0.003"}, {"0.01"}]
    assert [str(cell.choice) for cell in panel.cells] == [
        "lr=0.003 of 0.001, 0.003, 0.01",
        "lr=0.01 of 0.001, 0.003, 0.01",
    ]
    assert panel.notes == ("rope: lr=0.01 is the largest tried",)
    assert picks(runs, where=["optimizer.lr<0.01"]) == {"nope": 0.003, "rope": 0.003}


@pytest.mark.parametrize("draw", range(3))
def test_the_choice_is_that_of_a_slow_count_whatever_is_beyond_the_train_length(tmp_path, draw):
    noise, found = default_rng(draw), []
    for side in ("one", "other"):
        known = default_rng(draw)  # equal ID results on both sides, other OOD results
        for lr, seed in itertools.product(RATES, range(4)):
            shares = [1 - known.integers(3) / 10, 1 - known.integers(30) / 1000, *noise.random(2).round(3)]
            write_run(tmp_path / side, seed, shares, cell=f"c-{lr}", optimizer=optimizer(lr))
        found.append(picks(tmp_path / side)["nope"])
    rows = pandas.DataFrame(
        [
            {
                "lr": float(re.search(r"c-([\d.]+)", str(path))[1]),
                "exact": 0.0,
                "loss": (table := pandas.read_csv(path)).query("split == 'id'").loss.mean(),
            }
            | {"exact": table.exact_match[0]}
            for path in (tmp_path / "one").glob("*/*/*/*/curve.csv")
        ]
    )
    order = rows.groupby("lr").median().sort_values(["exact", "loss"], ascending=[False, True])
    assert len(rows) == 12
    assert found == [order.index[0]] * 2


def test_a_diverged_seed_has_no_exact_match_and_an_infinite_loss(tmp_path):
    cell(tmp_path, "nope", 0.001, [[*FAIR, 0.0, 0.0]] * 3)
    cell(tmp_path, "nope", 0.003, [[*GOOD, 0.9, 0.9], None, None])
    assert picks(tmp_path) == {"nope": 0.001}
    (panel,) = assemble(find([str(tmp_path)]), best=["optimizer.lr"]).panels
    assert [each.id_exact_match for each in panel.cells[0].choice.candidates] == [1.0, 0.0]
    assert panel.cells[0].choice.candidates[1].id_loss == math.inf


def test_combinations_of_several_options(tmp_path):
    for lr, decay in itertools.product(RATES, (0.0, 0.1)):
        known = GOOD if (lr, decay) == (0.003, 0.1) else FAIR
        cell(tmp_path, "nope", lr, [[*known, 0.5, 0.5]], weight_decay=decay)
    (panel,) = assemble(find([str(tmp_path)]), best=["optimizer.lr", "optimizer.weight_decay"]).panels
    (only,) = panel.cells
    assert only.name == "nope"
    assert str(only.choice) == "lr=0.003 of 0.001, 0.003, 0.01; weight_decay=0.1 of 0.0, 0.1"
    assert panel.notes == ("nope: weight_decay=0.1 is the largest tried",)
    names = [each.name for each in assemble(find([str(tmp_path)]), best=["optimizer.lr"]).panels[0].cells]
    assert names == ["nope (optimizer.weight_decay=0.0)", "nope (optimizer.weight_decay=0.1)"]


def test_two_optimizers_may_have_grids_of_their_own(runs):
    for seed, lr in itertools.product(range(2), (0.02, 0.04)):
        node = {"_target_": "lengen.optimizer.muon.Muon", "lr": lr}
        write_run(runs, seed, [*GOOD, 0.1, 0.1], cell=f"c-muon-{lr}", optimizer=node)
    assert sorted(picks(runs).values()) == [0.003, 0.01, 0.02]


def test_runs_with_an_identity_are_grouped_by_it(tmp_path):
    """An option that was added between two runs is in one configuration only, and in neither identity at its default."""
    for lr, extra in ((0.001, {}), (0.003, {"amsgrad": False})):
        described = {"task": {"class": "Copy"}, "optimizer": {"class": "AdamW", "options": {"lr": lr}}}
        facts = {"cell": f"c-{lr}", "identity": described}
        node = optimizer(lr, **extra)
        write_run(tmp_path, 0, [*GOOD, 0, 0], cell=f"c-{lr}", facts=facts, optimizer=node)
    assert picks(tmp_path) == {"nope": 0.001}


@pytest.mark.usefixtures("coarse")
def test_the_files_say_what_was_picked_of_which_values_and_show_no_other(lengen, runs):
    ran = lengen("compare", f"runs={runs}", "best=optimizer.lr", "out=out")
    assert ran.code == 0, ran.err
    out = runs.parent / "out"
    for text in (ran.out, (out / "table.md").read_text(), (out / "page.html").read_text()):
        said = " ".join(text.replace("\\_", "_").split())
        assert "rope: lr=0.01 is the largest tried" in said
        assert "lr=0.003 of 0.001, 0.003, 0.01" in said or text == ran.out  # where the terminal breaks it
    table = pandas.read_csv(out / "table.csv").query("runs == 'all'")
    assert list(table["optimizer.lr"]) == [0.003, 0.01]
    assert list(table.picked.str[:8]) == ["lr=0.003", "lr=0.01 "]
    curves = pandas.read_csv(out / "curves.csv")
    assert set(zip(curves.line, curves["optimizer.lr"], strict=True)) == {("nope", 0.003), ("rope", 0.01)}
    best = pandas.read_csv(out / "best.csv")
    assert list(best.columns)[-1] == "optimizer.lr"
    assert list(zip(best.line, best["optimizer.lr"], best.picked, strict=True)) == [
        (pe, lr, (pe, lr) in {("nope", 0.003), ("rope", 0.01)}) for pe in ("nope", "rope") for lr in RATES
    ]
    assert list(best.id_exact_match[:3]) == [0.5, 1.0, 1.0]
    assert list(best.id_loss[:3].round(4)) == [0.1667, 0.0, 0.0167]
    assert list(best.seeds) == [3] * 6


@pytest.mark.usefixtures("coarse")
def test_the_command_takes_combinations_and_so_does_python(lengen, tmp_path):
    for lr, decay in itertools.product(RATES[:2], (0.0, 0.1)):
        cell(tmp_path / "runs", "nope", lr, [[*(GOOD if decay else FAIR), 0.5, lr]], weight_decay=decay)
    words = "best=[optimizer.lr, optimizer.weight_decay]"
    assert lengen("compare", "runs=runs", words, "where=pe=nope", "out=one").code == 0
    found = api.compare(
        "runs", best=["optimizer.lr", "optimizer.weight_decay"], where="optimizer.lr>0", out="two"
    )
    assert set(found.table["optimizer.weight_decay"]) == {0.1}
    for name in ("table.csv", "best.csv", "curves.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert compose_call(COMPARE, (), {"best": "optimizer.lr"}, None).config["best"] == ["optimizer.lr"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["best=optimizer.rl"], "best=optimizer.rl: no run has this option; did you mean 'optimizer.lr'"),
        (["best=reach_90"], "best=reach_90: no run has this option"),
        (["best=steps"], "best=steps: steps does not vary: all runs of nope"),
        (["best=seed"], "best=seed: seed cannot be picked"),
        (["best=train_length"], "best=train_length: train_length cannot be picked"),
        (["best=eval.examples"], "best=eval.examples: eval cannot be picked"),
        (["best=optimizer.lr", "by=optimizer.lr"], "best=optimizer.lr: by=optimizer.lr separates its values"),
        (["best=optimizer.lr", "where=optimizer.lr=0.01"], "does not vary: all runs of nope have 0.01"),
        (
            ["best=optimizer.lr", "where=cell!=c-nope-0.01-"],
            "best=optimizer.lr: nope was tried with 0.001, 0.003, rope with 0.001, 0.003, 0.01; every cell needs the same",
        ),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(lengen, runs, words, said):
    ran = lengen("compare", "out=out", f"runs={runs}", *words)
    assert (ran.code, ran.err.count("\n")) == (2, 1), ran.err
    assert said in ran.err
    assert not (runs.parent / "out").exists()


def test_an_option_that_some_cells_lack_and_ties_that_nothing_decides_are_refused(tmp_path, runs):
    write_run(runs, 0, [*GOOD, 0, 0], pe="t5", cell="c-t5", optimizer={"_target_": "Own", "rate": 0.1})
    with pytest.raises(
        UsageError, match=r"best=optimizer.lr: t5 \(.*\) has no optimizer.lr|t5 has no optimizer.lr"
    ):
        picks(runs)
    assert picks(runs, where=["pe!=t5"]) == {"nope": 0.003, "rope": 0.01}
    for lr in RATES:
        lengths = {"eval__lengths": [20, 40], "facts": {"id_exact_match": 1.0}}
        write_run(tmp_path / "far", 0, [0.9, 0.1], cell=f"c-{lr}", optimizer=optimizer(lr), **lengths)
    with pytest.raises(UsageError, match="no sweep has a length up to the train length"):
        picks(tmp_path / "far")


def test_cells_of_one_value_that_nothing_tells_apart_are_refused(tmp_path):
    for cell_name in ("c1", "c2"):
        write_run(tmp_path, 0, [*GOOD, 0, 0], cell=cell_name, optimizer=optimizer(0.01))
    runs = list(find([str(tmp_path)]))
    with pytest.raises(UsageError, match="nope has several cells of one value: c1, c2"):
        choose(runs, ["optimizer.lr"], "nope")
