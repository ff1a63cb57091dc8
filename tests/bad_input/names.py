"""Options, groups, flags and commands that do not exist, and words of other libraries."""

from __future__ import annotations

from collections.abc import Iterator

from bad_input import GROUPS, Line
from lengen.config.search import choices


def lines() -> Iterator[Line]:  # a list of kinds
    """Yield the command lines."""
    for group in (*GROUPS, "size", "experiment"):
        for wrong in ("zz_nothing", "../nope", f"{group}.yaml", "null", "[a, b]", "3", "", "/etc/passwd"):
            yield Line(("train", f"{group}={wrong}"), f"{group}=", f"there is no such option of {group}")
    for group in GROUPS:
        yield Line(("train", "-m", f"{group}=glob(zz*)"), f"{group}=glob(zz*)", "it matches nothing")
        yield Line(("train", f"{group}.zz_nothing=1"), f"{group}.zz_nothing", "there is no such field")
        yield Line(("train", f"+{group}.zz_nothing=1"), f"{group}.zz_nothing", "there is no such field")
        yield Line(("train", f"~{group}"), f"~{group}", "a group cannot be removed")
        option = choices(group)[0]
        yield Line(("train", f"+{group}={option}"), group, "the group has an option already")
        yield Line(("train", f"{group}@zz={option}"), group, "packages are not supported")
    for group in ("pe", "attention", "positions"):
        for option in choices(group)[::4]:
            yield Line(
                ("check", f"{group}={option}", f"{group}.zz_nothing=1"),
                f"{group}.zz_nothing",
                "there is no such field",
            )
    for command in ("train", "data", "check", "eval", "compare", "plan"):
        for word in ("zz_nothing=1", "zz.nothing=1", "~zz", "--zz", "-z", "--cfg=zz", "--config-dir=/nonexistent",
                     "--config-name=zz", "--config-path=/nonexistent", "labels.pe=../../esc", "hydra.run.dir=/tmp/esc",
                     "hydra.output_subdir=esc", "hydra.searchpath=[/nonexistent]"):  # fmt: skip
            named = word.partition("=")[0].removeprefix("-").removeprefix("-")
            yield Line((command, word), named, "there is no such option or folder")
    for words, named in (
        (("trian",), "trian"), (("",), "''"), (("--zz",), "--zz"), (("Train",), "Train"), (("list", "zz"), "zz"),
        (("status", "zz"), "study=zz"), (("status", "zz=1"), "zz"), (("status", "study=../x"), "study=../x"), (("status", "--zz"), "--zz"),
        (("status", "all=zz"), "all=zz"), (("status", "study="), "study="), (("train", "study=zz"), "study=zz"),
        (("train", "study=../x"), "study=../x"), (("train", "-m", "study=a/b", "seed=0,1"), "study=a/b"),
        (("list", "--config-dir=/nonexistent"), "/nonexistent"), (("list", "pe", "zz"), "zz"),
        (("check",), "pe="), (("check", "steps=3"), "pe="), (("eval",), "run"), (("eval", "lengths=[3]"), "run"),
    ):  # fmt: skip
        yield Line(words, named, "there is no such command, group or folder, or nothing to do")
