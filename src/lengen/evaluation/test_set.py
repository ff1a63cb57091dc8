"""The test set: the same examples, and the same random positions, for every cell and training seed."""

from __future__ import annotations

from lengen.records.eval_options import EvalOptions
from lengen.sampling import generator
from lengen.task import Batch, Task


def examples(evaluation: EvalOptions, task: Task, length: int) -> Batch:
    """The test examples of a length."""
    return task.evaluation_task().sample(
        length, evaluation.examples, generator("eval", evaluation.seed, length)
    )


def positions_key(evaluation: EvalOptions, length: int) -> tuple[str | int, ...]:
    """Key of the generator for the random positions of these examples."""
    return ("eval positions", evaluation.seed, length)
