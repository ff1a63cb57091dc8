"""Entry point: `lengen COMMAND overrides` runs a command with the remaining arguments. Imports no torch.

Every module under `lengen.cli.commands` is a command; the first line of its docstring is its help text.
"""

from __future__ import annotations

import ast
import atexit
import importlib
import os
import re
import signal
import sys
from pathlib import Path

from lengen.cli.arguments import HELP, refuse
from lengen.cli.output import OutputError, checked_output
from lengen.config.errors import UsageError
from lengen.config.search import config_dir
from lengen.config.version import VERSION
from lengen.training.interruption import SIGNALS, exit_code

OWN_FLAGS = (*HELP, "-V", "--version", "-sc", "--shell-completion")
"""Flags without a command; the last two with what is to be completed, as in `-sc install=bash`."""
SIGNALLED = 128
"""Exit codes above are of signals."""


def commands() -> dict[str, str]:
    """Return every command with its one-line help text."""
    help_texts = {}
    for file in sorted((Path(__file__).parent / "commands").glob("*.py")):
        if file.name != "__init__.py":
            docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
            help_texts[file.stem] = docstring.partition("\n")[0]
    return help_texts


def usage() -> str:
    """Return the usage message."""
    width = max(map(len, commands()))
    lines = [f"  lengen {name:<{width}}  {text}" for name, text in commands().items()]
    return "\n".join(
        [
            f"lengen {VERSION}: train short, sweep long",
            "",
            *lines,
            "",
            "lengen train task=addition pe=nope                                  one run: trains, then evaluates",
            "lengen train -m task=passkey pe=nope,rope,alibi 'seed=range(3)'     a study",
            "lengen train study=NAME                                             what is left of it",
            "lengen COMMAND --help                                               options of a command",
            'eval "$(lengen -sc install=bash)"                                   tab completion',
        ]
    )


def main() -> int:
    """Run a command and return its exit code; entry point of the console script."""
    try:
        with checked_output():
            code = run(sys.argv[1:])
    except OutputError as error:
        print(f"lengen: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    if code > SIGNALLED:  # another Ctrl-C, while Python ends, is no error to be printed
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return code


def run(arguments: list[str]) -> int:
    """Run a command and return its exit code."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    if arguments[0] in ("--version", "-V"):
        print(f"lengen {VERSION}")
        return 0
    if arguments[0] in ("-sc", "--shell-completion") and len(arguments) > 1:
        from lengen.cli.shell import complete

        return complete(arguments[1], commands())
    name, *rest = arguments
    if name not in commands():
        return refuse(unknown(name))
    try:
        with SIGNALS.heeded():
            if has_help(name, rest):
                return show_help(name, rest)
            return int(importlib.import_module(f"lengen.cli.commands.{name}").main(rest))
    except OutputError:
        raise
    except BrokenPipeError:  # `lengen list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt as stopped:
        print("lengen: interrupted", file=sys.stderr)
        return exit_code(stopped)


def unknown(name: str) -> str:
    """Say that there is no such command, or that a flag is none of those without a command, and suggest one."""
    from lengen.cli.help_text import flag_names
    from lengen.config.errors import nearest

    flag, known = name.partition("=")[0], commands()
    if name in ("-sc", "--shell-completion"):
        return f"{name}: needs what the shell asks for, as in lengen -sc install=bash"
    if name.startswith("-"):
        of_commands = flag in flag_names("train")
        hint = (
            f"; it stands after a command, as in lengen train {flag}"
            if of_commands
            else nearest(flag, OWN_FLAGS)
        )
        return f"{name}: unknown flag{hint} (allowed: {', '.join(OWN_FLAGS)})"
    close = re.sub(r"'(\w+)'", r"'lengen \1'", nearest(name, known))
    return f"unknown command {name!r}{close} (allowed: {', '.join(known)})"


def has_help(name: str, arguments: list[str]) -> bool:
    """Whether help is asked for that the YAML of the command has."""
    return any(word in HELP for word in arguments) and (config_dir() / f"{name}.yaml").exists()


def show_help(name: str, arguments: list[str]) -> int:
    """Print what a command and its options mean, without composing a configuration."""
    from lengen.cli.help_text import help_lines
    from lengen.cli.text import width

    try:
        lines = help_lines(name, arguments, width())
    except UsageError as error:
        return refuse(str(error))
    print("\n".join(lines))
    return 0
