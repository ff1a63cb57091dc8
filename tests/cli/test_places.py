"""What cannot be written is named with the option that says where."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import TINY, run_folders
from lengen.config.errors import file_error

TRAIN = ("train", "task=copy", "pe=nope", *TINY)


def test_a_place_that_is_a_file_or_below_one_is_named_with_its_option(lengen, tmp_path):
    assert lengen(*TRAIN).code == 0
    (run,) = run_folders(tmp_path)
    Path("note.txt").write_text("")
    for command, option in (
        (TRAIN, "results_dir"),
        (("tune", f"run={run}", "steps=1"), "results_dir"),
        (("compare", f"runs={run}"), "out"),
        (("data", "task=copy", "steps=2"), "export"),
        (("share", f"run={run}"), "export"),
    ):
        below = lengen(*command, f"{option}=note.txt/deep/deeper")
        assert below.code == 2
        assert below.err.startswith(f"lengen: {option}=note.txt/deep/deeper: ")
        file = lengen(*command, f"{option}=note.txt")
        assert file.code == 2
        assert file.err.startswith(f"lengen: {option}=note.txt: ")


@pytest.mark.parametrize("name", ["me", "./folder"])
def test_a_name_of_the_hub_is_named_with_its_option(lengen, name: str):
    ran = lengen("pull", name)
    assert ran.code == 2
    assert ran.err.startswith(f"lengen: name={name}: must be OWNER/NAME")


def test_a_file_elsewhere_is_not_said_to_be_of_the_option():
    error = FileNotFoundError(2, "No such file or directory", "/nowhere/data.csv")
    assert (
        file_error(error, {"results_dir": "results"}, "results_dir")
        == "/nowhere/data.csv: No such file or directory"
    )
    assert (
        file_error(IsADirectoryError(21, "Is a directory", "."), {"out": "here"}, "out")
        == ".: Is a directory"
    )
    assert (
        file_error(OSError(28, "No space left on device"), {"out": "here"}, "out")
        == "out: No space left on device"
    )
