"""The identity of a cell: its classes, their revisions, and the options that differ from their defaults.

A cell is a configuration without its seeds. Its hash changes if and only if a result may change: not when a class moves
to another module, when an option with a default is added, or when an option's YAML is renamed. A class of lengen is identified
by its name and its `revision`, an integer that is raised by every change to what the class computes or draws. A class
from outside lengen is identified by the source of its module and of the user's modules that it imports. A data set is
identified by a fingerprint of its rows and vocabulary, not by its path.
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

CONDUCT = (
    "name",
    "results_dir",
    "force",
    "logger",
    "study",
    "launcher",
    "jobs",
    "seeds",
    "objective",
    "experiment",
    "limits",
    "dry",
    "formats",
    "style",
)
"""Keys of a configuration that cannot change the results of a run."""
ORIGIN = "from"
"""Key of the run from which this one goes on; part of a cell where there is one, without the folder in which it lies."""
BASE = "base"
"""Key of the run that a tuned one starts from; its cell and its steps are part of a cell, not which of the cell's runs it is."""
BEFORE = "before"
"""Key of the tunings before that of the run; the cell of the run that it starts from has them."""
NON_IDENTITY_KEYS = ("seed", "init_seed", "data_seed", "labels", BEFORE, *CONDUCT)
"""Keys of a configuration that cannot change the results of a cell."""
NON_IDENTITY_OPTIONS = {
    "trainer": (
        "threads",
        "accelerator",
        "devices",
        "strategy",
        "accumulate",
        "flex",
        "plain",
        "progress",
        "log_every",
        "checkpoint_every",
        "keep",
    ),
    "eval": ("stress",),
}
"""By group: options that cannot change the results of a cell."""
LATER: dict[str, dict[str, Any]] = {
    "mixer": {"_target_": "lengen.mixer.attention.Attention"},
    "head": {"_target_": "lengen.head.linear.Linear"},
    "loops": {"_target_": "lengen.loops.fixed.Fixed", "grad_loops": None},
}
"""Groups that earlier versions did not have, with the option that does what these did: no part of a cell."""
LATER_OPTIONS = {"eval": {"loops": None, "tolerance": 0.01, "most_loops": 32}}
"""Options that earlier versions did not have, at their defaults, by group: no part of the key of a configuration."""
REVISION = re.compile(r"^ +revision: ClassVar\[int\] = (\d+)", re.MULTILINE)


def identity(
    record: Mapping[str, Any], plain: Mapping[str, type[Any]], data: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the identity of a cell, as plain values.

    Args:
        record: a resolved configuration: the keys of `configs/train.yaml`.
        plain: classes of groups that have no `_target_`, such as `eval`.
        data: fingerprints of the data sets that the run reads; they replace the options that locate the data.
    """
    described: dict[str, Any] = {}
    for key, value in record.items():
        if (
            key in NON_IDENTITY_KEYS
            or (key == ORIGIN and value is None)
            or (
                key in LATER
                and _described(value, None, located=False) == _described(LATER[key], None, located=False)
            )
        ):
            continue
        if key == BASE:
            described[key] = {name: value[name] for name in ("cell", "step")}
            continue
        if key == ORIGIN:
            described[key] = _origin(value)
            continue
        if isinstance(value, Mapping):
            excluded = NON_IDENTITY_OPTIONS.get(key, ())
            node = {name: each for name, each in value.items() if name not in excluded}
            described[key] = _described(node, plain.get(key), located=bool(data))
        else:
            described[key] = value
    if data:
        described["data"] = dict(sorted(data.items()))
    return described


def _origin(run: Mapping[str, Any] | str) -> Any:
    """Describe the run from which another one goes on; a folder where there is no such run."""
    return run if isinstance(run, str) else {name: value for name, value in run.items() if name != "run"}


def cell(described: Mapping[str, Any]) -> str:
    """Return the hash of an identity, the name of the cell in folders and tables."""
    text = json.dumps(described, sort_keys=True, default=str)
    return f"c{hashlib.sha256(text.encode()).hexdigest()[:9]}"  # starts with a letter, so that no program reads it as a number


def record_key(record: Mapping[str, Any]) -> str:
    """Return a hash of a resolved configuration, seeds included: equal for the same command.

    It includes the revisions of lengen's classes, which are read from the source files without importing them.
    """
    relevant = {
        key: {
            name: each
            for name, each in value.items()
            if name not in NON_IDENTITY_OPTIONS.get(key, ())
            and (name not in LATER_OPTIONS.get(key, {}) or each != LATER_OPTIONS[key][name])
        }
        if isinstance(value, Mapping)
        else value
        for key, value in record.items()
        if key not in CONDUCT and key != ORIGIN
    }
    for key in [key for key, value in LATER.items() if record.get(key) == value]:
        del relevant[key]
        relevant["labels"] = {name: label for name, label in relevant["labels"].items() if name != key}
    if record.get(ORIGIN):
        relevant[ORIGIN] = _origin(record[ORIGIN])
    text = json.dumps([relevant, revisions()], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def revisions() -> dict[str, list[str]]:
    """Return the revisions above 1 of lengen's classes, by file."""
    root = Path(__file__).parents[1]
    found = {
        path.relative_to(root).as_posix(): REVISION.findall(path.read_text(encoding="utf-8"))
        for path in sorted(root.rglob("*.py"))
    }
    return {name: numbers for name, numbers in found.items() if any(number != "1" for number in numbers)}


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Describe where two identities differ, one phrase per difference."""
    changes = []
    for path in dict.fromkeys([*flat(before), *flat(now)]):
        old, new = flat(before).get(path), flat(now).get(path)
        if old == new:
            continue
        head, _, name = path.rpartition(".")
        if head == "data" and old is None and head in before:
            continue  # a hash that earlier runs did not record
        if ".source." in f".{path}":
            changes.append(f"{path.partition('source.')[2]} changed")
            continue
        if name == "revision":
            changes.append(f"{head}: {flat(now).get(f'{head}.class')} is at revision {new}, was at {old}")
        elif head == "data":
            changes.append(f"the data of {name} changed")
        else:
            changes.append(f"{path} is {new}, was {old}")
    return list(dict.fromkeys(changes))


def flat(node: Mapping[str, Any], head: str = "") -> dict[str, Any]:
    """Return the values of a nested mapping by dotted path."""
    values: dict[str, Any] = {}
    for key, value in node.items():
        if isinstance(value, Mapping):
            values.update(flat(value, f"{head}{key}."))
        else:
            values[f"{head}{key}"] = value
    return values


def completed(node: Any) -> Any:
    """Complete a configuration with the options it lacks, at the defaults of their classes."""
    if not isinstance(node, Mapping):
        return [completed(each) for each in node] if isinstance(node, list) else node
    options = {key: completed(value) for key, value in node.items()}
    kind = _class(str(node["_target_"])) if "_target_" in node else None
    if kind is not None:
        defaults = {key: _plain(Any, value, located=False) for key, value in _defaults(kind).items()}
        options = {**options, **{key: value for key, value in defaults.items() if key not in options}}
    return options


def outside(record: Mapping[str, Any]) -> list[type[Any]]:
    """Return the classes from outside lengen that a configuration names, if they are already imported."""
    classes = []
    for path, name in flat(record).items():
        if path.rpartition(".")[2] == "_target_" and (kind := _class(name)) is not None and not _own(kind):
            classes.append(kind)
    return list(dict.fromkeys(classes))


def _described(node: Mapping[str, Any], kind: type[Any] | None, *, located: bool) -> Any:
    """Describe a node by its class, and the options that differ from the class's defaults.

    Args:
        node: options, with `_target_` if they name a class.
        kind: the class of options without `_target_`.
        located: whether fingerprints replace the options that locate data.
    """
    options = {key: value for key, value in node.items() if key != "_target_"}
    target = node.get("_target_")
    if target is not None:
        kind = _class(str(target))
    if kind is None:  # not imported, or removed: described by its options alone
        head = {} if target is None else {"class": str(target).rpartition(".")[2]}
        return head | {"options": options}
    located_options = getattr(kind, "data_options", ()) if located else ()
    conditions = getattr(kind, "conditional_options", {})
    identifying = {
        key: value
        for key, value in options.items()
        if key not in located_options and _applies(conditions.get(key, {}), options)
    }
    described = class_identity(kind)
    if changed := _changed(kind, identifying, located=located):
        described["options"] = changed
    return described


def class_identity(kind: type[Any]) -> dict[str, Any]:
    """Return what identifies a class: its name and revision, and for code from outside lengen hashes of its source."""
    described: dict[str, Any] = {"class": kind.__qualname__, "revision": int(getattr(kind, "revision", 1))}
    if not _own(kind):
        described["source"] = {name: digest for name, (_, digest) in sources(kind).items()}
    return described


def _applies(condition: Mapping[str, Any], options: Mapping[str, Any]) -> bool:
    """Whether options have the values on which another option depends."""
    return all(options.get(name) == value for name, value in condition.items())


def _changed(kind: type[Any], options: Mapping[str, Any], *, located: bool) -> dict[str, Any]:
    """Return the options that differ from the constructor's defaults, once converted to its annotations."""
    hints, defaults, changed = _hints(kind), _defaults(kind), {}
    for key, value in options.items():
        new = _plain(hints.get(key, Any), value, located=located)
        if key not in defaults or new != _plain(hints.get(key, Any), defaults[key], located=located):
            changed[key] = new
    return changed


def _plain(hint: Any, value: Any, *, located: bool) -> Any:
    """Convert an option's value to plain values; an object of a dataclass becomes its changed options."""
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
            return float(value)  # 1 and 1.0 are equal, as for the constructor
    return value


def _own(kind: type[Any]) -> bool:
    """Whether a class belongs to lengen."""
    return kind.__module__.partition(".")[0] == OWN


def _class(target: str) -> type[Any] | None:
    """Return the class of a `_target_`. Code from outside lengen is not run: such a class must already be imported."""
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
    """Return the annotations of a constructor's arguments."""
    annotated = kind if dataclasses.is_dataclass(kind) else inspect.getattr_static(kind, "__init__")
    try:
        return typing.get_type_hints(annotated)
    except (NameError, TypeError, AttributeError):
        return {}


def _defaults(kind: type[Any]) -> dict[str, Any]:
    """Return the defaults of a constructor's arguments."""
    factories = {
        field.name: field.default_factory()
        for field in (dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ())
        if field.default_factory is not dataclasses.MISSING
    }
    parameters = inspect.signature(kind).parameters.values()
    return {
        parameter.name: factories.get(parameter.name, parameter.default)
        for parameter in parameters
        if parameter.default is not inspect.Parameter.empty
    }
