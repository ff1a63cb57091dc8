"""The evaluation protocol of a run, for `run.json` and for the figure. Results are comparable under equal protocols."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lengen.config.errors import ranges
from lengen.experiment.config import RunConfig
from lengen.records.curve import TRAINED
from lengen.statistics.formats import floored

DECODING = {"teacher": "teacher-forced", "greedy": "greedy", "free": "decoded freely, answer only"}


def protocol(config: RunConfig) -> dict[str, Any]:
    """Return the evaluation protocol, for `run.json`."""
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
        "positions_need": config.positions.needs,
        "training_examples": config.trainer.examples or "fresh",
        **({"deduplicated": True} if config.trainer.deduplicate else {}),
        **({"continued_from_step": config.from_.step} if config.from_ else {}),
        "trained_from": TRAINED,
        "confidence": 0.95,
    }


def footnote(config: RunConfig, id_exact_match: float, trained_lengths: Sequence[int]) -> str:
    """Return the protocol in one line, for the figure.

    Args:
        config: the run.
        id_exact_match: exact match over the training lengths, in [0, 1].
        trained_lengths: the trained lengths, ascending; listed only if they are not all configured lengths.
    """
    examples = config.trainer.examples
    at_lengths = (
        "" if [*trained_lengths] == config.lengths.support else f" at lengths {ranges(trained_lengths)}"
    )
    return (
        f"{config.labels.decoder} decoder, {config.labels.optimizer}, {config.steps} steps, "
        f"{'fresh data' if examples is None else f'{examples} fixed examples'}{at_lengths}, seed {config.seed}; "
        f"{config.eval.checkpoint} checkpoint; {config.eval.examples} examples per length, "
        f"{DECODING[config.eval.decode]}, end token scored; "
        f"95% Clopper-Pearson; ID exact match {floored(id_exact_match)}"
    )
