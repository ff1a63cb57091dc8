"""The folder that Hydra makes for every multirun: lengen writes nothing there, and removes it."""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lengen.studies.places import RESULTS

START = time.strftime("%Y%m%dT%H%M%S")
PROCESS = secrets.token_hex(8)
"""Of this process: another command of the same second has a folder of its own, and no one can guess the name."""


class RemoveSweepFolder(Callback):
    """Removes the folder when a job starts and when all have ended; it stays if a launcher of Hydra keeps its logs there."""

    def on_job_start(self, config: Any, **_: Any) -> None:
        """See `Callback`. A folder that cannot be named is refused with the configuration."""
        with suppress(OmegaConfBaseException):
            remove(config)

    def on_multirun_end(self, config: Any, **_: Any) -> None:
        """See `Callback`."""
        remove(config)


def remove(config: Any) -> None:
    """Remove the folder of a multirun, and the one above it, if they hold nothing but Hydra's note of the command."""
    folder = Path(str(config.hydra.sweep.dir))
    if str(config.hydra.mode).endswith("MULTIRUN"):
        with suppress(OSError):  # not empty
            (folder / "multirun.yaml").unlink(missing_ok=True)
            folder.rmdir()
            folder.parent.rmdir()


@contextmanager
def none_left_empty(config: Any) -> Iterator[None]:
    """Remove the folder of a multirun at the end, and those above it that were not there before, where nothing is in them."""
    folder = Path(str(config.hydra.sweep.dir))
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        yield
    finally:
        remove(config)
        for each in new:
            with suppress(OSError):  # not empty
                each.rmdir()


def sweep_folder(results_dir: str | None, *chosen: str) -> str:
    """Name the folder that Hydra makes: a resolver of `configs/quiet.yaml`.

    Args:
        results_dir: the folder of the runs; None for the default.
        chosen: launcher and sweeper of Hydra's. Those that are not its own defaults leave files, and only for them the folder is in
            the results, unless these cannot be written, as an archive.
    """
    results_dir = results_dir or RESULTS
    path = Path(results_dir).absolute()
    there = next(place for place in (path, *path.parents) if place.exists())
    if any(name != "basic" for name in chosen) and os.access(there, os.W_OK):
        return f"{results_dir}/multirun/{START}-{PROCESS}"
    return f"{tempfile.gettempdir()}/lengen-{PROCESS}/multirun"


OmegaConf.register_new_resolver(
    "sweep_folder", sweep_folder, replace=True, use_cache=True
)  # Hydra passes the cache on to its jobs
