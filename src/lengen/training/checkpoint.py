"""Checkpoints that are written atomically and read without executing code."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO
from torch import Tensor

from lengen.config.errors import UsageError, require_file
from lengen.records.atomic import whole

RUN = "run"
"""Key of a checkpoint under which it says which run it is of."""


class DamagedCheckpointError(UsageError):
    """A file that cannot be read as a checkpoint."""


class SafeCheckpoints(TorchCheckpointIO):
    """Makes Lightning write checkpoints atomically, and read them with `weights_only=True`."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write to a temporary file, flush it to disk, then rename it."""
        path = Path(path)
        contents = BytesIO()  # torch hides the error of a full disk if it writes to the file itself
        torch.save(checkpoint, contents)
        with whole(path) as beside:
            beside.write_bytes(contents.getbuffer())

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint of tensors and plain values."""
        return read_checkpoint(Path(path))


def read_checkpoint(path: Path, run: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Read a checkpoint's contents with `weights_only=True`, which executes no code from the file.

    Args:
        path: of the checkpoint.
        run: cell and seeds of the run that it must be of; checkpoints of earlier versions do not say.

    Raises:
        UsageError: the file is not a checkpoint of lengen, or is of another run.
    """
    require_file(path)
    written = BytesIO(path.read_bytes())  # its errors are those of the disk, torch's those of the contents
    try:
        contents = torch.load(written, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001  # torch raises pickle, zip, system and runtime errors alike
        raise DamagedCheckpointError(
            f"{path} is no checkpoint of lengen, or it is damaged ({type(error).__name__})"
        ) from None
    if not isinstance(contents, dict):
        raise DamagedCheckpointError(f"{path} is no checkpoint of lengen ({type(contents).__name__})")
    if run is not None and (found := contents.get(RUN)) and dict(run) != found:
        ours, theirs = (", ".join(each.values()) for each in (run, found))
        raise UsageError(f"{path} is a checkpoint of another run: {theirs} (this run: {ours})")
    return contents


def resumable(paths: Iterable[Path], run: Mapping[str, str]) -> tuple[Path | None, int]:
    """Find the checkpoint from which a run resumes; a damaged one is named and passed over.

    Args:
        paths: the run's checkpoints, the latest first.
        run: cell and seeds of the run.

    Returns:
        The first that can be read and its step; None and 0 if there is none.

    Raises:
        UsageError: a checkpoint is of another run.
    """
    for path in filter(Path.exists, paths):
        try:
            return path, int(read_checkpoint(path, run)["global_step"])
        except DamagedCheckpointError as error:
            print(f"lengen: {error}; an earlier one is used, or training starts anew", flush=True)  # noqa: T201
    return None, 0


def decoder_state(contents: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the decoder's parameters in a checkpoint, by the names that they have in the decoder."""
    return {name.removeprefix("decoder."): weight for name, weight in contents["state_dict"].items()}


def parameters_digest(state: Mapping[str, Tensor]) -> str:
    """Return a hash of parameters: names, types, shapes and all bits. Equal only for copies of a run."""
    found = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()[:16]


def require_evaluated(contents: Mapping[str, Any], kind: str, path: Path, facts: Mapping[str, Any]) -> None:
    """Refuse parameters of a finished run that are not those that it was evaluated with.

    Args:
        contents: of the checkpoint.
        kind: which it is, `last` or `best`.
        path: its file, for the message.
        facts: the contents of `run.json`; where they have no digest of this checkpoint, everything is accepted.

    Raises:
        UsageError: the digest in `run.json` is another.
    """
    own = facts.get("status") == "finished" and facts.get("protocol", {}).get("checkpoint") == kind
    written = facts.get("parameters_digest") if own else None
    if written and parameters_digest(decoder_state(contents)) != written:
        raise UsageError(
            f"{path}: has other parameters than those that the run was evaluated with (parameters_digest in run.json)"
        )
