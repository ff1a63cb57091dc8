"""From the arguments of a call in Python to what the command line makes of its words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import torch

from lengen.api.parts import Part
from lengen.config.builder import Builder
from lengen.config.compose import Command, Request, groups, named_modules
from lengen.config.errors import UsageError
from lengen.records.provenance import CALL

Folders = str | PathLike[str] | Sequence[str | PathLike[str]] | None
"""The caller's own configuration folders."""


@dataclass(frozen=True)
class Asked:
    """A call, as a command carries it out.

    Args:
        config: the resolved configuration.
        allowed: top-level modules whose classes it may name.
        parts: what the caller made, by group.
    """

    config: dict[str, Any]
    allowed: frozenset[str] = frozenset(("lengen",))
    parts: Mapping[str, Part] = field(default_factory=dict)

    @property
    def given(self) -> dict[str, Any]:
        """The objects of the caller, by group."""
        return {group: part.made for group, part in self.parts.items()}

    @property
    def builder(self) -> Builder:
        """What makes objects of the configuration."""
        return Builder(self.allowed, self.given)


def asked(command: Command, words: Sequence[str], options: Mapping[str, Any], config_dir: Folders) -> Asked:
    """Read the arguments of a call.

    Args:
        command: whose options they are.
        words: overrides as on the command line.
        options: a group with the name of an option, an object or a class; any other option with its value, under its
            dotted name or in a dictionary.
        config_dir: the caller's own configuration folders.

    Raises:
        UsageError: an unknown option, or a value that is not allowed.
    """
    folders = listed(config_dir)
    chosen, values, parts = list(words), dict[str, Any](), dict[str, Part]()
    known = groups(folders) if command.name == "train" else set[str]()
    for key, value in options.items():
        if isinstance(value, Mapping) and not key.startswith("+"):
            values.update(dotted(value, f"{key}."))
        elif key not in known:
            several = key in command.lists and isinstance(value, (str, PathLike))
            values[key] = [value] if several else value
        elif isinstance(value, str):
            chosen.append(f"{key}={value}")
        elif value is None or isinstance(value, (list, tuple, range, set)):
            raise UsageError(
                f"{key}={value!r}: allowed is one option, an object or a class; lengen.study varies lists"
            )
        else:
            parts[key] = Part(key, value)
    for name in (*values, *(word.partition("=")[0] for word in chosen)):
        if (group := name.lstrip("+~").partition(".")[0]) in parts:
            raise UsageError(f"{name}: {group} is an object here, whose options stand in its constructor")
    nodes = {group: part.node for group, part in parts.items()}
    labels = {group: part.label for group, part in parts.items() if group not in ("trainer", "logger")}
    config = Request(command, chosen, values, nodes, labels, folders).compose()
    return Asked(config, frozenset(("lengen", *named_modules(folders))), parts)


def listed(config_dir: Folders) -> list[Path]:
    """Folders as a list."""
    if config_dir is None:
        return []
    several = [config_dir] if isinstance(config_dir, (str, PathLike)) else config_dir
    return [Path(folder).expanduser() for folder in several]


def dotted(options: Mapping[str, Any], head: str) -> dict[str, Any]:
    """Nested options by dotted names."""
    found = dict[str, Any]()
    for key, value in options.items():
        found.update(
            dotted(value, f"{head}{key}.") if isinstance(value, Mapping) else {f"{head}{key}": value}
        )
    return found


@contextmanager
def call(function: str, words: Sequence[str], options: Mapping[str, Any]) -> Iterator[None]:
    """Work whose call is recorded, and which leaves the caller's threads and random numbers as they were."""
    given = [repr(word) for word in words]
    plain = {key: value for key, value in options.items() if key.isidentifier()}
    given += [f"{key}={value!r}" for key, value in plain.items()]
    if others := {key: value for key, value in options.items() if key not in plain}:
        given.append(f"**{others!r}")
    token, threads = CALL.set(f"{function}({', '.join(given)})"), torch.get_num_threads()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(threads)
        CALL.reset(token)
