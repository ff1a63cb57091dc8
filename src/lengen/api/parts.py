"""Objects and classes of the user in place of options: how `config.yaml` records them, and their labels."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property, partial
from typing import Any

from lengen.config.builder import leaf, ready
from lengen.config.compose import plain
from lengen.config.errors import UsageError, nearest, require
from lengen.config.option_names import option_of
from lengen.config.search import groups
from lengen.experiment.config import RunConfig

HINTS: dict[str, Any] = typing.get_type_hints(RunConfig)
"""The type of each group of options."""


@dataclass(frozen=True)
class Part:
    """An object or a class that the user passed in place of the name of an option.

    Args:
        group: group of options, such as `task`.
        given: an object, a class, or a `functools.partial` of a class with its options.
    """

    group: str
    given: Any

    def __post_init__(self) -> None:
        hint: Any = HINTS.get(self.group)
        given = self.given
        known = sorted(groups() & set(HINTS))
        require(
            self.group in known,
            f"{self.group}={given!r}: must be a plain value; objects can be given for {', '.join(known)}",
        )
        is_class = inspect.isclass(given) or isinstance(given, partial)
        require(
            is_class or not (self._built_later or inspect.isroutine(given)),
            f"{self.group}={given!r}: must be a class, or functools.partial(Class, option=value)"
            + (", since the decoder constructs it with its own shape" if self._built_later else ""),
        )
        ready(typing.get_args(hint)[1] if self._built_later else hint, given, self.group)
        require(
            "<locals>" not in self._class.__qualname__,
            f"{self.group}={self._class.__name__}: must be a class at the top level of a module or notebook; one inside a "
            "function cannot be imported again",
        )
        require(
            not getattr(given, "args", ()) or not isinstance(given, partial),
            f"{self.group}=partial({self._class.__name__}, …): options must be given by name",
        )
        if isinstance(given, partial):
            self._check_options(given.keywords)

    def _check_options(self, options: Mapping[str, Any]) -> None:
        """Refuse options of a `partial` that its class does not have, and plain values of another type than annotated.

        Raises:
            UsageError: names the option.
        """
        parameters = self._parameters
        names = [name for name, each in parameters.items() if each.kind is not each.VAR_KEYWORD]
        hints = typing.get_type_hints(self._class if is_dataclass(self._class) else self._class.__init__)
        for name, value in options.items():
            if name not in names and len(names) == len(parameters):
                allowed = ", ".join(names) or "none"
                raise UsageError(
                    f"unknown option '{self.group}.{name}'{nearest(name, names)} (allowed: {allowed})"
                )
            if hints.get(name) in (int, float, bool, str) and isinstance(value, (int, float, bool, str)):
                leaf(hints[name], value, f"{self.group}.{name}")

    @property
    def _parameters(self) -> Mapping[str, inspect.Parameter]:
        """The options of its class: arguments of the constructor, without the decoder's shape."""
        parameters = [*inspect.signature(self._class).parameters.values()][self._built_later :]
        return {each.name: each for each in parameters}

    @property
    def _built_later(self) -> bool:
        """Whether the decoder constructs the object, with its own shape."""
        return typing.get_origin(HINTS.get(self.group)) is Callable

    @property
    def _class(self) -> Any:
        given = self.given.func if isinstance(self.given, partial) else self.given
        return given if inspect.isclass(given) else type(given)

    @cached_property
    def built(self) -> Any:
        """The object for the builder, or the function that constructs it from the decoder's shape.

        Raises:
            UsageError: an option is missing.
        """
        if inspect.isclass(self.given) or isinstance(self.given, partial):
            given = self.given.keywords if isinstance(self.given, partial) else {}
            for name, each in self._parameters.items():
                several = each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
                require(
                    name in given or several or each.default is not each.empty,
                    f"{self.group}.{name} is missing: give it with functools.partial({self._class.__name__}, {name}=…)",
                )
        if self._built_later:
            return partial(self.given) if inspect.isclass(self.given) else self.given
        if inspect.isclass(self.given) or isinstance(self.given, partial):
            return self.given()
        return self.given

    @property
    def node(self) -> dict[str, Any]:
        """The node of `config.yaml`: the class and its options.

        Raises:
            UsageError: an option is not an attribute of the object, or cannot be written to YAML.
        """
        return recorded(self.built, self.group)

    @property
    def label(self) -> str:
        """The name of the option in folders, columns and legends."""
        return option_of(self._class)


def recorded(value: Any, path: str) -> dict[str, Any]:
    """Return an object, or a `partial` of a class, as a node of a configuration.

    Args:
        value: the object or partial.
        path: its dotted name, for error messages.
    """
    if isinstance(value, partial):
        kind = value.func
        parameters = [*inspect.signature(kind).parameters.values()][1:]  # the shape comes first
        options = {each.name: each.default for each in parameters if each.default is not each.empty}
        options |= value.keywords
    else:
        kind = type(value)
        options = _options(value, path)
    hints = typing.get_type_hints(kind if is_dataclass(kind) else kind.__init__)
    node = {
        name: _recorded(option, f"{path}.{name}", hints.get(name, Any)) for name, option in options.items()
    }
    return {"_target_": f"{kind.__module__}.{kind.__qualname__}", **node}


def _options(value: Any, path: str) -> dict[str, Any]:
    """Return constructor arguments with which an equal object is made."""
    if is_dataclass(value):
        return {each.name: getattr(value, each.name) for each in fields(value) if each.init}
    kind, options = type(value), {}
    for name, parameter in inspect.signature(kind).parameters.items():
        if not hasattr(value, name) or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise UsageError(
                f"{path}={kind.__name__}(…): cannot record its argument {name!r}; store it as self.{name}, or make "
                f"{kind.__name__} a dataclass"
            )
        options[name] = getattr(value, name)
    return options


def _recorded(value: Any, path: str, hint: Any) -> Any:
    """Return one option as a plain value, or as the node of an object."""
    if isinstance(value, Mapping):
        part = typing.get_args(hint)[1] if len(typing.get_args(hint)) > 1 else Any
        return {name: _recorded(each, f"{path}.{name}", part) for name, each in value.items()}
    if is_dataclass(value) and not inspect.isclass(value):
        node = recorded(value, path)
        if hint is type(value):  # as in YAML: the annotation names the class
            node.pop("_target_")
        return node
    if not isinstance(value, (str, int, float, type(None), list, tuple, range)) and hasattr(
        type(value), "__dict__"
    ):
        if type(value).__module__ in ("builtins", "numpy", "torch") or callable(value):
            raise UsageError(f"{path}={value!r}: cannot be written to config.yaml")
        return recorded(value, path)
    try:
        return plain(value)
    except UsageError as error:
        raise UsageError(f"{path}={error}") from None
