"""The text of `--help`: what a command does, what each of its options means, and examples. Imports neither torch nor Hydra."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from lengen.cli.arguments import OVERRIDE, folders
from lengen.cli.option_text import page_lines
from lengen.cli.text import entries, wrapped
from lengen.config.command_page import Described, command_page
from lengen.config.option_page import option_page
from lengen.config.search import choices, groups

FLAGS = {
    "-m, --multirun": "one run for every combination of values, as in pe=nope,rope 'seed=range(3)'",
    "--config-dir DIR": "a folder with options of your own",
    "--cfg job|hydra|all": "print the configuration, that of Hydra, or both, and do nothing",
    "--resolve": "with --cfg: the values of references such as ${steps}",
    "--info all|config|defaults|defaults-tree|plugins|searchpath": "where the configuration comes from",
    "-h, --help": "this text; beside pe=alibi also what there is to know of that option",
    "--hydra-help": "the flags of Hydra",
}
"""Flags, all of Hydra, with their values."""
OF_RUNS = {"-v, --verbose": "print all that is known of a curve, and of a study its further tables and notes"}
OF_RUNS_ALONE = ("train", "eval", "tune")
"""Flags of the commands that make curves, and these commands."""


def flag_names(command: str) -> list[str]:
    """Return the flags of a command that has a YAML file.

    >>> flag_names("plan")[:3]
    ['-m', '--multirun', '--config-dir']
    """
    shown = (*FLAGS, *(OF_RUNS if command in OF_RUNS_ALONE else ()))
    return [name for flag in shown for name in re.findall(r"(?<!\w)--?[\w-]+", flag)]


def help_lines(name: str, arguments: Sequence[str], columns: int) -> list[str]:
    """What `--help` says of a command, in lines of so many characters.

    Args:
        name: the command; it has a YAML file.
        arguments: the words after it: options that are chosen there are described, too.
        columns: characters of a line.

    Raises:
        UsageError: a word chooses an option that does not exist.
    """
    page, own = command_page(name), [Path(folder) for folder in folders(arguments)[0]]
    lines = [line for form in page.header.splitlines() for line in wrapped(form, 0, columns)]
    lines += _block("Options", [(_head(each), each.meaning) for each in page.options], columns)
    if page.groups:
        listed = [
            (_head(each), f"{each.meaning}: {', '.join(choices(each.name, own))}") for each in page.groups
        ]
        lines += _block(
            "Groups, which lengen list GROUP and lengen list GROUP=OPTION describe", listed, columns
        )
    lines += _block("Flags", [*(OF_RUNS.items() if name in OF_RUNS_ALONE else ()), *FLAGS.items()], columns)
    lines += ["", "Examples", *(f"  {line}" for line in page.footer.splitlines())]
    for word in arguments:
        group, _, option = word.partition("=")
        if OVERRIDE.match(word) and group in groups(own) and "," not in option:
            lines += ["", *page_lines(option_page(group, option, own), columns)]
    return lines


def _block(title: str, pairs: Sequence[tuple[str, str]], columns: int) -> list[str]:
    return ["", title, *entries(pairs, 2, columns)]


def _head(option: Described) -> str:
    return f"{option.name}={option.default}"
