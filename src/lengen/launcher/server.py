"""Imported by the process from which workers are forked: a signal to all processes of a command does not end it.

Its jobs would be orphans, which the command could neither ask to write a checkpoint nor wait for. It ends with the command.
In any other process the import does nothing.
"""

from __future__ import annotations

import gc
import signal
import sys

FORKS_WORKERS = any("multiprocessing.forkserver" in word for word in sys.orig_argv)
"""Whether this is that process, or a worker."""
IGNORED = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP")  # Python ignores SIGINT there only when all is imported
    if FORKS_WORKERS
    and hasattr(signal, name)
    and signal.getsignal(getattr(signal, name)) is not signal.SIG_IGN  # as under nohup
)
for each in IGNORED:
    signal.signal(each, signal.SIG_IGN)
if FORKS_WORKERS:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, IGNORED)  # it was started with them blocked
    gc.disable()  # while it imports what every worker has


def heed_again() -> None:
    """Undo it, in a worker."""
    gc.freeze()  # what was imported is never collected: no time is spent on looking through it
    gc.enable()
    for each in IGNORED:
        signal.signal(each, signal.default_int_handler if each == signal.SIGINT else signal.SIG_DFL)
