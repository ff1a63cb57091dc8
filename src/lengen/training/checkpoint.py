"""Checkpoints that are whole or absent, and that execute nothing when they are read."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from lengen.config.errors import UsageError
from lengen.records.atomic import whole


class SafeCheckpoints(TorchCheckpointIO):
    """How Lightning writes and reads its checkpoints here."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write beside, flush to the disk, then put in place."""
        path = Path(path)
        contents = BytesIO()  # torch hides what a full disk says when it writes to a file itself
        torch.save(checkpoint, contents)
        with whole(path) as beside, beside.open("wb") as file:
            file.write(contents.getbuffer())
            file.flush()
            os.fsync(file.fileno())

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read tensors and plain values, nothing else."""
        return read_checkpoint(Path(path))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's contents, by `weights_only=True`: a stranger's file executes nothing.

    Raises:
        UsageError: the file is no such checkpoint.
    """
    try:
        contents: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001  # torch raises pickle, zip and runtime errors alike
        raise UsageError(
            f"{path} is no checkpoint of lengen ({(str(error).splitlines() or [type(error).__name__])[0]})"
        ) from None
    return contents
