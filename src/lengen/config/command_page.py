"""What `--help` says of a command: its options, their defaults and meanings, read from its YAML. Imports neither torch nor Hydra."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lengen.config.bounded_yaml import read_yaml
from lengen.config.option_page import as_yaml
from lengen.config.remarks import remarks
from lengen.config.search import config_dir

HIDDEN = ("defaults", "hydra", "labels")
"""Keys of the YAML of a command that are no options of the user."""


@dataclass(frozen=True)
class Described:
    """An option or a group of a command: its name, its default as YAML, and what the comment behind it says."""

    name: str
    default: str
    meaning: str


@dataclass(frozen=True)
class CommandPage:
    """What there is to know of a command.

    Args:
        name: the command.
        header: its forms.
        footer: examples.
        groups: groups of options, each with the option that is chosen by default.
        options: the other options.
    """

    name: str
    header: str
    footer: str
    groups: tuple[Described, ...]
    options: tuple[Described, ...]


def command_page(name: str) -> CommandPage:
    """Return what there is to know of a command that has a YAML file.

    >>> [option.name for option in command_page("plan").options][:2]
    ['cells', 'seeds']
    """
    groups, options, shown = dict[str, Described](), dict[str, Described](), dict[str, str]()
    for values, said in reversed([*_files(name)]):  # those of the command itself come last, and hold
        for group, default in _groups(values):
            groups[group] = Described(group, as_yaml(default), said.get(f"defaults.{group}", ""))
        for option, default in _flat({key: value for key, value in values.items() if key not in HIDDEN}):
            options[option] = Described(option, as_yaml(default), said.get(option, ""))
        shown = values.get("hydra", {}).get("help", shown)
    return CommandPage(
        name, shown["header"], shown["footer"], tuple(groups.values()), tuple(options.values())
    )


def group_meanings() -> dict[str, str]:
    """Return what each group is for, as far as it is said."""
    return {group.name: group.meaning for group in command_page("train").groups}


def _files(name: str) -> Iterator[tuple[Mapping[str, Any], Mapping[str, str]]]:
    """Yield the values and the comments of the YAML of a command, then of the files that it stands on."""
    file = config_dir() / f"{name}.yaml"
    values = read_yaml(file)
    yield values, remarks(file)
    for entry in values["defaults"]:
        if isinstance(entry, str) and entry not in ("_self_", "quiet"):
            yield from _files(entry)


def _groups(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for entry in values["defaults"]:
        if isinstance(entry, Mapping):
            yield from ((group, name) for group, name in entry.items() if not group.startswith("override "))


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
