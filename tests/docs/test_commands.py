"""Every command of README and docs/ is one: it composes here, and `test_commands_run.py` carries it out in short form."""

from __future__ import annotations

import re
import tomllib

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob
from tests.docs.commands import PAGES, ROOT, commands, lines, write_files

NOT_COMPOSED = {"list", "status", "check", "export", "share", "pull"}
"""Commands without a configuration of options."""
MULTIRUN = {"-m", "experiment=lr_bracket"}
"""Words of commands whose options may have several values."""
COMMANDS = {command.words: page for page in reversed(PAGES) for command in commands(page)}
"""Every command once, with the first page that has it."""


def one_job(words: list[str]) -> list[str]:
    """The first job of a multirun: of every option with several values, the first."""
    if not MULTIRUN & {*words}:
        return words
    return [job for word in words if word != "-m" and (job := first_value(word))]


def first_value(word: str) -> str:
    """An override with the first of its values; empty if it has many that only Hydra knows, or sets Hydra itself."""
    if word.startswith("-") or "=" not in word:
        return word
    override = OverridesParser.create().parse_override(word)
    if override.key_or_group.startswith("hydra"):
        return ""
    if not override.is_sweep_override():
        return word
    listed = override.is_discrete_sweep() and not isinstance(override.value(), Glob)
    values = override.sweep_string_iterator() if listed else iter(())
    return next((f"{override.get_key_element()}={value}" for value in values), "")


@pytest.mark.parametrize("page", sorted({*COMMANDS.values()}))
@pytest.mark.sampled(2)
def test_commands_compose(page, lengen, tmp_path):
    write_files(page, tmp_path)
    for command in commands(page):
        words = [word for word in command.words if word not in ("--help", "--cfg", "job")]
        refused = re.match(r"train study=|train pe=nopee", " ".join(words))
        if words[0] in NOT_COMPOSED or len(words) == 1 or refused or COMMANDS[command.words] != page:
            continue
        ran = lengen(words[0], *one_job(words[1:]), "--cfg", "job")
        assert ran.code == 0, f"{command}\n{ran.err}"


def test_targets_of_make_are_there():
    targets = set(re.findall(r"^\.PHONY: (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {word for page in PAGES for command in commands(page, "make") for word in command.words[:1]}
    named |= {
        text.split()[1] for page in PAGES for text in lines(page) if re.match(r"make [a-z-]+( |$)", text)
    }
    assert named
    assert named <= targets


def test_extras_that_are_to_be_installed_are_there():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {
        name
        for page in PAGES
        for text in lines(page)
        for name in re.findall(r"pip install .*\[(\w+)\]", text)
    }
    assert named
    assert named <= set(extras)


def test_scripts_are_there():
    named = {
        name for page in PAGES for text in lines(page) for name in re.findall(r"\b(scripts/\w+\.\w+)", text)
    }
    assert named
    assert all((ROOT / name).is_file() for name in named)


def test_a_command_that_is_wrong_is_found(lengen):
    assert lengen("train", *one_job(["-m", "pe=roap,rope"]), "--cfg", "job").code == 2


def test_the_site_has_every_page():
    index = (ROOT / "docs" / "index.md").read_text()
    listed = {
        line for block in re.findall(r"```{toctree}\n(.*?)```", index, re.DOTALL) for line in block.split()
    }
    pages = {page.removeprefix("docs/").removesuffix(".md") for page in PAGES if page.startswith("docs/")}
    assert pages - {"README", "index"} <= listed
