"""Shapes and types are checked while the tests run, at the first calls of each function in each test.

A decoding loop makes one call a thousand times, and checking costs more than what is checked: the later ones are let through.
So are the calls of collection, whose only use is to name the tests.
"""

from __future__ import annotations

import inspect
from collections import Counter
from functools import partial, wraps
from threading import Event
from types import CodeType
from typing import Any

import jaxtyping
from beartype import BeartypeConf, beartype

CALLS = 4
"""Of each function, in each test."""

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
"""Beartype as the tests use it: an int is a float, as for every type checker."""
seen: Counter[CodeType] = Counter()
"""Calls so far; emptied before each test."""
started = Event()
"""Set when the tests are collected."""


def install() -> None:
    """Check everything in lengen that is imported from now on."""
    every = jaxtyping.jaxtyped

    def first(function: Any = None, **options: Any) -> Any:
        if function is None:
            return partial(first, **options)
        if not inspect.isfunction(function):
            return every(function, **options)
        code = function.__code__
        if seen[code] >= CALLS:  # defined inside another function, again
            return function
        check: Any = (
            None  # made at the first call, since most functions are not called by the tests that were chosen
        )

        @wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal check
            if seen[code] >= CALLS or not started.is_set():
                return function(*arguments, **named)
            seen[code] += 1
            check = check or every(function, **options)
            return check(*arguments, **named)

        return call

    jaxtyping.jaxtyped = first
    jaxtyping.install_import_hook("lengen", "typecheck.checked")
