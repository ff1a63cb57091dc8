"""The flags of a command that Hydra runs, and what an unknown one may mean."""

from __future__ import annotations

from typing import Any, NoReturn

from lengen.cli.help_text import flag_names
from lengen.config.command_page import command_page
from lengen.config.errors import UsageError, nearest, require
from lengen.config.other_options import in_lengen


def meant(flag: str, command: str) -> str:
    """Suggest a flag for one that there is not, or say how the option is written that it names; an empty text if none is like it.

    >>> meant("--learning_rate=1", "train"), meant("--run=x", "eval")
    ("; in lengen this is 'optimizer.lr'", '; options have no dashes: run=x')
    >>> meant("--mutlirun", "train"), meant("--wher=x", "compare")
    ("; did you mean '--multirun'?", "; options have no dashes; did you mean 'where'?")

    Args:
        flag: with its value, if it has one.
        command: name of the command.
    """
    name, _, value = flag.lstrip("-").partition("=")
    page = command_page(command)
    options = [each.name for each in (*page.groups, *page.options)]
    if name in options:
        return f"; options have no dashes: {name}={value or '…'}"
    if command == "train" and (said := in_lengen(name, value)):
        return said
    option, known = nearest(name, options), nearest(flag.partition("=")[0], flag_names(command))
    if known and not (option and value):  # few flags have a value
        return known
    return f"; options have no dashes{option}" if option else ""


def given_flags(words: list[str], command: str) -> Any:
    """Parse the flags of a command.

    Args:
        words: flags and overrides.
        command: name of the command.

    Raises:
        UsageError: a flag is unknown, or has a wrong value.
    """
    from hydra._internal.utils import get_args_parser

    hint = f"lengen {command} --help lists all flags"

    def fault(message: str) -> NoReturn:
        raise UsageError(f"{message.removeprefix('argument ')} ({hint})")

    parser = get_args_parser()
    parser.error = fault  # type: ignore[method-assign]
    flags, unknown = parser.parse_known_args(words)
    require(
        not unknown,
        f"{' '.join(unknown)}: unknown flag{meant(unknown[0], command) if unknown else ''} ({hint})",
    )
    shown = "--cfg" if flags.cfg else "--info" if flags.info else ""
    require(not flags.resolve or flags.cfg is not None, f"--resolve: needs --cfg ({hint})")
    require(flags.package is None or flags.cfg is not None, f"--package: needs --cfg ({hint})")
    require(not (flags.multirun and shown), f"{shown}: shows the configuration of one run; leave out -m")
    for name in ("config_path", "config_name", "experimental_rerun"):
        flag = f"--{name.replace('_', '-')}"
        require(
            getattr(flags, name) is None, f"{flag}: lengen has its own; --config-dir adds a folder of yours"
        )
    return flags
