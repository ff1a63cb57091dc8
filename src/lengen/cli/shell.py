"""What the shell asks: the script that completes words, and what a word may become."""

from __future__ import annotations

import importlib
import os
from collections.abc import Collection

from lengen.cli.completion import completions

BASH = """\
_lengen() {
    local IFS=$'\\n'
    COMPREPLY=($(COMP_LINE="$COMP_LINE" COMP_POINT="$COMP_POINT" "${COMP_WORDS[0]}" -sc query=bash 2> /dev/null))
    case "${COMPREPLY[0]}" in *[=./]) compopt -o nospace 2> /dev/null ;; esac
}
COMP_WORDBREAKS=${COMP_WORDBREAKS//=}
complete -o default -F _lengen lengen"""
ZSH = f"autoload -U +X bashcompinit && bashcompinit\n{BASH}"
SCRIPTS = {
    "install=bash": BASH,
    "install=zsh": ZSH,
    "uninstall=bash": "complete -r lengen",
    "uninstall=zsh": "compdef -d lengen",
}


def complete(request: str, commands: Collection[str]) -> int:
    """Answer the shell: print a script, or what may stand at the cursor. Hydra answers for its own options and for fish.

    Args:
        request: such as `query=bash`, for the line in `COMP_LINE` up to `COMP_POINT`.
        commands: names of all commands.
    """
    if request in SCRIPTS:
        print(SCRIPTS[request])
        return 0
    if not request.startswith("query="):
        return hydra_completes("train", request)
    line, point = os.environ.get("COMP_LINE", ""), os.environ.get("COMP_POINT", "")
    line = line[: int(point)] if point.isdecimal() else line
    words = line.split()
    if len(words) > 2 and words[1] in commands and words[-1].startswith("hydra"):  # noqa: PLR2004
        os.environ["COMP_LINE"] = "lengen " + line.split(words[1], 1)[1].lstrip()
        return hydra_completes(words[1], request)
    if found := completions(line, commands):
        print("\n".join(found))
    return 0


def hydra_completes(command: str, request: str) -> int:
    """Let Hydra answer."""
    return int(importlib.import_module(f"lengen.cli.commands.{command}").main(["-sc", request]))
