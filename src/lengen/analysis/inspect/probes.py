"""What the residual stream says of positions and of remaining length, within trained lengths and beyond: linear probes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from lengen.analysis.inspect import Line, Panel, ReadOut, Row, Tables, columns, where
from lengen.analysis.passes import answer_queries, in_chunks, with_stream
from lengen.analysis.ridge import ridge
from lengen.config.errors import require
from lengen.experiment.reevaluate import Reevaluation
from lengen.records.curve import split
from lengen.sampling import generator
from lengen.task import Batch

TARGETS = ("position", "written", "remaining", "prompt")
"""Column of a query; answer tokens before the one it predicts; answer tokens from it on; tokens of the prompt, bos included."""


class Features(NamedTuple):
    """The residual stream at answer queries, and what is to be read from it.

    Args:
        stream: after the embedding (0) and after each block.
        targets: one column for each of `TARGETS`.
    """

    stream: tuple[Float[Tensor, "queries dim"], ...]
    targets: Float[Tensor, "queries targets"]

    @classmethod
    def joined(cls, parts: Sequence[Features]) -> Features:
        """Concatenate the queries of several test sets."""
        stream = tuple(torch.cat(each) for each in zip(*(part.stream for part in parts), strict=True))
        return cls(stream, torch.cat([part.targets for part in parts]))


def targets(batch: Batch) -> Float[Tensor, "queries targets"]:
    """Return what is to be read at each answer query, in the order of `answer_queries`.

    Args:
        batch: the examples as the decoder reads them, bos included.
    """
    row, query, _ = answer_queries(batch)
    prompt = batch.prompt_size.squeeze(1)[row]
    written = query + 1 - prompt
    remaining = batch.answer.sum(1)[row] - written
    return torch.stack([query, written, remaining, prompt], 1).double()


@dataclass(frozen=True)
class Probes(ReadOut):
    """Ridge regressions from the residual stream at answer queries, fitted at trained lengths, read beyond them.

    They are fitted on strings of the trained lengths and scored on other strings of these lengths, and on the evaluated lengths beyond.
    A probe that is right within training and stops growing beyond it shows a decoder that has no code for what is longer. A slope of 1 means
    that predictions grow as the truth does; 0 that they do not. Where the encoding adds nothing to the embedding, layer 0 knows the
    token alone.

    Args:
        penalty: of the ridge regression, times the mean variance of a channel.
        fitted: the largest number of trained lengths that are fitted, evenly spread.
    """

    name = "probes"
    tables: ClassVar = {
        "probes": ("target", "layer", "split", "queries", "r2", "slope", "rmse"),
        "probed": ("target", "layer", "length", "split", "queries", "true", "predicted", "rmse"),
    }
    by: ClassVar = ("target", "layer", "length", "split")
    lengths: ClassVar = ("1x", "1.25x", "1.5x", "2x")
    note = "ridge regression from the residual stream at answer queries, fitted at trained lengths; layer 0 is the embedding"

    penalty: float = 1e-3
    fitted: int = 16

    def __post_init__(self) -> None:
        require(self.penalty > 0, f"inspect.penalty={self.penalty}: must be above 0")
        require(self.fitted >= 2, f"inspect.fitted={self.fitted}: must be at least 2")  # noqa: PLR2004

    def check(self, evaluation: Reevaluation) -> None:
        """Refuse runs of a single trained length, and lengths without one beyond training."""
        trained, train = evaluation.trained, evaluation.trained.config.train_length
        require(
            len(trained.trained_lengths) > 1,
            f"inspect=probes: needs at least two trained lengths; run={trained.folder.path} has one",
        )
        require(
            max(evaluation.lengths) > train,
            f"eval.lengths: must have a length beyond the trained ones (at most {train}); the longest is {max(evaluation.lengths)}",
        )

    def read(self, evaluation: Reevaluation) -> Tables:
        """Fit a probe for each layer and target, and score it."""
        trained, train = evaluation.trained, evaluation.trained.config.train_length
        known = [
            length for length in trained.trained_lengths if evaluation.task.evaluation_task().has(length)
        ]
        lengths = evenly(known, self.fitted)
        beyond = [length for length in evaluation.lengths if length > train]
        fit, tested = (
            {length: self._features(evaluation, length, purpose) for length in lengths}
            for purpose in ("probe fit", "probe test")
        )
        tested |= {length: self._features(evaluation, length, None) for length in beyond}
        whole = Features.joined([*fit.values()])
        overall, by_length = list[Row](), list[Row]()
        for layer, x in enumerate(whole.stream):
            probe = ridge(x, whole.targets, self.penalty)
            guess = {length: probe(each.stream[layer]) for length, each in tested.items()}
            for index, target in enumerate(TARGETS):
                at = {"target": target, "layer": layer}
                pairs = {
                    length: (tested[length].targets[:, index], guess[length][:, index]) for length in tested
                }
                for kind, chosen in (("id", lengths), ("ood", beyond)):
                    true, predicted = (
                        torch.cat(each) for each in zip(*(pairs[n] for n in chosen), strict=True)
                    )
                    overall.append({**at, "split": kind, "queries": len(true), **fit_scores(true, predicted)})
                for length, (true, predicted) in pairs.items():
                    by_length.append(
                        {
                            **at,
                            "length": length,
                            "split": split(length, train),
                            "queries": len(true),
                            "true": float(true.mean()),
                            "predicted": float(predicted.mean()),
                            "rmse": float((predicted - true).square().mean().sqrt()),
                        }
                    )
        return {"probes": overall, "probed": by_length}

    def _features(self, evaluation: Reevaluation, length: int, purpose: str | None) -> Features:
        """Read the strings of a length; without a purpose those of the test set, with one others that it is the key of."""
        trained = evaluation.trained
        batch, key = (
            evaluation.test_set(length) if purpose is None else self._drawn(evaluation, length, purpose)
        )
        parts = [
            Features(tuple(each.cpu()[row, query] for each in (found.embedded, *found.stream)), targets(part))
            for part, found in in_chunks(trained.decoder, batch, trained.config.positions, key, with_stream)
            for row, query, _ in [answer_queries(part)]
        ]
        return Features.joined(parts)

    def _drawn(
        self, evaluation: Reevaluation, length: int, purpose: str
    ) -> tuple[Batch, tuple[str | int, ...]]:
        options, task = evaluation.trained.config.eval, evaluation.task.evaluation_task()
        key = (purpose, options.seed, length)
        return task.sample(length, options.examples, generator(*key)), (f"{purpose} positions", *key[1:])

    def headline(self, tables: Tables) -> str:
        """Name the best layer at trained lengths for position and for remaining length, and what is left of it beyond."""
        parts = []
        for target in ("position", "remaining"):
            rows = [
                row for row in where(tables["probes"], target=target, split="id") if row["r2"] is not None
            ]
            if not rows:
                continue
            best = max(rows, key=lambda row: row["r2"])
            other = where(tables["probes"], target=target, split="ood", layer=best["layer"])[0]
            there = (
                f"{other['r2']:.2f} beyond, slope {other['slope']:.2f}"
                if other["r2"] is not None
                else "constant beyond"
            )
            parts.append(f"{target}: R2 {best['r2']:.2f} at trained lengths (layer {best['layer']}), {there}")
        return "; ".join(parts) or "no target varies"

    def shown(self, tables: Tables) -> list[Row]:
        """Show R2 and slope of each probe, within and beyond."""
        rows = []
        for row in where(tables["probes"], split="id"):
            other = where(tables["probes"], split="ood", target=row["target"], layer=row["layer"])[0]
            rows.append(
                {
                    "target": row["target"],
                    "layer": row["layer"],
                    "R2 trained": row["r2"],
                    "R2 beyond": other["r2"],
                    "slope trained": row["slope"],
                    "slope beyond": other["slope"],
                }
            )
        return rows

    def panels(self, tables: Tables) -> list[Panel]:
        """Draw the mean prediction over length beside the truth, for the layers that read best at trained lengths."""
        found = []
        for target in TARGETS:
            rows = where(tables["probed"], target=target, layer=0)
            reference = Line("truth", *columns(rows, "length", "true"), grey=True)
            layers = sorted({row["layer"] for row in where(tables["probed"], target=target)})
            lines = [
                Line(f"layer {layer}", *columns(where(tables["probed"], target=target, layer=layer), "length", "predicted"))
                for layer in layers
            ]  # fmt: skip
            trained = max(row["length"] for row in where(rows, split="id"))
            found.append(Panel(target, "length", "tokens", [reference, *lines], trained=trained))
        return found


def fit_scores(true: Float[Tensor, " queries"], predicted: Float[Tensor, " queries"]) -> dict[str, Any]:
    """Return R2, slope of predictions over the truth, and root mean square error; the first two are None where the truth is constant."""
    variance = (true - true.mean()).square().mean()
    error = (predicted - true).square().mean()
    if variance == 0:
        return {"r2": None, "slope": None, "rmse": float(error.sqrt())}
    covariance = ((true - true.mean()) * (predicted - predicted.mean())).mean()
    return {
        "r2": float(1 - error / variance),
        "slope": float(covariance / variance),
        "rmse": float(error.sqrt()),
    }


def evenly(values: Sequence[int], most: int) -> list[int]:
    """Return at most some of the values, evenly spread, the first and the last among them.

    >>> evenly(range(1, 11), 4)
    [1, 4, 7, 10]
    """
    if len(values) <= most:
        return list(values)
    return [values[round(index * (len(values) - 1) / (most - 1))] for index in range(most)]
