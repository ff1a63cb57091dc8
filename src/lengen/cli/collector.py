"""Imports without Python's collector of cycles: what a module makes stays, and looking through it takes a fifth of a short command."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """Collect nothing while torch is first imported; afterwards, what there is by then is never looked through.

    Where torch is there already this does nothing, so that the garbage of one job is not kept for good by the next.
    """
    if not gc.isenabled() or "torch" in sys.modules:
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
