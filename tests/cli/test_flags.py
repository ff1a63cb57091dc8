"""Flags, of lengen and of Hydra: a wrong one is one line that suggests the right one, with exit code 2."""

from __future__ import annotations

import pytest
import yaml


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("train", "--hydra-halp"), "--hydra-halp: unknown flag; did you mean '--hydra-help'?"),
        (("train", "--mutlirun", "seed=1,2"), "--mutlirun: unknown flag; did you mean '--multirun'?"),
        (("eval", "--verbos"), "did you mean '--verbose'?"),
        (("compare", "--wher=x"), "--wher=x: unknown flag; options have no dashes; did you mean 'where'?"),
        (("compare", "--runs=x"), "--runs=x: unknown flag; options have no dashes: runs=x"),
        (("train", "--confg-dir=x"), "did you mean '--config-dir'"),
        (("train", "--learning_rate=1"), "in lengen this is 'optimizer.lr'"),
        (("list", "--hlep"), "--hlep: unknown flag; did you mean '--help'? (allowed: --config-dir, -h, --help)"),
        (("list", "--task"), "--task: unknown flag (allowed"),
        (("status", "--hlep"), "--hlep: unknown flag; did you mean '--help'?"),
        (("status", "--all=true"), "--all=true: unknown flag; options have no dashes: all=true"),
        (("--hydra-help",), "--hydra-help: unknown flag; it stands after a command, as in lengen train --hydra-help"),
        (("-m", "train"), "-m: unknown flag; it stands after a command, as in lengen train -m"),
        (("--vesrion",), "--vesrion: unknown flag; did you mean '--version'?"),
        (("-sc",), "-sc: needs what the shell asks for, as in lengen -sc install=bash"),
        (("train", "--resolve"), "--resolve: needs --cfg"),
        (("train", "--cfg", "job", "--package", "nosuch"), "--package=nosuch: is not in the configuration"),
        (("compare", "--cfg", "job", "--package", "style.fnt"), "did you mean 'style.font'"),
        (("train", "--cfg", "hydra", "--package", "pe"), "--package=pe: is not in the configuration that --cfg prints (allowed"),
        (("train", "hydra.mode=FOO"), "hydra.mode=FOO: Invalid value 'FOO'"),
        (("train", "hydra.nosuch=1"), "unknown option 'hydra.nosuch' (lengen train --cfg hydra shows all)"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)  # fmt: skip
def test_a_wrong_flag_is_one_line(lengen, words, said):
    ran = lengen(*words)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert ran.err.startswith("lengen: ")
    assert said in ran.err


def test_a_part_of_the_configuration_is_shown(lengen):
    ran = lengen("train", "--cfg", "job", "--package", "pe", "pe=rope")
    assert (ran.code, ran.err) == (0, "")
    assert yaml.safe_load(ran.out)["_target_"] == "lengen.pe.rope.RoPE"
