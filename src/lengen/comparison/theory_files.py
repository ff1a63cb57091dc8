"""The files of theory: one YAML a class of decoders in `configs/theory/`, one a family of tasks in `configs/family/`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from lengen.comparison.conditions import Condition
from lengen.comparison.theory import DecoderClass, TaskFamily, Theory
from lengen.config.allowed_values import ORDER, can_be
from lengen.config.bounded_yaml import read_yaml
from lengen.config.builder import Builder
from lengen.config.command_page import command_page
from lengen.config.errors import UsageError, nearest, require
from lengen.config.option_page import Argument, option_page
from lengen.config.pattern_words import GROUP, INSIDE
from lengen.config.search import choices, config_dir, groups

T = TypeVar("T")
CLASSES, FAMILIES = "theory", "family"
"""Groups of the YAML of classes of decoders and of families of tasks."""


def load_theory(folders: Sequence[Path] = ()) -> Theory:
    """Read the YAML of all classes and families.

    Args:
        folders: the user's configuration folders.

    Raises:
        UsageError: a file of the user is wrong, or has the name of another.
    """
    theory = Theory(
        _read(CLASSES, DecoderClass, folders),
        _read(FAMILIES, TaskFamily, folders),
        {group.name: group.default for group in command_page("train").groups},
        {group: _targets(group, folders) for group in (GROUP, *INSIDE)},
    )
    for folder in folders:
        check_folder(theory, folder, folders)
    return theory


def check_folder(theory: Theory, folder: Path, folders: Sequence[Path] = ()) -> None:
    """Refuse what is wrong in the files of a folder: a mixer, task, option, class or family that does not exist.

    Args:
        theory: all classes and families.
        folder: the folder.
        folders: the user's configuration folders.

    Raises:
        UsageError: names the file, and what is wrong in it.
    """
    for path in _files(CLASSES, folder):
        with _of(path):
            _check_class(theory.classes[path.stem], theory, folders)
    for path in _files(FAMILIES, folder):
        with _of(path):
            _check_family(theory.families[path.stem], theory, folders)


def _check_class(made: DecoderClass, theory: Theory, folders: Sequence[Path]) -> None:
    """Refuse a class that names what does not exist, or says too little or too much.

    Raises:
        UsageError: names it.
    """
    require(bool(made.members) != bool(made.layers), "must have one of: members, layers")
    says = (bool(made.verdicts), made.like is not None, made.silent is not None)
    require(sum(says) == 1, "must have one of: verdicts, like (a class), silent (why it has none)")
    for name in (*made.layers, *([made.like] if made.like else [])):
        _known(
            "class",
            name,
            [each for each, found in theory.classes.items() if found.members and not found.like],
        )
    for conditions in made.members:
        check_conditions(conditions, folders)
    for name, statement in made.verdicts.items():
        _known("family", name, _own_families(theory))
        with _of(f"verdicts.{name}"):
            statement.check()
            check_conditions(statement.when, folders)


def _check_family(family: TaskFamily, theory: Theory, folders: Sequence[Path]) -> None:
    """Refuse a family that names what does not exist.

    Raises:
        UsageError: names it.
    """
    if family.like is not None:
        _known("family", family.like, _own_families(theory))
    for conditions in family.members:
        check_conditions(conditions, folders)


def check_conditions(texts: Iterable[str], folders: Sequence[Path] = ()) -> None:
    """Refuse conditions on a group, an option of it, an argument or a value that does not exist.

    Args:
        texts: conditions that hold together, as `mixer=mamba` and `mixer.negative_eigenvalues=false`.
        folders: the user's configuration folders.

    Raises:
        UsageError: names the condition, and what there is.
    """
    conditions = [Condition.parse(text) for text in texts]
    chosen = {each.key: each.values for each in conditions if each.sign == "="}
    for each in conditions:
        group, _, argument = each.key.partition(".")
        _known("group", group, sorted(groups(folders)), each.text)
        there = choices(group, folders)
        if not argument:
            for name in each.values:
                _known(group, name, there, each.text)
            continue
        pages = [option_page(group, name, folders) for name in chosen.get(group, there)]
        of_each = [{option.name for option in page.arguments} for page in pages]
        having = set.intersection(*of_each) if group in chosen else set.union(*of_each)
        _known("option", each.key, sorted(having), each.text)
        _check_values(
            each, [option for page in pages for option in page.arguments if option.name == each.key]
        )


def _check_values(condition: Condition, arguments: Sequence[Argument]) -> None:
    """Refuse a condition on a value that the option cannot have, or that no value of it meets.

    Args:
        condition: the condition.
        arguments: the option, as the options of its group have it.

    Raises:
        UsageError: names the value, and what is allowed.
    """
    for value in condition.values:
        if not any(can_be(argument, condition.sign, value) for argument in arguments):
            near = nearest(value, {choice for argument in arguments for choice in argument.choices})
            ordered = "no value is" if condition.sign in ORDER else "it cannot be"
            compared = f"{condition.sign} {value}" if condition.sign in ORDER else repr(value)
            words = " or ".join(dict.fromkeys(argument.allowed for argument in arguments))
            raise UsageError(f"{condition.text}: {ordered} {compared}{near} (allowed: {words})")


def _own_families(theory: Theory) -> list[str]:
    """Return the names of the families, without files that add tasks to one."""
    return [name for name, family in theory.families.items() if not family.like]


def _known(what: str, name: str, names: Sequence[str], text: str = "") -> None:
    """Refuse a name that is not among others.

    Raises:
        UsageError: names what there is.
    """
    start = f"{text}: " * bool(text)
    require(
        name in names,
        f"{start}there is no {what} {name!r}{nearest(name, names)} (allowed: {', '.join(names)})",
    )


@contextmanager
def _of(place: Path | str) -> Iterator[None]:
    """Let the message of a check start with the place that it is of.

    Raises:
        UsageError: that of the check.
    """
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from None


def _files(group: str, folder: Path) -> list[Path]:
    """Return the YAML files of a group in a configuration folder."""
    return sorted((folder / group).glob("*.yaml"))


def _read(group: str, kind: type[T], folders: Sequence[Path]) -> dict[str, T]:
    """Read all files of a group, those of the user first.

    Raises:
        UsageError: names the file.
    """
    found: dict[str, T] = {}
    for path in (path for folder in (*folders, config_dir()) for path in _files(group, folder)):
        require(path.stem not in found, f"{group}={path.stem}: two files have this name; rename your own")
        node = _with_words(read_yaml(path) or {})
        with _of(path):
            found[path.stem] = Builder().build(kind, node)
    return found


def _targets(group: str, folders: Sequence[Path]) -> dict[str, str]:
    """Return the names of the options of a group, by the class that each builds."""
    found: dict[str, str] = {}
    for path in (path for folder in (config_dir(), *folders) for path in _files(group, folder)):
        if named := re.search(r"^_target_:\s*(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE):
            found.setdefault(named[1], path.stem)
    return found


def _with_words(node: Any, key: str = "") -> Any:
    """Return the values of a YAML file with `yes` and `no` as words, which YAML reads as true and false."""
    if isinstance(node, Mapping):
        return {name: _with_words(value, name) for name, value in node.items()}
    return ("no", "yes")[node] if isinstance(node, bool) and key in ("verdict", "then") else node
