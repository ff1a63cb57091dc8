"""What a power cut leaves empty or torn: made again where it can be, and the numbers are those of an undisturbed run."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import TINY, read_rows, run_folders, train
from lengen import load
from lengen.config.errors import UsageError
from lengen.records.curve import COLUMNS

COMMAND = ("task=copy", "pe=nope", *TINY)
UNTIMED = [name for name in COLUMNS if name not in ("seconds", "peak_bytes", "memory_bytes")]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run, which each test copies."""
    folder = tmp_path_factory.mktemp("finished")
    train(folder, COMMAND)
    return folder


@pytest.fixture
def run(finished, tmp_path):
    """A copy of the finished run."""
    shutil.copytree(finished / "results", tmp_path / "results")
    return run_folders(tmp_path)[0]


def numbers(folder: Path) -> list[list[str]]:
    """The curve without what a clock writes."""
    return [[row[name] for name in UNTIMED] for row in read_rows(folder / "curve.csv")]


def unfinished(folder: Path) -> None:
    """Make a run one that was stopped after its training."""
    facts = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**facts, "status": "running"}))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", [empty, torn])
@pytest.mark.parametrize("name", ["run.json", "config.yaml", "curve.csv", "verdicts.parquet", "train.csv"])
def test_a_damaged_file_is_made_again(lengen, run, name: str, damage: Callable[[Path], None]):
    """Of a finished run, or where its command does not read it then, of one that was stopped after training."""
    before, config, losses = numbers(run), (run / "config.yaml").read_text(), read_rows(run / "train.csv")
    damage(run / name)
    if name == "train.csv":
        unfinished(run)
    ran = lengen("train", *COMMAND)
    assert ran.code == 0, ran.err
    if name != "train.csv":
        assert ran.out.count(f"{name} was damaged") == 1
    assert numbers(run) == before
    assert read_rows(run / "train.csv") == losses
    assert json.loads((run / "run.json").read_text())["status"] == "finished"
    assert (run / "config.yaml").read_text() == config


@pytest.mark.parametrize("killed", [True, False])
def test_a_wall_time_that_is_not_known_any_more_is_null(lengen, run, killed: bool):
    """Of a run that was killed or has lost its `run.json`, the time before is lost; that of training is in the checkpoint."""
    before = json.loads((run / "run.json").read_text())
    empty(run / "run.json")
    if killed:
        kept = {name: value for name, value in before.items() if name != "wall_seconds"}
        (run / "run.json").write_text(json.dumps({**kept, "status": "running"}))
    assert lengen("train", *COMMAND).code == 0
    after = json.loads((run / "run.json").read_text())
    assert before["wall_seconds"] > 0
    assert after["wall_seconds"] is None
    assert after["train_seconds"] == before["train_seconds"]
    assert lengen("compare", f"runs={run}", "out=compared").code == 0
    assert {row["minutes"] for row in read_rows(Path("compared/table.csv"))} == {""}


def test_the_wall_time_of_a_stopped_run_is_summed(lengen, run):
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**facts, "status": "interrupted", "wall_seconds": 1000.0}))
    assert lengen("train", *COMMAND).code == 0
    assert json.loads((run / "run.json").read_text())["wall_seconds"] > 1000


def test_a_finished_run_without_its_curve_is_evaluated_again_and_said_to_be_damaged(lengen, run):
    before = numbers(run)
    (run / "curve.csv").unlink()
    compared = lengen("compare", f"runs={run}")
    assert compared.code == 2
    assert "curve.csv" in compared.err
    ran = lengen("train", *COMMAND)
    assert ran.code == 0
    assert "curve.csv of a finished run is missing" in ran.out
    assert numbers(run) == before


def test_a_partial_curve_without_its_checkpoint_keeps_no_old_rows(lengen, run):
    before = numbers(run)
    curve = run / "curve.csv"
    header, first, *_ = curve.read_text().splitlines(keepends=True)
    stale = first.replace(before[0][COLUMNS.index("loss")], "123.0")
    assert stale != first
    curve.write_text(header + stale)
    unfinished(run)
    for name in ("last.ckpt", "best.ckpt"):
        (run / "checkpoints" / name).unlink(missing_ok=True)
    ran = lengen("train", *COMMAND)
    assert ran.code == 0, ran.err
    assert ran.out.count("its last checkpoint is missing or damaged") == 1
    assert numbers(run) == before


def test_a_checkpoint_of_another_seed_is_refused(lengen, run):
    other = [word for word in COMMAND if not word.startswith("seed=")]
    assert lengen("train", *other, "seed=1").code == 0
    unfinished(run)
    shutil.copy(run.parent / "seed=1" / "checkpoints" / "last.ckpt", run / "checkpoints" / "last.ckpt")
    ran = lengen("train", *COMMAND)
    assert ran.code == 2
    assert "is a checkpoint of another run" in ran.err


def test_of_two_checkpoints_the_one_that_can_be_read_is_used(lengen, tmp_path, finished, monkeypatch):
    from lengen.training.callback import TrainingCallback

    save = TrainingCallback._save

    def stop(self, trainer):
        save(self, trainer)
        if trainer.global_step == 10:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(TrainingCallback, "_save", stop)
    assert lengen("train", *COMMAND).code == 143
    (run,) = run_folders(tmp_path)
    facts = json.loads((run / "run.json").read_text())
    assert (facts["status"], facts["error"]) == ("interrupted", "stopped by SIGTERM")
    assert {path.name for path in (run / "checkpoints").iterdir()} >= {"last.ckpt", "previous.ckpt"}
    torn(run / "checkpoints" / "last.ckpt")
    monkeypatch.setattr(TrainingCallback, "_save", save)
    ran = lengen("train", *COMMAND)
    assert ran.code == 0, ran.err
    assert ran.out.count("last.ckpt is no checkpoint of lengen, or it is damaged") == 1
    assert "weights_only" not in ran.out + ran.err
    assert json.loads((run / "run.json").read_text())["resumed_from_step"] < 10
    assert numbers(run) == numbers(run_folders(finished)[0])
    assert not (run / "checkpoints" / "previous.ckpt").exists()


def test_a_finished_run_that_cannot_be_written_is_shown(lengen, run, monkeypatch):
    """As in an archive. Root may write anywhere, so that the writers refuse here."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "archive")

    assert lengen("eval", f"run={run}", "lengths=[2,4]").code == 0
    monkeypatch.setattr("lengen.records.claim._acquire", refuse)
    monkeypatch.setattr("tempfile.mkstemp", refuse)
    assert "finished already" in lengen("train", *COMMAND).out
    ran = lengen("eval", f"run={run}", "lengths=[2,4]")
    assert ran.code == 0, ran.err
    refused = lengen("eval", f"run={run}", "lengths=[2,3]")
    assert refused.code == 2
    assert refused.err.count("\n") == 1


@pytest.mark.parametrize("name", ["run.json", "config.yaml"])
@pytest.mark.parametrize("content", [b"", b'{"status": "fin', b"\x93\xff", b"[1,2]", b"null"])
def test_what_is_said_of_a_damaged_file_mends_it(lengen, run, name: str, content: bytes):
    (run / name).write_bytes(content)
    for words in (
        ("eval", f"run={run}"),
        ("share", f"run={run}", "export=shared"),
        ("compare", f"runs={run}"),
    ):
        ran = lengen(*words)
        assert ran.code == 2
        assert "the command that trained it mends it" in ran.err
        assert "force=true" not in ran.err
        assert "older version" not in ran.err
    assert lengen("train", *COMMAND).code == 0
    assert lengen("eval", f"run={run}", "lengths=[2]").code == 0


def test_what_is_said_of_a_damaged_evaluation_mends_it(lengen, run):
    words = ("eval", f"run={run}", "lengths=[2]")
    assert lengen(*words).code == 0
    (facts,) = run.glob("eval/*/eval.json")
    facts.write_bytes(b"")
    ran = lengen(*words)
    assert (ran.code, "; set force=true" in ran.err) == (2, True)
    assert lengen(*words, "force=true").code == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("run.json", '{"status": "finished", "protocol": [1]}'),
        ("run.json", "[" * 100_000),
        ("config.yaml", "task: {}\neval: {examples: 3}\nlabels: {}\ntrain_length: 3\n"),
        ("config.yaml", "[" * 20_000),
        (
            "config.yaml",
            "a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [{f'*a{i - 1},' * 9}]\n" for i in range(1, 20)),
        ),
    ],
)
def test_a_damaged_run_is_refused_on_one_line(lengen, run, name: str, text: str):
    (run / name).write_text(text)
    for command in ("eval", "compare"):
        ran = lengen(command, f"{'run' if command == 'eval' else 'runs'}={run}")
        assert ran.code == 2
        assert ran.err.count("\n") == 1
        assert name in ran.err
    with pytest.raises(UsageError, match=name):
        load(run).config  # noqa: B018
