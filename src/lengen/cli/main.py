"""`lengen COMMAND overrides`: picks the command and hands the rest to it. Imports no torch.

Every module under `lengen.cli.commands` is a command; the first line of its docstring is its help.
"""

from __future__ import annotations

import ast
import importlib
import os
import sys
from pathlib import Path

from lengen import __version__


def commands() -> dict[str, str]:
    """Every command and its one-line help."""
    found = {}
    for file in sorted((Path(__file__).parent / "commands").glob("*.py")):
        if file.name != "__init__.py":
            docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
            found[file.stem] = docstring.partition("\n")[0]
    return found


def usage() -> str:
    """What `lengen` says of itself."""
    width = max(map(len, commands()))
    lines = [f"  lengen {name:<{width}}  {text}" for name, text in commands().items()]
    return "\n".join(
        [
            f"lengen {__version__}: train short, sweep long",
            "",
            *lines,
            "",
            "lengen train task=addition pe=nope                                  one run, one curve",
            "lengen train -m task=passkey pe=nope,rope,alibi 'seed=range(3)'     a study",
            "lengen COMMAND --help                                               groups and options",
            'eval "$(lengen -sc install=bash)"                                   tab completion',
        ]
    )


def main() -> int:
    """Run a command; the console script's entry."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    if arguments[0] in ("--version", "-V"):
        print(f"lengen {__version__}")
        return 0
    if arguments[0] in ("-sc", "--shell-completion") and len(arguments) > 1:
        return complete(arguments[1])
    name, *rest = arguments
    if name not in commands():
        import difflib

        near = difflib.get_close_matches(name, commands(), n=1)
        hint = f"; did you mean 'lengen {near[0]}'?" if near else ""
        print(f"lengen: unknown command {name!r}{hint} (allowed: {', '.join(commands())})", file=sys.stderr)
        return 2
    try:
        return int(importlib.import_module(f"lengen.cli.commands.{name}").main(rest))
    except BrokenPipeError:  # `lengen list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("lengen: interrupted", file=sys.stderr)
        return 130


def complete(request: str) -> int:
    """Tab completion through Hydra's own script, one command deep."""
    name, line = "train", os.environ.get("COMP_LINE", "")
    if request.startswith("query="):
        words = line.split()
        if len(words) < 2 or (len(words) == 2 and not line.endswith(" ")):  # noqa: PLR2004
            print(" ".join(commands()))
            return 0
        if words[1] not in commands():
            return 0
        name = words[1]
        os.environ["COMP_LINE"] = "lengen " + line.split(name, 1)[1].lstrip()
    return int(importlib.import_module(f"lengen.cli.commands.{name}").main(["-sc", request]))
