"""An archive that nothing can be written to: finished runs are shown and compared, and what would write is refused by name."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from faults.commands import Commands, Starter
from faults.disks import mounted
from faults.study import COMPARE, EVAL, EXPORT, STUDY, TINY, differences, tables

pytestmark = pytest.mark.faults


def test_an_archive_is_read(starter: Starter, tmp_path: Path, undisturbed: Path, count):
    elsewhere = tmp_path / "elsewhere"
    with mounted("tmpfs", tmp_path / "disk", 64) as disk:
        root = disk.folder / "work"
        shutil.copytree(undisturbed, root)
        disk.read_only()
        commands = Commands(root, starter)
        shown = (
            ("train", "pe=nope", "seed=0", *TINY),
            STUDY,
            ("status",),
            (*EVAL, "jobs=1"),
            ("eval", "run=results/runs/majority/nope/*/seed=0", *EVAL[2:]),
            (*COMPARE, f"out={elsewhere}"),
        )
        refused = (
            ("train", "pe=nope", "seed=77", *TINY),
            ("train", "-m", "pe=nope", "seed=77,78", *TINY),
            ("eval", "run=results/runs/majority/nope/*/seed=0", "lengths=[3]"),
            COMPARE,
            (*EXPORT[:1], "export=more", *EXPORT[2:]),
        )
        try:
            for words in shown:
                commands.run(*words).check()
            count("commands that read an archive", len(shown))
            for words in refused:
                ran = commands.run(*words)
                printed = f"lengen {' '.join(words)}: {ran.code}\n{ran.out}\n{ran.err}"
                assert ran.code in (1, 2), printed
                assert "Traceback" not in ran.err, printed
                assert "Read-only file system" in ran.err, printed
                assert ".part" not in ran.err, printed
                if "-m" not in words:
                    assert ran.err.count("\n") == 1, printed
            count("commands that an archive refuses", len(refused))
        finally:
            commands.close()
    found = tables(elsewhere)
    expected = tables(undisturbed / "results/compare")
    assert differences(found, expected) == []
