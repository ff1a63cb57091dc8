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
from lengen.analysis.untrained import DECODERS, both
from lengen.config.errors import require
from lengen.decoder import Decoder
from lengen.experiment.reevaluate import Reevaluation
from lengen.records.curve import split
from lengen.sampling import generator
from lengen.task import Batch

TARGETS = ("position", "written", "remaining", "prompt", "remaining_value")
"""Column of a query; answer tokens before the one it predicts; answer tokens from it on; tokens of the prompt, bos included; value of the
answer tokens from it on, see `targets`."""

TRAINED, UNTRAINED = DECODERS


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


def targets(batch: Batch, trained_tokens: int) -> Float[Tensor, "queries targets"]:
    """Return what is to be read at each answer query, in the order of `answer_queries`.

    The value of m remaining tokens is -(1 - g^m) with g = 1 - 1/L: up to a factor the return of a reward of -1 a token, discounted by g
    (length value model; Zhang et al. 2026, arXiv 2604.27039). It is bounded, so that a linear probe of it need not grow beyond training.

    Args:
        batch: the examples as the decoder reads them, bos included.
        trained_tokens: L, tokens of the longest trained example.
    """
    row, query, _ = answer_queries(batch)
    prompt = batch.prompt_size.squeeze(1)[row]
    written = query + 1 - prompt
    remaining = batch.answer.sum(1)[row] - written
    value = (1 - 1 / trained_tokens) ** remaining.double() - 1
    return torch.stack([query, written, remaining, prompt, value], 1)


@dataclass(frozen=True)
class Probes(ReadOut):
    """Ridge regressions from the residual stream at answer queries, fitted at trained lengths, read beyond them.

    They are fitted on strings of the trained lengths and scored on other strings of these lengths, and on the evaluated lengths beyond.
    A probe that is right within training and stops growing beyond it shows a decoder that has no code for what is longer. A slope of 1 means
    that predictions grow as the truth does; 0 that they do not. Where the encoding adds nothing to the embedding, layer 0 knows the
    token alone. The decoder before training stands beside, as the null: random features of the input can be read as well.

    Args:
        penalty: of the ridge regression, times the mean variance of a channel.
        fitted: the largest number of trained lengths that are fitted, evenly spread.
    """

    name = "probes"
    revision = 2
    tables: ClassVar = {
        "probes": ("target", "layer", "split", "queries", "r2", "slope", "rmse", "decoder"),
        "probed": ("target", "layer", "length", "split", "queries", "true", "predicted", "rmse", "decoder"),
    }
    by: ClassVar = ("target", "layer", "length", "split", "decoder")
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
            f"eval.lengths: must have a length beyond the trained ones (at most {train}), as in {self.lengths_example}; the longest is {max(evaluation.lengths)}",
        )

    def read(self, evaluation: Reevaluation) -> Tables:
        """Fit a probe for each decoder, layer and target, and score it."""
        found: dict[str, list[Row]] = {name: [] for name in self.tables}
        for name, decoder in both(evaluation.trained).items():
            for table, rows in self._probed(evaluation, decoder).items():
                found[table] += [{**row, "decoder": name} for row in rows]
        return found

    def _probed(self, evaluation: Reevaluation, decoder: Decoder) -> dict[str, list[Row]]:
        """Return the rows of a decoder."""
        trained, train = evaluation.trained, evaluation.trained.config.train_length
        known = [
            length for length in trained.trained_lengths if evaluation.task.evaluation_task().has(length)
        ]
        lengths = evenly(known, self.fitted)
        beyond = [length for length in evaluation.lengths if length > train]
        fit, tested = (
            {length: self._features(evaluation, decoder, length, purpose) for length in lengths}
            for purpose in ("probe fit", "probe test")
        )
        tested |= {length: self._features(evaluation, decoder, length, None) for length in beyond}
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

    def _features(
        self, evaluation: Reevaluation, decoder: Decoder, length: int, purpose: str | None
    ) -> Features:
        """Read the strings of a length; without a purpose those of the test set, with one others that it is the key of."""
        trained = evaluation.trained
        batch, key = (
            evaluation.test_set(length) if purpose is None else self._drawn(evaluation, length, purpose)
        )
        parts = [
            Features(
                tuple(each.cpu()[row, query] for each in (found.embedded, *found.stream)),
                targets(part, trained.trained_tokens),
            )
            for part, found in in_chunks(decoder, batch, trained.config.positions, key, with_stream)
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
        """Name the best layer at trained lengths for position and for remaining length, what is left of it beyond, and the null."""
        parts = []
        for target in ("position", "remaining"):
            rows = [
                row
                for row in where(tables["probes"], target=target, split="id", decoder=TRAINED)
                if row["r2"] is not None
            ]
            if not rows:
                continue
            best = max(rows, key=lambda row: row["r2"])
            same = {"target": target, "layer": best["layer"]}
            (other,) = where(tables["probes"], **same, split="ood", decoder=TRAINED)
            (null,) = where(tables["probes"], **same, split="id", decoder=UNTRAINED)
            there = (
                f"{other['r2']:.2f} beyond, slope {other['slope']:.2f}"
                if other["r2"] is not None
                else "constant beyond"
            )
            parts.append(
                f"{target}: R2 {best['r2']:.2f} at trained lengths (layer {best['layer']}; untrained {null['r2']:.2f}), {there}"
            )
        return "; ".join(parts) or "no target varies"

    def shown(self, tables: Tables) -> list[Row]:
        """Show R2 and slope of each probe, within and beyond, and R2 of the untrained decoder."""
        rows = []
        for row in where(tables["probes"], split="id", decoder=TRAINED):
            same = {"target": row["target"], "layer": row["layer"]}
            (other,) = where(tables["probes"], **same, split="ood", decoder=TRAINED)
            null, beyond = (
                where(tables["probes"], **same, split=each, decoder=UNTRAINED)[0]["r2"]
                for each in ("id", "ood")
            )
            rows.append(
                {
                    "target": row["target"],
                    "layer": row["layer"],
                    "R2 trained": row["r2"],
                    "R2 beyond": other["r2"],
                    "slope trained": row["slope"],
                    "slope beyond": other["slope"],
                    "null R2 trained": null,
                    "null R2 beyond": beyond,
                }
            )
        return rows

    def panels(self, tables: Tables) -> list[Panel]:
        """Draw the mean prediction over length beside the truth, by layer, and for the last layer of the untrained decoder."""
        found = []
        for target in TARGETS:
            rows = where(tables["probed"], target=target, layer=0, decoder=TRAINED)
            layers = sorted({row["layer"] for row in where(tables["probed"], target=target)})

            def line(label: str, layer: int, decoder: str, target: str = target) -> Line:
                own = where(tables["probed"], target=target, layer=layer, decoder=decoder)
                return Line(label, *columns(own, "length", "predicted"))

            lines = [
                Line("truth", *columns(rows, "length", "true"), grey=True),
                *(line(f"layer {layer}", layer, TRAINED) for layer in layers),
                line("last, untrained", layers[-1], UNTRAINED),
            ]
            trained = max(row["length"] for row in where(rows, split="id"))
            up = "value" if target == "remaining_value" else "tokens"
            found.append(Panel(target.replace("_", " "), "length", up, lines, trained=trained))
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
