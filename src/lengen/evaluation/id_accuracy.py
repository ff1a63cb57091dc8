"""Exact match and loss over some lengths, on examples that are the same for every cell and seed."""

from __future__ import annotations

import torch

from lengen.decoder import Decoder
from lengen.evaluation.scoring import examine
from lengen.experiment.config import Setting
from lengen.training.batch_stream import generator


def judge(
    decoder: Decoder, setting: Setting, lengths: list[int], examples: int, purpose: str
) -> tuple[float, float]:
    """Exact match over examples shared out over some lengths, and the mean loss of the lengths.

    Args:
        decoder: in evaluation mode.
        setting: says what is asked and where tokens are.
        lengths: at which lengths, all of which have problems.
        examples: of all lengths together, at least one each.
        purpose: keys the examples, so that those of probes and of validation differ.
    """
    task, seed, share = setting.posed.examined(), setting.eval.seed, -(-examples // len(lengths))
    verdicts = [
        examine(
            decoder,
            task.sample(length, share, generator(purpose, seed, length)),
            setting.positions,
            ("probe positions", seed),
            "teacher",
        )
        for length in lengths
    ]
    exact = torch.cat([each.exact for each in verdicts])
    return int(exact.sum()) / len(exact), sum(each.loss for each in verdicts) / len(verdicts)


def id_exact_match(decoder: Decoder, setting: Setting) -> float:
    """Exact match over the training lengths, which decides whether a run is trained."""
    lengths = list(filter(setting.posed.examined().has, setting.trained_lengths.support))
    return judge(decoder, setting, lengths, setting.eval.examples, "validation")[0]
