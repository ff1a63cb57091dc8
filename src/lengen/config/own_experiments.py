"""Slips in an experiment file of the user's own, which Hydra would take for something else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lengen.config.bounded_yaml import parse_yaml
from lengen.config.command_page import command_page
from lengen.config.errors import UsageError, require
from lengen.config.search import own_files

GROUP = "experiment"
GLOBAL = re.compile(r"#\s*@package\s+_global_\s*$")
"""The line by which the options of a file are those of the command."""
KEYWORDS = re.compile(r"(?:(?:override|optional)\s+)*/?")
"""What stands before the name of a group in a list of defaults."""


def check_experiments(names: Iterable[str], folders: Sequence[Path]) -> None:
    """Refuse experiments of the user's whose options would not be those of the command, or that choose an option of a group wrongly.

    Args:
        names: of experiments.
        folders: the user's own configuration folders.

    Raises:
        UsageError: names the file, and what to write.
    """
    for path in (path for name in names for path in own_files(GROUP, name, folders)):
        text = path.read_text(encoding="utf-8")
        require(
            GLOBAL.match(next(filter(str.strip, text.split("\n")), "")) is not None,
            f"{path}: its first line must be '# @package _global_', by which its options are those of the command",
        )
        held = parse_yaml(text, str(path))
        if isinstance(held, Mapping):
            _check_choices(path, held)


def _check_choices(path: Path, held: Mapping[Any, Any]) -> None:
    """Refuse an option of a group that is chosen as if it were a value, or without `override /`.

    Raises:
        UsageError: there is one.
    """
    groups = {each.name for each in command_page("train").groups} - {GROUP}
    for group, value in held.items():
        if group in groups and isinstance(value, str) and "$" not in value:
            raise UsageError(
                f"{path}: '{group}: {value}' chooses an option of a group, which its defaults do: write "
                f"'- override /{group}: {value}' below 'defaults:'"
            )
    defaults = held.get("defaults")
    pairs = (each for each in (defaults if isinstance(defaults, list) else ()) if isinstance(each, Mapping))
    for key, value in (item for pair in pairs for item in pair.items()):
        group = KEYWORDS.sub("", str(key), count=1)
        needed = f"override /{group}"
        if (group in groups or group.startswith("hydra/")) and " ".join(str(key).split()) != needed:
            raise UsageError(f"{path}: '{key}: {value}' in its defaults: write '{needed}: {value}'")
