"""A value of a wrong type for every field of every option of every group, and for every option of the other commands."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any, Literal

import yaml

from bad_input import GROUPS, Line
from lengen.analysis.compare_runs import Comparison
from lengen.analysis.plan_study import StudyPlan
from lengen.config.builder import imported
from lengen.config.search import choices, config_dir
from lengen.experiment.config import RunConfig
from lengen.records.eval_options import EvalOptions

WRONG = {
    int: ("abc", "1.5", "[1]", "{a: 1}", "true", "null"),
    float: ("abc", "[1]", "nan", "{a: 1}", "inf", "true"),
    bool: ("maybe", "[true]", "{a: 1}", "2.5"),
    str: ("[a]", "{a: 1}"),
    list: ("{a: 1}", "abc"),
}
"""By type: values that are not of it."""
TEXTS = ("record", "name", "results_dir", "title", "out", "against", "control", "runs", "by", "best", "where")
"""Options that take any text."""
DRAWN = ("task", "format", "lengths")
"""Groups of the command `data`, which composes as `train` does."""


def lines() -> Iterator[Line]:  # noqa: C901, PLR0912  # a list of kinds
    """Yield the command lines."""
    turn, seen = 0, set[tuple[str, str, str]]()
    for group in GROUPS:
        for option in choices(group):
            for name, hint in fields(group, option):
                found = wrong(hint, turn)
                turn += 1
                if found is not None and (group, option_class(group, option), name) not in seen:
                    seen.add((group, option_class(group, option), name))
                    command = "data" if group in DRAWN else "train"
                    path = f"{group}.{name}"
                    yield Line(
                        (command, f"{group}={option}", f"{path}={found}"),
                        path,
                        f"{path} must be {kind(hint)}",
                    )
    for command, owner, before in (
        ("train", RunConfig, ()),
        ("plan", StudyPlan, ()),
        ("compare", Comparison, ()),
    ):
        for name, hint in typing.get_type_hints(owner).items():
            turn += 1
            if plain(hint) is not None and (found := wrong(hint, turn)) is not None and name not in TEXTS:
                yield Line((command, *before, f"{name}={found}"), name, f"{name} must be {kind(hint)}")
    for name, hint in typing.get_type_hints(EvalOptions).items():
        turn += 1
        if typing.get_origin(hint) is not typing.ClassVar:
            for command, before in (("train", ()), ("eval", ("run=nowhere",))):
                found = "{a: 1}" if name == "lengths" else wrong(hint, turn)
                if name == "stress":
                    continue  # takes any text
                if command == "eval" and found == "null":  # which is what the run has
                    found = wrong(hint, turn + 1)
                yield Line(
                    (command, *before, f"eval.{name}={found}"), f"eval.{name}", f"it must be {kind(hint)}"
                )
    for name, value in (
        ("threads", "abc"),
        ("accelerator", "npu"),
        ("progress", "maybe"),
        ("threads", "[1]"),
    ):
        yield Line(("eval", "run=nowhere", f"trainer.{name}={value}"), f"trainer.{name}", "of a wrong type")
    for name, value in (("force", "abc"), ("changed", "7.5"), ("inspect", "heads"), ("inspect", "[a]"),
                        ("eval", "null"), ("trainer", "null"), ("eval", "[1]"), ("trainer", "3"), ("limits", "null")):  # fmt: skip
        yield Line(("eval", "run=nowhere", f"{name}={value}"), name, "of a wrong type")
    for name, value in (
        ("length", "abc"),
        ("count", "1.5"),
        ("seed", "[1]"),
        ("length", "null"),
        ("count", "{a: 1}"),
    ):
        yield Line(("data", f"{name}={value}"), name, "must be a whole number")
    for name, value in (("examples", "abc"), ("files", "csv"), ("train_length", "1.5"), ("trainer.deduplicate", "maybe"),
                        ("eval.examples", "abc"), ("seed", "abc"), ("data_seed", "[1]"), ("trainer.progress", "3.5")):  # fmt: skip
        yield Line(("data", "export=out", f"{name}={value}"), name, "of a wrong type")
    for name, value in (("train_length", "abc"), ("train_length", "[1]"), ("train_length", "null")):
        yield Line(("check", "pe=nope", f"{name}={value}"), name, "must be a whole number")
    for name, value in (("eval", "3"), ("limits", "abc"), ("eval", "null"), ("limits", "[1]")):
        yield Line(("train", f"{name}={value}"), name, "must be a group of options")


def fields(group: str, option: str) -> Iterator[tuple[str, Any]]:
    """Yield the dotted fields that the YAML of an option has, with their annotations."""
    node = yaml.safe_load((config_dir() / group / f"{option}.yaml").read_text())
    yield from annotated(node.get("task", {}) if group == "task" else node)


def option_class(group: str, option: str) -> str:
    """The class of an option."""
    node = yaml.safe_load((config_dir() / group / f"{option}.yaml").read_text())
    return str((node.get("task", {}) if group == "task" else node).get("_target_"))


def annotated(node: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the plain fields of a node whose `_target_` names a class."""
    if "_target_" not in node:
        return
    module, _, leaf = str(node["_target_"]).rpartition(".")
    target = getattr(imported(module, ""), leaf)
    hints = typing.get_type_hints(
        target if is_dataclass(target) else inspect.getattr_static(target, "__init__")
    )
    for name in node:
        if name in hints:
            yield name, hints[name]


def plain(hint: Any) -> Any:
    """The type of a plain field: int, float, bool, str, list or Literal; None for any other."""
    parts = [part for part in typing.get_args(hint) if part is not type(None)]
    origin = typing.get_origin(hint)
    if origin is Literal or origin is list:
        return origin
    if origin is not None and len(parts) == 1:
        return plain(parts[0])
    return hint if hint in WRONG else None


def wrong(hint: Any, turn: int) -> str | None:
    """A value that a field does not take; None if its type takes anything, or is not plain."""
    known = plain(hint)
    if known is Literal:
        return ("zz_nothing", "[zz]", "{a: 1}")[turn % 3]
    if known is None:
        return None
    values = [value for value in WRONG[known] if value != "null" or type(None) not in typing.get_args(hint)]
    return values[turn % len(values)]


def kind(hint: Any) -> str:
    """A type in words."""
    return str(plain(hint))
