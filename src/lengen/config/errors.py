"""Usage errors and unavailable lengths: the two errors that are not bugs. Every other error keeps its traceback."""

from __future__ import annotations

import difflib
import os
import re
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class UsageError(ValueError):
    """A mistake of the user, found by a check: reported on one line, without a traceback; the exit code is 2."""


class LengthUnavailable(ValueError):  # noqa: N818  # states a fact about a task, which need not be an error
    """A task has no examples of a length under its options; raised only by `Task.sample`."""


def require(holds: bool, message: str) -> None:
    """Refuse a user's value with a message of one line.

    Raises:
        UsageError: `holds` is false.
    """
    if not holds:
        raise UsageError(message)


@contextmanager
def named_below(option: str, group: str) -> Iterator[None]:
    """Name the options of a group below another option in what is refused while the block runs.

    >>> with named_below("mixer.near", "mixer"):
    ...     require(False, "mixer.size=0: must be at least 1")
    Traceback (most recent call last):
    lengen.config.errors.UsageError: mixer.near.size=0: must be at least 1

    Args:
        option: where the options stand that are used.
        group: their group, by which the message names them.

    Raises:
        UsageError: that of the block, with these names.
    """
    try:
        yield
    except UsageError as error:
        raise UsageError(re.sub(rf"(?<![\w.]){group}\.(?=[a-z])", f"{option}.", str(error))) from None


def require_file(path: Path) -> None:
    """Refuse a pipe or a device in the place of a file: its reader would wait. Of a folder, the system says what is wrong.

    Raises:
        UsageError: it is one.
    """
    require(path.is_file() or path.is_dir() or not path.exists(), f"{path}: must be a file")


def require_length(holds: bool, length: int, reason: str) -> None:
    """Raise `LengthUnavailable` in a task's `sample` if the task has no examples of a length.

    Args:
        holds: whether the task has examples of it.
        length: the requested length.
        reason: why there are none.

    Raises:
        LengthUnavailable: `holds` is false.
    """
    if not holds:
        raise LengthUnavailable(f"length {length}: {reason}")


def is_usage_error(error: BaseException, own_modules: Collection[str] = ()) -> bool:
    """Whether an error is reported on one line: a usage error, or a file that lengen could not read or write.

    An `OSError` that passes through the user's own Python code is a bug in that code.

    Args:
        error: the caught error.
        own_modules: top-level modules of the user's own classes.
    """
    if isinstance(error, OSError):
        frames = traceback.walk_tb(error.__traceback__)
        modules = {str(frame.f_globals.get("__name__")).partition(".")[0] for frame, _ in frames}
        return not modules & set(own_modules) - {"lengen"}
    return isinstance(error, UsageError)


def file_error(error: OSError, written: Mapping[str, str], otherwise: str) -> str:
    """Describe a file that cannot be read or written: by the option that says where is written, if it lies there.

    >>> error = FileNotFoundError(2, "No such file or directory", "/proc/x/copy")
    >>> file_error(error, {"results_dir": "/proc/x"}, "results_dir")
    'results_dir=/proc/x: /proc/x/copy: No such file or directory'

    Args:
        error: of the system.
        written: the options that say where is written, with their values.
        otherwise: the option that is named where the error names no file.
    """
    reason = error.strerror or str(error)
    if not error.filename:
        return f"{otherwise}: {reason}"
    file = Path(os.fsdecode(error.filename))
    for option, value in written.items():
        place = Path(value).expanduser().absolute()
        above = file.absolute() in place.parents and file.absolute() != Path.cwd()
        if not above and place not in (file.absolute(), *file.absolute().parents):
            continue
        if place.is_file():
            return f"{option}={value}: must be a folder, and is a file"
        return f"{option}={value}: {'' if file.absolute() == place else f'{file}: '}{reason}"
    return f"{file}: {reason}"


def nearest(wrong: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for near matches, else an empty text."""
    known = list(known)
    cases = [word for word in known if word.lower() == wrong.lower()]
    close = cases or difflib.get_close_matches(wrong, known, n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(repr(word) for word in close)}?" if close else ""


LONGEST_LINE, LONGEST_WORD = 290, 80
"""Most characters of a message, and of one word in it."""


def one_line(message: str) -> str:
    r"""Return a message on one line of limited size: control characters are written as escapes, what is long is shortened.

    >>> one_line("seed=" + "9" * 400 + ": must fit into\n64 bits")
    'seed=9999999999999999999999999999999999…99999999999999999999999999999999999999: must fit into 64 bits'
    """
    words = [
        "".join(char if char.isprintable() else repr(char)[1:-1] for char in word) for word in message.split()
    ]
    half = LONGEST_WORD // 2 - 1
    text = " ".join(word if len(word) <= LONGEST_WORD else f"{word[:half]}…{word[-half:]}" for word in words)
    return text if len(text) <= LONGEST_LINE else _shortened(text)


def _shortened(text: str) -> str:
    """Return what is too long with the first entries of the list of what is allowed, if it ends with one; else cut."""
    if found := re.fullmatch(r"(.*\(allowed: )(.*)\)", text):
        head, entries = found[1], found[2].split(", ")
        for count in range(len(entries) - 1, 0, -1):
            short = f"{head}{', '.join(entries[:count])} and {len(entries) - count} more)"
            if len(short) <= LONGEST_LINE:
                return short
    return f"{text[: LONGEST_LINE - 1]}…"


def ranges(numbers: Sequence[int]) -> str:
    """Format ascending numbers as ranges.

    >>> ranges([1, 2, 3, 5, 8, 9])
    '1 to 3, 5, 8 to 9'
    """
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(f"{part[0]} to {part[-1]}" if len(part) > 1 else str(part[0]) for part in parts)


def refuse_if_all(trials: Iterable[Callable[[], Any]]) -> None:
    """Try some things until one is not refused.

    Args:
        trials: each raises a UsageError if it is refused.

    Raises:
        UsageError: all are refused; the error of the first.
    """
    first: UsageError | None = None
    for trial in trials:
        try:
            trial()
        except UsageError as error:
            first = first or error
        else:
            return
    if first is not None:
        raise first
