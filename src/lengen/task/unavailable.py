"""Errors for lengths that a task lacks, including those of tasks written for older versions."""

from __future__ import annotations

import dis
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

from lengen.config.aliases import RenamedMethods
from lengen.config.errors import LengthUnavailable, UsageError

OPTION = re.compile(r"\w+(\.\w+)*=")
"""Start of a message that names an option."""


@contextmanager
def length_needed(option: str) -> Iterator[None]:
    """Turn a missing length of a task into a usage error that names an option.

    Args:
        option: the option that asks for the length; put in front of the reason.

    Raises:
        UsageError: the task lacks the length, or an option is invalid, which is named as it is.
    """
    try:
        with old_tasks_understood():
            yield
    except (LengthUnavailable, UsageError) as error:
        reason = str(error)
        if isinstance(error, UsageError) and OPTION.match(reason) and "this length" not in reason:
            raise
        if (named := re.match(r"length (\d+): ", reason)) and re.search(rf"\b{named[1]}$", option):
            reason = reason[named.end() :]  # the option names the length already
        raise UsageError(f"{option}: {reason}") from None


@contextmanager
def old_tasks_understood() -> Iterator[None]:
    """Convert the errors by which users' older tasks report a missing length to `LengthUnavailable`, and warn.

    Those tasks raise a plain ValueError or call `require`, which is supported for one more release. Only a `raise` in a
    method of the task counts: a ValueError raised there by Python or torch is a bug.

    Raises:
        LengthUnavailable: a user's task reported a missing length in this way.
    """
    try:
        yield
    except LengthUnavailable:
        raise
    except ValueError as error:
        if (entry := _raised_by_task(error)) is None:
            raise
        frame = entry.tb_frame
        warnings.warn_explicit(
            f"{type(_owner(frame)).__name__} reports a missing length by a {type(error).__name__}; raise "
            "lengen.LengthUnavailable instead: the next release treats any other error as a bug",
            FutureWarning,
            frame.f_code.co_filename,
            entry.tb_lineno,
            frame.f_globals.get("__name__"),
            frame.f_globals.setdefault("__warningregistry__", {}),
        )
        raise LengthUnavailable(str(error)) from error


def _raised_by_task(error: ValueError) -> TracebackType | None:
    """Traceback entry of the method of a user's task that raised an error, itself or by `require`; None if none did."""
    entries, entry = list[TracebackType](), error.__traceback__
    while entry is not None:
        entries.append(entry)
        entry = entry.tb_next
    last = entries[-1]
    if isinstance(error, UsageError):
        if last.tb_frame.f_code.co_name != "require":
            return None
        last = next((each for each in reversed(entries) if _owner(each.tb_frame) is not None), last)
    elif last.tb_frame.f_code.co_code[last.tb_lasti] != dis.opmap["RAISE_VARARGS"]:
        return None
    outside = str(last.tb_frame.f_globals.get("__name__")).partition(".")[0] != "lengen"
    return last if outside and _owner(last.tb_frame) is not None else None


def _owner(frame: FrameType) -> RenamedMethods | None:
    """The task whose method a frame runs; None for any other frame."""
    code = frame.f_code
    first = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
    return first if isinstance(first, RenamedMethods) and hasattr(first, "sample") else None
