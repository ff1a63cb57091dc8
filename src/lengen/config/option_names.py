"""The name of the option that a class is, for messages and labels."""

from __future__ import annotations

import inspect
import re
from functools import cache

from lengen.config.search import config_dir


def option_of(part: object) -> str:
    """Return the name of the option that an object or a class is: that of its YAML, else that of its module.

    Args:
        part: an object or a class, of lengen or of the user, whose own classes are named by their own name.
    """
    kind = part if inspect.isclass(part) else type(part)
    root, _, rest = kind.__module__.partition(".")
    group, _, stem = rest.rpartition(".")
    if root != "lengen" or not group:
        return snake(kind.__name__)
    named = options(group).get(f"{kind.__module__}.{kind.__qualname__}", [])
    return named[0] if len(named) == 1 else stem


def option_of_target(target: str, group: str) -> str:
    """Return the name of the option that a `_target_` of a configuration is; that of its class where several, or none, have it.

    >>> option_of_target("lengen.pe.alibi.ALiBi", "pe"), option_of_target("mine.Decay", "pe")
    ('alibi', 'decay')
    """
    named = options(group).get(target, [])
    return named[0] if len(named) == 1 else snake(target.rpartition(".")[2])


@cache
def options(group: str) -> dict[str, list[str]]:
    """Return the options of a group of lengen by the class that they name."""
    found: dict[str, list[str]] = {}
    for path in sorted((config_dir() / group).glob("*.yaml")):
        for target in re.findall(r"^ *_target_: *([\w.]+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            found.setdefault(target, []).append(path.stem)
    return found


def snake(name: str) -> str:
    """Return the name of a class in the style of option names.

    >>> snake("MyTask"), snake("HTTPParser2")
    ('my_task', 'http_parser2')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
