"""Read-outs from command line to files: the same contract for all of `configs/inspect`, and mistakes on one line."""

import csv
import shutil

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy as scipy_entropy
from tests.options import files, read

from cli.test_main import refused
from conftest import TINY, read_rows, run_folders, train
from lengen.analysis.inspect.entropy import dispersion, margin, needed
from lengen.analysis.inspect.sharpening import chosen_factor
from lengen.experiment.load_run import load
from lengen.records.run_dir import EvalFolder, RunFolder

pytestmark = pytest.mark.whole_run
READ_OUTS = pytest.mark.parametrize("path", files("inspect"), ids=lambda path: path.stem)
LENGTHS = "lengths=[3,4,6]"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of a task with places, whose rotary decoder every read-out applies to."""
    root = tmp_path_factory.mktemp("trained")
    train(root, ["task=reverse", "pe=rope", *TINY, "decoder.layers=2", "trainer.keep=all"])
    (run,) = run_folders(root)
    return run


@pytest.fixture
def run(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "run")


def contents(folder):
    return {
        path.name: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "eval" not in path.parts
    }


@pytest.mark.long
@READ_OUTS
def test_the_contract(lengen, run, path):
    before, (kind, options) = contents(run), read(path)
    assert kind(**options) == kind(), "the YAML has the defaults of the class"
    assert kind.name == path.stem
    words = ("eval", "run=run", f"inspect={path.stem}", LENGTHS, "examples=8")
    ran = lengen(*words)
    assert ran.code == 0, ran.err
    assert contents(run) == before
    (folder,) = run.glob(f"eval/{path.stem}-*")
    for name, columns in kind.tables.items():
        with (folder / f"{name}.csv").open() as file:
            table = csv.DictReader(file)
            assert tuple(table.fieldnames) == tuple(columns)
            assert list(table)
    assert (folder / f"{path.stem}.png").exists()
    again = lengen(*words)
    assert again.out == ran.out, "what is printed is made of the files"
    assert lengen(*words, "force=true").out == ran.out, "the same numbers again"


@pytest.mark.long
def test_sharpening_is_what_the_extension_gives(lengen, run):
    """The verdicts of each setting, and what is rescued, against evaluations with extend=sharpen."""
    shared = ("run=run", LENGTHS, "examples=40")
    factors = "[0.5,1.0,2.0]"
    assert (
        lengen("eval", *shared, "inspect=sharpening", f"inspect.factors={factors}", "inspect.at=4").code == 0
    )
    (folder,) = run.glob("eval/sharpening-*")
    rows, rescued = read_rows(folder / "sharpening.csv"), read_rows(folder / "rescued.csv")
    exact = {}
    for layers in ("null", "[1]", "[2]"):
        extend = ("extend=sharpen", f"extend.sharpen.layers={layers}", f"grid.sharpen.factor={factors}")
        assert lengen("eval", *shared, f"name=by{layers.strip('[]')}", *extend).code == 0
        (table,) = run.glob(f"eval/by{layers.strip('[]')}-extend-*/extend.csv")
        layer = "0" if layers == "null" else layers.strip("[]")
        for row in read_rows(table):
            factor = row["setting"].partition("factor=")[2].partition(",")[0].strip(")")
            exact[row["length"], layer, float(factor)] = (row["exact_match"], row["lost"], row["won"])
    found = {
        (row["length"], row["layer"], float(row["factor"])): (row["exact_match"], row["lost"], row["won"])
        for row in rows
    }
    assert found == exact
    verdicts = {
        path.name: EvalFolder(path).load_verdicts()
        for path in run.glob("eval/bynull-*")
        if (path / "curve.csv").exists()
    }
    assert len(verdicts) >= 1
    for row in rescued:
        own = next(int(each["lost"]) for each in rows if each["length"] == row["length"])
        assert int(row["failed"]) == round(40 * (1 - float(row["exact_match"])))
        assert own <= 40 - int(row["failed"])
        assert (
            int(row["by_chosen"])
            <= int(row["by_some_factor"])
            <= int(row["by_some_setting"])
            <= int(row["failed"])
        )
        assert (row["chosen_at"], row["beyond"]) == ("4", str(int(int(row["length"]) > 4)))


def test_one_factor_is_chosen_by_exact_match_and_then_nearest_to_one():
    rows = [{"factor": f, "exact_match": e} for f, e in ((0.5, 0.2), (1.0, 0.4), (1.5, 0.6), (2.0, 0.6))]
    assert chosen_factor(rows) == 1.5
    assert chosen_factor(rows[:2]) == 1.0
    assert chosen_factor([{"factor": f, "exact_match": 0.3} for f in (0.5, 1.5)]) == 1.5


def test_dispersion_is_that_of_scipy_and_margins_are_those_of_the_logits():
    logits = np.random.default_rng(0).normal(size=(5, 3, 9)) * 3
    weights = torch.from_numpy(softmax(logits, -1))
    found = dispersion(weights)
    np.testing.assert_allclose(found.entropy, scipy_entropy(weights.numpy(), axis=-1))
    np.testing.assert_allclose(found.spread, np.ptp(logits, axis=-1))
    bound = found.spread.exp() / (8 + found.spread.exp())
    assert (found.largest <= bound + 1e-12).all()
    source = torch.zeros(5, 9, dtype=torch.bool)
    for query in range(5):
        source[query, [query, query + 2]] = True
    for query in range(5):
        for head in range(3):
            own = min(logits[query, head, key] for key in (query, query + 2))
            rest = max(logits[query, head, key] for key in range(9) if key not in (query, query + 2))
            assert float(margin(weights, source)[query, head]) == pytest.approx(own - rest)


@pytest.mark.parametrize("weight", [0.1, 0.5, 0.9])
def test_the_needed_margin_gives_the_weight(weight):
    keys = torch.tensor([2, 7, 100])
    for count, lead in zip(keys.tolist(), needed(keys, weight).tolist(), strict=True):
        assert softmax([lead, *([0.0] * (count - 1))])[0] == pytest.approx(weight)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["inspect=entopy"], ["inspect=entopy", "'entropy'"]),
        (
            ["inspect=[entropy]"],
            [
                "inspect=[entropy]: must be the name of one option of inspect, as in inspect=entropy (allowed: "
            ],
        ),
        (
            ["inspect=[lens,entropy]"],
            ["as in inspect=lens (-m inspect=lens,entropy does one after the other)"],
        ),
        (["inspect=[]"], ["inspect=[]: must be the name of one option of inspect (allowed: "]),
        (
            ["inspect=sharpening", "inspect.at=3x"],
            ["inspect.at=3x", "length 9", "3, 4, 6", "lengths=[1x,3x,18]"],
        ),
        (["inspect=sharpening", "inspect.at=6"], ["inspect.at=6", "beyond", "lengths=[1x,6,12]"]),
        (
            ["inspect=sharpening", "lengths=[1x,2x]"],
            ["lengths: must have length 4 (inspect.at=1.25x)", "lengths=[1x,1.25x,2x]"],
        ),
        (
            ["inspect=lens", "lengths=[2x]"],
            ["lengths=6: must have a trained length", "as in lengths=[1x,2x]"],
        ),
        (
            ["inspect=neurons", "lengths=[2x]"],
            ["a trained length (at most 3), as in lengths=[0.5x,1x,1.5x,2x]; the shortest is 6"],
        ),
        (
            ["inspect=probes", "lengths=[1x]"],
            ["beyond the trained ones (at most 3), as in lengths=[1x,1.25x,1.5x,2x]"],
        ),
        (["inspect=sharpening", "inspect.factors=[0]"], ["inspect.factors", "above 0"]),
        (["inspect=sharpening", "inspect.factor=2"], ["inspect.factor", "factors"]),
        (["inspect=entropy", "inspect.weight=1"], ["inspect.weight=1", "below 1"]),
        (["inspect=entropy", "extend=yarn"], ["inspect=entropy", "as it was trained"]),
        (["inspect=entropy", "against=run"], ["inspect=attention"]),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_written(lengen, run, words, named):
    refused(lengen("eval", "run=run", LENGTHS, *words), *named)
    assert not (run / "eval").exists()


def test_a_run_without_a_checkpoint_has_nothing_to_read(lengen, run):
    for path in (run / "checkpoints").iterdir():
        path.unlink()
    refused(lengen("eval", "run=run", "inspect=entropy"), "lengen: checkpoint=last", "there is no")


@pytest.mark.long
def test_the_null_of_probes_is_what_the_run_started_from(lengen, run):
    """The untrained rows against a run of 0 steps with the same seed: its last checkpoint has the initial parameters."""
    checkpoint = run / "checkpoints" / "last.ckpt"
    assert lengen("eval", "run=run", LENGTHS, "examples=8", "inspect=probes").code == 0
    contents = torch.load(checkpoint, weights_only=False)
    fresh = load(RunFolder(run), {"eval": {}, "trainer": {}}, ["lengen"]).config.make_decoder()
    names = [name for name in contents["state_dict"] if name.startswith("decoder.")]
    assert names
    for name in names:
        contents["state_dict"][name] = fresh.state_dict()[name.removeprefix("decoder.")]
    torch.save(contents, checkpoint)
    assert lengen("eval", "run=run", LENGTHS, "examples=8", "inspect=probes", "name=again").code == 0
    (first,), (again,) = run.glob("eval/probes-*/probes.csv"), run.glob("eval/again-*/probes.csv")
    null = [row for row in read_rows(first) if row["decoder"] == "untrained"]
    for name in ("trained", "untrained"):
        rows = [row for row in read_rows(again) if row["decoder"] == name]
        assert [{**row, "decoder": "untrained"} for row in rows] == null
    assert null != [
        {**row, "decoder": "untrained"} for row in read_rows(first) if row["decoder"] == "trained"
    ]


@pytest.mark.long
def test_every_checkpoint_is_read_as_if_it_were_the_last(lengen, run):
    """`checkpoint=all` against evaluations of runs whose last checkpoint is each of them."""
    words = (LENGTHS, "examples=30")
    assert lengen("eval", "run=run", "checkpoint=all", "average.last=2", *words).code == 0
    (folder,) = run.glob("eval/erosion-*")
    rows = read_rows(folder / "erosion.csv")
    steps = sorted({int(row["step"]) for row in rows if row["checkpoint"].startswith("step=")})
    assert steps == [5, 10, 15, 20]
    assert lengen("eval", "run=run", "checkpoint=average", "average.last=2", *words).code == 0
    (averaged,) = run.glob("eval/average-*")
    found = {"average": read_rows(averaged / "curve.csv")}
    for step in steps:
        other = shutil.copytree(run, run.with_name(f"at{step}"), ignore=shutil.ignore_patterns("eval"))
        shutil.copy(run / "checkpoints" / f"step={step}.ckpt", other / "checkpoints" / "last.ckpt")
        assert lengen("eval", f"run=at{step}", "name=alone", *words).code == 0
        (alone,) = other.glob("eval/alone-*")
        found[f"step={step}"] = read_rows(alone / "curve.csv")
    for name, curve in found.items():
        own = [row for row in rows if row["checkpoint"] == name]
        assert [float(row["loss"]) for row in own] == pytest.approx([float(row["loss"]) for row in curve])
        assert [row["exact_match"] for row in own] == [row["exact_match"] for row in curve]
    for row in read_rows(folder / "readings.csv"):
        values = {
            each["checkpoint"]: float(each["exact_match"]) for each in rows if each["length"] == row["length"]
        }
        assert float(row["last"]) == values["step=20"]
        assert float(row["peak"]) == max(values[f"step={step}"] for step in steps)


@pytest.mark.parametrize("word", ["checkpoint=all", "checkpoint=average", "inspect=erosion"])
def test_one_checkpoint_is_none_to_average(lengen, run, word):
    for path in run.glob("checkpoints/step=*.ckpt"):
        path.unlink()
    refused(lengen("eval", "run=run", word), "run=run", "trainer.keep=all")
    assert not (run / "eval").exists()


def test_training_evaluates_one_checkpoint(lengen, tmp_path):
    refused(lengen("train", *TINY, "eval.checkpoint=average"), "eval.checkpoint=average", "lengen eval")
    refused(lengen("train", *TINY, "eval.checkpoint=all"), "eval.checkpoint=all", "last, best")
    assert not list(tmp_path.iterdir())
