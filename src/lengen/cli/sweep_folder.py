"""The folder that Hydra makes for every multirun: lengen writes nothing there, and removes it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException


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


def writable(folder: str) -> str:
    """Return a folder, or where it cannot be written, as in an archive, a temporary one: a resolver of `configs/quiet.yaml`."""
    path = Path(folder).absolute()
    there = next(place for place in (path, *path.parents) if place.exists())
    return folder if os.access(there, os.W_OK) else tempfile.gettempdir()


OmegaConf.register_new_resolver("writable", writable, replace=True)
