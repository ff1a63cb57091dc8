"""Sort the words of a command line, and refuse one. Imports no Hydra, so that what needs none answers at once."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

from lengen.config.errors import one_line

OVERRIDE = re.compile(r"~|[+]*[\w./@]+=")
"""Start of an override: `task=copy`, `+mine=1`, `~mine`."""
HELP = ("-h", "--help")
VERBOSE = ("-v", "--verbose")
REFUSED = 2
"""Exit code of a mistake on the command line."""


def folders(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split arguments into the configuration folders given by --config-dir and the other arguments."""
    given, others, rest = list[str](), list[str](), iter(arguments)
    for word in rest:
        flag, _, folder = word.partition("=")
        if flag in ("--config-dir", "-cd"):
            given.append(folder or next(rest, ""))
        else:
            others.append(word)
    return given, others


def verbose(arguments: Sequence[str]) -> tuple[bool, list[str]]:
    """Whether `-v` is among the arguments, and the other arguments."""
    others = [word for word in arguments if word not in VERBOSE]
    return len(others) < len(arguments), others


def refuse(line: str) -> int:
    """Print a usage error on one line and return exit code 2."""
    print(f"lengen: {one_line(line)}", file=sys.stderr)
    return REFUSED
