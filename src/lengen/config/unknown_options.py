"""Options that a command does not have, where Hydra would not say so: new ones, and those whose values it cannot parse."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from lengen.config.command_page import command_page
from lengen.config.errors import UsageError
from lengen.config.explain import known_options, near
from lengen.config.short_words import SHORT
from lengen.config.words import parsed

KEY = re.compile(r"([+]*)([\w./]+)=")
"""Start of a word that sets an option, or adds one."""


def refuse_unknown(
    overrides: Iterable[str], command: str, words: Sequence[str], folders: Sequence[Path]
) -> None:
    """Refuse options that the command does not have.

    An argument may be new (`+pe.mine=1`), since the class that is built says whether it has it; an option of the command may not.

    Args:
        overrides: words as they are given to Hydra.
        command: name of the command.
        words: overrides as on the command line.
        folders: the user's own configuration folders.

    Raises:
        UsageError: names the option, and the nearest that there is.
    """
    page = command_page(command)
    own = {each.name.partition(".")[0] for each in (*page.groups, *page.options)}
    lists = {each.name: each.default for each in page.options if each.default.startswith("[")}
    short = SHORT.get(command, ())
    for word in overrides:
        found = KEY.match(word)
        if not found:
            continue
        key = found[2].replace("/", ".")
        head = key.partition(".")[0]
        full, value = f"eval.{key}" if head in short else key, word.partition("=")[2]
        if listed := next((each for each in lists if full.startswith(f"{each}.")), ""):
            named = f"[{full.removeprefix(f'{listed}.')}={value}]"  # a stress set is a text of this form
            example = named if lists[listed] == "[]" else lists[listed]
            raise UsageError(f"{word}: {listed} is a list, as in {listed}={example}")
        is_new = head not in own and head != "hydra"
        if (found[1] and is_new) or (not _can_be_parsed(word) and _is_unknown(key, command, words, folders)):
            raise UsageError(f"unknown option {key!r}{near(key, command, words, folders)}")


def _can_be_parsed(word: str) -> bool:
    try:
        parsed(word)
    except UsageError:
        return False
    return True


def _is_unknown(key: str, command: str, words: Sequence[str], folders: Sequence[Path]) -> bool:
    """Whether no option has this name; not if that cannot be known."""
    known = known_options(command, words, folders)
    return bool(known) and key not in known
