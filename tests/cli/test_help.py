"""What the command line says of its options: `--help` of every command, and `lengen list` of groups and options."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from lengen.config.command_page import command_page
from lengen.config.search import choices, config_dir, groups

COMMANDS = ("train", "eval", "compare", "data", "plan", "check")
MINE = '''
"""My encoding."""

from typing import Literal

from lengen.pe import PositionalEncoding


class Mine(PositionalEncoding):
    """Positions as I like them.

    Args:
        shape: shape of the decoder.
        kind: how I like them.
        width: how far they reach.
    """

    def __init__(self, shape, kind: Literal["near", "far"] = "near", width: int = 4):
        super().__init__(shape)
'''


def widest(text: str) -> int:
    return max(map(len, text.splitlines()))


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_every_option_means(lengen, monkeypatch, command):
    page = command_page(command)
    for option in (*page.groups, *page.options):
        assert len(option.meaning) > 3, f"no comment behind {option.name} in the YAML of {command}"
    monkeypatch.setenv("COLUMNS", "110")
    ran = lengen(command, "--help")
    assert (ran.code, ran.err) == (0, "")
    said = " ".join(ran.out.split())
    for option in (*page.groups, *page.options):
        assert f" {option.name}=" in ran.out
        assert option.meaning.partition(" ")[0] in said
    assert widest(ran.out) <= 110


def test_help_has_every_option_that_the_command_composes(lengen):
    """The YAML is read here by OmegaConf alone, without the code that reads it for the help."""
    composed = lengen("compare", "--cfg", "job").out
    values = OmegaConf.to_container(OmegaConf.create(composed))
    nested = {name for name, value in values.items() if isinstance(value, dict)}
    expected = {*values} - nested | {f"{name}.{key}" for name in nested for key in values[name]}
    assert {option.name for option in command_page("compare").options} == expected
    of_run = OmegaConf.load(config_dir() / "options.yaml").eval
    assert {f"eval.{name}" for name in of_run} < {option.name for option in command_page("train").options}


def test_help_describes_the_options_that_are_chosen_beside_it(lengen):
    ran = lengen("train", "pe=alibi", "--help")
    assert "  pe.slopes=null" in ran.out
    assert lengen("train", "pe=alibbi", "--help").code == 2


@pytest.mark.parametrize("columns", [40, 80])
def test_lists_and_pages_fit_the_terminal(lengen, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    pages = [f"{group}={name}" for group in sorted(groups()) for name in choices(group)[:2]]
    for words in ((), *((group,) for group in sorted(groups())), pages):
        ran = lengen("list", *words)
        assert ran.code == 0
        wide = [line for line in ran.out.splitlines() if len(line) > columns]
        values = re.compile(
            r"(  \w+)? +\S+$|  [\w.]+=.+$"
        )  # a word that is not broken; an option with its value
        assert all(values.fullmatch(line) for line in wide), wide


def test_one_option_is_described_with_its_arguments(lengen, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    ran = lengen("list", "pe=alibi")
    assert ran.code == 0
    for words in (
        "pe=alibi: A penalty on the logits that grows linearly with distance, with one",
        "  paper    Press et al. 2022",
        "  class    lengen.pe.alibi.ALiBi",
        "  pe.slopes=null   (geometric, harmonic, list of numbers, or null)",
        "      `geometric`, as in the paper",
    ):
        assert words in ran.out
    assert "  train_length=30" in lengen("list", "task=passkey").out
    for word in ("pe=alibbi", "pez=alibi", "pe="):
        ran = lengen("list", word)
        assert ran.code == 2
        assert len(ran.err.splitlines()) == 1


def test_an_option_in_place_of_a_group_is_told_its_group(lengen):
    ran = lengen("list", "nope")
    assert (ran.code, ran.err) == (2, "lengen: 'nope' is an option, not a group: lengen list pe=nope\n")


def test_an_option_of_ones_own_is_described_in_the_same_way(lengen, tmp_path):
    Path("as_i_like.py").write_text(MINE)
    (tmp_path / "conf/pe").mkdir(parents=True)
    (tmp_path / "conf/pe/mine.yaml").write_text(
        "# As I like it\n# paper: none yet\n_target_: as_i_like.Mine\nwidth: 8\n"
    )
    ran = lengen("list", "--config-dir", "conf", "pe=mine")
    assert ran.code == 0
    for line in (
        "pe=mine: As I like it",
        "  paper  none yet",
        "Positions as I like them.",
        "  pe.kind=near   (near or far)",
        "      how far they reach.",
        "  pe.width=8   (whole number)",
    ):
        assert line in ran.out.splitlines()


def test_a_file_of_data_is_shown_as_it_is(lengen, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    ran = lengen("list", "theory=selective_signed", "published=kazemnejad2023")
    assert ran.code == 0
    for line in (
        "  - mixer=mamba2, mixer.negative_eigenvalues=true",
        "  parity",
        "    verdict: yes",
        "    source: Grazzi et al. 2024, Theorem 2",
        "data: kazemnejad2023.csv",
        "    train_length: 25",
    ):
        assert line in ran.out.splitlines()
    assert "Sets" not in ran.out
