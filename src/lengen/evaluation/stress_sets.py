"""Stress sets by name: hard test sets that a task defines, over the vocabulary that the decoder was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lengen.config.errors import UsageError, nearest, require
from lengen.task import Task


def chosen(task: Task, names: Iterable[str]) -> Mapping[str, Task]:
    """The stress sets of some names, in the task's order. The name of a family selects all its sets.

    Raises:
        UsageError: the task has no set of a name, or a set has another vocabulary than the task.
    """
    known = task.stress_sets()
    wanted = [same(name, known) for name in names]
    allowed = list(dict.fromkeys(family(name) for name in known))
    for name in wanted:
        if name in known or name in allowed:
            continue
        hint = nearest(name, [*allowed, *known])
        meant = [each for each in known if family(each) == family(name) or repr(each) in hint]
        listed = ", ".join(dict.fromkeys([*allowed, *meant])) or "none"
        raise UsageError(f"eval.stress={name}: unknown{hint} (allowed for this task: {listed})")
    found = {name: hard for name, hard in known.items() if name in wanted or family(name) in wanted}
    for name, hard in found.items():
        require(
            hard.vocabulary == task.vocabulary,
            f"eval.stress={name}: must have the vocabulary that the decoder was trained on",
        )
    return found


def same(name: str, known: Iterable[str]) -> str:
    """Return the known name that has the same number as its value; the name itself if there is none.

    >>> same("depth=0.5", ["depth=0.00", "depth=0.50"]), same("depth=0.55", ["depth=0.50"])
    ('depth=0.50', 'depth=0.55')
    """
    for each in known:
        if family(each) == family(name) and _number(each) is not None and _number(each) == _number(name):
            return each
    return name


def _number(name: str) -> float | None:
    """The number that a name such as `depth=0.30` has for its value; None if it has none."""
    try:
        return float(name.partition("=")[2])
    except ValueError:
        return None


def family(name: str) -> str:
    """The family of a name such as `depth=0.30`; a name without a value is its own family.

    >>> family("depth=0.30")
    'depth'
    """
    return name.partition("=")[0]
