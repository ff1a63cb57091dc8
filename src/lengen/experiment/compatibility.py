"""What makes a number believable: what is refused before training, and what is said beside the result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from lengen.config.errors import require
from lengen.decoder import Decoder
from lengen.evaluation.scoring import roomy
from lengen.evaluation.stress_sets import chosen
from lengen.experiment.config import Setting
from lengen.pe import PositionalEncoding
from lengen.records.curve import TRAINED
from lengen.task import Task
from lengen.training.batch_stream import generator

DECODED = {"teacher": "teacher-forced", "greedy": "greedy", "free": "freely decoded, answer alone"}


def check(setting: Setting) -> None:
    """Refuse options that do not go together, before anything is trained.

    Raises:
        ValueError: names the options, what was got and what is allowed.
    """
    longest, train_length = setting.lengths.support[-1], setting.train_length
    require(
        longest == train_length,
        f"train_length={train_length}: the longest length of lengths={setting.labels.lengths} is {longest}, make them equal",
    )
    outline = _outline(setting)
    _check_pair(setting, outline)
    for part in setting.posed.trained():
        _check_length(setting, outline.pe, part, train_length, f"train_length={train_length}", training=True)
        shortest, *others = setting.trained_lengths.support
        _check_length(setting, outline.pe, part, shortest, f"training length {shortest}", training=True)
        _check_each(part, others, f"lengths={setting.labels.lengths}")
    require(
        any(map(setting.posed.examined().has, setting.trained_lengths.support)),
        f"train_length={train_length}: the task has no evaluation examples up to it, "
        "without which nobody knows whether a run is trained",
    )
    check_sweep(setting, {"": setting.posed, **chosen(setting.posed, setting.eval.stress)})
    _check_set(setting)


def _check_set(setting: Setting) -> None:
    """Refuse a fixed training set that cannot be, and training strings that are all asked."""
    examples, deduplicate = setting.trainer.examples, setting.trainer.deduplicate
    require(
        examples is None or not setting.lengths.ordered,
        f"trainer.examples={examples} with lengths={setting.labels.lengths}: a fixed training set is "
        "visited in random order; allowed is trainer.examples=null, or lengths=uniform, fixed or list",
    )
    if examples is not None or deduplicate:
        stream = setting.stream()  # refuses a fixed set that is larger than the task
        for length in setting.trained_lengths.support if deduplicate else ():
            stream.task.sample(length, 1, generator("check", length))


def check_sweep(setting: Setting, tasks: Mapping[str, Task]) -> None:
    """Refuse lengths of a sweep that tasks, positions or encoding cannot hold.

    Args:
        setting: with the lengths.
        tasks: what is examined, by name of the stress set; the run's own task has none.

    Raises:
        ValueError: names the options, what was got and what is allowed.
    """
    lengths, pe = setting.eval.at(setting.train_length), _outline(setting).pe
    for name, task in tasks.items():
        option = f"{f'eval.stress={name}, ' if name else ''}eval.lengths"
        longest = f"{option} has {lengths[-1]}"
        _check_length(setting, pe, task.examined(), lengths[-1], longest, training=False)
        _check_each(task.examined(), lengths, option)


def _outline(setting: Setting) -> Decoder:
    """The decoder without the memory of its parameters."""
    with torch.device("meta"):
        return Decoder(setting.decoder, len(setting.posed.vocabulary), setting.pe, setting.attention)


def _check_pair(setting: Setting, outline: Decoder) -> None:
    """Refuse positions that mean nothing to the encoding or to the attention."""
    positions, labels = setting.positions, setting.labels
    parts = {f"pe={labels.pe}": outline.pe, f"attention={labels.attention}": outline.rules[0]}
    require(
        positions.counts or any(part.reads for part in parts.values()),
        f"pe={labels.pe} with positions={labels.positions}: this encoding reads no positions; "
        "allowed is positions=contiguous",
    )
    for name, part in parts.items():
        require(
            positions.increasing or not part.distances,
            f"{name} with positions={labels.positions}: this is over distances to earlier tokens, which these "
            "positions do not give; allowed are positions that increase, or what reads single positions (pe=rope, learned)",
        )
        require(
            positions.whole or not part.whole,
            f"{name} with positions={labels.positions}: these positions lie between integers, this is defined at "
            "integers alone; allowed is what takes any position, such as pe=rope, sinusoidal or alibi",
        )
    require(
        not (outline.pe.stretches and outline.rules[0].directions),
        f"pe={labels.pe} with attention={labels.attention}: this encoding writes positions into the lengths of queries "
        "and keys, this attention reads their directions alone; allowed are pe=rope, or attention=softmax",
    )
    require(
        positions.streams == outline.pe.streams,
        f"pe={labels.pe} with positions={labels.positions}: a token has {positions.streams or 1} positions here, this "
        f"encoding reads {outline.pe.streams or 1}; pe=multilevel and positions=multilevel go together",
    )
    require(
        positions.streams is None or not outline.rules[0].reads,
        f"attention={labels.attention} with positions={labels.positions}: this attention reads one position a token; "
        "allowed are those that read none, such as softmax",
    )


def _check_each(task: Task, lengths: Iterable[int], option: str) -> None:
    """Refuse lengths that the task lacks, also between others that it has."""
    for length in lengths:
        try:
            task.sample(length, 1, generator("check", length))
        except ValueError as error:
            raise ValueError(f"{option} has {length}: {error}") from None


def _check_length(
    setting: Setting, pe: PositionalEncoding, task: Task, length: int, option: str, *, training: bool
) -> None:
    """Refuse a length that the task, the positions or the encoding cannot hold."""
    try:
        batch = task.sample(length, 64, generator("check", length))
        batch = batch.begin() if setting.decoder.bos else batch
        batch = roomy(batch) if setting.eval.decode == "free" and not training else batch
        setting.positions(batch, generator("check", length), training=training)
        largest = setting.positions.largest(batch, training=training)
    except ValueError as error:
        raise ValueError(f"{option}: {error}") from None
    told = " (pe.maximum)" if "maximum" in setting.record["pe"] else ""
    require(
        pe.budget is None or largest < pe.budget,
        f"{option}: positions up to {largest} are needed, pe={setting.labels.pe} holds {pe.budget} of them{told}",
    )


def protocol(setting: Setting) -> dict[str, Any]:
    """What makes the numbers comparable with others, for `run.json`."""
    evaluation = setting.eval
    return {
        "checkpoint": evaluation.checkpoint,
        "selected_on": "ID validation" if evaluation.checkpoint == "best" else "nothing",
        "examples": evaluation.examples,
        "eval_seed": evaluation.seed,
        "decode": evaluation.decode,
        "end_token_scored": True,
        "bos": setting.decoder.bos,
        "train_length": setting.train_length,
        "lengths": setting.labels.lengths,
        "positions": setting.record["positions"],
        "training_examples": setting.trainer.examples or "fresh",
        **({"deduplicated": True} if setting.trainer.deduplicate else {}),
        "trained_from": TRAINED,
        "confidence": 0.95,
    }


def footnote(setting: Setting, id_exact_match: float) -> str:
    """The protocol in a line, for the figure."""
    examples = setting.trainer.examples
    return (
        f"{setting.labels.decoder} decoder, {setting.labels.optimizer}, {setting.steps} steps, "
        f"{'fresh data' if examples is None else f'{examples} fixed examples'}, seed {setting.seed}; "
        f"{setting.eval.checkpoint} checkpoint; {setting.eval.examples} examples a length, "
        f"{DECODED[setting.eval.decode]}, end token scored; "
        f"95% Clopper-Pearson; ID exact match {id_exact_match:.3f}"
    )
