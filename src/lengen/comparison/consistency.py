"""Whether the files of a run agree with each other. A run whose files disagree is excluded from comparisons, with the reason."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lengen.records.curve import TRAINED, Curve, Row, split
from lengen.records.earlier_runs import seed_name
from lengen.records.eval_options import EvalOptions
from lengen.records.verdicts import ENDINGS, StringVerdicts
from lengen.statistics.intervals import clopper_pearson

CLOSE = 1e-6
"""Differences that rounding may leave."""
CELL = re.compile(r"c[0-9a-f]{9}|[0-9a-f]{10}")
"""The name of a cell, also of earlier versions."""
SCALARS = ("train_length", "steps", "batch_size")
"""Top-level options that `config.yaml` and the identity in `run.json` both have as numbers."""
LABELS = ("task", "pe", "positions", "attention", "decoder")
"""Columns of a curve that are labels of the configuration."""


def disagreement(
    config: Mapping[str, Any], facts: Mapping[str, Any], curve: Curve, folders: Sequence[str] = ()
) -> str | None:
    """Find the first disagreement among the files of a run.

    Args:
        config: `config.yaml`, with the seeds of this run.
        facts: `run.json`.
        curve: `curve.csv`; empty if the run diverged.
        folders: names of the folder of the cell and of the folder of the run; empty if there are none.

    Returns:
        What disagrees, in one phrase; None if everything agrees.
    """
    return next(_disagreements(config, facts, curve, folders), None)


def _disagreements(
    config: Mapping[str, Any], facts: Mapping[str, Any], curve: Curve, folders: Sequence[str]
) -> Iterator[str]:
    """Yield every disagreement."""
    yield from _of_seeds(config, curve, folders[1] if folders else "")
    yield from _of_cells(facts, curve, folders[0] if folders else "")
    identity = facts.get("identity") or {}
    for name in SCALARS:
        if name in identity and name in config and identity[name] != config[name]:
            yield f"config.yaml has {name}={config[name]}, run.json {name}={identity[name]}"
    share = facts.get("id_exact_match")
    if share is not None and not 0 <= share <= 1:
        yield f"run.json: id_exact_match={share} is not in [0, 1]"
    if share is not None and "trained" in facts and facts["trained"] != (share >= TRAINED):
        yield f"run.json: trained={facts['trained']} with id_exact_match={share}"
    if not curve.rows:
        return
    yield from _of_runs(config, facts, curve)
    for row in curve.rows:
        for phrase in _of_row(row, int(config["train_length"])):
            yield f"curve.csv, length {row.length}: {phrase}"


def _of_seeds(config: Mapping[str, Any], curve: Curve, folder: str) -> Iterator[str]:
    """Compare the seeds of configuration, curve and folder."""
    seed = config.get("seed")
    if seed is None:
        return
    for found in dict.fromkeys(row.seed for row in curve.rows):
        if found != seed:
            yield f"curve.csv is of seed {found}, config.yaml of seed {seed}"
    if folder.startswith("seed=") and folder != seed_name(config):
        yield f"the folder is named {folder}, config.yaml is of {seed_name(config)}"


def _of_cells(facts: Mapping[str, Any], curve: Curve, folder: str) -> Iterator[str]:
    """Compare the cells of run.json, curve and folder."""
    written = list(dict.fromkeys(row.cell for row in curve.rows))
    if len(written) > 1:
        yield f"curve.csv has rows of the cells {' and '.join(written)}"
    for cell in written[:1]:
        if facts.get("cell", cell) != cell:
            yield f"curve.csv is of cell {cell}, run.json of cell {facts['cell']}"
    cells = written[:1] or [facts["cell"]] if written or "cell" in facts else []
    for cell in cells:
        if CELL.fullmatch(folder) and folder != cell:
            yield f"the folder is of cell {folder}, the run of cell {cell}"


def _of_runs(config: Mapping[str, Any], facts: Mapping[str, Any], curve: Curve) -> Iterator[str]:
    """Compare what the rows of a curve share with the configuration and the protocol."""
    labels, protocol = config.get("labels", {}), facts.get("protocol", {})
    expected = {name: labels[name] for name in LABELS if name in labels}
    expected |= {name: protocol[name] for name in ("decode", "checkpoint") if name in protocol}
    expected |= {"train_length": config["train_length"], "step": curve.rows[0].step}
    for name, value in expected.items():
        for found in dict.fromkeys(getattr(row, name) for row in curve.rows):
            if found != value:
                yield f"curve.csv has {name} {found}, the run {value}"
    step, steps = curve.rows[0].step, config.get("steps", curve.rows[0].step)
    if step > steps or (step != steps and curve.rows[0].checkpoint == "last"):
        yield f"curve.csv is of step {step}, the run has {steps} steps"
    most, drawn = config["eval"].get("examples"), "data" not in (facts.get("identity") or {"data": None})
    for row in curve.rows if most is not None else ():
        if row.examples > most or (drawn and row.examples != most):
            yield f"curve.csv, length {row.length}: {row.examples} examples, the run has {most}"
    lengths = EvalOptions(lengths=config["eval"]["lengths"]).at(config["train_length"])
    if surplus := sorted({*curve.lengths} - {*lengths}):
        yield f"curve.csv has lengths {surplus}, which are not in eval.lengths"


def verdict_disagreement(curve: Curve, verdicts: Mapping[int, StringVerdicts]) -> str | None:
    """Find the first length at which the rows of a curve are not those of its verdicts.

    Returns:
        What disagrees, in one phrase; None if everything agrees.
    """
    for row in curve.rows:
        strings = verdicts.get(row.length)
        if strings is None:
            return f"verdicts.parquet has no length {row.length}"
        phrase = f"verdicts.parquet, length {row.length}:"
        if len(strings.exact) != row.examples:
            return f"{phrase} {len(strings.exact)} strings, curve.csv has {row.examples}"
        errors, wrong = strings.first_error, ~strings.exact
        torn = (
            (wrong != (errors >= 0))
            | (wrong != (strings.wrong_tokens != 0))
            | (wrong != (strings.ending != 0))
        )
        if torn.any():
            return f"{phrase} string {int(torn.argmax())} is right and wrong at once"
        size = strings.answer_tokens  # 0 for unknown
        beyond = (size > 0) & ((errors >= size) | (strings.wrong_tokens > size))
        if beyond.any():
            return f"{phrase} string {int(beyond.argmax())} has errors beyond its answer"
        for name, count in strings.counts.items():
            listed = row.correct if name == ENDINGS[0] else getattr(row, name)
            if listed is not None and listed != count:
                return f"{phrase} {count} {name.replace('_', ' ')}, curve.csv has {listed}"
        mean = float(errors[errors >= 0].mean()) if (errors >= 0).any() else None
        if (mean is None) != (row.first_error is None) or abs((mean or 0) - (row.first_error or 0)) > CLOSE:
            return f"{phrase} first_error {mean}, curve.csv has {row.first_error}"
    return None


def _of_row(row: Row, train_length: int) -> Iterator[str]:
    """Compare the columns of one row."""
    if not (row.examples >= 1 and 0 <= row.correct <= row.examples):
        yield f"{row.correct} correct of {row.examples} examples"
        return
    if abs(row.exact_match - row.correct / row.examples) > CLOSE:
        yield f"exact_match {row.exact_match} is not {row.correct} / {row.examples}"
    low, high = clopper_pearson(row.correct, row.examples)
    if not (abs(row.ci_low - low) <= CLOSE and abs(row.ci_high - high) <= CLOSE):
        yield f"its interval {row.ci_low:.4f} to {row.ci_high:.4f} is not {low:.4f} to {high:.4f}"
    if row.split != split(row.length, train_length):
        yield f"split {row.split}, train length {train_length}"
    yield from _of_measures(row)


def _of_measures(row: Row) -> Iterator[str]:
    """Check what was measured besides exact match."""
    if not 0 <= row.token_accuracy <= 1:
        yield f"token_accuracy {row.token_accuracy} is not in [0, 1]"
    for name in ("chance_exact_match", "chance_token_accuracy"):
        if not 0 <= (getattr(row, name) or 0.0) <= 1:
            yield f"{name} {getattr(row, name)} is not in [0, 1]"
    if (row.correct == row.examples) and row.token_accuracy < 1 - CLOSE:
        yield f"token_accuracy {row.token_accuracy} although every answer is right"
    for name in ("seconds", "peak_bytes"):
        if (getattr(row, name) or 0) < 0:
            yield f"{name} {getattr(row, name)} is below 0"
    if row.loss < 0:
        yield f"loss {row.loss} is below 0"
