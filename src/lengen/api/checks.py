"""What Python callers may pass, checked before anything is done with it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from numbers import Real
from os import PathLike
from pathlib import Path
from typing import Any

from lengen.config.compose import Command
from lengen.config.errors import one_line, require
from lengen.config.words import parsed


def shown(value: Any) -> str:
    """Return how a message writes a value that somebody passed: on one line."""
    return one_line(repr(value))


def require_whole(value: Any, name: str, otherwise: str = "") -> None:
    """Refuse what is not a whole number.

    Args:
        value: what was passed.
        name: the argument that got it.
        otherwise: what else it may be, for the message.

    Raises:
        UsageError: it is none.
    """
    whole = isinstance(value, int) and not isinstance(value, bool)
    require(whole, f"{name}={shown(value)}: must be a whole number{otherwise}")


def require_number(value: Any, name: str) -> None:
    """Refuse what is not a number.

    Raises:
        UsageError: it is none.
    """
    fits = isinstance(value, Real) and not isinstance(value, bool)
    require(fits, f"{name}={shown(value)}: must be a number")


def require_text(value: Any, name: str) -> None:
    """Refuse what is not a text.

    Raises:
        UsageError: it is none.
    """
    require(isinstance(value, str), f"{name}={shown(value)}: must be a text")


def path_of(value: Any, name: str) -> Path:
    """Return a path.

    Raises:
        UsageError: it is none.
    """
    require(isinstance(value, (str, PathLike)), f"{name}={shown(value)}: must be a path")
    return Path(value)


def require_index(value: Any, name: str, count: int) -> None:
    """Refuse what is not an index of `count` things; None stands for all of them.

    Raises:
        UsageError: it is none.
    """
    allowed = f" from 0 to {count - 1}, negative from the end, or None for all"
    if value is not None:
        require_whole(value, name, allowed)
        require(-count <= value < count, f"{name}={value}: must be a whole number{allowed}")


def require_words(words: Sequence[Any], command: Command, folders: Sequence[Path]) -> None:
    """Refuse what is not a word of the command line that sets an option.

    Args:
        words: what was passed by position.
        command: the command whose options they set.
        folders: the user's own configuration folders.

    Raises:
        UsageError: names the word, and what it must be.
    """
    must = "must be a word option=value, as in 'pe=rope'"
    for word in words:
        hint = ""
        if isinstance(word, dict):
            hint = f"; a dictionary of options needs ** in front, as in lengen.{command.name}(**options)"
        require(isinstance(word, str), f"{shown(word)}: {must}, or a keyword, as in pe='rope'{hint}")
        key, equals, _ = word.partition("=")
        if key in ("-m", "--multirun"):
            hint = "; a study is lengen.study, which varies lists, as in pe=['nope', 'rope']"
        elif key.startswith("-"):
            hint = "; flags belong to the command line"
        require(bool(equals and key.strip()) and not key.startswith("-"), f"{shown(word)}: {must}{hint}")
    for word in command.rewritten(words, folders):
        parsed(word)


def require_once(names: Sequence[str], before: Collection[str] = ()) -> None:
    """Refuse an option that a call gives twice, of which one value would win in silence.

    Args:
        names: names of options, as the call gives them.
        before: names of options that it gives elsewhere.

    Raises:
        UsageError: names the option.
    """
    for index, name in enumerate(names):
        require(name not in before and name not in names[:index], f"{name}: given twice; give it once")
