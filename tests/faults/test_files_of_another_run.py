"""A file of another run in the place of a run's own: named and left out, or made again; its numbers count nowhere."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from faults.commands import Commands
from faults.snapshots import of_run
from faults.study import COMPARE, EVAL, SEEDS, STUDY, differences, rows, tables
from faults.test_torn_files import apply, named, only_true_numbers

pytestmark = pytest.mark.faults

UNREAD = ("figure.png", "train.csv")
"""What no command reads of a finished run, so that nothing can be told of it."""


@pytest.mark.parametrize("other", [1, len(SEEDS)], ids=["seed", "cell"])
def test_a_file_of_another_run_is_named_or_made_again(
    commands: Commands, undisturbed: Path, snapshots: Path, other: int, count
):
    """Of the next seed; or of another cell at the same seed."""
    root, expected = commands.folder, tables(undisturbed)
    shutil.copytree(undisturbed / "results/runs", root / "results/runs")
    folders = sorted(undisturbed.glob("results/runs/majority/*/*/seed=*"))

    def exchange(path: Path) -> None:
        own = undisturbed / of_run(str(path.relative_to(root)))
        theirs = folders[(folders.index(own) + other) % len(folders)]
        found = theirs / path.relative_to(root / of_run(str(path.relative_to(root))))
        shutil.copyfile(found if found.exists() else theirs / "checkpoints/last.ckpt", path)

    damaged = apply(root, snapshots, exchange)
    count("files of other runs", len(damaged))
    compared = commands.run(*COMPARE)
    compared.check()
    left_out = only_true_numbers(root, undisturbed)
    listed = (root / "results/compare/left_out.csv").read_text()
    assert all(run in compared.out + listed for run in left_out)
    assert counted(root) == of_undisturbed(undisturbed, left_out)

    ran = [commands.run(*words, "jobs=1") for words in (EVAL, STUDY, EVAL)]
    for each in ran:
        assert each.wait() in (0, 1), each.err
        assert "Traceback" not in each.out + each.err, each.out + each.err
    found = tables(root)
    ours = {name: value for name, value in expected.items() if name.startswith("results/runs")}
    wrong = differences({name: found[name] for name in ours if name in found}, ours)
    silent = {
        name
        for name in wrong
        if not named(of_run(name), *ran, compared) and not re.search(f"({'|'.join(UNREAD)})$", name)
    }
    assert {name: damaged.get(of_run(name)) for name in silent} == {}, "\n".join(
        each.out + each.err for each in ran
    )


def counted(root: Path) -> list[list[str]]:
    """The rows of trained and of all seeds that a comparison has, by run."""
    header, *found = rows(root / "results/compare/curves.csv")
    columns = [header.index(name) for name in ("place", "trained")]
    return sorted({tuple(row[column] for column in columns) for row in found})


def of_undisturbed(undisturbed: Path, left_out: set[str]) -> list[list[str]]:
    """The same of the undisturbed study, without some runs."""
    return [row for row in counted(undisturbed) if row[0] not in left_out]
