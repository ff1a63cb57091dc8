"""The evaluation protocol, for `run.json` and for the figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lengen.config.errors import ranges
from lengen.experiment.config import RunConfig
from lengen.records.curve import TRAINED

DECODED = {"teacher": "teacher-forced", "greedy": "greedy", "free": "freely decoded, answer alone"}


def protocol(config: RunConfig) -> dict[str, Any]:
    """The evaluation protocol, for `run.json`."""
    evaluation = config.eval
    return {
        "checkpoint": evaluation.checkpoint,
        "selected_on": "ID validation" if evaluation.checkpoint == "best" else "nothing",
        "examples": evaluation.examples,
        "eval_seed": evaluation.seed,
        "decode": evaluation.decode,
        "end_token_scored": True,
        "bos": config.decoder.bos,
        "train_length": config.train_length,
        "lengths": config.labels.lengths,
        "positions": config.record["positions"],
        "training_examples": config.trainer.examples or "fresh",
        **({"deduplicated": True} if config.trainer.deduplicate else {}),
        "trained_from": TRAINED,
        "confidence": 0.95,
    }


def footnote(config: RunConfig, id_exact_match: float, trained_lengths: Sequence[int]) -> str:
    """The protocol in a line, for the figure.

    Args:
        config: of the run.
        id_exact_match: exact match over the training lengths.
        trained_lengths: the lengths that were trained, ascending; told where they are not all that were asked for.
    """
    examples = config.trainer.examples
    told = "" if [*trained_lengths] == config.lengths.support else f" at lengths {ranges(trained_lengths)}"
    return (
        f"{config.labels.decoder} decoder, {config.labels.optimizer}, {config.steps} steps, "
        f"{'fresh data' if examples is None else f'{examples} fixed examples'}{told}, seed {config.seed}; "
        f"{config.eval.checkpoint} checkpoint; {config.eval.examples} examples a length, "
        f"{DECODED[config.eval.decode]}, end token scored; "
        f"95% Clopper-Pearson; ID exact match {id_exact_match:.3f}"
    )
