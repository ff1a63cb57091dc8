"""Runs in loops: training and evaluation apart, lists, resumed runs, comparisons, and what is refused."""

from __future__ import annotations

import json
import shutil
import signal

import pytest
import torch
from torch.testing import assert_close

from conftest import TINY, read_rows, run_folders
from lengen.analysis.cell_of import run_of
from lengen.config.builder import Builder
from lengen.config.compose import TRAIN, Request
from lengen.config.errors import UsageError
from lengen.experiment.config import RunConfig
from lengen.experiment.load_run import load
from lengen.records.run_dir import RunFolder
from lengen.records.verdicts import read_verdicts
from lengen.training.fit import example_loss
from lengen.training.interruption import SIGNALS

SMALL = ("task=parity", "task.scratchpad=none", *TINY)
LAWS = {
    "uniform": ("loops=uniform", "decoder.loops=4"),
    "poisson_lognormal": ("loops=poisson_lognormal", "decoder.loops=2", "loops.grad_loops=2", "decoder.inject=true"),
    "length": ("loops=length", "decoder.inject=true"),
    "length, truncated": ("loops=length", "loops.grad_loops=1", "decoder.inject=true"),
    "act": ("loops=act", "decoder.loops=3", "loops.ponder=0.1"),
    "truncated": ("decoder.loops=3", "loops.grad_loops=1", "decoder.inject=true"),
}  # fmt: skip


def configuration(*words):
    record = Request(TRAIN, [*SMALL, *words]).compose()
    return Builder().build(RunConfig, {**record, "record": record})


def only(folder):
    (found,) = folder
    return found


def curve(folder):
    """The rows of a curve without times and memory, and without the labels of its cell."""
    apart = ("seconds", "peak_bytes", "memory_bytes", "cell")
    return [
        {name: text for name, text in row.items() if name not in apart}
        for row in read_rows(folder / "curve.csv")
    ]


def exact(folder):
    """The verdict on every string, by length."""
    return {
        length: each.exact.tolist() for length, each in read_verdicts(folder / "verdicts.parquet").items()
    }


# --- training


@pytest.mark.parametrize("law", LAWS)
def test_a_step_equals_the_plain_one(law):
    found = []
    for plain in ("true", "false"):
        made = configuration(*LAWS[law], "lengths.per_batch=3", f"trainer.plain={plain}")
        module = made.module(made.make_decoder().double())
        example = next(iter(made.stream()))
        loss = example_loss(module.decoder, example, module.passes(example), module.law.cost)
        loss.backward()
        found.append((loss.detach(), [weight.grad for weight in module.decoder.parameters()]))
    (loss, gradients), (other, others) = found
    assert_close(other, loss, rtol=1e-6, atol=0)
    for one, two in zip(gradients, others, strict=True):
        assert (two - one).norm() <= 1e-5 * one.norm() + 1e-7


def test_the_parts_of_a_step_have_its_gradients():
    """With `trainer.accumulate`, for counts by length and for what it costs to go on."""
    for law in ("length, truncated", "act"):
        found = []
        for passes in (1, 2):
            made = configuration(*LAWS[law], f"trainer.accumulate={passes}", "trainer.plain=true")
            module, stream = (
                made.module(made.make_decoder().double()),
                iter(made.stream(parts=made.trainer.parts())),
            )
            for example in (next(stream) for _ in range(passes)):
                own = example_loss(module.decoder, example, module.passes(example), module.law.cost)
                (own * example.weight / passes).backward()
            found.append([weight.grad for weight in module.decoder.parameters()])
        for one, two in zip(*found, strict=True):
            assert (two - one).norm() <= 1e-5 * one.norm() + 1e-7


def test_a_step_draws_its_own_number_and_the_same_again(monkeypatch):
    made = configuration(*LAWS["uniform"])
    counts = []
    for _ in range(2):
        module, example = made.module(made.make_decoder()), next(iter(made.stream()))
        drawn = []
        for step in range(12):
            monkeypatch.setattr(type(module), "global_step", step)
            drawn.append(module.passes(example).loops)
        counts.append(drawn)
    assert counts[0] == counts[1]
    assert set(counts[0]) <= {1, 2, 3, 4}
    assert len(set(counts[0])) > 1


def test_a_run_that_was_interrupted_ends_as_one_that_was_not(lengen, monkeypatch, tmp_path):
    words = [*SMALL, *LAWS["uniform"]]
    assert lengen("train", *words, "results_dir=whole").code == 0
    from lengen.training.callback import TrainingCallback

    note, calls = TrainingCallback.note, []

    def noted(self, *parts):
        calls.append(0)
        if len(calls) == 7:
            SIGNALS.pending = signal.SIGTERM
        note(self, *parts)

    monkeypatch.setattr(TrainingCallback, "note", noted)
    assert lengen("train", *words, "results_dir=cut").code == 143
    assert lengen("train", *words, "results_dir=cut").code == 0
    digests = [
        json.loads(path.read_text())["parameters_digest"]
        for name in ("whole", "cut")
        for path in (tmp_path / name).glob("*/*/*/seed=0/run.json")
    ]
    assert len(digests) == 2
    assert digests[0] == digests[1]


def test_a_number_of_loops_is_the_cell_that_it_was(tmp_path):
    identity = configuration("decoder.loops=4").identity
    assert "loops" not in identity
    assert set(identity["eval"].get("options", {})) <= {"lengths", "examples"}
    assert identity["decoder"]["options"]["loops"] == 4
    others = [
        configuration("decoder.loops=4", *words).cell
        for words in ((), ("loops=uniform",), ("eval.loops=2",), ("eval.loops=convergence",),
                      ("eval.loops=convergence", "eval.tolerance=0.1"), ("eval.loops=length",))
    ]  # fmt: skip
    assert len(set(others)) == len(others)
    same = [("eval.loops=[1,2]",), ("eval.tolerance=0.3",), ("eval.most_loops=3",)]
    assert {configuration("decoder.loops=4", *words).cell for words in same} == {others[0]}


# --- evaluation


def test_the_loops_of_training_are_the_plain_evaluation(lengen):
    words = [*SMALL, "decoder.loops=2"]
    assert lengen("train", *words).code == 0
    assert lengen("train", *words, "eval.loops=2").code == 0
    assert lengen("train", *words, "eval.loops=1x").code == 0
    assert lengen("train", *words, "eval.loops=3").code == 0
    ordered = {str(RunFolder(run).config()["eval"]["loops"]): run for run in run_folders_here()}
    assert curve(ordered["None"]) == curve(ordered["2"]) == curve(ordered["1x"])
    assert {row["loops"] for row in curve(ordered["None"])} == {"2.0"}
    assert {row["loops"] for row in curve(ordered["3"])} == {"3.0"}
    assert [row["loss"] for row in curve(ordered["3"])] != [row["loss"] for row in curve(ordered["2"])]


def run_folders_here():
    from pathlib import Path

    return run_folders(Path())


@pytest.mark.long
def test_a_list_is_its_entries(lengen, tmp_path):
    words = [*SMALL, "decoder.loops=2"]
    ran = lengen("train", *words, "eval.loops=[1,3,length]")
    assert ran.code == 0, ran.err
    run = only(run_folders(tmp_path))
    assert {row["loops"] for row in curve(run)} == {"2.0"}  # its own curve is that of its own number
    rows = read_rows(only(run.glob("eval/loops-*/loops.csv")))
    assert [(row["setting"], row["length"], row["loops"]) for row in rows] == [
        (word, length, f"{float(length if word == 'length' else word)}")
        for word in ("1", "3", "length")
        for length in ("2", "3", "5")
    ]
    assert {path.name for path in only(run.glob("eval/loops-*/")).glob("*.png")} == {"loops.png", "grid.png"}
    for word in ("1", "3", "length"):
        assert lengen("train", *words, f"eval.loops={word}").code == 0
        alone = only(
            each
            for each in run_folders(tmp_path)
            if RunFolder(each).config()["eval"]["loops"] in (word, *map(int, filter(str.isdigit, [word])))
        )
        part = only(run.glob(f"eval/loops={word}-*"))
        assert curve(part) == curve(alone)
        assert exact(part) == exact(alone)
    finished = {path: path.stat().st_mtime_ns for path in run.glob("eval/*/curve.csv")}
    assert lengen("eval", f"run={run}", "loops=[1,3]").code == 0
    assert {path: path.stat().st_mtime_ns for path in run.glob("eval/*/curve.csv")} == finished
    assert lengen("eval", f"run={run}", "loops=[1,2]", "extend=sharpen").code == 0
    asked = [json.loads(path.read_text())["asked"] for path in run.glob("eval/sharpen*/eval.json")]
    assert sorted(each["loops"] for each in asked) == [1, 2]
    tables = [path.parent for path in run.glob("eval/extend-*/extend.csv")]
    assert sorted(run_of(folder, ()).cell["stress"] for folder in tables) == ["loops=1", "loops=2"]
    lost = only(run.glob("eval/loops=3-*"))
    shutil.rmtree(lost)  # as if the command had been stopped before
    assert lengen("train", *words, "eval.loops=[1,3,length]").code == 0
    assert (lost / "curve.csv").exists()


@pytest.mark.parametrize("law", ["act", "length"])
@pytest.mark.parametrize("word", ["null", "5", "convergence"])
def test_greedy_verdicts_are_those_of_teacher_forcing(lengen, tmp_path, law, word):
    if (law, word) == ("act", "convergence"):
        return
    words = [
        *SMALL,
        "task.scratchpad=running",
        *LAWS[law],
        f"eval.loops={word}",
        "eval.tolerance=0.2",
        "eval.most_loops=6",
    ]
    assert lengen("train", *words).code == 0
    run = only(run_folders(tmp_path))
    assert lengen("eval", f"run={run}", "decode=greedy").code == 0
    again = only(run.glob("eval/greedy-*"))
    assert exact(again) == exact(run)
    for one, two in zip(curve(again), curve(run), strict=True):
        assert float(one["loss"]) == pytest.approx(float(two["loss"]), rel=1e-4)
        if word != "convergence" and law == "length":
            assert float(one["loops"]) == (5 if word == "5" else int(one["length"]))


def test_read_again_a_decoder_that_halts_has_its_parameters(lengen, tmp_path):
    assert lengen("train", *SMALL, *LAWS["act"]).code == 0
    run = only(run_folders(tmp_path))
    made = load(RunFolder(run), {}, ("lengen",)).decoder
    assert made.halting is not None
    ran = lengen("eval", f"run={run}", "inspect=attention", "loops=2")
    assert (ran.code, "without loops=" in ran.err) == (2, True)
    assert not torch.equal(made.halting.probability.weight, torch.zeros(1, 16))
    assert all(1 <= float(row["loops"]) <= 3 for row in curve(run))


@pytest.mark.long
def test_comparisons_have_a_cell_for_each_number(lengen, tmp_path):
    words = [*SMALL, "decoder.loops=2"]
    for seed in (0, 1):
        assert lengen("train", *words, f"seed={seed}", "eval.loops=[1,4]").code == 0
    ran = lengen("compare", "by=[pe,eval.loops]", "out=found")
    assert ran.code == 0, ran.err
    rows = read_rows(tmp_path / "found" / "table.csv")
    assert {row["eval.loops"] for row in rows} == {"None", "1", "4"}
    curves = read_rows(tmp_path / "found" / "curves.csv")
    for word in ("1", "4"):
        rows = [row for row in curves if row["eval.loops"] == word]
        assert sorted(row["seed"] for row in rows) == ["0"] * 3 + ["1"] * 3
        assert {row["loops"] for row in rows} == {f"{word}.0"}
    assert lengen("compare", "by=pe", "out=plain").code == 0
    assert {row["cell"] for row in read_rows(tmp_path / "plain" / "table.csv")} == {
        configuration("decoder.loops=2").cell
    }


def test_what_knows_no_length_refuses_loops_by_length(lengen, tmp_path):
    assert lengen("train", *SMALL, *LAWS["length"]).code == 0
    run = only(run_folders(tmp_path))
    ran = lengen("eval", f"run={run}", "inspect=attention")
    assert (ran.code, "does not apply to loops=length" in ran.err) == (2, True)
    trained = load(RunFolder(run), {}, ("lengen",))
    with pytest.raises(UsageError, match="a prompt does not say"):
        trained.reader  # noqa: B018
    assert trained.with_loops(7).reader.architecture.loops == 7


# --- refusals


def test_states_are_passed_on_in_steady_loops_alone(lengen, tmp_path):
    assert lengen("train", *SMALL, "mixer=gla", "loops=uniform", "decoder.loops=2").code == 0
    run = only(run_folders(tmp_path))
    ran = lengen("tune", f"run={run}", "tune=state_passing", "results_dir=tuned")
    said = "tune=state_passing with loops=uniform: needs the same loops in every step, all with a gradient; must be a run with loops=fixed"
    assert (ran.code, said in ran.err) == (2, True), ran.err
    assert not (tmp_path / "tuned").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["eval.loops=0"], "eval.loops has 0: must be from 1"),
        (["eval.loops=many"], "eval.loops has 'many': must be a number"),
        (["eval.loops=[]"], "eval.loops is empty"),
        (["eval.tolerance=0"], "eval.tolerance=0"),
        (["eval.most_loops=0"], "eval.most_loops=0"),
        (["loops.grad_loops=2"], "use decoder.inject=true"),
        (["loops=act", "eval.loops=[2,convergence]"], "eval.loops=convergence with loops=act"),
        (["loops=uniform", "decoder.loops=3", "seeds=2"], "loops=uniform with seeds"),
        (["loops=length", "seeds=2"], "loops=length with seeds"),
        (["loops=act", "seeds=2"], "loops=act with seeds"),
        (["loops=uniform", "loops.least=4", "decoder.loops=2"], "loops.least=4"),
        (["loops=uniform", "loops.most=4"], "loops.most=4 with decoder.loops=1: both are the largest number"),
        (
            ["loops=uniform", "decoder.loops=4", "loops.most=2"],
            "as with decoder.loops=2 alone (eval.loops=4 evaluates with others)",
        ),
        (["loops=poisson_lognormal", "decoder.loops=2", "loops.mean=6"], "loops.mean=6 with decoder.loops=2"),
        (["loops=unifrom"], "did you mean 'uniform'"),
    ],
)
def test_what_does_not_apply_is_refused_by_name(lengen, words, message):
    ran = lengen("train", *SMALL, *words)
    assert ran.code == 2
    assert message in " ".join(ran.err.split())
    assert run_folders_here() == []
