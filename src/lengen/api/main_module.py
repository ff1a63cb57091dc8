"""Classes of a notebook or a script, as another process needs them.

They are passed by value. A worker has neither the module `__main__` that defines them, by which a configuration names them, nor their
source, by which a cell is identified: both are passed, too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from lengen.config.source import KNOWN, source_of
from lengen.launcher.job import JobResult

MAIN = "__main__"
DEEPEST = 4
"""Levels of objects within objects that are looked through."""


@dataclass(frozen=True)
class InMain:
    """A job that finds the user's classes in `__main__`, in whatever process.

    Args:
        work: the job.
        classes: of the user, by qualified name.
        sources: of these.
    """

    work: Callable[[], JobResult]
    classes: Mapping[str, type[Any]]
    sources: Mapping[str, str]

    def __call__(self) -> JobResult:
        """Do the job."""
        module = sys.modules[MAIN]
        for name, kind in self.classes.items():
            setattr(module, name, kind)
        KNOWN.update(self.sources)
        return self.work()


def in_main(work: Callable[[], JobResult], options: Mapping[str, Any]) -> Callable[[], JobResult]:
    """Return a job for another process, with the classes of `__main__` that its options have.

    Args:
        work: the job.
        options: of a call of the user's.
    """
    classes = {kind.__qualname__: kind for kind in of_main(options)}
    return (
        InMain(work, classes, {name: source_of(kind) for name, kind in classes.items()}) if classes else work
    )


def of_main(value: Any, depth: int = DEEPEST) -> Iterator[type[Any]]:
    """Yield the classes of `__main__` that a value is, or is made of, with their base classes."""
    kind = value if isinstance(value, type) else type(value)
    own = [each for each in kind.__mro__ if each.__module__ == MAIN and "<locals>" not in each.__qualname__]
    yield from own
    if not depth:
        return
    inner: list[Any] = []
    if isinstance(value, Mapping):
        inner = [*value.values()]
    elif isinstance(value, (list, tuple, set)):
        inner = [*value]
    elif isinstance(value, partial):
        inner = [value.func, *value.args, *value.keywords.values()]
    elif own and not isinstance(value, type):
        inner = [*getattr(value, "__dict__", {}).values()]
    for each in inner:
        yield from of_main(each, depth - 1)
