"""Processes of a study start by importing the script that called for them, which must not call again: the guard of a script."""

from __future__ import annotations

import ast
import inspect
import multiprocessing
import sys
from pathlib import Path
from types import FrameType

from lengen.config.errors import UsageError

GUARD = 'if __name__ == "__main__":'
"""The line below which a script calls what starts processes."""


def require_guard(call: str) -> None:
    """Refuse to start processes for a script that would make the same call again in each of them.

    Args:
        call: the call, for the message.

    Raises:
        UsageError: names the line of the script.
    """
    frame = inspect.currentframe()
    while frame is not None and not _is_script(frame):
        frame = frame.f_back
    if frame is None:
        return
    script, line = Path(frame.f_code.co_filename), frame.f_lineno
    if not is_guarded(script, line):
        raise UsageError(
            f"{call}: needs {GUARD} above line {line} of {script.name}, since each of its processes imports the script"
        )


def stop_import() -> None:
    """End a process that is only importing the script from which it was started, if it is one.

    Raises:
        SystemExit: it is one; standard error has been told.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False) and "__mp_main__" in sys.modules:
        script = Path(getattr(sys.modules["__mp_main__"], "__file__", None) or "the script").name
        sys.stderr.write(f"lengen: lengen.study is called while {script} is imported: it needs {GUARD}\n")
        raise SystemExit(2)


def is_guarded(script: Path, line: int) -> bool:
    """Whether a line of a script stands below a condition, so that importing the script need not reach it.

    Args:
        script: a file; one that cannot be read is taken as guarded.
        line: from 1.
    """
    try:
        tree = ast.parse(script.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return True
    return any(
        isinstance(node, ast.If) and node.lineno <= line <= (node.end_lineno or line)
        for node in ast.walk(tree)
    )


def _is_script(frame: FrameType) -> bool:
    """Whether a frame carries out the lines of the script itself, which the processes import."""
    main = sys.modules.get("__main__")
    own = main is not None and frame.f_globals is vars(main) and frame.f_code.co_name == "<module>"
    return own and getattr(main, "__file__", None) is not None
