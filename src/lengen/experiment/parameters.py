"""The parameters of a finished run: in a checkpoint of its own, or as safetensors where it was shared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lengen.config.errors import UsageError
from lengen.decoder import Decoder
from lengen.records.earlier_runs import seed_name
from lengen.records.run_dir import RunFolder
from lengen.training.checkpoint import decoder_state, read_checkpoint, require_evaluated
from lengen.training.weights import read_weights


def checkpoint_of(folder: RunFolder, kind: str) -> Path:
    """Return the file with the parameters of a run.

    Args:
        folder: of the run.
        kind: `last` or `best`.
    """
    own = folder.checkpoint(kind)
    return folder.shared if folder.shared.exists() and not own.exists() else own


def run_of(folder: RunFolder, record: Mapping[str, Any]) -> dict[str, str] | None:
    """Return cell and seeds that the checkpoints of a run must be of; None where an earlier version did not record them."""
    cell = folder.facts().get("cell")
    return None if cell is None else {"cell": cell, "seed": seed_name(record)}


def read_parameters(folder: RunFolder, kind: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Read the parameters of a run as the contents of a checkpoint.

    Args:
        folder: of the run.
        kind: `last` or `best`.
        record: its configuration, resolved.

    Raises:
        UsageError: the file is missing or damaged, of another run, or has other parameters than those that the run was evaluated with.
    """
    path, run = checkpoint_of(folder, kind), run_of(folder, record)
    contents = read_weights(path, kind, run) if path == folder.shared else read_checkpoint(path, run)
    require_evaluated(contents, kind, path, folder.facts())
    return contents


def give(decoder: Decoder, contents: Mapping[str, Any], path: Path) -> None:
    """Give a decoder the parameters of a checkpoint, in place.

    Args:
        decoder: has the architecture of the run.
        contents: of the checkpoint.
        path: its file, for the message.

    Raises:
        UsageError: they are those of another decoder.
    """
    try:
        decoder.load_state_dict(decoder_state(contents))
    except RuntimeError as error:
        raise UsageError(
            f"{path}: belongs to another decoder ({str(error).splitlines()[-1].strip()})"
        ) from None
