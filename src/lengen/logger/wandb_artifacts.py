"""A finished run as an artifact of W&B: its folder with the trained parameters, and the user's own code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

MODEL_FILES = (
    "config.yaml",
    "run.json",
    "curve.csv",
    "verdicts.parquet",
    "train.csv",
    "vocabulary.json",
    "figure.png",
    "checkpoints/last.ckpt",
    "checkpoints/best.ckpt",
)
"""Files of a run folder that a model consists of: `lengen eval run=FOLDER` takes them as they are downloaded."""


def model(identity: str, folder: Path, facts: Mapping[str, Any]) -> Any:
    """Return the run folder as an artifact of type `model`, named as Lightning names its own.

    Args:
        identity: W&B's id of the run.
        folder: the run folder.
        facts: entries of its `run.json` that describe it.
    """
    import wandb

    artifact = wandb.Artifact(f"model-{identity}", "model", metadata=dict(facts))
    for name in MODEL_FILES:
        if (folder / name).exists():
            artifact.add_file(str(folder / name), name)
    return artifact


def log_code(run: Any, sources: Mapping[str, Mapping[str, Any]]) -> None:
    """Log the modules outside lengen that a run has used, as W&B logs code; nothing if there are none.

    Args:
        run: the W&B run.
        sources: entry of `run.json`: by module, its path.
    """
    paths = {name: Path(str(source["path"])) for name, source in sources.items() if source.get("path")}
    with TemporaryDirectory() as folder:
        for name, path in paths.items():
            if path.is_file():
                copy = Path(folder, *name.split(".")).with_suffix(path.suffix)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(path.read_bytes())
        if any(Path(folder).iterdir()):
            run.log_code(folder, name=f"source-{run.id}")
