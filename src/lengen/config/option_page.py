"""What there is to know of an option, read from its YAML and from the source of its class. Imports no torch.

`lengen list` and the pages of the documentation show the same record, so a new option is described by being there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from keyword import iskeyword
from pathlib import Path
from typing import Any

import yaml

from lengen.config.annotation_words import allowed, kinds, listed
from lengen.config.bounded_yaml import read_yaml
from lengen.config.class_source import (
    ClassSource,
    Parameter,
    find_class,
    meanings,
    parameters,
    ranges,
    read_class,
    sections,
)
from lengen.config.errors import UsageError, nearest
from lengen.config.extend_words import UNDER_THEIR_NAMES
from lengen.config.remarks import remarks
from lengen.config.search import choices, config_dir, groups, named_modules

FACTS = ("paper", "learned", "cost", "cache", "beyond")
"""Named comments in the YAML of an option: its paper, what it learns, the cheapest exact implementation, what decoding
caches, and its behaviour beyond the trained length."""


@dataclass(frozen=True)
class Argument:
    """An argument of an option.

    Args:
        name: as on the command line, such as `pe.slopes`.
        default: its value in the YAML of the option, or that of the constructor, as YAML; empty if it must be given.
        allowed: type, choices and range, in words; empty if unknown.
        meaning: what the docstring of the class says of it, else a comment in the YAML; empty if neither does.
        choices: the allowed values that are listed one by one, as YAML.
        kinds: of which kinds it may be; see `lengen.config.annotation_words.kinds`.
        bound: its range, in words; empty if there is none.
    """

    name: str
    default: str
    allowed: str
    meaning: str
    choices: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    bound: str = ""


@dataclass(frozen=True)
class OptionPage:
    """An option of a group.

    Args:
        group: the group.
        name: the option.
        line: the first comment of its YAML.
        facts: the named comments of its YAML; see `FACTS`.
        target: the class that it builds, with its module; None if it only sets values.
        text: the docstring of the class, without examples and arguments.
        examples: the examples of that docstring, in the notation of doctest.
        arguments: its arguments, in the order of the constructor.
        sets: values of other options that it sets, by name, as YAML.
        holds: the values of a file that neither builds a class nor sets options, such as that of a published curve.
    """

    group: str
    name: str
    line: str
    facts: Mapping[str, str]
    target: str | None
    text: str
    examples: str
    arguments: tuple[Argument, ...]
    sets: Mapping[str, str]
    holds: Mapping[str, Any]


def option_page(group: str, name: str, folders: Sequence[Path] = ()) -> OptionPage:
    """Return what there is to know of an option.

    Args:
        group: such as `pe`.
        name: such as `alibi`.
        folders: the user's configuration folders.

    Raises:
        UsageError: there is no such group or option.

    >>> page = option_page("pe", "alibi")
    >>> page.line, page.facts["paper"], page.target
    ('A penalty on the logits that grows linearly with distance, with one slope per head', 'Press et al. 2022', 'lengen.pe.alibi.ALiBi')
    >>> page.arguments[0].name, page.arguments[0].default, page.arguments[0].allowed
    ('pe.slopes', 'null', 'geometric, harmonic, list of numbers, or null')
    """
    known = sorted(groups(folders))
    if group not in known:
        raise UsageError(f"unknown group {group!r}{nearest(group, known)} (allowed: {', '.join(known)})")
    names = choices(group, folders)
    if name not in names:
        raise UsageError(f"unknown option {group}={name}{nearest(name, names)} (allowed: {', '.join(names)})")
    named_modules(folders)  # the user's modules are found from here on
    file = option_file(group, name, folders)
    line, facts = described(file)
    data = _values(file, folders)
    prefix = f"{group}.{name}." if group in UNDER_THEIR_NAMES else f"{group}."
    said = remarks(file, "" if _is_global(file) else prefix)
    own = data.pop(group, {}) if _is_global(file) else data
    target = own.get("_target_") if isinstance(own, Mapping) else None
    source = read_class(target) if target else None
    text, examples = sections(source.docstring) if source else ("", "")
    arguments = tuple(_arguments(source, own, prefix, said)) if source else ()
    holds = {} if target or _is_global(file) else data
    rest = data if _is_global(file) else {}
    if target is None and _is_global(file) and own:
        rest = {group: own, **rest}
    return OptionPage(group, name, line, facts, target, text, examples, arguments, dict(_flat(rest)), holds)


def option_pages(group: str, folders: Sequence[Path] = ()) -> list[OptionPage]:
    """Return all options of a group, by name.

    Raises:
        UsageError: there is no such group.
    """
    return [option_page(group, name, folders) for name in choices(group, folders)]


def class_arguments(target: str, names: Sequence[str], prefix: str = "") -> list[Argument]:
    """Return arguments of a class that no option builds, such as that of a run.

    >>> [(each.name, each.allowed) for each in class_arguments("lengen.experiment.config.RunConfig", ["steps"])]
    [('steps', 'whole number: at least 1')]

    Args:
        target: the class, with its module.
        names: the arguments that are asked for.
        prefix: of their options, such as `eval.`.
    """
    source = read_class(target)
    every = _arguments(source, dict.fromkeys(names), prefix, {}) if source else ()
    return [each for each in every if each.name.removeprefix(prefix) in names]


def described(file: Path) -> tuple[str, dict[str, str]]:
    """Read the first comments of a YAML file: one line that describes it, and named facts (`FACTS`); its own path is no description."""
    line, facts = "", dict[str, str]()
    for text in file.read_text(encoding="utf-8").splitlines():
        if not text.startswith("#"):
            break
        comment = text.lstrip("# ")
        name, colon, fact = comment.partition(": ")
        if name in FACTS and colon:
            facts[name] = fact
        elif not comment.startswith("@package") and not comment.endswith(f"/{file.name}"):
            line = line or comment
    return line, facts


def option_file(group: str, name: str, folders: Sequence[Path]) -> Path:
    """Return the YAML of an option; the packaged one comes first, as in Hydra."""
    files = [folder / group / f"{name}.yaml" for folder in (config_dir(), *folders)]
    return next(file for file in files if file.is_file())


def _is_global(file: Path) -> bool:
    """Whether the YAML sets options of other groups, too."""
    return re.search(r"^# *@package _global_", file.read_text(encoding="utf-8"), re.MULTILINE) is not None


def _values(file: Path, folders: Sequence[Path]) -> dict[str, Any]:
    """Return the values of a YAML file on top of those of the files that its defaults name."""
    own = read_yaml(file) or {}
    values = dict[str, Any]()
    for entry in own.pop("defaults", []):
        if isinstance(entry, str) and entry != "_self_":
            values = _merged(values, _values(option_file(file.parent.name, entry, folders), folders))
        elif isinstance(entry, Mapping):  # `override /decoder: tiny`
            values |= {key.removeprefix("override ").lstrip("/"): name for key, name in entry.items()}
    return {**_merged(values, own)}


def _merged(below: Any, above: Any) -> Any:
    if not (isinstance(below, Mapping) and isinstance(above, Mapping)):
        return above
    return {**below, **{key: _merged(below.get(key), value) for key, value in above.items()}}


def _arguments(
    source: ClassSource, values: Mapping[str, Any], prefix: str, remarked: Mapping[str, str]
) -> Iterator[Argument]:
    """Yield the arguments of a class, those of the objects in them included."""
    said, bounds = meanings(source), ranges(source, prefix)
    for part in parameters(source):
        word = part.name.removesuffix("_")
        option = word if iskeyword(word) else part.name
        name, given = f"{prefix}{option}", values.get(option, {})
        if option not in values and part.default is None:
            if part.annotation is None or ast.unparse(part.annotation) not in (
                "Shape",
                "Layer",
                "Output",
            ):  # the decoder gives them
                yield _argument(part, name, "", said.get(part.name, ""), "")
            continue
        inner = inner_class(part)
        nested = inner if given and isinstance(given, Mapping) else None
        if nested and "Mapping" not in ast.unparse(part.annotation or ast.Constant("")):
            nested = read_class(given["_target_"]) if "_target_" in given else nested
            if nested:
                yield from _arguments(nested, given, f"{name}.", remarked)
                continue
        if nested and all(isinstance(node, Mapping) for node in given.values()):
            for key, node in given.items():
                yield from _arguments(nested, node, f"{name}.{key}.", remarked)
            continue
        bound = bounds.get(part.name, "").removeprefix("null, or ")  # the type says that null is allowed
        meaning = said.get(part.name, "") or remarked.get(name, "")
        yield _argument(part, name, _default(part, values, option), meaning, bound)


def _argument(part: Parameter, name: str, default: str, meaning: str, bound: str) -> Argument:
    """Return an argument, with what its annotation says."""
    types = part.annotation, part.module
    words = allowed(*types) + f": {bound}" * bool(bound)
    return Argument(name, default, words, meaning, (*listed(*types),), (*kinds(*types),), bound)


def inner_class(part: Parameter) -> ClassSource | None:
    """Return the class of lengen in an annotation, such as `Schedule`, `Task | None` or `Mapping[str, Aid]`."""
    for node in ast.walk(part.annotation) if part.annotation else ():
        if (
            isinstance(node, ast.Name)
            and node.id[0].isupper()
            and (found := find_class(part.module, node.id))
        ):
            return found
    return None


def _default(part: Parameter, values: Mapping[str, Any], option: str) -> str:
    """Return the default of an argument: its value in the YAML, else that of the constructor."""
    if option in values:
        return as_yaml(values[option])
    if part.default is None:
        return ""
    try:
        return as_yaml(ast.literal_eval(part.default))
    except ValueError:
        factory = re.search(r"default_factory=(?:lambda: )?(.+)\)$", ast.unparse(part.default))
        return (
            {"list": "[]", "dict": "{}"}.get(factory[1], factory[1]) if factory else ast.unparse(part.default)
        )


def as_yaml(value: Any) -> str:
    """Return a plain value as YAML on one line, as it is written on the command line.

    >>> as_yaml([1, None, True, "a b"])
    '[1, null, true, a b]'
    """
    if isinstance(value, tuple):
        value = list(value)
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...").strip()


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield nested values by dotted name."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", as_yaml(value)
