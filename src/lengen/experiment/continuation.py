"""A run that goes on from another one with more steps: `from=FOLDER`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lengen.config.errors import UsageError, require
from lengen.config.identity import differences
from lengen.experiment.config import Origin, RunConfig
from lengen.records.earlier_runs import seed_name
from lengen.records.run_dir import RunFolder
from lengen.training.callback import TrainingCallback
from lengen.training.checkpoint import RUN, SafeCheckpoints, decoder_state, parameters_digest, read_checkpoint

APART = ("steps", "eval", "trainer", "from")
"""Parts of an identity in which a run may differ from the one that it goes on from."""


def check_origin(config: RunConfig, origin: Origin) -> None:
    """Refuse a run from which this one cannot go on.

    Raises:
        UsageError: names what differs, or what is missing.
    """
    folder = RunFolder(Path(origin.run))
    require_equal(config.record, config.identity, folder)
    own = config.folder.last.exists() or config.folder.facts().get("status") == "finished"
    require(
        own or folder.last.exists(),
        f"from={folder.path}: there is no {folder.last.relative_to(folder.path)} to go on from (trainer.keep)",
    )


def require_equal(record: Mapping[str, Any], identity: Mapping[str, Any], folder: RunFolder) -> None:
    """Refuse to go on from a run that differs in more than its steps, its trainer and its evaluation.

    Args:
        record: a resolved configuration.
        identity: of its cell.
        folder: the run that it is to go on from.

    Raises:
        UsageError: names what differs.
    """
    earlier, ours, theirs = folder.facts().get("identity"), seed_name(record), seed_name(folder.config())
    require(earlier is not None, f"from={folder.path}: it is of an earlier version, which noted no identity")
    differing = differences(trained(earlier or {}), trained(identity))
    if ours != theirs:
        differing.append(f"the seeds are {ours}, were {theirs}")
    require(
        not differing, f"from={folder.path}: only steps, trainer and eval may differ: {'; '.join(differing)}"
    )


def trained(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of an identity that two runs share of which one goes on from the other."""
    return {key: value for key, value in identity.items() if key not in APART}


def continuation(config: RunConfig, origin: Origin) -> str:
    """Say from where a run goes on."""
    return f"goes on from step {origin.step} of {origin.run}: {schedule(config, origin)}"


def schedule(config: RunConfig, origin: Origin) -> str:
    """Say what the learning rate does where a run goes on."""
    rule = config.optimizer.schedule
    ended, begins = rule.factor(origin.step - 1, origin.step), rule.factor(origin.step, config.steps)
    return (
        f"the learning rate follows the schedule of {config.steps} steps from there on, at {begins:.3g} of its peak; "
        f"it had ended at {ended:.3g}"
    )


def continued(config: RunConfig, origin: Origin) -> dict[str, Any]:
    """Entries of `run.json` about the run from which this one goes on."""
    return {
        "continued": {
            "run": origin.run,
            "step": origin.step,
            "parameters_digest": origin.parameters,
            "schedule": schedule(config, origin),
        }
    }


def adopt(config: RunConfig, origin: Origin) -> None:
    """Write the checkpoints of the earlier run as those of this one, which then resumes as any interrupted run does.

    Raises:
        UsageError: its last checkpoint is missing, damaged, of another run, or not the one that it was evaluated with.
    """
    folder = RunFolder(Path(origin.run))
    require(
        folder.last.exists(),
        f"from={origin.run}: there is no {folder.last.relative_to(folder.path)} to go on from",
    )
    run = {"cell": str(folder.facts().get("cell")), "seed": seed_name(config.record)}
    last = read_checkpoint(folder.last, run)
    if last["global_step"] != origin.step:
        raise UsageError(
            f"from={origin.run}: its last checkpoint is of step {last['global_step']}, not {origin.step}"
        )
    if folder.config()["eval"].get("checkpoint") == "last":
        require(
            parameters_digest(decoder_state(last)) == origin.parameters,
            f"from={origin.run}: its last checkpoint has other parameters than its run.json says",
        )
    found = {config.folder.last: last}
    if folder.best.exists():
        found[config.folder.best] = read_checkpoint(folder.best, run)
    else:  # the best is that of the steps to come
        last["callbacks"][TrainingCallback.STATE]["best_score"] = []
    for path, contents in found.items():
        SafeCheckpoints().save_checkpoint({**contents, RUN: config.run}, path)
