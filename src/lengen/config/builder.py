"""Build typed, checked objects from a resolved configuration of plain values."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, is_dataclass, make_dataclass
from functools import cache, partial
from keyword import iskeyword
from math import isfinite
from typing import Any, Literal, TypeVar, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lengen.config.aliases import current, warn_renamed
from lengen.config.errors import UsageError, nearest, require
from lengen.config.foreign import foreign_word, nearest_value
from lengen.config.other_options import belongs

T = TypeVar("T")
WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text", list: "a list"}

SIZED, LARGEST = ("task", "format", "pe", "attention", "positions"), 1_000_000
"""Groups whose whole numbers are sizes, which are made when the part is, and the largest such size."""


class Builder:
    """Builds objects from nested plain values, and checks every value against the annotations of the constructor.

    Args:
        allowed: top-level modules whose classes a `_target_` may name.
        given: parts that the caller passes, by group: an object; a `partial` that is completed with the decoder's shape;
            or a class, whose options come from the configuration.
    """

    def __init__(
        self, allowed: Iterable[str] = ("lengen",), given: Mapping[str, Any] = types.MappingProxyType({})
    ) -> None:
        self.allowed = frozenset(allowed)
        self.given = given

    def build(self, kind: type[T], node: Any, path: str = "") -> T:
        """Build an instance of `kind`, or of the subclass that the node's `_target_` names.

        Raises:
            UsageError: an unknown or missing option, a wrong type or value, or a target that is not allowed.
        """
        return cast("T", self._call(kind, node, path, skip=0)())

    def _call(self, kind: type[Any], node: Any, path: str, skip: int) -> Callable[..., Any]:
        """Return the constructor with its options bound; the first `skip` arguments stay open."""
        if not isinstance(node, Mapping):
            raise UsageError(f"{path}={node!r}: must be a group of options")
        part = self.given.get(path)
        target = ready(kind, part, path) if inspect.isclass(part) else self._target(kind, node, path)
        annotated = target if is_dataclass(target) else inspect.getattr_static(target, "__init__")
        hints = typing.get_type_hints(annotated)
        parameters = list(inspect.signature(target).parameters.values())[skip:]
        options = {key: value for key, value in node.items() if key != "_target_"}
        arguments = {option_name(parameter.name): parameter.name for parameter in parameters}
        names = [*arguments]
        for key in options:
            if key not in names:
                where = f"{path}.{key}" if path else str(key)
                hint = belongs(where) or foreign_word(str(key)) or nearest(str(key), names)
                raise UsageError(f"unknown option {where!r}{hint} (allowed: {', '.join(names) or 'none'})")
        for parameter in parameters:
            if option_name(parameter.name) not in options and parameter.default is inspect.Parameter.empty:
                raise UsageError(f"{path}.{parameter.name} is missing".lstrip("."))
        bound = {
            arguments[key]: self._value(hints.get(arguments[key], Any), value, f"{path}.{key}".lstrip("."))
            for key, value in options.items()
        }
        constructor: Callable[..., Any] = target
        return partial(constructor, **bound)

    def _target(self, kind: type[Any], node: Mapping[str, Any], path: str) -> type[Any]:
        """Return the class that a node names."""
        name = node.get("_target_")
        if name is None:
            if inspect.isabstract(kind) or not is_dataclass(kind):
                raise UsageError(f"{path}._target_ is missing: must be a {kind.__name__} under {self._roots}")
            return kind
        if (new := current(str(name))) != str(name):
            warn_renamed(str(name), new)
        module, _, leaf = new.rpartition(".")
        if module.partition(".")[0] not in self.allowed:
            raise UsageError(
                f"{path}._target_={name}: must be a class under {self._roots}; for a class of your own, "
                "name the folder of its YAML with --config-dir, or in Python pass the class itself"
            )
        loaded = imported(module, f"{path}._target_={name}")
        target = getattr(loaded, leaf, None)
        if target is None:
            file = getattr(loaded, "__file__", None)
            place = f" ({file})" if file else ""
            raise UsageError(f"{path}._target_={name}: module {module!r}{place} has no attribute {leaf!r}")
        if not (inspect.isclass(target) and issubclass(target, kind)):
            raise UsageError(f"{path}._target_={name}: must be a {kind.__name__} (from {kind.__module__})")
        return target

    @property
    def _roots(self) -> str:
        return ", ".join(sorted(self.allowed))

    def _value(self, hint: Any, value: Any, path: str) -> Any:
        """Return one argument: a constructor to be called later, an object, or a plain value."""
        origin, parts = typing.get_origin(hint), typing.get_args(hint)
        if path in self.given and not inspect.isclass(self.given[path]):
            return ready(parts[1] if origin is Callable else hint, self.given[path], path)
        if origin is Callable:
            return self._call(parts[1], value, path, skip=1)
        if origin is Mapping:
            return self._named(parts[1], value, path)
        named = [part for part in parts if typing.get_origin(part) in (Mapping, Callable)]
        if named and origin in (typing.Union, types.UnionType):
            return None if value is None else self._value(named[0], value, path)
        if origin in (typing.Union, types.UnionType) and any(_is_object(part) for part in parts):
            hint = next(part for part in parts if _is_object(part))
            return None if value is None and type(None) in parts else self.build(hint, value, path)
        return self.build(hint, value, path) if _is_object(hint) else leaf(hint, value, path)

    def _named(self, kind: Any, value: Any, path: str) -> Any:
        """Build objects by name, each from its own node; a mapping of plain values is returned unchanged."""
        if not isinstance(value, Mapping):
            raise UsageError(f"{path}={value!r}: must be a group of options")
        if kind is Any:
            return value
        return {name: self._value(kind, node, f"{path}.{name}") for name, node in value.items()}


def option_name(argument: str) -> str:
    """Return the option that an argument stands for: `from` for `from_`, since Python has its own use of the word."""
    word = argument.removesuffix("_")
    return word if iskeyword(word) else argument


def imported(module: str, option: str) -> types.ModuleType:
    """Import a module by its dotted name; an error inside the module keeps its traceback.

    Raises:
        UsageError: there is no such module.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise UsageError(f"{option}: {error}") from None


def ready(kind: type[Any], given: Any, path: str) -> Any:
    """Return a part that the caller passed, unchanged.

    Raises:
        UsageError: it is not a `kind`.
    """
    part = given.func if isinstance(given, partial) else given
    fits = issubclass(part, kind) if inspect.isclass(part) else isinstance(part, kind)
    name = getattr(part, "__name__", None) or repr(part)
    require(fits, f"{path}={name}: must be a {kind.__name__} (from {kind.__module__})")
    return given


def _is_object(hint: Any) -> bool:
    """Whether an annotation stands for an object built from a node, and not for a plain value."""
    plain = (int, float, str, bool, type(None), Any)
    return inspect.isclass(hint) and hint not in plain and typing.get_origin(hint) is None


def leaf(hint: Any, value: Any, path: str) -> Any:
    """Convert a plain value to its annotation: int, float, str, bool, Literal, a list of these, or a union with these or None.

    Raises:
        UsageError: the value does not fit the annotation.
    """
    if typing.get_origin(hint) is Literal:
        choices = typing.get_args(hint)
        if value in choices and type(value) in {type(choice) for choice in choices}:
            return value
        near = nearest_value(str(value), [*map(str, choices)])
        raise UsageError(f"{path}={value}: must be one of {', '.join(map(str, choices))}{near}")
    if any(typing.get_origin(part) is Literal for part in typing.get_args(hint)):
        return either(hint, value, path)
    try:
        kinds = {hint, *typing.get_args(hint)}
        if isinstance(value, bool) and bool not in kinds:
            raise_type(hint, value, path)
        number = isinstance(value, int | float) and value not in (0, 1)
        if number and bool in kinds and not kinds & {int, float, Any}:  # OmegaConf reads every number as true
            raise_type(hint, value, path)
        merged = OmegaConf.merge(_schema(hint), {"value": value})
        converted = OmegaConf.to_container(merged)["value"]  # type: ignore[index, call-overload]
    except (OmegaConfBaseException, ValueError, OverflowError):  # int() refuses thousands of digits
        raise_type(hint, value, path)
    require_representable(converted, path)
    return converted


def require_representable(value: Any, path: str) -> None:
    """Refuse a whole number of more than 64 bits, and a number that is not finite; also in a list.

    Raises:
        UsageError: there is such a number.
    """
    for part in value if isinstance(value, list) else [value]:
        if isinstance(part, int):
            require(-(2**63) <= part < 2**63, f"{path}={part}: must fit into 64 bits")
            sized = path.partition(".")[0] in SIZED
            require(not sized or part <= LARGEST, f"{path}={part}: must be at most {LARGEST:,}")
        if isinstance(part, float):
            require(isfinite(part), f"{path}={part}: must be finite")


@cache
def _schema(hint: Any) -> DictConfig:
    """Return a structured configuration with one key, `value`, of some type."""
    return OmegaConf.structured(make_dataclass("Leaf", [("value", hint, MISSING)]))  # type: ignore[no-any-return]


def either(hint: Any, value: Any, path: str) -> Any:
    """Convert a value to a union of named choices and other types.

    Raises:
        UsageError: the value fits none of them.
    """
    if value is None and type(None) in typing.get_args(hint):
        return None
    for part in typing.get_args(hint):
        with contextlib.suppress(UsageError):
            return leaf(part, value, path)
    return raise_type(hint, value, path)


def raise_type(hint: Any, value: Any, path: str) -> typing.NoReturn:
    """Refuse a value of the wrong type.

    Raises:
        UsageError: always.
    """
    kinds = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    words = [
        "null" if kind is type(None) else WORDS.get(typing.get_origin(kind) or kind, str(kind))
        for kind in kinds
        if typing.get_origin(kind) is not Literal
    ]
    choices = [
        str(name) for kind in kinds if typing.get_origin(kind) is Literal for name in typing.get_args(kind)
    ]
    raise UsageError(
        f"{path}={value}: must be {' or '.join(choices + words)}{nearest_value(str(value), choices)}"
    )
