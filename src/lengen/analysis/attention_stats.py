"""Statistics of a trained run's attention while it writes the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from lengen.analysis.attention_weights import looked
from lengen.experiment.reevaluate import Reevaluation
from lengen.records.curve import split, write_csv
from lengen.records.run_dir import EvalFolder
from lengen.report import heads
from lengen.task import Batch

HISTOGRAM = ("loop", "layer", "head", "length", "split", "distance", "mass")
HEADS = (
    "loop",
    "layer",
    "head",
    "length",
    "split",
    "examples",
    "queries",
    "mean_distance",
    "entropy",
    "source_mass",
    "source_uniform",
    "first_mass",
)


class Look(NamedTuple):
    """Sums over the queries that predict a token of an answer, or its end token.

    Args:
        histogram: weight by distance in tokens; 0 is the query's own token.
        entropy: of the weights, in nats; those below 0 have none.
        source: weight on the tokens of the prompt that have the place of the predicted token.
        first: weight on the first token (bos, where there is one).
        uniform: what `source` would be if every token up to the query had the same weight.
        queries: how many there were.
        sourced: how many predicted a token that has a source.
    """

    histogram: Float[Tensor, "heads distance"]
    entropy: Float[Tensor, " heads"]
    source: Float[Tensor, " heads"]
    first: Float[Tensor, " heads"]
    uniform: Float[Tensor, ""]
    queries: Float[Tensor, ""]
    sourced: Float[Tensor, ""]


def look(weights: Float[Tensor, "batch heads time time"], batch: Batch, width: int) -> Look:
    """Where the heads of one layer look.

    Args:
        weights: of one layer.
        batch: what was read, bos included.
        width: distances in the histogram, at least the batch's tokens.
    """
    row, query = pad(batch.answer[:, 1:], (0, 1)).nonzero(as_tuple=True)
    paid = weights.double()[row, :, query].transpose(0, 1)  # heads query key
    keys = torch.arange(batch.time)
    distance = query.unsqueeze(1) - keys
    histogram = torch.zeros(len(paid), width, dtype=torch.float64)
    histogram.index_add_(1, distance.clamp(min=0).flatten(), (paid * (distance >= 0)).flatten(1))
    source = torch.zeros(distance.shape, dtype=torch.bool)
    if batch.places is not None:
        target = batch.places[row, query + 1].unsqueeze(1)
        source = (batch.places[row] == target) & (target > 0) & ~batch.answer[row] & (distance >= 0)
    return Look(
        histogram,
        -torch.xlogy(paid.clamp(min=0), paid.clamp(min=0)).sum((1, 2)),
        (paid * source).sum((1, 2)),
        paid[:, :, 0].sum(1),
        (source.sum(1) / (query + 1).double()).sum(),
        torch.tensor(len(query), dtype=torch.float64),
        source.any(1).sum().double(),
    )


@dataclass(frozen=True)
class AttentionStats(Reevaluation):
    """The attention of a trained run, at trained lengths and beyond."""

    @cached_property
    def looks(self) -> dict[tuple[int, int, int], Look]:
        """What was found, by length, loop and layer."""
        config = self.trained.config
        found: dict[tuple[int, int, int], Look] = {}
        for length in self.lengths:
            batch, key = self.test_set(length)
            width = batch.time + config.decoder.bos
            for part, slots in looked(self.trained.decoder, batch, config.positions, key):
                for slot, paid in slots.items():
                    mine, known = look(paid, part, width), found.get((length, *slot))
                    if known is not None:
                        mine = Look(*(first + second for first, second in zip(known, mine, strict=True)))
                    found[length, *slot] = mine
        return found

    @property
    def request(self) -> dict[str, Any]:
        """All options that can change a result; they name the folder."""
        options = {key: value for key, value in super().request.items() if key != "decode"}
        return {**options, "inspect": "attention"}

    @property
    def label(self) -> str:
        """The given name, or what is looked at."""
        return "-".join(filter(None, (self.name or "attention", self.stress)))

    def fill(self, folder: EvalFolder) -> None:
        """Write where every head looks, and draw it."""
        config, histograms, rows = self.trained.config, self.histograms(), self.heads()
        write_csv(folder.path / "attention.csv", HISTOGRAM, histograms)
        write_csv(folder.path / "heads.csv", HEADS, rows)
        title = ": ".join(filter(None, (config.title, self.stress)))
        heads.draw(
            histograms,
            rows,
            folder.path / "attention.png",
            pe=config.labels.pe,
            title=f"{title}: where each head looks",
            footnote=self._footnote(rows),
        )

    def histograms(self) -> list[dict[str, Any]]:
        """Rows of `attention.csv`: the share of a head's weight at every distance."""
        return [
            {**self._slot(key, head), "distance": distance, "mass": mass}
            for key, found in self.looks.items()
            for head, line in enumerate((found.histogram / found.queries).tolist(), 1)
            for distance, mass in enumerate(line)
        ]

    def heads(self) -> list[dict[str, Any]]:
        """Rows of `heads.csv`: means over queries; those of the source are over queries that have one."""
        rows = []
        for key, found in self.looks.items():
            distances = torch.arange(found.histogram.shape[1], dtype=torch.float64)
            total = found.histogram.sum(1)
            means = torch.where(total > 0, found.histogram @ distances / total, 0).tolist()
            sourced = float(found.sourced)
            for index, distance in enumerate(means):
                rows.append(
                    {
                        **self._slot(key, index + 1),
                        "examples": self.trained.config.eval.examples,
                        "queries": int(found.queries),
                        "mean_distance": distance,
                        "entropy": float(found.entropy[index] / found.queries),
                        "source_mass": float(found.source[index]) / sourced if sourced else None,
                        "source_uniform": float(found.uniform) / sourced if sourced else None,
                        "first_mass": float(found.first[index] / found.queries),
                    }
                )
        return rows

    def _slot(self, key: Sequence[int], head: int) -> dict[str, Any]:
        """Which head at which length; loop, layer and head from 1."""
        length, loop, layer = key
        return {
            "loop": loop + 1,
            "layer": layer + 1,
            "head": head,
            "length": length,
            "split": split(length, self.trained.config.train_length),
        }

    def _footnote(self, rows: Sequence[Mapping[str, Any]]) -> str:
        config = self.trained.config
        shares = {row["length"]: row["source_uniform"] for row in rows}
        source = (
            ""
            if None in shares.values()
            else (
                f", and its weight on the answer's source (under uniform attention "
                f"{', '.join(f'{share:.3f} at {length}' for length, share in shares.items())})"
            )
        )
        return (
            f"weight by distance to the query, in doublings of tokens; mean over the queries that predict answer tokens of "
            f"{config.eval.examples} examples a length; trained on 1 to {config.train_length}; above each panel: "
            f"layer.head{source}; {config.labels.decoder} decoder, {config.steps} steps, seed {config.seed}, "
            f"{config.eval.checkpoint} checkpoint; ID exact match {self.trained.id_exact_match:.3f}"
        )
