"""What a cell is: the classes that were chosen, their revisions, and the options that differ from their defaults.

A cell is a configuration without its seed. Its hash changes where a number may change, and only there: not when a class
moves to another module, when an option with a default is added, or when a choice is called by another name. A class
of lengen counts by its name and its `revision`, an integer that goes up in the change that alters what it computes or
draws. A class from outside counts by the source of its module and of the user's modules that it imports. Data that are
read count by a fingerprint of rows and vocabulary, not by where they lie.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import inspect
import json
import re
import sys
import typing
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from lengen.config.aliases import current
from lengen.config.source import OWN, sources

NON_IDENTITY_KEYS = (
    "seed",
    "init_seed",
    "data_seed",
    "name",
    "results_dir",
    "force",
    "logger",
    "launcher",
    "labels",
    "experiment",
)
"""Keys of a configuration that cannot change a number of a cell."""
NON_IDENTITY_OPTIONS = {
    "trainer": ("threads", "accelerator", "flex", "progress", "log_every", "checkpoint_every"),
    "eval": ("stress",),
}
"""Options of groups that cannot either."""
REVISION = re.compile(r"^ +revision: ClassVar\[int\] = (\d+)", re.MULTILINE)


def identity(
    record: Mapping[str, Any], plain: Mapping[str, type[Any]], data: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What a cell is, as plain values.

    Args:
        record: a resolved configuration: the keys of `configs/train.yaml`.
        plain: classes of groups whose options name none, such as `eval`.
        data: fingerprints of the data that are read; they stand for the options that say where data lie.
    """
    found: dict[str, Any] = {}
    for key, value in record.items():
        if key in NON_IDENTITY_KEYS:
            continue
        if isinstance(value, Mapping):
            apart = NON_IDENTITY_OPTIONS.get(key, ())
            node = {name: each for name, each in value.items() if name not in apart}
            found[key] = _described(node, plain.get(key), located=bool(data))
        else:
            found[key] = value
    if data:
        found["data"] = dict(sorted(data.items()))
    return found


def cell(found: Mapping[str, Any]) -> str:
    """Hash of an identity: what a cell is called in folders and tables."""
    text = json.dumps(found, sort_keys=True, default=str)
    return f"c{hashlib.sha256(text.encode()).hexdigest()[:9]}"  # a letter in front: no program takes it for a number


def record_key(record: Mapping[str, Any]) -> str:
    """Hash of a resolved configuration as it stands, seeds included: equal for the same command.

    Revisions of lengen's classes are part of it; they are read from its files, so that nothing is imported.
    """
    kept = {
        key: {name: each for name, each in value.items() if name not in NON_IDENTITY_OPTIONS.get(key, ())}
        if isinstance(value, Mapping)
        else value
        for key, value in record.items()
        if key not in ("name", "results_dir", "force", "logger", "launcher", "experiment")
    }
    text = json.dumps([kept, revisions()], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def revisions() -> dict[str, list[str]]:
    """Revisions above 1 of lengen's classes, by file."""
    root = Path(__file__).parents[1]
    found = {
        path.relative_to(root).as_posix(): REVISION.findall(path.read_text(encoding="utf-8"))
        for path in sorted(root.rglob("*.py"))
    }
    return {name: numbers for name, numbers in found.items() if any(number != "1" for number in numbers)}


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Where two identities differ, in a few words each."""
    found = []
    for path in dict.fromkeys([*flat(before), *flat(now)]):
        old, new = flat(before).get(path), flat(now).get(path)
        if old == new:
            continue
        head, _, name = path.rpartition(".")
        if ".source." in f".{path}":
            found.append(f"{path.partition('source.')[2]} changed")
            continue
        if name == "revision":
            found.append(f"{head}: {flat(now).get(f'{head}.class')} is at revision {new}, was at {old}")
        elif head == "data":
            found.append(f"the data of {name} changed")
        else:
            found.append(f"{path} is {new}, was {old}")
    return list(dict.fromkeys(found))


def flat(node: Mapping[str, Any], head: str = "") -> dict[str, Any]:
    """Values by their dotted path."""
    found: dict[str, Any] = {}
    for key, value in node.items():
        if isinstance(value, Mapping):
            found.update(flat(value, f"{head}{key}."))
        else:
            found[f"{head}{key}"] = value
    return found


def completed(node: Any) -> Any:
    """A configuration with the options that its classes have and it does not say, at their defaults."""
    if not isinstance(node, Mapping):
        return [completed(each) for each in node] if isinstance(node, list) else node
    found = {key: completed(value) for key, value in node.items()}
    kind = _class(str(node["_target_"])) if "_target_" in node else None
    if kind is not None:
        defaults = {key: _plain(Any, value, located=False) for key, value in _defaults(kind).items()}
        found = {**found, **{key: value for key, value in defaults.items() if key not in found}}
    return found


def outside(record: Mapping[str, Any]) -> list[type[Any]]:
    """Classes from outside lengen that a configuration names, as far as they are imported."""
    found = []
    for path, name in flat(record).items():
        if path.rpartition(".")[2] == "_target_" and (kind := _class(name)) is not None and not _own(kind):
            found.append(kind)
    return list(dict.fromkeys(found))


def _described(node: Mapping[str, Any], kind: type[Any] | None, *, located: bool) -> Any:
    """A node as its class, and the options that differ from the class's defaults.

    Args:
        node: options, with `_target_` where they name a class.
        kind: the class where they do not.
        located: whether fingerprints stand for options that say where data lie.
    """
    options = {key: value for key, value in node.items() if key != "_target_"}
    named = node.get("_target_")
    if named is not None:
        kind = _class(str(named))
    if kind is None:  # not imported, or gone: it is what it says
        head = {} if named is None else {"class": str(named).rpartition(".")[2]}
        return head | {"options": options}
    apart = getattr(kind, "data_options", ()) if located else ()
    given = {key: value for key, value in options.items() if key not in apart}
    found: dict[str, Any] = {"class": kind.__qualname__, "revision": int(getattr(kind, "revision", 1))}
    if not _own(kind):
        found["source"] = {name: digest for name, (_, digest) in sources(kind).items()}
    if changed := _changed(kind, given, located=located):
        found["options"] = changed
    return found


def _changed(kind: type[Any], options: Mapping[str, Any], *, located: bool) -> dict[str, Any]:
    """Options of a class that differ from its constructor's defaults, as its annotations read them."""
    hints, defaults, found = _hints(kind), _defaults(kind), {}
    for key, value in options.items():
        new = _plain(hints.get(key, Any), value, located=located)
        if key not in defaults or new != _plain(hints.get(key, Any), defaults[key], located=located):
            found[key] = new
    return found


def _plain(hint: Any, value: Any, *, located: bool) -> Any:
    """A value without its class: what it says, and no more."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
    if isinstance(value, Mapping):
        if "_target_" in value:
            return _described(value, None, located=located)
        inner = [part for part in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(part)]
        if typing.get_origin(hint) is Mapping or not inner:
            element = typing.get_args(hint)[-1] if typing.get_args(hint) else Any
            return {str(key): _plain(element, each, located=located) for key, each in value.items()}
        return _changed(typing.cast("type[Any]", inner[0]), value, located=located)
    if isinstance(value, (list, tuple)):
        return [_plain(Any, each, located=located) for each in value]
    kinds = (hint, *typing.get_args(hint))
    if float in kinds and int not in kinds and isinstance(value, (int, str)) and not isinstance(value, bool):
        with suppress(ValueError):
            return float(value)  # 1 and 1.0 are one number, as for the constructor
    return value


def _own(kind: type[Any]) -> bool:
    """Whether a class is lengen's."""
    return kind.__module__.partition(".")[0] == OWN


def _class(target: str) -> type[Any] | None:
    """The class of a `_target_`; one from outside only if it is imported already: nobody's code is run here."""
    module, _, name = current(target).rpartition(".")
    if module.partition(".")[0] == OWN:
        try:
            found = getattr(importlib.import_module(module), name, None)
        except ImportError:
            return None
    else:
        found = getattr(sys.modules.get(module), name, None)
    return found if inspect.isclass(found) else None


def _hints(kind: type[Any]) -> dict[str, Any]:
    """Annotations of a constructor's arguments."""
    annotated = kind if dataclasses.is_dataclass(kind) else inspect.getattr_static(kind, "__init__")
    try:
        return typing.get_type_hints(annotated)
    except (NameError, TypeError, AttributeError):
        return {}


def _defaults(kind: type[Any]) -> dict[str, Any]:
    """Defaults of a constructor's arguments."""
    made = {
        field.name: field.default_factory()
        for field in (dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ())
        if field.default_factory is not dataclasses.MISSING
    }
    parameters = inspect.signature(kind).parameters.values()
    return {
        parameter.name: made.get(parameter.name, parameter.default)
        for parameter in parameters
        if parameter.default is not inspect.Parameter.empty
    }
