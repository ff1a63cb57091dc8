"""Compose the configuration of a call in Python: from its arguments, as the command line does from its overrides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import torch

from lengen.api.checks import path_of, require_once, require_words, shown
from lengen.api.parts import Part
from lengen.config.builder import Builder
from lengen.config.compose import Command, Request
from lengen.config.errors import UsageError, require
from lengen.config.search import groups, named_modules
from lengen.records.command import CALL

Folders = str | PathLike[str] | Sequence[str | PathLike[str]] | None
"""The user's own configuration folders."""


@dataclass(frozen=True)
class ComposedCall:
    """The arguments of a call, composed to a configuration.

    Args:
        config: the resolved configuration.
        allowed: top-level modules whose classes the configuration may name.
        parts: objects and classes of the user, by group.
    """

    config: dict[str, Any]
    allowed: frozenset[str] = frozenset(("lengen",))
    parts: Mapping[str, Part] = field(default_factory=dict)

    @property
    def given(self) -> dict[str, Any]:
        """The user's objects, by group."""
        return {group: part.built for group, part in self.parts.items()}

    @property
    def builder(self) -> Builder:
        """The builder of the configuration's objects."""
        return Builder(self.allowed, self.given)


def compose_call(
    command: Command, words: Sequence[str], options: Mapping[str, Any], config_dir: Folders
) -> ComposedCall:
    """Compose the arguments of a call.

    Args:
        command: the command whose options they are.
        words: overrides as on the command line.
        options: a group with the name of an option, an object or a class; any other option with its value, by its
            dotted name or in a dictionary.
        config_dir: the user's own configuration folders.

    Raises:
        UsageError: an option is unknown, or a value is invalid.
    """
    folders = folder_list(config_dir)
    check_call(command, words, options, folders)
    overrides, values, parts = list(words), dict[str, Any](), dict[str, Part]()
    known = groups(folders) if command.name == "train" else set(command.groups)
    for key, value in options.items():
        if isinstance(value, Mapping) and not key.startswith("+"):
            values.update(flattened({key: value}, "", command.maps))
        elif key not in known:
            single = key in command.lists and isinstance(value, (str, PathLike))
            values[key] = [value] if single else value
        elif isinstance(value, str):
            overrides.append(f"{key}={value}")
        elif (part := part_of(key, value, command)) is not None:
            parts[key] = part
        else:
            overrides.append(f"{key}=null")
    for name in (*values, *(word.partition("=")[0] for word in overrides)):
        if (group := name.lstrip("+~").partition(".")[0]) in parts:
            raise UsageError(f"{name}: {group} is an object in this call; set the option in its constructor")
    nodes = {group: part.node for group, part in parts.items()}
    labels = {group: part.label for group, part in parts.items() if group not in ("trainer", "logger")}
    config = Request(command, overrides, values, nodes, labels, folders).compose()
    return ComposedCall(config, frozenset(("lengen", *named_modules(folders))), parts)


def part_of(group: str, value: Any, command: Command) -> Part | None:
    """Return an object or a class of the user in the place of an option; None stands for none, where the command needs none.

    Raises:
        UsageError: it is no object or class that can be an option of the group.
    """
    if value is None and group in command.groups:
        return None
    if value is None or isinstance(value, (list, tuple, range, set)):
        raise UsageError(
            f"{group}={shown(value)}: must be the name of one option, an object or a class; to vary it, use lengen.study"
        )
    return Part(group, value)


def check_call(
    command: Command, words: Sequence[str], options: Mapping[str, Any], folders: Sequence[Path]
) -> None:
    """Refuse what is no word, and options that are given twice: by a word and a keyword, or in a dictionary and by a dotted name.

    Args:
        command: the command whose options they are.
        words: overrides as on the command line.
        options: keywords, see `compose_call`.
        folders: the user's own configuration folders.

    Raises:
        UsageError: names the word or the option.
    """
    require_words(words, command, folders)
    by_word = [word.partition("=")[0].lstrip("+~") for word in words]
    by_keyword = [
        name.lstrip("+")
        for key, value in options.items()
        for name in flattened({key: value}, "", command.maps)
    ]
    full = [
        [f"eval.{name}" if name in command.short else name for name in names]
        for names in (by_keyword, by_word)
    ]
    require_once(full[0], full[1])


def folder_list(config_dir: Folders) -> list[Path]:
    """Return the configuration folders as a list of paths.

    Raises:
        UsageError: it is neither a path nor a list of paths, or there is no such folder.
    """
    if config_dir is None:
        return []
    if not isinstance(config_dir, (str, PathLike, list, tuple)):
        raise UsageError(f"config_dir={shown(config_dir)}: must be a folder, or a list of folders")
    given = config_dir if isinstance(config_dir, (list, tuple)) else [config_dir]
    folders = [path_of(folder, "config_dir").expanduser() for folder in given]
    for folder in folders:
        require(folder.is_dir(), f"config_dir={folder}: no such folder")
    return folders


def flattened(options: Mapping[str, Any], prefix: str, maps: Sequence[str] = ()) -> dict[str, Any]:
    """Return nested options by their dotted names, each with the prefix in front.

    Args:
        options: options, of which some are dictionaries of options.
        prefix: what stands in front of each name.
        maps: options whose value is a dictionary.

    Raises:
        UsageError: one is given twice, as in `{"a": {"b": 1}, "a.b": 2}`.
    """
    flat = dict[str, Any]()
    for key, value in options.items():
        name = f"{prefix}{key}"
        inner = isinstance(value, Mapping) and name not in maps
        below = flattened(value, f"{name}.", maps) if inner else {name: value}
        require_once([*below], flat)
        flat.update(below)
    return flat


@contextmanager
def recorded_call(function: str, words: Sequence[str], options: Mapping[str, Any]) -> Iterator[None]:
    """Record a call for `run.json`; restore torch's number of threads and random state afterwards."""
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
