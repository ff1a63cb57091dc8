"""Where a number comes from: command line, commit, versions, device."""

from __future__ import annotations

import platform
import shlex
import subprocess
import sys
import time
from contextvars import ContextVar
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("lengen", "torch", "lightning", "hydra-core", "omegaconf", "wandb", "datasets", "numpy", "scipy")


CALL: ContextVar[str | None] = ContextVar("call", default=None)
"""The call in Python that asked for the run; None where a command line did."""


def provenance(device: torch.device) -> dict[str, Any]:
    """Facts for `run.json`."""
    return {
        "command": CALL.get() or f"{Path(sys.argv[0]).name} {shlex.join(sys.argv[1:])}",
        "git": git(Path(__file__).parent),
        "versions": {"python": platform.python_version(), **{name: installed(name) for name in PACKAGES}},
        "device": torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"{device.type} ({platform.machine()})",
        "threads": torch.get_num_threads(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def installed(package: str) -> str | None:
    """Version of a package, None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def git(folder: Path) -> dict[str, Any] | None:
    """Commit of the checkout that holds a folder and whether tracked files differ from it; None outside of one."""

    def ask(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True, timeout=10
        )
        return done.stdout.strip()

    try:
        ask(
            "ls-files", "--error-unmatch", "provenance.py"
        )  # an installed copy inside somebody's checkout is not theirs
        return {
            "commit": ask("rev-parse", "HEAD"),
            "dirty": bool(ask("status", "--porcelain", "--untracked-files=no")),
        }
    except (OSError, subprocess.SubprocessError):
        return None
