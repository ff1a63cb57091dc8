"""The power of a real file system is cut at random moments; mounted again, the same command ends with the same results."""

from __future__ import annotations

import random
import time
from collections.abc import Collection
from pathlib import Path

import pytest

from faults.commands import Commands, Running, Starter, wait_for
from faults.disks import Disk, mounted
from faults.moments import OF_TRAINING, claims, phases
from faults.study import COMPARE, EVAL, TINY, differences, of_some, tables

pytestmark = pytest.mark.faults

SMALL = ("train", "-m", "pe=nope,rope", "seed=0,1", *TINY, "jobs=1")


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_a_power_cut_loses_nothing(
    kind: str, starter: Starter, tmp_path: Path, undisturbed: Path, chance: random.Random, count
):
    with mounted(kind, tmp_path / kind, 320) as disk:
        root = disk.folder / "work"
        root.mkdir()
        commands = Commands(root, starter)
        assert disk.unmounts()  # so that the folder is on the disk
        disk.mount()
        try:
            for moment in chance.sample(OF_TRAINING, len(OF_TRAINING)):
                gone = claims(root).values()
                running = commands.start(*SMALL)
                if interrupted(running, moment, root, gone, chance.uniform(0, 0.05)):
                    cut(disk, running)
                    count(f"power cuts on {kind}, in {moment}")
            commands.run(*SMALL).check()
            for words, moment in ((EVAL, "eval"), (COMPARE, "compare")):
                gone = claims(root).values()
                running = commands.start(*words)
                if interrupted(running, moment, root, gone, chance.uniform(0, 0.5)):
                    cut(disk, running)
                    count(f"power cuts on {kind}, in {moment}")
                commands.run(*words).check()
            found, expected = tables(root), of_some(tables(undisturbed), "seed=0", "seed=1")
            assert differences({name: found.get(name) for name in expected}, expected) == []
        finally:
            commands.close()


def interrupted(running: Running, moment: str, root: Path, gone: Collection[str], within: float) -> bool:
    """Wait for a moment and some seconds; return False if the command has ended before."""
    running.until(lambda: moment in phases(root, gone))
    time.sleep(within)
    return not running.ended


def cut(disk: Disk, running: Running) -> None:
    """Cut the power: the file system first, then the processes; and mount it again."""
    disk.cut_power()
    running.kill()
    wait_for(disk.unmounts, 20, "it cannot be unmounted", 0.1)
    disk.mount()
