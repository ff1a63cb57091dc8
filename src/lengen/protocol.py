"""What makes a number believable: what is refused before training, and what is said beside the result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from lengen.curve import TRAINED
from lengen.decoder import Decoder
from lengen.pe import PositionalEncoding
from lengen.stream import generator
from lengen.task import require

if TYPE_CHECKING:
    from lengen.experiment import Experiment


def check(experiment: Experiment) -> None:
    """Refuse options that do not go together, before anything is trained.

    Raises:
        ValueError: names the options, what was got and what is allowed.
    """
    longest, train_length = experiment.lengths.support[-1], experiment.train_length
    require(
        longest == train_length,
        f"train_length={train_length}: the longest length of lengths={experiment.labels.lengths} is {longest}, make them equal",
    )
    with torch.device("meta"):
        pe = Decoder(
            experiment.decoder, len(experiment.task.vocabulary), experiment.pe, experiment.attention
        ).pe
    _check_pair(experiment, pe)
    for length, training in ((train_length, True), (experiment.eval.at(train_length)[-1], False)):
        _check_length(experiment, pe, length, training=training)
    if experiment.trainer.examples is not None:
        experiment.stream()


def _check_pair(experiment: Experiment, pe: PositionalEncoding) -> None:
    """Refuse positions that mean nothing to the encoding."""
    pair = f"pe={experiment.labels.pe} with positions={experiment.labels.positions}"
    positions = experiment.positions
    require(
        pe.reads or positions.counts,
        f"{pair}: this encoding reads no positions; allowed is positions=contiguous",
    )
    require(
        positions.increasing or not pe.distances,
        f"{pair}: this encoding is over distances to earlier tokens, which these positions do not give; "
        "allowed are encodings of single positions (learned, sinusoidal, rope)",
    )


def _check_length(experiment: Experiment, pe: PositionalEncoding, length: int, *, training: bool) -> None:
    """Refuse a length that the task, the positions or the encoding cannot hold."""
    option = f"train_length={length}" if training else f"eval.lengths has {length}"
    task = experiment.task if training else experiment.task.examined()
    try:
        batch = task.sample(length, 64, generator("check", length))
        batch = batch.begin() if experiment.decoder.bos else batch
        experiment.positions(batch, generator("check", length), training=training)
        largest = experiment.positions.largest(batch, training=training)
    except ValueError as error:
        raise ValueError(f"{option}: {error}") from None
    require(
        pe.budget is None or largest < pe.budget,
        f"{option}: positions up to {largest} are needed, pe={experiment.labels.pe} holds {pe.budget} of them (pe.maximum)",
    )


def protocol(experiment: Experiment) -> dict[str, Any]:
    """What makes the numbers comparable with others, for `run.json`."""
    evaluation = experiment.eval
    return {
        "checkpoint": evaluation.checkpoint,
        "selected_on": "ID validation" if evaluation.checkpoint == "best" else "nothing",
        "examples": evaluation.examples,
        "eval_seed": evaluation.seed,
        "decode": evaluation.decode,
        "end_token_scored": True,
        "bos": experiment.decoder.bos,
        "train_length": experiment.train_length,
        "lengths": experiment.labels.lengths,
        "positions": experiment.record["positions"],
        "training_examples": experiment.trainer.examples or "fresh",
        "trained_from": TRAINED,
        "confidence": 0.95,
    }


def footnote(experiment: Experiment, id_exact_match: float) -> str:
    """The protocol in a line, for the figure."""
    examples = experiment.trainer.examples
    return (
        f"{experiment.labels.decoder} decoder, {experiment.labels.optimizer}, {experiment.steps} steps, "
        f"{'fresh data' if examples is None else f'{examples} fixed examples'}, seed {experiment.seed}; "
        f"{experiment.eval.checkpoint} checkpoint; {experiment.eval.examples} examples a length, "
        f"{'teacher-forced' if experiment.eval.decode == 'teacher' else 'greedy'}, end token scored; "
        f"95% Clopper-Pearson; ID exact match {id_exact_match:.3f}"
    )
