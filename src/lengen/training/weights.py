"""The parameters of a run as safetensors, which execute nothing when they are read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError, safe_open

from lengen.config.errors import UsageError, require_file
from lengen.training.checkpoint import RUN, DamagedCheckpointError

STEP, KIND = "step", "checkpoint"
"""Keys of the file's metadata: optimizer steps behind the parameters, and which checkpoint they are of."""
PREFIX = "decoder."
"""Of parameters in a checkpoint; the file has their names without it."""


def write_weights(path: Path, contents: Mapping[str, Any], kind: str, run: Mapping[str, str]) -> None:
    """Write the parameters of a checkpoint.

    Args:
        path: of the new file.
        contents: a checkpoint, as `read_checkpoint` returns it.
        kind: which checkpoint it is, `last` or `best`.
        run: cell and seeds of the run.
    """
    tensors = {
        name.removeprefix(PREFIX): value.detach()
        .cpu()
        .contiguous()
        .clone()  # tied parameters are written twice
        for name, value in contents["state_dict"].items()
    }
    facts = {"format": "pt", STEP: str(contents["global_step"]), KIND: kind, **run}
    path.write_bytes(safetensors.torch.save(tensors, facts))


def read_weights(path: Path, kind: str, run: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Read parameters as the contents of a checkpoint: `state_dict` and `global_step`.

    Args:
        path: of the file.
        kind: which checkpoint is wanted, `last` or `best`.
        run: cell and seeds of the run that it must be of.

    Raises:
        UsageError: the file is damaged, is of another run, or has the parameters of another checkpoint.
    """
    require_file(path)
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            facts = file.metadata() or {}
            state = {f"{PREFIX}{name}": file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
        step = int(facts[STEP])
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise DamagedCheckpointError(
            f"{path} has no parameters of lengen, or it is damaged ({type(error).__name__})"
        ) from None
    if facts.get(KIND) != kind:
        raise UsageError(
            f"eval.checkpoint={kind}: {path} has the parameters of checkpoint {facts.get(KIND)!r}"
        )
    for key, value in (run or {}).items():
        if facts.get(key) != value:
            raise UsageError(
                f"{path} has the parameters of another run: {key} {facts.get(key)!r}, not {value!r}"
            )
    return {"state_dict": state, "global_step": step, RUN: dict(run or {})}
