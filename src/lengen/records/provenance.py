"""Provenance of a result: command line, commit, versions, device."""

from __future__ import annotations

import platform
import subprocess
import time
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from lengen.records.command import command

PACKAGES = ("lengen", "torch", "lightning", "hydra-core", "omegaconf", "wandb", "datasets", "numpy", "scipy")


def provenance(device: torch.device) -> dict[str, Any]:
    """Return the provenance entries of `run.json`."""
    return {
        "command": command(),
        "git": git(Path(__file__).parent),
        "versions": {"python": platform.python_version(), **{name: installed(name) for name in PACKAGES}},
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def device_name(device: torch.device) -> str:
    """Return the model of a GPU, or the kind of another device with the machine's architecture."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"{device.type} ({platform.machine()})"


@cache
def installed(package: str) -> str | None:
    """Return the version of a package; None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def git(folder: Path) -> dict[str, Any] | None:
    """Return the commit of the checkout around a folder, and whether tracked files differ from it; None outside a checkout.

    It is asked once a process, whose code does not change any more.
    """

    def run_git(*words: str) -> str:
        process = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True, timeout=10
        )
        return process.stdout.strip()

    try:
        run_git(
            "ls-files", "--error-unmatch", "provenance.py"
        )  # an installed copy inside another project's checkout is not part of it
        return {
            "commit": run_git("rev-parse", "HEAD"),
            "dirty": bool(run_git("status", "--porcelain", "--untracked-files=no")),
        }
    except (OSError, subprocess.SubprocessError):
        return None
