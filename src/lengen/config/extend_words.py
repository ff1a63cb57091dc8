"""Words of the command line that choose extensions: each stands under its own name, so that a list is no last-one-wins.

`extend=[yarn,sharpen] extend.yarn.factor=2 grid.sharpen.factor=[1.1,1.2]` becomes the words of Hydra that put the file of each
extension into a package of its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from lengen.config.errors import UsageError, nearest
from lengen.config.search import arguments, choices

UNDER_THEIR_NAMES = ("extend",)
"""Groups of which several options may be chosen, so that those of each stand under its name: `extend.yarn.factor`."""
NONE = ("null", "none")
EACH = "each"
"""In place of a list: every extension there is, each alone."""


def with_extensions(words: Sequence[str], folders: Sequence[Path], *, each: bool = True) -> list[str]:
    """Return the words of a command line with those that choose extensions rewritten for Hydra.

    >>> with_extensions(["extend=[yarn,sharpen]", "extend.yarn.factor=2", "grid.yarn.factor=[1,2]"], ())
    ['+extend@extend.yarn=yarn', '+extend@extend.sharpen=sharpen', 'extend.yarn.factor=2', '+grid.yarn.factor=[1,2]']

    Args:
        words: as on the command line.
        folders: the user's own configuration folders.
        each: whether `extend=each` is allowed.

    Raises:
        UsageError: there is no such extension, or one is named twice.
    """
    chosen = [word for word in words if word.startswith("extend=")]
    if len(chosen) > 1:
        raise UsageError(
            f"{chosen[1]}: extend= is given twice; name all extensions in one list, extend=[a,b]"
        )
    if f"extend={EACH}" in words and not each:
        raise UsageError(f"extend={EACH}: only lengen eval tries all; must be a list such as [yarn,sharpen]")
    rewritten = [part for word in words for part in _rewritten(word, folders)]
    names = [part.partition("=")[2] for part in rewritten if part.startswith("+extend@")]
    for word in rewritten:
        group, *path = word.partition("=")[0].lstrip("+").split(".")
        if group in ("extend", "grid") and path and path[0] not in names:
            known = choices("extend", folders)
            if path[0] not in known:
                hint = _under(group, path[0], names, folders) or nearest(path[0], known)
                hint = hint or " (lengen list extend shows them)"
                raise UsageError(f"{word.lstrip('+')}: there is no extension {path[0]!r}{hint}")
            if not names:
                raise UsageError(f"{word.lstrip('+')}: needs extend={path[0]}")
            listed = ", ".join(names)
            raise UsageError(
                f"{word.lstrip('+')}: {path[0]} must be one of the extensions that extend= names ({listed})"
            )
    return rewritten


def _under(group: str, argument: str, names: Sequence[str], folders: Sequence[Path]) -> str:
    """Suggest the option of an extension for an argument without its name; an empty text if none has it.

    >>> _under("extend", "factor", ["yarn"], ())
    "; did you mean 'extend.yarn.factor'?"
    >>> _under("extend", "factor", [], ())
    '; an option stands under the name of its extension: extend=yarn extend.yarn.factor=…'
    """
    having = [name for name in names if argument in arguments("extend", name, folders)]
    if having:
        return f"; did you mean {' or '.join(repr(f'{group}.{name}.{argument}') for name in having)}?"
    every = [each for each in choices("extend", folders) if argument in arguments("extend", each, folders)]
    if not every:
        return ""
    name = "yarn" if "yarn" in every else every[0]
    return f"; an option stands under the name of its extension: extend={name} {group}.{name}.{argument}=…"


def _rewritten(word: str, folders: Sequence[Path]) -> Iterator[str]:
    key, equals, value = word.partition("=")
    if key == "extend" and equals:
        yield from _files(value, folders)
    elif key == "extend.n":
        yield f"extend_n={value}"
    elif key.startswith("grid.") and equals:
        yield f"+{word}" if value.startswith("[") else f"+{key}=[{value}]"
    else:
        yield word


def _files(value: str, folders: Sequence[Path]) -> Iterator[str]:
    known = choices("extend", folders)
    text = value.strip("'\"")
    if text in NONE:
        return
    if re.search(r"\]\s*,", text):
        raise UsageError(
            f"extend={value}: a command has one list, whose extensions are applied together; run one command for each list"
        )
    names = known if text == EACH else [name.strip() for name in text.strip("[]").split(",")]
    if names == [""]:
        raise UsageError(
            f"extend={value}: names no extension (allowed: none, each, or a list such as [yarn,sharpen])"
        )
    if EACH in names:
        raise UsageError(f"extend={value}: each stands alone, without brackets; it tries all that apply")
    for index, name in enumerate(names):
        if not re.fullmatch(r"\w+", name) or name not in known:
            raise UsageError(
                f"extend={value}: there is no extension {name!r}{nearest(name, known)} (lengen list extend shows them)"
            )
        if name in names[:index]:
            raise UsageError(f"extend={value}: {name} is named twice")
        yield f"+extend@extend.{name}={name}"
    if text == EACH:
        yield "each=true"
