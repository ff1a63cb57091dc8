"""Stress sets by name: hard test sets that a task defines, over the vocabulary that the decoder was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lengen.config.errors import nearest, require
from lengen.task import Task


def chosen(task: Task, names: Iterable[str]) -> Mapping[str, Task]:
    """The stress sets of some names, in the task's order. The name of a family selects all its sets.

    Raises:
        UsageError: the task has no set of a name, or a set has another vocabulary than the task.
    """
    known = task.stress_sets()
    wanted = list(names)
    allowed = list(dict.fromkeys(family(name) for name in known))
    for name in wanted:
        require(
            name in known or name in allowed,
            f"eval.stress={name}: unknown{nearest(name, [*allowed, *known])} (allowed for this task: {', '.join(allowed) or 'none'})",
        )
    found = {name: hard for name, hard in known.items() if name in wanted or family(name) in wanted}
    for name, hard in found.items():
        require(
            hard.vocabulary == task.vocabulary,
            f"eval.stress={name}: must have the vocabulary that the decoder was trained on",
        )
    return found


def family(name: str) -> str:
    """The family of a name such as `depth=0.30`; a name without a value is its own family.

    >>> family("depth=0.30")
    'depth'
    """
    return name.partition("=")[0]
