"""Dispersion of attention with length, and the margin by which the source's logit leads."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from lengen.analysis.attention_weights import weights_in_chunks
from lengen.analysis.inspect import Line, Panel, ReadOut, Row, Tables, columns, labelled, where
from lengen.analysis.passes import answer_queries, in_chunks, with_stream
from lengen.config.errors import require
from lengen.experiment.reevaluate import Reevaluation
from lengen.records.curve import split
from lengen.task import PAD

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
MOST = 12
"""Heads with a line of their own; of more, those with the largest weight on the source, or else the least entropy."""


class Dispersion(NamedTuple):
    """How flat some distributions over keys are, one value each.

    Args:
        entropy: in nats.
        largest: the largest weight.
        spread: logarithm of the largest over the smallest weight that is not 0, which for a softmax is the span of the logits.
    """

    entropy: Float[Tensor, "*shape"]
    largest: Float[Tensor, "*shape"]
    spread: Float[Tensor, "*shape"]


def dispersion(weights: Float[Tensor, "*shape key"]) -> Dispersion:
    """Return entropy, largest weight and spread over the last axis; negative weights count as 0."""
    positive = weights.clamp(min=0)
    smallest = positive.masked_fill(positive == 0, torch.inf).amin(-1)
    largest = positive.amax(-1)
    spread = torch.where(largest > 0, largest.log() - smallest.log(), 0)
    return Dispersion(torch.special.entr(positive).sum(-1), largest, spread)


def margin(
    weights: Float[Tensor, "queries heads key"], source: Bool[Tensor, "queries key"]
) -> Float[Tensor, "queries heads"]:
    """Return the least logit of the source keys less the largest of the others, both with the bias of the encoding.

    It is read off the weights: for a softmax, logarithms of weights differ from logits by a constant. Keys of weight 0 have none; a
    margin is infinite where all others have weight 0, and minus infinity where a source has.

    Args:
        weights: attention weights of each query.
        source: the source keys of each query, at least one.
    """
    logs = weights.clamp(min=0).log()
    source = source.unsqueeze(1)
    own = logs.masked_fill(~source, torch.inf).amin(-1)
    others = logs.masked_fill(source, -torch.inf).amax(-1)
    return torch.where(own == -torch.inf, -torch.inf, own - others)


def needed(
    keys: Float[Tensor, " queries"] | Int[Tensor, " queries"], weight: float
) -> Float[Tensor, " queries"]:
    """Return the margin with which one source gets a weight, if all other keys tie: ln((n - 1) p / (1 - p)).

    Args:
        keys: number of keys n that each query sees.
        weight: the weight p, between 0 and 1.
    """
    return ((keys - 1).double() * weight / (1 - weight)).log()


@dataclass(frozen=True)
class Entropy(ReadOut):
    """How far the attention of each head disperses with length, and whether the source still leads by enough.

    A softmax over n keys whose logits span D gives no key more than e^D / (n - 1 + e^D) (Veličković et al. 2024): beyond
    1 + e^D keys no weight can exceed one half. To give one key the weight p its logit must lead by ln((n - 1) p / (1 - p)) if the
    others tie; what is needed grows with ln n, what a head has does not. Over the queries that predict answer tokens.

    Args:
        weight: the weight p on the source that the needed margin is for.
    """

    name = "entropy"
    reads_attention = True
    tables: ClassVar = {
        "entropy": (
            "length", "split", "loop", "layer", "head", "queries", "keys", "entropy", "entropy_share", "effective_keys",
            "largest_weight", "source_weight", "source_uniform", "spread", "half_at",
        ),
        "margin": (
            "length", "split", "loop", "layer", "head", "distance", "queries", "keys", *(f"q{100 * q:.0f}" for q in QUANTILES),
            "needed", "enough",
        ),
        "stream": ("length", "split", "loop", "layer", "tokens", "varying_share"),
    }  # fmt: skip
    by: ClassVar = ("length", "split", "loop", "layer", "head", "distance")
    alike = False
    lengths = ("1x", "1.25x", "1.5x", "2x")
    note = (
        "over the queries that predict answer tokens; effective keys: e to the entropy; margin: least logit of the source less the "
        "largest of the others, median"
    )

    weight: float = 0.5

    def __post_init__(self) -> None:
        require(0 < self.weight < 1, f"inspect.weight={self.weight}: must be above 0 and below 1")

    def read(self, evaluation: Reevaluation) -> Tables:
        """Read weights and residual stream at every length."""
        tables: dict[str, list[Row]] = {name: [] for name in self.tables}
        for length in evaluation.lengths:
            at = {"length": length, "split": split(length, evaluation.trained.config.train_length)}
            for name, rows in self._at(evaluation, length).items():
                tables[name] += [{**at, **row} for row in rows]
            tables["stream"] += [{**at, **row} for row in stream_rows(evaluation, length)]
        return tables

    def _at(self, evaluation: Reevaluation, length: int) -> dict[str, list[dict[str, Any]]]:
        """Return the rows of a length on the attention of every head."""
        trained, (batch, key) = evaluation.trained, evaluation.test_set(length)
        kept = defaultdict[tuple[int, int], list[tuple[Tensor, ...]]](list)
        seen = list[tuple[Tensor, ...]]()
        for part, slots in weights_in_chunks(trained.decoder, batch, trained.config.positions, key):
            queries = answer_queries(part)
            sourced = queries.source.any(1)
            far = queries.query - queries.source.int().argmax(1)
            uniform = queries.source.sum(1) / queries.keys
            seen.append((queries.keys, sourced, far, uniform))
            for slot, weights in slots.items():
                own = weights.double()[queries.row, :, queries.query]  # queries heads key
                kept[slot].append(
                    (
                        *dispersion(own),
                        (own * queries.source.unsqueeze(1)).sum(-1),
                        margin(own[sourced], queries.source[sourced]),
                    )
                )
        keys, sourced, far, uniform = (torch.cat(parts) for parts in zip(*seen, strict=True))
        entropy, margins = list[dict[str, Any]](), list[dict[str, Any]]()
        for (loop, layer), parts in kept.items():
            spent, largest, spread, on_source, lead = (torch.cat(each) for each in zip(*parts, strict=True))
            for head in range(spent.shape[1]):
                place = {"loop": loop + 1, "layer": layer + 1, "head": head + 1}
                span = float(spread[:, head].mean())
                entropy.append(
                    {
                        **place,
                        "queries": len(keys),
                        "keys": float(keys.double().mean()),
                        "entropy": float(spent[:, head].mean()),
                        "entropy_share": float((spent[:, head] / keys.clamp(min=2).log()).mean()),
                        "effective_keys": float(spent[:, head].exp().mean()),
                        "largest_weight": float(largest[:, head].mean()),
                        "source_weight": float(on_source[sourced, head].mean()) if sourced.any() else None,
                        "source_uniform": float(uniform[sourced].mean()) if sourced.any() else None,
                        "spread": span,
                        "half_at": 1 + math.exp(span),
                    }
                )
                margins += [
                    {**place, **row} for row in self._margins(lead[:, head], keys[sourced], far[sourced])
                ]
        return {"entropy": entropy, "margin": margins}

    def _margins(self, lead: Tensor, keys: Tensor, far: Tensor) -> list[dict[str, Any]]:
        """Return the rows of a head: over all queries, and over those whose source is near or far, split at the median distance."""
        if not len(lead):
            return []
        middle = far.double().median()
        parts = {"all": far >= 0, "near": far <= middle, "far": far > middle}
        rows = []
        for name, chosen in parts.items():
            if not chosen.any():
                continue
            own, due = lead[chosen], needed(keys[chosen], self.weight)
            ranks = own.sort().values[[round(q * (len(own) - 1)) for q in QUANTILES]]
            rows.append(
                {
                    "distance": name,
                    "queries": len(own),
                    "keys": float(keys[chosen].double().mean()),
                    **{f"q{100 * q:.0f}": float(value) for q, value in zip(QUANTILES, ranks, strict=True)},
                    "needed": float(due.mean()),
                    "enough": float((own > due).double().mean()),
                }
            )
        return rows

    def headline(self, tables: Tables) -> str:
        """Follow the head that leads most at the shortest length; without sources, the mean of effective keys."""
        rows, margins = tables["entropy"], where(tables["margin"], distance="all")
        lengths = sorted({row["length"] for row in rows})
        first, last = lengths[0], lengths[-1]
        mean = {n: average([row["effective_keys"] for row in where(rows, length=n)]) for n in (first, last)}
        text = f"effective keys, mean over heads: {mean[first]:.1f} at length {first}"
        if last != first:
            text += f", {mean[last]:.1f} at {last}"
        if not margins:
            return f"{text}; the task marks no sources"
        best = max(where(margins, length=first), key=lambda row: row["q50"])
        slot = {name: best[name] for name in ("loop", "layer", "head")}
        found = [
            f"{row['q50']:.1f} of {row['needed']:.1f} needed at {row['length']} (enough in {row['enough']:.2f} of queries)"
            for row in where(margins, **slot)
            if row["length"] in (first, last)
        ]
        return f"head {labelled(**slot)} leads most at length {first}: margin {', '.join(found)}; {text}"

    def shown(self, tables: Tables) -> list[Row]:
        """Show each length of the heads that are drawn."""
        kept = [{name: slot[name] for name in ("loop", "layer", "head")} for slot in drawn(tables["entropy"])]
        rows = []
        for slot in kept:
            for row in where(tables["entropy"], **slot):
                found = where(tables["margin"], **slot, length=row["length"], distance="all")
                more = found[0] if found else {"q50": None, "needed": None}
                rows.append(
                    {
                        "head": labelled(**slot),
                        **{
                            name: row[name]
                            for name in ("length", "effective_keys", "largest_weight", "source_weight")
                        },
                        "margin": more["q50"],
                        "needed": more["needed"],
                    }
                )
        return rows

    def panels(self, tables: Tables) -> list[Panel]:
        """Draw effective keys and largest weight over length, and the margin beside what is needed."""
        heads = [
            {name: slot[name] for name in ("loop", "layer", "head")} for slot in drawn(tables["entropy"])
        ]

        def lines(table: str, column: str, **wanted: Any) -> list[Line]:
            return [
                Line(labelled(**slot), *columns(where(tables[table], **slot, **wanted), "length", column))
                for slot in heads
            ]

        trained = max((row["length"] for row in where(tables["entropy"], split="id")), default=None)
        found = [
            Panel(
                "dispersion", "length", "effective keys", lines("entropy", "effective_keys"), trained=trained
            ),
            Panel(
                "largest weight",
                "length",
                "weight",
                lines("entropy", "largest_weight"),
                share=True,
                trained=trained,
            ),
        ]
        if margins := where(tables["margin"], distance="all"):
            due = {row["length"]: row["needed"] for row in margins}
            reference = Line(f"needed for {self.weight:g}", [*due], [*due.values()], grey=True)
            finite = [
                Line(line.label, *drop_infinite(line)) for line in lines("margin", "q50", distance="all")
            ]
            found.append(
                Panel("margin of the source", "length", "nats", [reference, *finite], trained=trained)
            )
        return found


def drop_infinite(line: Line) -> tuple[list[float], list[float]]:
    """Return the points of a line that can be drawn."""
    pairs = [(x, y) for x, y in zip(line.x, line.y, strict=True) if math.isfinite(y)]
    return [x for x, _ in pairs], [y for _, y in pairs]


def drawn(rows: Sequence[Row]) -> list[Row]:
    """Return a row for each head that is drawn, by layer and head."""
    first = where(rows, length=min(row["length"] for row in rows))
    order = sorted(
        first,
        key=lambda row: -(row["source_weight"] if row["source_weight"] is not None else -row["entropy"]),
    )
    return sorted(order[:MOST], key=lambda row: (row["loop"], row["layer"], row["head"]))


def average(values: Sequence[float]) -> float:
    """Return the mean."""
    return sum(values) / len(values)


def stream_rows(evaluation: Reevaluation, length: int) -> list[dict[str, Any]]:
    """Return how much of the residual stream varies between the tokens of an example: ||X - mean X|| / ||X|| (Frobenius), by layer."""
    trained, (batch, key) = evaluation.trained, evaluation.test_set(length)
    decoder, shares = trained.decoder, defaultdict[int, list[Tensor]](list)
    tokens = 0
    for part, found in in_chunks(decoder, batch, trained.config.positions, key, with_stream):
        real = (part.tokens != PAD).unsqueeze(-1)
        tokens = max(tokens, part.time)
        for index, stream in enumerate(found.stream):
            x = stream.cpu().double() * real
            centred = (x - x.sum(1, keepdim=True) / real.sum(1, keepdim=True)) * real
            shares[index].append(centred.norm(dim=(1, 2)) / x.norm(dim=(1, 2)))
    layers = len(decoder.blocks)
    return [
        {
            "loop": index // layers + 1,
            "layer": index % layers + 1,
            "tokens": tokens,
            "varying_share": float(torch.cat(parts).mean()),
        }
        for index, parts in shares.items()
    ]
