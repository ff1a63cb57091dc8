"""Stress sets by name."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.options import built, files, read

from lengen.evaluation.stress_sets import chosen, family
from lengen.task.addition import Addition
from lengen.task.copy import Copy
from lengen.task.passkey import Passkey


def test_names_and_families():
    assert list(chosen(Addition(), ["uneven", "carry", "carry"])) == ["carry", "uneven"]
    assert len(chosen(Passkey(), ["depth"])) == 11
    assert list(chosen(Passkey(), ["depth=0.50"])) == ["depth=0.50"]
    assert chosen(Passkey(), []) == {}


def test_unknown_names_are_refused():
    with pytest.raises(
        ValueError, match=r"eval\.stress=dept: unknown; did you mean 'depth'.*allowed for this task: depth\)"
    ):
        chosen(Passkey(), ["dept"])


@pytest.mark.parametrize("name", ["depth=7", "dept=0.7"])
def test_what_is_suggested_is_listed(name):
    with pytest.raises(ValueError, match="did you mean") as refused:
        chosen(Passkey(), [name])
    hint, _, listed = str(refused.value).partition(" (allowed for this task: ")
    suggested = re.findall(r"'([^']+)'", hint)
    assert suggested
    assert {*suggested} <= {*listed.removesuffix(")").split(", ")}


@dataclass(frozen=True)
class Wider(Copy):
    def stress_sets(self):
        return {"wider": replace(self, alphabet=self.alphabet + 1)}


def test_another_vocabulary_is_refused():
    with pytest.raises(ValueError, match=r"eval\.stress=wider: must have the vocabulary"):
        chosen(Wider(), ["wider"])


@pytest.mark.parametrize("path", files("task"), ids=lambda path: path.stem)
def test_the_documentation_names_every_set(path):
    task = built(*read(path))
    _, table = (
        Path(__file__).parents[2].joinpath("docs", "tasks.md").read_text().split("| task | stress sets |\n")
    )
    rows = [line.split("|")[1:3] for line in table.split("\n\n")[0].splitlines()]
    said = " ".join(named for tasks, named in rows if path.stem in tasks.replace(",", " ").split())
    if len(task.training_tasks()) == 1:  # a mixture has those of the main task
        assert all(f"`{family(name)}" in said for name in task.stress_sets())
