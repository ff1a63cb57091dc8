"""The checkpoints that a run has kept (`trainer.keep=all`), and the average of the last of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lengen.config.errors import require
from lengen.records.run_dir import RunFolder
from lengen.training.averaging import Average
from lengen.training.checkpoint import read_checkpoint


def kept(folder: RunFolder) -> dict[int, Path]:
    """Return the checkpoints that were kept by their step, ascending.

    Raises:
        UsageError: there is none, or one alone.
    """
    paths = {
        int(found[1]): path
        for path in folder.last.parent.glob("step=*.ckpt")
        if (found := re.fullmatch(r"step=(\d+)\.ckpt", path.name))
    }
    require(
        len(paths) > 1,
        f"run={folder.path}: kept {len(paths) or 'no'} checkpoint{'s' * (not paths)} by step; must have at least two, as trainer.keep=all keeps them",
    )
    return dict(sorted(paths.items()))


def averaged(folder: RunFolder, average: Average, run: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the average of the last checkpoints in the form of a checkpoint; its step is that of the last.

    Args:
        folder: of the run.
        average: which are averaged, and how.
        run: cell and seeds that they must be of.

    Raises:
        UsageError: there are not two, or one is damaged.
    """
    steps = [*kept(folder).items()][-average.last :]
    states = [read_checkpoint(path, run)["state_dict"] for _, path in steps]
    return {"state_dict": average.of(states), "global_step": steps[-1][0]}
