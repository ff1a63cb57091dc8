"""One run from command line to files: what it leaves, that it goes on where it was killed, and that it is not redone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas
import pytest
import torch
import yaml

from conftest import TINY, read_rows, run_folders
from lengen.records.curve import COLUMNS, Curve
from lengen.records.run_dir import RunFolder
from lengen.task.parity import Parity
from lengen.training.callback import TRAIN_COLUMNS
from lengen.training.fit import Training
from lengen.training.interruption import Interrupted

UNTIMED = [name for name in COLUMNS if name not in ("seconds", "peak_bytes", "memory_bytes")]


def rows(path: Path, columns: list[str]) -> list[list[str]]:
    """A CSV without the columns that a clock or the memory allocator writes."""
    return [[row[name] for name in columns] for row in read_rows(path)]


def same(a: object, b: object) -> bool:
    """Bit for bit the same, through dictionaries, lists and tensors."""
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def parameters(folder: Path) -> dict:
    """Parameters and optimizer state of the last checkpoint."""
    checkpoint = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    return {
        name: checkpoint[name] for name in ("state_dict", "optimizer_states", "global_step", "lr_schedulers")
    }


def test_a_run_leaves_exactly_the_files_of_the_contract(lengen, tmp_path):
    ran = lengen("train", "task=addition", "pe=nope", *TINY)
    assert ran.code == 0, ran.err
    (folder,) = run_folders(tmp_path)
    assert folder.relative_to(tmp_path / "results/runs").parts[:2] == ("addition", "nope")
    assert folder.name == "seed=0"
    left = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert left == {
        "config.yaml",
        "run.json",
        "curve.csv",
        "verdicts.parquet",
        "train.csv",
        "figure.png",
        "checkpoints/last.ckpt",
        "checkpoints/best.ckpt",
    }
    facts = json.loads((folder / "run.json").read_text())
    for name in (
        "command",
        "git",
        "versions",
        "device",
        "wall_seconds",
        "steps_per_second",
        "tokens_per_second",
    ):
        assert name in facts
    assert facts["status"] == "finished"
    assert facts["trained"] is False  # 20 steps teach nothing, and the run says so
    assert facts["parameters"] == sum(weight.numel() for weight in parameters(folder)["state_dict"].values())
    assert facts["largest_position"] == 3 + 1 + 3 + 1 + 4 + 1  # bos at 0, then 3+3=4 digits and the end token
    assert "NOT TRAINED" in ran.out
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert config["labels"]["task"] == "addition"
    assert "${" not in (folder / "config.yaml").read_text()
    frame = pandas.read_csv(folder / "curve.csv")
    assert tuple(frame.columns) == COLUMNS
    assert frame["length"].tolist() == [2, 3, 5]
    assert frame["split"].tolist() == ["id", "id", "ood"]
    assert (frame["examples"] == 50).all()
    train = pandas.read_csv(folder / "train.csv")
    assert tuple(train.columns) == TRAIN_COLUMNS
    assert train["step"].tolist() == [5, 10, 15, 20]
    assert train["ood_exact_match"].notna().tolist() == [False, True, False, True]


def assert_agree(folder):
    """The verdicts say what the curve says, and name every evaluated string."""
    table = pandas.read_parquet(folder / "verdicts.parquet", partitioning=None)
    curve = pandas.read_csv(folder / "curve.csv", index_col="length")
    assert sorted(set(table["length"])) == curve.index.tolist()
    for length, strings in table.groupby("length"):
        row = curve.loc[length]
        assert strings["example"].tolist() == list(range(row["examples"]))
        assert strings["exact"].sum() == row["correct"]
        for ending in ("stopped_early", "ran_on", "never_ended", "wrong_token"):
            assert (strings["ending"] == ending).sum() == row[ending]
        assert ((strings["ending"] == "right") == strings["exact"]).all()
        assert (strings["first_error"].isna() == strings["exact"]).all()
        assert ((strings["wrong_tokens"] == 0) == strings["exact"]).all()
        assert (strings["wrong_tokens"] <= strings["answer_tokens"]).all()
        share = 1 - strings["wrong_tokens"].sum() / strings["answer_tokens"].sum()
        assert row["token_accuracy"] == pytest.approx(share, abs=1e-6)
        mean = strings["first_error"].mean()
        assert row["first_error"] == pytest.approx(mean, nan_ok=True)


def assert_chance(folder, task, decode):
    """Chance is that of what is scored: whole answers, or results."""
    for row in Curve.load(folder / "curve.csv").rows:
        expected = (task.result_chance if decode == "free" else task.chance)(row.length)
        assert (row.chance_exact_match, row.chance_token_accuracy) == expected


@pytest.mark.parametrize("decode", ["teacher", "greedy", "free"])
def test_every_evaluation_keeps_its_verdicts(lengen, tmp_path, decode):
    ran = lengen("train", "-v", "task=parity", *TINY, f"eval.decode={decode}")
    assert ran.code == 0
    (folder,) = run_folders(tmp_path)
    assert_agree(folder)
    law = json.loads((folder / "run.json").read_text())["error_law"]
    assert f"error law: {law['law'] or 'none'}" in ran.out
    assert law["note"] in ran.out
    assert law["errors_follow"] in ("place", "length", "undecided")
    assert_chance(folder, Parity(scratchpad="interleaved"), decode)
    assert lengen("eval", f"run={folder}", "lengths=[4]", f"decode={decode}").code == 0
    (again,) = folder.glob("eval/*/eval.json")
    assert_agree(again.parent)
    assert json.loads(again.read_text())["error_law"]["note"]  # one length shows no law


def test_a_finished_run_is_not_run_again_and_force_keeps_the_old_one(lengen, tmp_path):
    first = lengen("train", "-v", "task=copy", *TINY)
    (folder,) = run_folders(tmp_path)
    few = "lengen: eval.examples=50: too few examples per length to measure reach 0.95 (needs 72), 0.99 (needs 368)"
    assert first.out.splitlines()[0] == few
    assert "reach 0.95: not measurable with 50 examples per length (needs 72)" in first.out
    assert json.loads((folder / "run.json").read_text())["reach_not_measurable"] == ["0.95", "0.99"]
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    again = lengen("train", "task=copy", *TINY)
    assert again.code == 0
    assert "finished already" in again.out
    assert few not in again.out
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    forced = lengen("train", "task=copy", "force=true", *TINY)
    assert forced.code == 0
    aside = [path for path in folder.parent.iterdir() if ".aside-" in path.name]
    assert len(aside) == 1
    assert rows(aside[0] / "curve.csv", UNTIMED) == rows(folder / "curve.csv", UNTIMED)
    assert same(parameters(aside[0]), parameters(folder))  # the same command gives the same bits


@pytest.mark.long
@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_killed_anywhere_the_same_command_ends_with_the_same_bits(lengen, tmp_path, optimizer):
    command = [
        "train", "task=addition", "pe=t5", *TINY, "steps=300", f"optimizer={optimizer}", "decoder.dropout=0.1",
        "positions=randomized", "trainer.examples=500",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    script = "import sys; from lengen.cli.main import main; sys.exit(main())"
    killed = 0
    for rows_seen in (3, 20):  # at two different places
        process = subprocess.Popen([sys.executable, "-c", script, *command], cwd=tmp_path, env=environment)
        while process.poll() is None:
            folders = run_folders(tmp_path)
            table = folders[0] / "train.csv" if folders else None
            if table and table.exists() and table.read_text().count("\n") > rows_seen:
                process.send_signal(signal.SIGKILL)
                killed += process.wait() == -signal.SIGKILL
            time.sleep(0.01)
    assert killed == 2
    (folder,) = run_folders(tmp_path)
    assert json.loads((folder / "run.json").read_text())["status"] == "running"
    assert parameters(folder)["global_step"] < 300
    assert lengen(*command).code == 0
    assert json.loads((folder / "run.json").read_text())["resumed_from_step"] > 0
    assert lengen(*command, "results_dir=whole").code == 0
    (whole,) = (path.parent for path in tmp_path.glob("whole/*/*/*/seed=0/run.json"))
    assert whole.parent.name == folder.parent.name  # where results lie does not make another cell
    assert same(parameters(whole), parameters(folder))
    assert rows(whole / "curve.csv", UNTIMED) == rows(folder / "curve.csv", UNTIMED)
    timeless = [name for name in TRAIN_COLUMNS if name != "tokens_per_second"]
    assert rows(whole / "train.csv", timeless) == rows(folder / "train.csv", timeless)


def test_ctrl_c_is_a_pause(lengen, tmp_path, monkeypatch):
    from lengen.training import callback as journal

    write = journal.TrainingCallback._write

    def interrupt(self, step, *arguments, **options):
        write(self, step, *arguments, **options)
        if step == 10:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(journal.TrainingCallback, "_write", interrupt)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        ran = lengen("train", "task=copy", *TINY)
    finally:
        signal.signal(signal.SIGINT, before)
    assert ran.code == 130
    assert "the same command resumes from the last checkpoint" in ran.err
    (folder,) = run_folders(tmp_path)
    assert json.loads((folder / "run.json").read_text())["status"] == "interrupted"
    monkeypatch.setattr(journal.TrainingCallback, "_write", write)
    assert lengen("train", "task=copy", *TINY).code == 0
    assert lengen("train", "task=copy", *TINY, "results_dir=whole").code == 0
    (whole,) = (path.parent for path in tmp_path.glob("whole/*/*/*/seed=0/run.json"))
    assert same(parameters(whole), parameters(folder))


def test_a_run_that_is_stopped_before_its_first_checkpoint_says_so(lengen, tmp_path, monkeypatch):
    def interrupt(self):
        raise Interrupted(signal.SIGTERM)

    monkeypatch.setattr(Training, "fit", interrupt)
    ran = lengen("train", "task=copy", *TINY)
    assert ran.code == 143
    assert "lengen: interrupted; there is no checkpoint yet, and the same command starts anew\n" in ran.err
    monkeypatch.setattr("lengen.experiment.run.Experiment.stages", interrupt)
    ran = lengen("train", "task=copy", *TINY)
    assert (
        "lengen: interrupted; what is finished is kept, and the same command goes on with the rest\n"
        in ran.err
    )


def test_an_interrupted_sweep_goes_on_and_keeps_its_rows(lengen, tmp_path, monkeypatch):

    save = Curve.save

    def stop_after_two(self, path):
        save(self, path)
        if len(self) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Curve, "save", stop_after_two)
    assert lengen("train", "task=copy", *TINY).code == 130
    monkeypatch.setattr(Curve, "save", save)
    (folder,) = run_folders(tmp_path)
    known = rows(folder / "curve.csv", list(COLUMNS))
    monkeypatch.setattr(Training, "fit", None)  # training is over and must not be asked for
    assert lengen("train", "task=copy", *TINY).code == 0
    assert rows(folder / "curve.csv", list(COLUMNS))[:2] == known
    assert_agree(folder)


def test_init_seed_and_data_seed_are_apart(lengen, tmp_path):
    lengen("train", "task=copy", *TINY)
    lengen("train", "task=copy", *TINY, "init_seed=1")
    lengen("train", "task=copy", *TINY, "data_seed=1")
    lengen("train", "task=copy", *TINY, "seed=1")
    both, init, data, other = (
        next(tmp_path.glob(f"results/runs/copy/nope/*/{name}/train.csv"))
        for name in ("seed=0", "seed=0,init_seed=1", "seed=0,data_seed=1", "seed=1")
    )
    assert len({path.parents[1] for path in (both, init, data, other)}) == 1  # one cell
    assert len({path.read_text().splitlines()[1].split(",")[1] for path in (both, init, data, other)}) == 4


def test_best_checkpoint_is_chosen_on_id_validation_and_swept(lengen, tmp_path):
    ran = lengen("train", "task=copy", *TINY, "eval.checkpoint=best")
    assert ran.code == 0
    (folder,) = run_folders(tmp_path)
    train = pandas.read_csv(folder / "train.csv").dropna(subset="id_exact_match")
    best = train.sort_values(["id_exact_match", "id_loss"], ascending=[False, True])["step"].iloc[0]
    frame = pandas.read_csv(folder / "curve.csv")
    assert (frame["checkpoint"] == "best").all()
    assert (frame["step"] == best).all()


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_what_was_found(lengen, tmp_path):
    ran = lengen(
        "train",
        "task=copy",
        *TINY,
        "steps=200",
        "optimizer=adamw",
        "optimizer.lr=1e30",
        "optimizer.schedule.warmup=0",
    )
    assert ran.code == 1
    assert "diverged" in ran.out
    assert "Traceback" not in ran.err
    (folder,) = run_folders(tmp_path)
    facts = json.loads((folder / "run.json").read_text())
    assert facts["status"] == "diverged"
    assert (folder / "config.yaml").exists()
    again = lengen(
        "train",
        "task=copy",
        *TINY,
        "steps=200",
        "optimizer=adamw",
        "optimizer.lr=1e30",
        "optimizer.schedule.warmup=0",
    )
    assert again.code == 1
    assert "diverged already" in again.out


def test_two_processes_do_not_work_on_one_run(lengen, tmp_path):
    lengen("train", "task=copy", *TINY)
    (folder,) = run_folders(tmp_path)
    with RunFolder(folder).locked():
        ran = lengen("train", "task=copy", *TINY, "force=true")
    assert ran.code == 2
    assert f"another process is working on this run (process {os.getpid()} on " in ran.err
    assert run_folders(tmp_path) == [folder]


@pytest.mark.parametrize("decode", ["teacher", "greedy"])
def test_the_verdicts_of_a_sweep_do_not_depend_on_how_it_is_cut(lengen, tmp_path, monkeypatch, decode):
    from lengen.evaluation import scoring as examination

    options = ("task=copy", "pe=rope", "positions=randomized", f"eval.decode={decode}", *TINY)
    lengen("train", *options)
    monkeypatch.setitem(examination.TOKENS, "cpu", 40)
    lengen("train", *options, "results_dir=cut")
    (folder,) = run_folders(tmp_path)
    (cut,) = (path.parent for path in tmp_path.glob("cut/*/*/*/seed=0/run.json"))
    exact = [name for name in UNTIMED if name != "loss"]
    assert rows(cut / "curve.csv", exact) == rows(folder / "curve.csv", exact)


def test_a_strangers_checkpoint_executes_nothing(lengen, tmp_path):
    import pickle

    class Evil:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "executed"),))

    lengen("train", "task=copy", *TINY)
    (folder,) = run_folders(tmp_path)
    (folder / "checkpoints" / "last.ckpt").write_bytes(pickle.dumps(Evil()))
    facts = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**facts, "status": "interrupted"}))
    (folder / "curve.csv").unlink()
    (folder / "checkpoints" / "previous.ckpt").write_bytes(pickle.dumps(Evil()))
    ran = lengen("train", "task=copy", *TINY)
    assert ran.out.count("no checkpoint of lengen") == 2
    assert not (tmp_path / "executed").exists()
