"""Names that changed: what was written for an older version goes on to work for one release, and says so.

| table | what it serves |
|---|---|
| `METHODS` | classes of one's own that define or call a method by its former name |
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar

METHODS: Mapping[str, Mapping[str, str]] = {
    "PositionalEncoding": {"table": "make_table", "bias": "logit_bias"},
}
"""Former names of the methods of a class, and their new ones."""


@cache
def warn_renamed(old: str, new: str) -> None:
    """Say once that something has a new name."""
    message = f"{old} is now {new}; the old name works for one more release"
    warnings.warn_explicit(message, FutureWarning, "lengen", 1)  # of no line of a file: it prints on one line


class FormerName:
    """A method under its former name. What an instance of a torch module holds under that name comes first.

    Args:
        old: the former name.
        new: the new one.
        method: what it calls.
    """

    def __init__(self, old: str, new: str, method: Callable[..., Any]) -> None:
        self.old, self.new, self.method = old, new, method

    def __get__(self, instance: object, owner: type) -> Any:
        for held in ("_parameters", "_buffers", "_modules"):
            parts = vars(instance).get(held, {}) if instance is not None else {}
            if self.old in parts:
                return parts[self.old]
        warn_renamed(f"{owner.__module__}.{owner.__name__}.{self.old}", self.new)
        return self.method.__get__(instance, owner)


class RenamedMethods:
    """A base class whose methods may be defined and called by their former names."""

    renamed: ClassVar[Mapping[str, str]] = {}
    """Former names and new ones."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Give a method that is defined under one name the other one, too."""
        super().__init_subclass__(**options)
        for old, new in cls.renamed.items():
            own = vars(cls)
            if new not in own and inspect.isfunction(own.get(old)):
                warn_renamed(f"{cls.__module__}.{cls.__name__}.{old}", new)
                setattr(cls, new, own[old])
            elif inspect.isfunction(own.get(new)) and old not in own:
                setattr(cls, old, FormerName(old, new, own[new]))
