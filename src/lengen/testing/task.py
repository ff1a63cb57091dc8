"""Contract tests of tasks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from lengen.task import Task
from lengen.testing.report import Report, require_object, run
from lengen.testing.task_draws import (
    answers,
    evaluation,
    generator_alone,
    missing_lengths,
    prompts,
    requested_length,
    stress_sets,
)
from lengen.testing.task_examples import COUNT, MANY, batches, draw_fault, equal, layout_fault, sample
from lengen.testing.task_rows import joined, layout, one_example, places, shown, special_tokens, vocabulary

__all__ = [
    "CHECKS",
    "COUNT",
    "MANY",
    "USUAL",
    "answers",
    "batches",
    "check_task",
    "draw_fault",
    "equal",
    "evaluation",
    "generator_alone",
    "joined",
    "layout",
    "layout_fault",
    "missing_lengths",
    "one_example",
    "places",
    "prompts",
    "requested_length",
    "sample",
    "shown",
    "special_tokens",
    "stress_sets",
    "vocabulary",
]

USUAL = (10, 8, 6, 5, 4, 3, 2, 1, *range(11, 100))
"""Lengths to check, in order of preference."""


def check_task(task: Task, *, length: int | None = None, raise_on_failure: bool = True) -> Report:
    """Check a task against the contract of `lengen.task`.

    Args:
        task: the task.
        length: a training length; None for about 10. Lengths 1, 2 and twice this one are checked too.
        raise_on_failure: raise at the first failed check; otherwise report all.

    Raises:
        UsageError: it is not an object of Task.
        ContractError: a check fails.
    """
    require_object(task, "check_task", Task)
    with torch.random.fork_rng(devices=[]):
        at = length or next(filter(task.has, USUAL), 1)
    checks = {title: partial(check, task, at) for title, check in CHECKS.items()}
    return run(type(task).__name__, checks, raise_on_failure=raise_on_failure)


CHECKS: dict[str, Callable[[Task, int], str | None]] = {
    "types and vocabulary": vocabulary,
    "special tokens": special_tokens,
    "layout of rows": layout,
    "examples have the requested length": requested_length,
    "missing lengths": missing_lengths,
    "a batch of one": one_example,
    "places": places,
    "draws from the given generator only": generator_alone,
    "answers are functions of prompts": answers,
    "evaluation task": evaluation,
    "stress sets": stress_sets,
    "show": shown,
    "join, rows and begin": joined,
}
"""The checks of a task by name."""
