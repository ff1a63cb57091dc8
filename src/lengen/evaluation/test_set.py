"""What a sweep asks: the same examples, and the same positions where they are drawn, for every cell and training seed."""

from __future__ import annotations

from lengen.evaluation.options import Evaluation
from lengen.task import Batch, Task
from lengen.training.batch_stream import generator


def examples(evaluation: Evaluation, task: Task, length: int) -> Batch:
    """The examples of a length."""
    return task.examined().sample(length, evaluation.examples, generator("eval", evaluation.seed, length))


def drawn_by(evaluation: Evaluation, length: int) -> tuple[str | int, ...]:
    """Key of the generator for their positions."""
    return ("eval positions", evaluation.seed, length)
