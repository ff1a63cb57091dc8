"""Extensions in Python: by name with options, or as objects of the caller's own classes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lengen.api.arguments import flattened
from lengen.api.checks import require_once
from lengen.api.parts import recorded
from lengen.config.errors import UsageError, require
from lengen.config.option_names import option_of
from lengen.extend import Extension


@dataclass(frozen=True)
class ExtensionOptions:
    """The options of a call that choose extensions.

    Args:
        words: the names, as on the command line.
        values: all other options, by dotted name.
        objects: extensions that the caller made, by name.
    """

    words: tuple[str, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    objects: Mapping[str, Extension] = field(default_factory=dict)

    @property
    def nodes(self) -> dict[str, dict[str, Any]]:
        """The configuration of the objects."""
        return {name: recorded(made, f"extend.{name}") for name, made in self.objects.items()}

    @property
    def given(self) -> dict[str, type[Extension]]:
        """The classes of the objects, by the path of their configuration."""
        return {f"extend.{name}": type(made) for name, made in self.objects.items()}

    @staticmethod
    def of(options: Mapping[str, Any]) -> ExtensionOptions:
        """Sort the options of a call.

        Args:
            options: as a user gives them: `extend="yarn"`, a list of names and objects, or names with their options in a dictionary;
                options by dotted name, such as `extend.yarn.factor` and `grid.yarn.factor`.

        Raises:
            UsageError: an extension is neither a name nor an object.
        """
        values = {key: value for key, value in options.items() if key not in ("extend", "grid")}
        given, grid = options.get("extend"), options.get("grid", {})
        require(
            isinstance(grid, Mapping),
            f"grid={grid!r}: must be a dictionary, as in {{'yarn': {{'factor': [1.2, 2]}}}}",
        )
        listed = [*given] if isinstance(given, (list, tuple, Mapping)) else [] if given is None else [given]
        names = [each for each in listed if isinstance(each, str)]
        objects = dict[str, Extension]()
        for each in listed:
            if isinstance(each, str):
                continue
            made = each() if inspect.isclass(each) and issubclass(each, Extension) else each
            if not isinstance(made, Extension):
                raise UsageError(
                    f"extend={each!r}: must be a name, an object of lengen.extend.Extension, or a list of these"
                )
            name = option_of(made)
            require(name not in objects, f"extend={each!r}: {name} is given twice")
            objects[name] = made
        if isinstance(given, Mapping):
            below = flattened({name: each for name, each in given.items() if each}, "extend.")
            require_once([*below], values)
            values |= below
        below = flattened(grid, "grid.")
        require_once([*below], values)
        values |= below
        moved = {
            "extend_n" if key == "extend.n" else f"+{key}" if key.startswith("grid.") else key: value
            for key, value in values.items()
        }
        words = (f"extend=[{','.join(names)}]" if len(names) != 1 else f"extend={names[0]}",) if names else ()
        return ExtensionOptions(words, moved, objects)
