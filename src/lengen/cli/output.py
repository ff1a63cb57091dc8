"""Standard output: a full disk is said on one line, and what its encoding lacks is written in ASCII."""

from __future__ import annotations

import codecs
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

REPLACED = str.maketrans(
    {
        **dict.fromkeys("│┃", "|"),
        **dict.fromkeys("─━—\N{EN DASH}", "-"),
        **dict.fromkeys("┌┐└┘├┤┬┴┼╸╺", "+"),
        **dict.fromkeys("▁▂▃▄▅▆▇█▀▌▐▖▗▘▙▚▛▜▝▞▟●", "#"),
        "…": ".",
        "\N{MULTIPLICATION SIGN}": "x",
        "·": ".",
        "≥": ">",
        "≤": "<",
        "⏎": "$",
    }
)
"""Characters of as many columns in ASCII."""


class OutputError(BrokenPipeError):
    """Standard output cannot be written, as on a full disk. Like a closed pipe, it ends a command without a traceback."""


class Checked(io.FileIO):
    """The file under standard output. What is written after its first error is dropped, and the command does its work."""

    lost: OSError | None = None

    def write(self, content: Any) -> int:
        """Write bytes."""
        if self.lost is None:
            try:
                return super().write(content) or 0
            except OSError as error:
                self.lost = error
        return memoryview(content).nbytes


def in_ascii(error: UnicodeError) -> tuple[str, int]:
    """Replace what an encoding lacks by ASCII: a character that looks alike, or an escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    replaced = text.translate(REPLACED).encode("ascii", "backslashreplace")
    return replaced.decode(), error.end


@contextmanager
def checked_output() -> Iterator[None]:
    """Check what is written to standard output while the block runs; a stream of a notebook or a test is left as it is.

    Raises:
        OutputError: it could not be written.
    """
    before = sys.stdout
    if before is not sys.__stdout__ or not isinstance(before, io.TextIOWrapper):
        yield
        return
    codecs.register_error("lengen", in_ascii)
    before.flush()
    file = Checked(before.fileno(), "w", closefd=False)
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(file),
        encoding=before.encoding,
        errors="lengen",
        line_buffering=before.line_buffering,
        write_through=before.write_through,
    )
    try:
        yield
        sys.stdout.flush()
        if file.lost is not None and not isinstance(file.lost, BrokenPipeError):  # nobody reads it any more
            raise OutputError(file.lost.errno, file.lost.strerror, "standard output")
    finally:
        sys.stdout = before
