"""Removes the folder that Hydra makes for every multirun; lengen writes nothing there."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
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
        (folder / "multirun.yaml").unlink(missing_ok=True)
        with suppress(OSError):  # not empty
            folder.rmdir()
            folder.parent.rmdir()
