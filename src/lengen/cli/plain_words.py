"""Words of commands that need no Hydra: `name=value`, and one value without its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lengen.config.errors import nearest, require


def parsed(arguments: Sequence[str], defaults: Mapping[str, str], first: str) -> dict[str, str]:
    """Read words of the command line.

    Args:
        arguments: the words.
        defaults: the options and their defaults.
        first: the option that a word without `=` is the value of.

    Raises:
        UsageError: a word is no option, has no value, or gives an option again.
    """
    given = dict[str, str]()
    for word in arguments:
        name, equals, value = word.partition("=") if "=" in word else (first, "=", word)
        require(
            name in defaults,
            f"unknown option {name!r}{nearest(name, defaults)} (allowed: {', '.join(defaults)})",
        )
        require(not word.startswith("-"), f"{word}: unknown flag (allowed: --help)")
        require(bool(value), f"{name}{equals}: has no value")
        require(name not in given, f"{word}: {name}={given.get(name)} was given before")
        given[name] = value
    return {**defaults, **given}
