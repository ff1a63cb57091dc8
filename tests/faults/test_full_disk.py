"""A full disk: the file that could not be written is named on one line; with space again, the same command ends as ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults.commands import Commands, Running, Starter
from faults.disks import mounted
from faults.study import COMPARE, EVAL, EXPORT, TINY, differences, of_some, tables

pytestmark = pytest.mark.faults

TRAIN = ("train", "pe=nope", "seed=0", *TINY)
KILOBYTES = {
    TRAIN: (0, 4, 12, 20, 40, 70, 100, 130, 160, 200),
    ("train", "-m", "pe=nope", "seed=0,1", *TINY, "jobs=1"): (0, 60, 150),
    EVAL: (0, 8, 40, 60),
    COMPARE: (0, 20, 200, 600),
    EXPORT: (0, 20, 100, 300),
}
"""Free space that each command finds."""


def test_a_full_disk_is_said_on_one_line_and_nothing_is_lost(
    starter: Starter, tmp_path: Path, undisturbed: Path, count
):
    with mounted("tmpfs", tmp_path / "disk", 32) as disk:
        root = disk.folder / "work"
        root.mkdir()
        commands = Commands(root, starter)
        try:
            for words, sizes in KILOBYTES.items():
                for size in sizes:
                    disk.leave(size << 10, disk.folder / "ballast")
                    ran = commands.run(*words)
                    if ran.code:
                        is_said(ran)
                        count("full disks")
                (disk.folder / "ballast").unlink()
                if ran.code:  # an export that had space enough is not repeated
                    commands.run(*words).check()
            found, expected = tables(root), of_some(tables(undisturbed), "seed=0", "seed=1")
            expected = {name: value for name, value in expected.items() if "/nope/" in name}
            expected |= {
                name: value for name, value in tables(undisturbed).items() if name.startswith("data")
            }
            assert differences({name: found.get(name) for name in expected}, expected) == []
            assert not list(root.rglob(".*.part"))
        finally:
            commands.close()


def is_said(ran: Running) -> None:
    """Require a line that names a file of the user's."""
    printed = f"lengen {' '.join(ran.words)}: {ran.code}\n{ran.out}\n{ran.err}"
    assert ran.code in (1, 2), printed
    lines = [line for line in ran.err.splitlines() if "No space left on device" in line]
    assert len(lines) == 1 or (lines and "runs evaluated" in ran.out), printed  # a line each
    assert "Traceback" not in ran.err, printed
    assert ".part" not in ran.err, printed
    assert all("results" in line or "data" in line for line in lines), printed
