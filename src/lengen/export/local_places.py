"""Leave out of the records of a run where its files were on the machine that trained it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

PLACES = {"results_dir": "results/runs"}
"""Options that say where files go and nothing else, with their defaults."""
ABSOLUTE = re.compile(r"[/~]|[A-Za-z]:[\\/]")


def without_places(config: Any) -> Any:
    """Return a configuration whose places are the defaults, and whose absolute paths are cut to their last part.

    >>> without_places({"results_dir": "/home/me/runs", "task": {"path": "/home/me/data/words.csv"}, "seed": 0})
    {'results_dir': 'results/runs', 'task': {'path': 'words.csv'}, 'seed': 0}
    """
    if isinstance(config, Mapping):
        return {key: PLACES.get(key, without_places(value)) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return [without_places(each) for each in config]
    return last_part(config) if isinstance(config, str) else config


def command_without_places(command: str | None) -> str | None:
    """Return a command line without options that are places, and with absolute paths cut to their last part.

    >>> command_without_places("lengen train task.path=/home/me/words.csv seed=0 'results_dir=/tmp/a b'")
    'lengen train task.path=words.csv seed=0'
    """
    if command is None:
        return None
    words = (word.partition("=") for word in shlex.split(command))
    kept = (
        (name, equals, last_part(value.strip("\"'")))
        if ABSOLUTE.match(value.strip("\"'"))
        else (name, equals, value)
        for name, equals, value in words
        if name.lstrip("+") not in PLACES
    )
    return shlex.join("".join(parts) for parts in kept)


def last_part(text: str) -> str:
    r"""Return the name of the file or folder that an absolute path leads to; any other text as it is.

    >>> last_part(r"C:\data\words.csv"), last_part("/data/runs/"), last_part("a/b")
    ('words.csv', 'runs', 'a/b')
    """
    if not ABSOLUTE.match(text):
        return text
    kind = PureWindowsPath if text[1:2] == ":" else PurePosixPath
    return kind(text).name
