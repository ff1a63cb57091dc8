"""`lengen eval`: a trained run at other lengths and on stress sets, beside the run and never over it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from cli.test_main import MINE, refused
from conftest import TINY, read_rows, run_folders, train
from lengen.analysis.eval_request import EvalRequest
from lengen.experiment.load_run import load
from lengen.records.curve import Curve
from lengen.records.run_dir import EvalFolder, RunFolder


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with runs of passkey (two seeds), addition, and sort."""
    root = tmp_path_factory.mktemp("trained")
    commands = (["-m", "task=passkey", "seed=0,1"], ["task=addition"], ["task=sort", "pe=rope"])
    train(root, *([*words, *TINY] for words in commands))
    return root


@pytest.fixture
def runs(trained, tmp_path, lengen):
    """The same runs in the folder of this test, by task and seed."""
    shutil.copytree(trained / "results", tmp_path / "results")
    found = run_folders(tmp_path)
    return {f"{path.parts[-4]}{path.name[-1]}": path.relative_to(tmp_path) for path in found}


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "eval" not in path.relative_to(folder).parts
    }


def evaluations(run: Path) -> list[Path]:
    return sorted(path.parent for path in run.glob("eval/*/eval.json"))


def test_other_lengths_leave_a_curve_of_their_own(lengen, runs):
    run = runs["passkey0"]
    before = contents(run)
    ran = lengen("eval", f"run={run}", "lengths=range(2,7)", "examples=40")
    assert ran.code == 0, ran.err
    assert contents(run) == before
    (folder,) = evaluations(run)
    assert folder.name.startswith("examples=40-lengths-")
    curve, own = Curve.load(folder / "curve.csv"), Curve.load(run / "curve.csv")
    assert curve.lengths == (2, 3, 4, 5, 6)
    for row in curve.rows:
        assert (row.cell, row.seed, row.step, row.examples) == (own.rows[0].cell, 0, 20, 40)
        assert row.split == ("id" if row.length <= 3 else "ood")
    facts = json.loads((folder / "eval.json").read_text())
    assert facts["status"] == "finished"
    assert facts["asked"]["lengths"] == [2, 3, 4, 5, 6]
    assert facts["id_exact_match"] == json.loads((run / "run.json").read_text())["id_exact_match"]
    assert (folder / "figure.png").stat().st_size > 10000
    assert "length" in ran.out


def test_without_options_it_finds_what_the_run_found(lengen, runs):
    run = runs["addition0"]
    assert lengen("eval", f"run={run}").code == 0
    (folder,) = evaluations(run)
    assert folder.name.startswith("again-")
    mine, own = Curve.load(folder / "curve.csv"), Curve.load(run / "curve.csv")
    for row, other in zip(mine.rows, own.rows, strict=True):
        assert (row.length, row.correct, row.loss) == (other.length, other.correct, pytest.approx(other.loss))


def test_greedy_gives_the_verdicts_of_the_teacher(lengen, runs):
    run = runs["addition0"]
    for decode in ("teacher", "greedy"):
        options = (f"run={run}", "lengths=[1,2,4]", f"eval.decode={decode}", f"name={decode}")
        assert lengen("eval", *options).code == 0
    greedy, teacher = (Curve.load(folder / "curve.csv") for folder in evaluations(run))
    assert [row.decode for row in greedy.rows] == ["greedy"] * 3
    assert [row.correct for row in greedy.rows] == [row.correct for row in teacher.rows]
    assert [row.first_error for row in greedy.rows] == [row.first_error for row in teacher.rows]


def test_the_same_evaluation_is_not_done_twice(lengen, runs):
    run = runs["passkey0"]
    words = ("eval", f"run={run}", "lengths=[2,8]")
    assert lengen(*words).code == 0
    (folder,) = evaluations(run)
    stamps = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    ran = lengen(*words[:2], "eval.lengths=[8,2]")
    assert ran.code == 0
    assert "is there already" in ran.out
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == stamps
    assert lengen(*words, "force=true").code == 0
    aside = [path.name for path in evaluations(run) if ".aside-" in path.name]
    assert len(aside) == 1
    assert aside[0].startswith(folder.name)


def test_another_evaluation_never_lands_in_the_same_folder(lengen, runs):
    run = runs["passkey0"]
    asked = (
        ["seed=1"],
        ["examples=20"],
        ["lengths=[2]"],
        ["lengths=[3]"],
        ["checkpoint=best"],
        ["decode=greedy"],
    )
    for words in asked:
        assert lengen("eval", f"run={run}", "name=mine", *words).code == 0
    found = evaluations(run)
    assert len(found) == len(asked)
    assert all(path.name.startswith("mine-") for path in found)


def test_an_interrupted_evaluation_goes_on_from_its_rows(lengen, runs, monkeypatch):
    import lengen.evaluation.sweep as module

    run, score, seen = runs["passkey0"], module.score, []

    def stops(decoder, batch, *others):
        seen.append(int(batch.length[0]))
        if len(seen) == 3:
            raise KeyboardInterrupt
        return score(decoder, batch, *others)

    monkeypatch.setattr(module, "score", stops)
    stopped = lengen("eval", f"run={run}", "lengths=[2,4,6,8]")
    assert stopped.code == 130
    told = "lengen: interrupted; what is evaluated is kept, and the same command goes on with the rest"
    assert told in stopped.err.splitlines()
    (folder,) = evaluations(run)
    assert json.loads((folder / "eval.json").read_text())["status"] == "interrupted"
    assert lengen("eval", f"run={run}", "lengths=[2,4,6,8]").code == 0
    assert seen == [2, 4, 6, 6, 8]
    assert Curve.load(folder / "curve.csv").lengths == (2, 4, 6, 8)


def test_a_stress_set_is_the_task_with_other_options(lengen, runs):
    from lengen.evaluation.scoring import score
    from lengen.sampling import generator

    run = runs["addition0"]
    assert lengen("eval", f"run={run}", "stress=[carry,uneven]", "lengths=[1,2,3]").code == 0
    carry, uneven = evaluations(run)
    assert carry.name.startswith("carry-")
    assert uneven.name.startswith("uneven-")
    trained = load(RunFolder(run), {"eval": {}, "trainer": {"progress": False}}, {"lengen"})
    from dataclasses import replace

    for folder, options in ((carry, {"carry": "full"}), (uneven, {"operands": "uneven"})):
        task = replace(trained.config.task, **options)
        for row in Curve.load(folder / "curve.csv").rows:
            batch = task.sample(row.length, 50, generator("eval", 0, row.length))
            key = ("eval positions", 0, row.length)
            verdicts = score(trained.decoder, batch, trained.config.positions, key, "teacher")
            assert row.correct == int(verdicts.exact.sum())
            assert row.loss == pytest.approx(verdicts.loss)


@pytest.mark.long
def test_depths_make_a_grid(lengen, runs):
    run = runs["passkey1"]
    assert lengen("eval", f"run={run}", "stress=depth", "examples=20", "lengths=[2,3,6]").code == 0
    (folder,) = run.glob("eval/depth-*")
    rows = read_rows(folder / "grid.csv")
    assert [(row["depth"], row["length"]) for row in rows] == [
        (f"{tenth / 10:.2f}", length) for tenth in range(11) for length in ("2", "3", "6")
    ]
    for tenth in (0, 10):
        (own,) = run.glob(f"eval/depth={tenth / 10:.2f}-*")
        curve = Curve.load(own / "curve.csv")
        mine = [row for row in rows if row["depth"] == f"{tenth / 10:.2f}"]
        assert [int(row["correct"]) for row in mine] == [row.correct for row in curve.rows]
    assert (folder / "grid.png").exists()
    printed = lengen(
        "eval", f"run={run}", "stress=depth", "examples=20", "lengths=[2,3]", "formats=[pdf,svg]"
    )
    assert f"{folder.name.partition('-')[0]}-" in printed.out
    assert "grid.csv, grid.pdf, grid.png, grid.svg\n" in printed.out
    ran = lengen("eval", f"run={run}", "stress=[depth=0.50]", "examples=20", "lengths=[2,3,6]")
    assert ran.code == 0
    assert "is there already" in ran.out
    assert len(list(run.glob("eval/depth-*"))) == 2  # of two choices of lengths


@pytest.mark.parametrize(
    "pattern", ["results/runs/passkey", "results/runs/passkey/*/*/seed=*", "results/*/pass*/*/*/seed=[01]"]
)
def test_a_glob_takes_every_run(lengen, runs, pattern):
    shutil.copytree(runs["passkey0"], runs["passkey0"].with_name("seed=0.aside-20200101T000000"))
    ran = lengen("eval", f"run={pattern}", "lengths=[2]")
    assert ran.code == 0, ran.err
    assert "2 of 2 runs evaluated" in ran.out
    assert ran.out.count("eval.examples=50: too few examples per length to measure reach") == 1
    assert [len(evaluations(runs[name])) for name in ("passkey0", "passkey1", "addition0")] == [1, 1, 0]


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("lengths=abc", "lengen: lengths has 'abc': must be"),
        ("stress=deep", "lengen: stress=deep: unknown; did you mean 'depth'"),
        ("checkpoint=best", "checkpoint=best: there is no"),
    ],
)
def test_what_no_run_can_do_is_refused_once(lengen, runs, word, line):
    for name in ("passkey0", "passkey1"):
        (runs[name] / "checkpoints" / "best.ckpt").unlink(missing_ok=True)
    ran = lengen("eval", "run=results/runs/passkey", word)
    assert (ran.code, ran.out) == (2, "")
    assert line in ran.err
    assert len(ran.err.splitlines()) == 1


def test_several_stress_sets_of_a_run_take_a_short_line_each(lengen, runs):
    run = runs["passkey0"]
    for there in (False, True):
        ran = lengen("eval", f"run={run}", "stress=[depth=0.5,depth=0.1]", "lengths=[2,3]", "examples=20")
        assert ran.code == 0, ran.err
        lines = ran.out.splitlines()
        for depth in ("0.10", "0.50"):
            (table,) = run.glob(f"eval/depth={depth}-*/curve.csv")
            rows = Curve.load(table).rows
            (line,) = (line for line in lines if line.startswith(f"  {table.parent.name}: exact match "))
            assert f"{rows[0].exact_match:.3f} at 2, {rows[1].exact_match:.3f} at 3" in line
            assert len(line) <= 100
        assert ran.out.count("this is there already; force=true") == there
        assert lines[-1] == f"files: {run / 'eval'}"


def test_several_stress_sets_of_several_runs_take_a_short_line_a_run(lengen, runs):
    words = ("eval", "run=results/runs/passkey", "stress=depth", "lengths=[2,3]", "examples=20", "jobs=1")
    for there in (False, True):
        ran = lengen(*words)
        assert ran.code == 0, ran.err
        lines = [line for line in ran.out.splitlines() if "depth=0.50" in line]
        assert len(lines) == 2
        for name, line in zip(("passkey0", "passkey1"), lines, strict=True):
            assert f" of 2: {runs[name].as_posix().partition('/runs/')[2]}: " in line
            facts = json.loads((runs[name] / "run.json").read_text())
            assert ("NOT TRAINED: " in line) is not facts["trained"]
            assert ("(is there already)" in line) is there
            (table,) = runs[name].glob("eval/depth=0.50*/curve.csv")
            last = Curve.load(table).rows[-1]
            assert f"exact match at {last.length}: " in line
            assert f"depth=0.50 {last.exact_match:.3f}," in line
            assert len(line) < 400
        assert ran.out.count("say nothing about extrapolation") == ("NOT TRAINED: " in "".join(lines))
        assert ran.out.count("force=true") == there


def test_what_some_runs_can_do_is_done(lengen, runs):
    ran = lengen("eval", "run=results/runs", "stress=carry", "lengths=[2]", "examples=20")
    assert ran.code == 1
    assert "1 of 4 runs evaluated" in ran.out
    assert len(evaluations(runs["addition0"])) == 1


def test_a_run_that_fails_is_named_and_the_others_go_on(lengen, runs):
    (runs["passkey0"] / "checkpoints" / "last.ckpt").write_text("no checkpoint")
    ran = lengen("eval", "run=results/runs/passkey", "lengths=[2]")
    assert ran.code == 1
    assert f"failed: {runs['passkey0']}" in ran.err
    assert "Traceback" not in ran.err
    assert evaluations(runs["passkey1"])


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["run=nowhere"], ["run=nowhere", "no run found"]),
        (["run=results/*/nothing/*"], ["run=results/*/nothing/*", "no run found"]),
        ([], ["run is missing"]),
        (["run=RUN", "stress=carries"], ["lengen: stress=carries", "'carry'", "carry, uneven"]),
        (["run=RUN", "decode=gredy"], ["lengen: decode=gredy", "'greedy'"]),
        (["run=RUN", "examples=0"], ["lengen: examples=0"]),
        (["run=RUN", "eval.examples=0"], ["lengen: eval.examples=0"]),
        (["run=RUN", "lengths=[0]"], ["lengths has 0"]),
        (["run=RUN", "checkpoint=ood"], ["lengen: checkpoint=ood", "last, best"]),
        (["run=RUN", "inspect=heads"], ["inspect=heads", "attention"]),
        (["run=RUN", "against=RUN"], ["inspect=attention"]),
        (["run=RUN", "name=../x"], ["name=../x"]),
        (["run=RUN", "lenghts=[1]"], ["'lenghts'"]),
        (["run=results/runs/sort", "lengths=[200]"], ["lengths has 200", "100 items"]),
    ],
)  # fmt: skip
def test_refusals(lengen, runs, words, named):
    run = runs["addition0"]
    refused(lengen("eval", *[word.replace("RUN", str(run)) for word in words]), *named)
    assert not any(evaluations(path) for path in runs.values())


def test_runs_that_are_not_there_whole_are_refused(lengen, runs):
    run = runs["addition0"]
    (run / "checkpoints" / "best.ckpt").unlink()
    refused(lengen("eval", f"run={run}", "checkpoint=best"), "lengen: checkpoint=best", "best.ckpt")
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**facts, "status": "running"}))
    refused(lengen("eval", f"run={run}"), "'running'", "finished")


def test_a_strangers_run_names_only_classes_of_lengen(lengen, runs):
    run = runs["addition0"]
    config = OmegaConf.load(run / "config.yaml")
    config.task._target_ = "antigravity.Thing"
    OmegaConf.save(config, run / "config.yaml")
    refused(lengen("eval", f"run={run}"), "antigravity.Thing", "--config-dir")


def test_a_users_own_task_is_examined_again_with_its_folder(lengen, tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "conf" / "task").mkdir(parents=True)
    (tmp_path / "conf" / "task" / "mine.yaml").write_text("_target_: mine.Mine")
    assert lengen("train", "--config-dir", "conf", "task=mine", *TINY).code == 0
    (run,) = run_folders(tmp_path)
    assert lengen("eval", "--config-dir", "conf", f"run={run}", "lengths=[4]").code == 0
    refused(lengen("eval", f"run={run}", "lengths=[4]"), "mine.Mine", "--config-dir")
    refused(
        lengen("eval", "--config-dir", "conf", f"run={run}", "stress=carry"), "lengen: stress=carry", "none"
    )


def test_training_leaves_the_curves_of_its_stress_sets(lengen, tmp_path):
    refused(lengen("train", "task=copy", "eval.stress=[carry]"), "eval.stress=carry", "repeats")
    assert list(tmp_path.iterdir()) == []
    assert lengen("train", "task=copy", *TINY).code == 0
    ran = lengen(
        "train", "task=copy", "eval.stress=[repeats]", *TINY
    )  # the same cell: only what is missing is done
    assert ran.code == 0
    assert "is finished already" in ran.out
    (run,) = run_folders(tmp_path)
    (folder,) = evaluations(run)
    assert folder.name.startswith("repeats-")
    assert f"\n  {folder.name}: exact match " in f"\n{ran.out}"
    assert f"\nfiles: {folder.parent.relative_to(tmp_path)}\n" in ran.out
    ran = lengen("eval", f"run={run}", "stress=repeats")
    assert "is there already" in ran.out


def test_what_a_folder_of_before_lacks_does_not_change_its_cell(runs):
    run = runs["addition0"]
    config = OmegaConf.load(run / "config.yaml")
    del config.eval.stress
    OmegaConf.save(config, run / "config.yaml")
    trained = load(RunFolder(run), {"eval": {}, "trainer": {}}, {"lengen"})
    assert trained.config.cell == run.parent.name


def test_a_request_takes_one_path_or_several():
    with pytest.raises(ValueError, match="run is missing"):
        EvalRequest([], {}, {})
    assert EvalFolder(Path("nowhere")).facts() == {}
