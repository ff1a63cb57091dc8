"""Exact match and loss over several lengths together, on examples that are the same for every cell and seed."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from lengen.decoder import Decoder
from lengen.evaluation.options import EvalOptions
from lengen.evaluation.scoring import score
from lengen.positions import Positions
from lengen.sampling import generator
from lengen.task import Task


def mean_scores(
    decoder: Decoder,
    task: Task,
    positions: Positions,
    lengths: Sequence[int],
    examples: int,
    seed: int,
    purpose: str,
) -> tuple[float, float]:
    """Exact match over examples shared out over some lengths, and the mean loss of the lengths.

    Args:
        decoder: in evaluation mode.
        task: what is trained; examples are those of its evaluation task.
        positions: the position of each token.
        lengths: at which lengths, all of which have problems.
        examples: of all lengths together, at least one each.
        seed: of the examples.
        purpose: keys the examples, so that those of probes and of validation differ.
    """
    evaluated, share = task.evaluation_task(), -(-examples // len(lengths))
    verdicts = [
        score(
            decoder,
            evaluated.sample(length, share, generator(purpose, seed, length)),
            positions,
            ("probe positions", seed),
            "teacher",
        )
        for length in lengths
    ]
    exact = torch.cat([each.exact for each in verdicts])
    return int(exact.sum()) / len(exact), sum(each.loss for each in verdicts) / len(verdicts)


def id_exact_match(
    decoder: Decoder, task: Task, positions: Positions, trained: Sequence[int], evaluation: EvalOptions
) -> float:
    """Exact match over the training lengths, which decides whether a run counts as trained.

    Args:
        decoder: in evaluation mode.
        task: what is trained.
        positions: the position of each token.
        trained: the training lengths; those without evaluation examples do not count.
        evaluation: how many examples of all lengths together, and their seed.
    """
    lengths = list(filter(task.evaluation_task().has, trained))
    return mean_scores(decoder, task, positions, lengths, evaluation.examples, evaluation.seed, "validation")[
        0
    ]
