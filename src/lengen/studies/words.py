"""The words of a study's command: which belong to the study, how they name it, and how others replace them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

from lengen.config.compose import OF_STUDIES
from lengen.config.errors import UsageError, require
from lengen.config.identity import NON_IDENTITY_OPTIONS

NAME = re.compile(r"[\w.-]{1,100}", re.ASCII)
"""A name of a study, which is also the name of its file."""
APART = (*OF_STUDIES, "results_dir", "force", "dry", "hydra")
"""Options, and groups, that do not belong to a study: how its command is carried out, and where."""
BESIDE = ("results_dir", "launcher", "hydra/launcher", "hydra.launcher", "jobs", "logger", "limits", "formats", "style", *(f"trainer.{each}" for each in NON_IDENTITY_OPTIONS["trainer"]))  # fmt: skip
"""Options, and groups, that may be given with a study that exists: no result depends on them."""
LONGEST = 40
"""Characters of the readable part of a name."""


def checked_name(name: str) -> str:
    """Return the name of a study.

    Raises:
        UsageError: it is none.
    """
    allowed = bool(NAME.fullmatch(name)) and not name.startswith((".", "-"))
    require(
        allowed, f"study={name}: must be 1 to 100 letters, digits, - _ or ., and begin with a letter or digit"
    )
    return name


def option(word: str) -> str:
    """Name of the option that an override sets.

    >>> option("+task.wrong=1,0"), option("hydra/launcher=joblib")
    ('task.wrong', 'hydra/launcher')
    """
    return word.partition("=")[0].lstrip("+~")


def within(name: str, options: Iterable[str]) -> bool:
    """Whether an option is one of some options, or in one of some groups.

    >>> within("launcher.gpus", ["launcher"]), within("hydra/launcher", ["hydra"]), within("jobs_", ["jobs"])
    (True, True, False)
    """
    return any(name == each or name.startswith((f"{each}.", f"{each}/")) for each in options)


def of_study(words: Iterable[str]) -> list[str]:
    """Return the overrides that belong to a study."""
    return [word for word in words if not within(option(word), APART)]


def default_name(words: Sequence[str], results: str) -> str:
    """Name a study by its command: readable, and equal for the same words in any order.

    >>> default_name(["task=copy", "pe=nope,rope", "seed=range(3)"], "runs")
    'copy-pe-seed-eb64d1'

    Args:
        words: overrides that belong to the study.
        results: name of the folder of its runs.
    """
    values = {option(word): word.partition("=")[2] for word in words}
    varied = sorted(
        name.rpartition(".")[2]
        for name, value in values.items()
        if re.search(r",|\(|\*", value) and "[" not in value
    )
    parts = [values.get("experiment", ""), values.get("task", ""), *varied]
    readable = "-".join(part for part in parts if NAME.fullmatch(part))[:LONGEST].strip("-.")
    digest = hashlib.sha256("\n".join([results, *sorted(words)]).encode()).hexdigest()[:6]
    return f"{readable or 'study'}-{digest}".lstrip("_")


def replaced(words: Sequence[str], given: Sequence[str]) -> list[str]:
    """Return the words of a study with those that are given in the place of those for the same options.

    Another logger or launcher has options of its own, so that those of the one before go with it.

    >>> replaced(["task=copy", "logger=wandb", "logger.log_model=true"], ["logger=local"])
    ['task=copy', 'logger=local']
    >>> replaced(["task=copy", "pe=nope,rope", "seed=0"], ["seed=range(3)", "steps=9"])
    ['task=copy', 'pe=nope,rope', 'seed=range(3)', 'steps=9']
    """
    by_option = {option(word): word for word in given}
    gone = tuple(
        f"{group}." for group in ("logger", "launcher") if by_option.get(group) not in (None, *words)
    )
    kept = [
        by_option.pop(option(word), word)
        for word in words
        if option(word) in by_option or not option(word).startswith(gone)
    ]
    return [*kept, *by_option.values()]


def require_beside(words: Iterable[str], name: str) -> None:
    """Refuse words that would change the runs of a study that exists.

    Raises:
        UsageError: names the first one, and what is allowed.
    """
    for word in words:
        require(option(word) != "dry", f"{word}: lengen status {name} says what is left of it")
        if not within(option(word), BESIDE):
            adds = (
                "" if within(option(word), ["hydra"]) else f"; lengen train -m study={name} {word} adds runs"
            )
            raise UsageError(
                f"{word}: the runs of study={name} are given{adds} (allowed: {', '.join(BESIDE)})"
            )
