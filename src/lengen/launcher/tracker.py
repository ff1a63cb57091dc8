"""The process of Python's that removes the semaphores of killed processes: it must outlive a signal to all processes of a command."""

from __future__ import annotations

import signal
import threading


def start_tracker() -> None:
    """Start it, unless it runs. By itself it ignores Ctrl-C and SIGTERM, but a terminal that is closed sends SIGHUP."""
    if not hasattr(signal, "SIGHUP"):
        return
    from multiprocessing import resource_tracker

    if threading.current_thread() is not threading.main_thread():
        resource_tracker.ensure_running()
        return
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # which it inherits
    try:
        resource_tracker.ensure_running()
    finally:
        signal.signal(signal.SIGHUP, before)
