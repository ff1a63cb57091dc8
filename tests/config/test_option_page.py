"""The page of an option, read from source text alone, agrees with Python's own view of the imported class."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from lengen.config.errors import UsageError
from lengen.config.option_page import OptionPage, option_page, option_pages
from lengen.config.search import config_dir, groups

PAGES = [page for group in sorted(groups()) for page in option_pages(group)]
BUILT = [page for page in PAGES if page.target]

OWN = '''
from dataclasses import dataclass
from typing import Literal

from lengen.config.errors import require
from lengen.task.copy import Copy

LEAST = 3

@dataclass(frozen=True)
class Mine(Copy):
    """Copy, louder. Length: symbols.

    >>> 1 + 1
    2

    Args:
        volume: how loud,
            in steps.
    """

    volume: int = 7
    kind: Literal["low", "high"] | None = None

    def __post_init__(self):
        require(self.volume >= LEAST, f"task.volume={self.volume}: must be at least {LEAST}")
'''


def names(page: OptionPage) -> set[str]:
    """First level of an option's arguments, without the group."""
    return {re.split(r"\.", without_group(page, argument.name))[0] for argument in page.arguments}


def without_group(page: OptionPage, name: str) -> str:
    """An argument without its group, and without the option where each stands under its own name."""
    return name.removeprefix(f"{page.group}.{page.name}." if page.group == "extend" else f"{page.group}.")


@pytest.mark.parametrize("group", sorted({page.group for page in BUILT}))
def test_arguments_are_those_of_the_constructor(group: str) -> None:
    for page in BUILT:
        if page.group == group:
            module, _, name = page.target.rpartition(".")
            check(page, inspect.signature(getattr(importlib.import_module(module), name)).parameters)


def check(page: OptionPage, signature: Mapping[str, inspect.Parameter]) -> None:
    known = {name.removesuffix("_") if name in ("from_", "lambda_") else name for name in signature}
    given = {"output"} if page.group == "head" else {"shape", "layer"}  # by the decoder
    assert names(page) == known - given, page.name
    for argument in page.arguments:
        plain = without_group(page, argument.name)
        if plain in signature and plain not in own_values(page) and argument.default:
            default = signature[plain].default
            factory = isinstance(default, (list, dict)) or "factory" in str(default)
            assert factory or yaml.safe_load(argument.default) == default, argument


def own_values(page: OptionPage) -> dict[str, object]:
    values = yaml.safe_load((config_dir() / page.group / f"{page.name}.yaml").read_text(encoding="utf-8"))
    return values.get(page.group, values)


def test_every_option_and_every_argument_is_described() -> None:
    bare = [f"{page.group}={page.name}" for page in PAGES if not page.line or "paper" not in page.facts]
    bare += [argument.name for page in PAGES for argument in page.arguments if not argument.meaning]
    bare += [argument.name for page in PAGES for argument in page.arguments if not argument.allowed]
    assert not bare


def test_an_option_of_ones_own_is_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "loud_task.py").write_text(OWN, encoding="utf-8")
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "loud.yaml").write_text(
        "# @package _global_\n# Copy, louder\n# paper: none\ntask:\n  _target_: loud_task.Mine\n"
        "  kind: low   # or high\ntrain_length: 4\n",
        encoding="utf-8",
    )
    page = option_page("task", "loud", [tmp_path])
    assert (page.line, page.facts, page.text) == (
        "Copy, louder",
        {"paper": "none"},
        "Copy, louder. Length: symbols.",
    )
    assert (page.examples, page.sets) == (">>> 1 + 1\n2", {"train_length": "4"})
    said = {
        argument.name: (argument.default, argument.allowed, argument.meaning) for argument in page.arguments
    }
    assert said["task.volume"] == ("7", "whole number: at least 3", "how loud, in steps.")
    assert said["task.kind"] == ("low", "low, high, or null", "or high")
    assert said["task.alphabet"][2] == "number of symbols."  # of the class that it inherits from
    assert "loud_task" not in sys.modules


@pytest.mark.parametrize(("group", "name", "hint"), [("pee", "rope", "'pe'"), ("pe", "ropee", "'rope'")])
def test_what_there_is_not_is_refused(group: str, name: str, hint: str) -> None:
    with pytest.raises(UsageError, match=hint):
        option_page(group, name)


def test_no_torch() -> None:
    code = "import sys; from lengen.config.option_page import option_page as page; page('task', 'copy'); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
