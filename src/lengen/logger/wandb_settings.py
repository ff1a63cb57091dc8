"""What W&B is told: an option, else the environment variable that W&B reads, else what lengen sets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from lengen.config.errors import UsageError, require

Mode = Literal["auto", "online", "offline", "disabled"]
FORBIDDEN = "/\\#?%:"
"""Characters that W&B does not allow in the name of a project."""
LONGEST_TAG = 64
LONGEST_NAME = 128
"""Characters that W&B allows in a tag, and in the name of a run or a group."""
PROJECT = "lengen"
"""The project where none is given."""


def variable(name: str) -> str | None:
    """Return the value of an environment variable; None if it is empty or not set."""
    return os.environ.get(name, "").strip() or None


def name_project(project: str | None, entity: str | None) -> None:
    """Set the variables of project and entity where they are not set, in a trial of a sweep: W&B takes them from nowhere else there.

    Args:
        project: the project; None for `PROJECT`.
        entity: user or team; None for the account's default.
    """
    if variable("WANDB_SWEEP_ID"):
        for name, value in (("WANDB_PROJECT", project or PROJECT), ("WANDB_ENTITY", entity)):
            if value and not variable(name):
                os.environ[name] = value


def tags_of(variable_name: str) -> list[str]:
    """Return the tags in an environment variable, which commas separate."""
    return [tag.strip() for tag in (variable(variable_name) or "").split(",") if tag.strip()]


def trial() -> str | None:
    """Return the id that the agent of a W&B sweep gives the run of its trial; None where there is no agent."""
    return variable("WANDB_RUN_ID") if variable("WANDB_SWEEP_ID") else None


def check_project(name: str, project: str | None) -> None:
    """Refuse a name of a project, user or team that W&B would refuse.

    Raises:
        UsageError: names the option.
    """
    if project is not None and (not project or set(project) & set(FORBIDDEN)):
        raise UsageError(f"{name}={project!r}: must be a name without {' '.join(FORBIDDEN)}")


def check_name(name: str, value: str | None) -> None:
    """Refuse a name of a run or a group that W&B would refuse.

    Raises:
        UsageError: names the option.
    """
    require(
        value is None or 0 < len(value) <= LONGEST_NAME,
        f"{name}={value!r}: must have 1 to {LONGEST_NAME} characters",
    )


def check_tags(name: str, tags: list[str] | None) -> None:
    """Refuse tags that W&B would refuse.

    Raises:
        UsageError: names the option.
    """
    for tag in tags or ():
        require(0 < len(tag) <= LONGEST_TAG, f"{name}: tag {tag!r}: must have 1 to {LONGEST_TAG} characters")


def check_environment() -> None:
    """Refuse environment variables that W&B could not follow.

    Raises:
        UsageError: names the variable.
    """
    requested_mode("auto")
    check_project("WANDB_PROJECT", variable("WANDB_PROJECT"))
    check_project("WANDB_ENTITY", variable("WANDB_ENTITY"))
    folder = variable("WANDB_DIR")
    require(folder is None or not Path(folder).is_file(), f"WANDB_DIR={folder}: is a file, not a folder")


def requested_mode(mode: Mode) -> str:
    """Return the requested mode: the option, or WANDB_MODE if the option is `auto`.

    Raises:
        UsageError: the value of WANDB_MODE is invalid.
    """
    if mode != "auto":
        return mode
    value = (variable("WANDB_MODE") or "auto").lower()
    value = {"dryrun": "offline", "run": "online"}.get(value, value)
    if value not in ("auto", "online", "offline", "disabled"):
        raise UsageError(f"WANDB_MODE={value}: must be online, offline or disabled")
    return value
