"""Where a length is needed that a task may lack: the refusal, and how older tasks said it."""

from __future__ import annotations

import dis
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

from lengen.config.aliases import RenamedMethods
from lengen.config.errors import LengthUnavailable, UsageError


@contextmanager
def length_needed(option: str) -> Iterator[None]:
    """A check in which a task draws: a length that it lacks is refused.

    Args:
        option: what asks for the length; stands in front of the reason.

    Raises:
        UsageError: the task lacks the length, or refuses an option.
    """
    try:
        with old_tasks_understood():
            yield
    except (LengthUnavailable, UsageError) as error:
        raise UsageError(f"{option}: {error}") from None


@contextmanager
def old_tasks_understood() -> Iterator[None]:
    """Take the way in which older tasks of the user's own refuse a length for a `LengthUnavailable`, and warn.

    They raise a plain ValueError, or call `require`; this is understood for one release. Only a `raise` in a method of
    the task counts: a ValueError that Python or torch raised there is a bug.

    Raises:
        LengthUnavailable: a task of the user's own refused a length so.
    """
    try:
        yield
    except LengthUnavailable:
        raise
    except ValueError as error:
        if (place := _refusal(error)) is None:
            raise
        frame = place.tb_frame
        warnings.warn_explicit(
            f"{type(_owner(frame)).__name__} refuses a length by a {type(error).__name__}; raise "
            "lengen.LengthUnavailable: the next release takes any other error for a bug",
            FutureWarning,
            frame.f_code.co_filename,
            place.tb_lineno,
            frame.f_globals.get("__name__"),
            frame.f_globals.setdefault("__warningregistry__", {}),
        )
        raise LengthUnavailable(str(error)) from error


def _refusal(error: ValueError) -> TracebackType | None:
    """Where a method of a task from outside lengen raised an error by itself, or through `require`; None if none did."""
    places, place = list[TracebackType](), error.__traceback__
    while place is not None:
        places.append(place)
        place = place.tb_next
    last = places[-1]
    if isinstance(error, UsageError):
        if last.tb_frame.f_code.co_name != "require":
            return None
        last = next((each for each in reversed(places) if _owner(each.tb_frame) is not None), last)
    elif last.tb_frame.f_code.co_code[last.tb_lasti] != dis.opmap["RAISE_VARARGS"]:
        return None
    outside = str(last.tb_frame.f_globals.get("__name__")).partition(".")[0] != "lengen"
    return last if outside and _owner(last.tb_frame) is not None else None


def _owner(frame: FrameType) -> RenamedMethods | None:
    """The task whose method a frame runs; None if it runs something else."""
    code = frame.f_code
    first = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
    return first if isinstance(first, RenamedMethods) and hasattr(first, "sample") else None
