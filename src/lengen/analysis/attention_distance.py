"""Layer-wise distance between the attention of two runs (Kazemnejad et al. 2023)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from lengen.analysis.attention_weights import looked
from lengen.config.errors import require
from lengen.experiment.load_run import TrainedRun
from lengen.experiment.reevaluate import Reevaluation
from lengen.records.curve import split, write_csv
from lengen.records.run_dir import EvalFolder
from lengen.report import layers
from lengen.task import PAD

ROWS = 8
"""Examples at once: both runs are read in the same pieces."""
COLUMNS = (
    "against_pe",
    "against_positions",
    "against_cell",
    "against_seed",
    "loop",
    "layer",
    "length",
    "split",
    "examples",
    "distance",
    "mean_over_pairs",
)


def jensen_shannon(
    first: Float[Tensor, "*shape key"], second: Float[Tensor, "*shape key"]
) -> Float[Tensor, "*shape"]:
    """Jensen-Shannon divergence of distributions over keys, in bits: 0 where they are the same, 1 where they never meet."""
    middle = (first + second) / 2
    apart = sum((torch.xlogy(part, part) - torch.xlogy(part, middle)).sum(-1) for part in (first, second))
    return (apart / 2 / math.log(2)).clamp(min=0)  # type: ignore[union-attr]


def between(
    first: Float[Tensor, "batch heads time key"],
    second: Float[Tensor, "batch others time key"],
    real: Bool[Tensor, "batch time"],
) -> Float[Tensor, "batch heads others"]:
    """Distance of every head of one layer to every head of another: mean divergence over the queries of each example.

    D_AT(P, Q) = 1/T sum over t of JSD(P_t || Q_t), of rows that sum to 1 (a rule that leaves weight out is normalised).

    Args:
        first: weights of a layer.
        second: weights of another decoder's over the same tokens.
        real: which tokens are no padding.
    """
    first, second = (each.double() / each.double().sum(-1, keepdim=True) for each in (first, second))
    counts = real.sum(1).unsqueeze(1)
    apart = [
        (jensen_shannon(head.unsqueeze(1).expand_as(second), second) * real.unsqueeze(1)).sum(2) / counts
        for head in first.unbind(1)
    ]
    return torch.stack(apart, 1)


@dataclass(frozen=True)
class AttentionDistance(Reevaluation):
    """The distance of a trained run's attention to that of others, on the same examples.

    For a layer and an example it is the least over pairs of heads, then the mean over examples.

    Args:
        others: the runs it is measured to: same task, same layers, bos in both or in none.
    """

    others: Sequence[TrainedRun] = field(default=())

    def __post_init__(self) -> None:
        super().__post_init__()
        mine = self.trained.config
        for other in self.others:
            its = other.config
            for what, here, there in (
                ("task", mine.record["task"], its.record["task"]),
                ("format", mine.format, its.format),
                ("decoder.bos", mine.decoder.bos, its.decoder.bos),
                ("decoder.layers", mine.decoder.layers, its.decoder.layers),
                ("decoder.loops", mine.decoder.loops, its.decoder.loops),
            ):
                require(here == there, f"against={other.folder.path}: {what}={there}, but the run has {here}")

    @property
    def request(self) -> dict[str, Any]:
        """All options that can change a result; they name the folder."""
        options = {key: value for key, value in super().request.items() if key != "decode"}
        others = [[other.config.cell, other.config.seed, other.step] for other in self.others]
        return {**options, "inspect": "distance", "against": others}

    @property
    def label(self) -> str:
        """The given name, or what is measured."""
        return "-".join(filter(None, (self.name, "distance", self.stress)))

    @property
    def facts(self) -> dict[str, Any]:
        """Entries of `eval.json`."""
        return {**super().facts, "against": [str(other.folder.path) for other in self.others]}

    def fill(self, folder: EvalFolder) -> None:
        """Write the distances, and draw them."""
        rows = [row for other in self.others for length in self.lengths for row in self._rows(other, length)]
        write_csv(folder.path / "distance.csv", COLUMNS, rows)
        title = ": ".join(filter(None, (self.trained.config.title, self.stress)))
        layers.draw(
            rows,
            folder.path / "distance.png",
            title=f"{title}: distance of attention",
            footnote=self._footnote(),
        )

    def _rows(self, other: TrainedRun, length: int) -> Iterator[dict[str, Any]]:
        """One row a layer: the distance to one run at one length."""
        config = self.trained.config
        batch, key = self.test_set(length)
        found: dict[tuple[int, int], list[Tensor]] = {}
        sides = [
            looked(each.decoder, batch, each.config.positions, key, rows=ROWS)
            for each in (self.trained, other)
        ]
        for (part, first), (_, second) in zip(*sides, strict=True):
            for slot in first:
                found.setdefault(slot, []).append(between(first[slot], second[slot], part.tokens != PAD))
        for (loop, layer), parts in found.items():
            apart = torch.cat(parts)
            yield {
                **{f"against_{name}": getattr(other.config.labels, name) for name in ("pe", "positions")},
                "against_cell": other.config.cell,
                "against_seed": other.config.seed,
                "loop": loop + 1,
                "layer": layer + 1,
                "length": length,
                "split": split(length, config.train_length),
                "examples": len(apart),
                "distance": float(apart.amin((1, 2)).mean()),
                "mean_over_pairs": float(apart.mean()),
            }

    def _footnote(self) -> str:
        config = self.trained.config
        return (
            f"Jensen-Shannon divergence of attention weights in bits, mean over queries, least over pairs of heads, mean over "
            f"{config.eval.examples} examples a length (Kazemnejad et al. 2023); {config.labels.pe} seed {config.seed} "
            f"against each run of the legend, trained on 1 to {config.train_length}; {config.labels.decoder} decoder"
        )
