"""Every file that a run leaves, empty, cut in half, replaced by garbage or deleted: named, or made again as it was."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.commands import Commands, Running
from faults.snapshots import RUNS, of_run
from faults.study import COMPARE, EVAL, EXPORT, LENGTHS, STUDY, differences, rows, tables

pytestmark = pytest.mark.faults

CHECKPOINTS = ("checkpoints/last.ckpt", "checkpoints/best.ckpt")
SWEPT = ("run.json", "config.yaml", "train.csv", "curve.csv", "verdicts.parquet")
OF_FINISHED = (*SWEPT, "figure.png", *CHECKPOINTS)
OF_EVALUATION = ("eval.json", "config.yaml", "curve.csv", "verdicts.parquet", "figure.png")
OF_TRAINING = ("run.json", "config.yaml", "train.csv", "checkpoints/previous.ckpt", *CHECKPOINTS)
OF_SWEEP = (*SWEPT, *CHECKPOINTS)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def garbage(path: Path) -> None:
    path.write_bytes(random.Random(path.name).randbytes(max(64, path.stat().st_size // 2)))


def deleted(path: Path) -> None:
    path.unlink()


DAMAGES = (empty, half, garbage, deleted)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_of_a_run_is_named_or_made_again(
    commands: Commands, undisturbed: Path, snapshots: Path, damage: Callable[[Path], None], count
):
    """Each file of a finished run, of its evaluation, and of runs that were stopped in training and in the sweep."""
    root, expected = commands.folder, tables(undisturbed)
    shutil.copytree(undisturbed / "results/runs", root / "results/runs")
    damaged = apply(root, snapshots, damage)
    count("damaged files of runs and evaluations", len(damaged))

    compared = commands.run(*COMPARE)
    compared.check()
    left_out = only_true_numbers(root, undisturbed)
    listed = root / "results/compare/left_out.csv"  # where they are more than the terminal shows
    said = compared.out + (listed.read_text() if listed.exists() else "")
    for run in left_out:
        assert run in said, f"{run} ({damaged[run]}) is left out in silence\n{said}"
    assert left_out <= damaged.keys(), compared.out

    first = commands.run(*EVAL, "jobs=1")
    assert first.wait() in (0, 1), first.err
    trained = commands.run(*STUDY, "jobs=1")
    assert trained.wait() in (0, 1), trained.err
    second = commands.run(*EVAL, "jobs=1")
    assert second.wait() in (0, 1), second.err
    for each in (first, trained, second):
        assert "Traceback" not in each.out + each.err, each.out + each.err
    found = tables(root)
    ours = {name: value for name, value in expected.items() if name.startswith("results/runs")}
    wrong = {
        of_run(name) for name in differences({name: found[name] for name in ours if name in found}, ours)
    }
    unmended = {run for run in wrong if not named(run, trained, second)}
    assert {run: damaged.get(run) for run in unmended} == {}, (
        trained.out + trained.err + second.out + second.err
    )
    count("damaged files that were named and left to the user", len(wrong))

    commands.run(*COMPARE).check()
    assert only_true_numbers(root, undisturbed) <= wrong


def apply(root: Path, snapshots: Path, damage: Callable[[Path], None]) -> dict[str, str]:
    """Damage one file a run; return the file by run."""
    cases = [
        *((name, None) for name in OF_FINISHED),
        *((f"eval/*/{name}", None) for name in OF_EVALUATION),
        *((name, "training") for name in OF_TRAINING),
        *((name, "sweep") for name in OF_SWEEP),
    ]
    assert len(cases) <= len(RUNS)
    damaged = {}
    folders = sorted(path.parent for path in root.glob("results/runs/majority/*/*/seed=*/run.json"))
    for folder, (name, state) in zip(folders, cases, strict=False):
        run = str(folder.relative_to(root))
        if state:
            shutil.rmtree(folder)
            shutil.copytree(snapshots / state / run, folder)
        for path in folder.glob(name):
            damage(path)
        damaged[run] = f"{name}{f', stopped in {state}' if state else ''}"
    return damaged


def only_true_numbers(root: Path, undisturbed: Path) -> set[str]:
    """Require that a comparison has the rows of undisturbed runs, and none else; return the runs that it leaves out."""
    header, *found = rows(root / "results/compare/curves.csv")
    same, *expected = rows(undisturbed / "results/compare/curves.csv")
    assert header == same
    place = header.index("place")
    runs = {row[place] for row in found}
    assert sorted(found) == sorted(row for row in expected if row[place] in runs)
    assert len(found) == LENGTHS * len(runs)
    return {row[place] for row in expected} - runs


def named(run: str, *commands: Running) -> bool:
    """Whether a command has named a run, by its folder or its options."""
    *_, encoding, _, seed = Path(run).parts
    return any(run in each.out + each.err or f"pe={encoding} {seed}:" in each.err for each in commands)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_comparison_is_made_again(
    commands: Commands, undisturbed: Path, damage: Callable[[Path], None], count
):
    root = commands.folder
    shutil.copytree(undisturbed / "results", root / "results")
    files = [path for path in (root / "results/compare").iterdir() if path.is_file()]
    for path in files:
        damage(path)
    count("damaged files of comparisons", len(files))
    commands.run(*COMPARE).check()
    found, expected = tables(root), tables(undisturbed)
    assert (
        differences(found, {name: value for name, value in expected.items() if not name.startswith("data")})
        == []
    )
    assert {path.name for path in (root / "results/compare").iterdir()} == {path.name for path in files}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_of_a_study_is_named_or_made_again(
    commands: Commands, undisturbed: Path, damage: Callable[[Path], None], count
):
    root = commands.folder
    shutil.copytree(undisturbed / "results", root / "results")
    (study,) = (root / "results/studies").glob("*.yaml")
    damage(study)
    count("damaged files of studies")
    for words in (STUDY, ("train", f"study={study.stem}"), ("status", study.stem)):
        ran = commands.run(*words)
        assert ran.wait() in (0, 2), ran.err
        assert "Traceback" not in ran.out + ran.err, ran.out + ran.err
        assert ran.code == 0 or (len(ran.err.splitlines()) == 1 and study.name in ran.err), ran.err
    study.unlink(missing_ok=True)
    commands.run(*STUDY).check()
    assert differences(tables(root / "results"), tables(undisturbed / "results")) == []


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_export_is_refused_or_read_as_it_was(
    commands: Commands, undisturbed: Path, damage: Callable[[Path], None], count
):
    """Training reads it; to export to it again is refused."""
    root = commands.folder
    for number, name in enumerate(sorted(path.name for path in (undisturbed / "data").iterdir())):
        data = root / f"data{number}"
        shutil.copytree(undisturbed / "data", data)
        damage(data / name)
        count("damaged files of exports")
        ran = commands.run("data", "task=dataset", f"task.path={data}", "count=1", "length=4")
        assert ran.wait() in (0, 2), ran.err
        assert "Traceback" not in ran.err, ran.err
        assert ran.code == 0 or (ran.err.count("\n") == 1 and str(data.name) in ran.err), ran.err
    again = commands.run(*EXPORT[:1], "export=data0", *EXPORT[2:])
    again.check(2)
    assert "already exists; nothing was changed" in again.err
