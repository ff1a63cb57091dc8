"""Signals that stop a command: Ctrl-C, SIGTERM (a scheduler, a shutdown) and SIGHUP (a terminal that was closed).

During training the current step is finished and a checkpoint is written; a second signal stops at once. Imports no torch.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

HEEDED = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Interrupted(KeyboardInterrupt):
    """A signal has stopped the command.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        self.signal = signal.Signals(number)
        super().__init__(f"stopped by {self.signal.name}")

    @property
    def code(self) -> int:
        """Exit code: 128 and the number of the signal, as shells have it."""
        return 128 + self.signal


class Signals:
    """The signals of this process.

    `pending` is the signal that waits for the end of a training step, and `raised` the last that was raised where it came, of which a
    library may have made another error; None if there is none.
    """

    def __init__(self) -> None:
        self.pending: int | None = None
        self.raised: int | None = None
        self._deferred = self._once = self._received = False

    @contextmanager
    def heeded(self, *more: int, once: bool = False) -> Iterator[None]:
        """Handle the signals while the block runs; without effect outside the main thread.

        Args:
            more: signals besides those of `HEEDED`.
            once: whether what comes after the first signal is ignored: a scheduler sends several before it kills.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._once, self._received, self.raised = once, False, None
        before = {number: signal.getsignal(number) for number in (*HEEDED, *more)}
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:  # as under nohup
                signal.signal(number, self._receive)
        try:
            yield
        finally:
            self.pending, self._once = None, False
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Let signals wait until `stop_if_pending` while the block runs, so that no training step is cut."""
        self._deferred = True
        before = signal.getsignal(signal.SIGINT)
        try:
            yield
        finally:
            self._deferred = False
            if signal.getsignal(signal.SIGINT) is not before:  # Lightning ignores it after an interruption
                signal.signal(signal.SIGINT, before)

    def stop_if_pending(self) -> None:
        """Stop if a signal has been waiting.

        Raises:
            Interrupted: there was a signal.
        """
        if self.pending is not None:
            number, self.pending = self.pending, None
            raise Interrupted(number)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if self._once and self._received:
            return
        self._received = True
        if not self._deferred or self.pending is not None:
            self.pending, self.raised = None, number
            raise Interrupted(number)
        self.pending = number
        with suppress(OSError, ValueError):  # the terminal may be gone
            print(  # noqa: T201
                f"lengen: {signal.Signals(number).name}: finishing this step and writing a checkpoint"
                + ("" if self._once else "; again to stop at once"),
                file=sys.stderr,
                flush=True,
            )


SIGNALS = Signals()
"""The signals of this process: handlers belong to a process, not to an object."""


def exit_code(error: KeyboardInterrupt) -> int:
    """Exit code of an interruption: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP."""
    return error.code if isinstance(error, Interrupted) else 128 + signal.SIGINT
