"""Layer-wise distance between the attention of two runs (Kazemnejad et al. 2023)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from lengen.analysis.attention_weights import weights_in_chunks
from lengen.config.errors import require
from lengen.experiment.load_run import TrainedRun
from lengen.experiment.reevaluate import Reevaluation
from lengen.records.curve import split, write_csv
from lengen.records.run_dir import EvalFolder
from lengen.report import layers
from lengen.task import PAD

ROWS = 8
"""Examples at a time; the same for both runs, so that their weights can be compared."""
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
    """Return the Jensen-Shannon divergence of distributions over keys, in bits: 0 if they are equal, 1 if they are disjoint."""
    middle = (first + second) / 2
    divergence = sum(
        (torch.xlogy(part, part) - torch.xlogy(part, middle)).sum(-1) for part in (first, second)
    )
    return (divergence / 2 / math.log(2)).clamp(min=0)  # type: ignore[union-attr]


def head_distances(
    first: Float[Tensor, "batch heads time key"],
    second: Float[Tensor, "batch others time key"],
    real: Bool[Tensor, "batch time"],
) -> Float[Tensor, "batch heads others"]:
    """Return the distance between every head of one layer and every head of another, for each example.

    It is the mean divergence over queries, D_AT(P, Q) = 1/T sum over t of JSD(P_t || Q_t) (Kazemnejad et al. 2023).
    Rows are normalised to sum to 1, for rules that do not normalise.

    Args:
        first: attention weights of a layer.
        second: attention weights of a layer of another decoder over the same tokens.
        real: True for tokens, False for padding.
    """
    first, second = (each.double() / each.double().sum(-1, keepdim=True) for each in (first, second))
    counts = real.sum(1).unsqueeze(1)
    distances = [
        (jensen_shannon(head.unsqueeze(1).expand_as(second), second) * real.unsqueeze(1)).sum(2) / counts
        for head in first.unbind(1)
    ]
    return torch.stack(distances, 1)


@dataclass(frozen=True)
class AttentionDistance(Reevaluation):
    """Distance between the attention of a trained run and that of other runs, on the same examples.

    The distance of a layer is the minimum over pairs of heads, averaged over examples.

    Args:
        others: the runs to compare with; task, format, layers, loops and bos must be equal.
    """

    others: Sequence[TrainedRun] = field(default=())

    def __post_init__(self) -> None:
        super().__post_init__()
        config = self.trained.config
        for other in self.others:
            against = other.config
            for option, own, theirs in (
                ("task", config.record["task"], against.record["task"]),
                ("format", config.format, against.format),
                ("decoder.bos", config.decoder.bos, against.decoder.bos),
                ("decoder.layers", config.decoder.layers, against.decoder.layers),
                ("decoder.loops", config.decoder.loops, against.decoder.loops),
            ):
                require(
                    own == theirs, f"against={other.folder.path}: {option}={theirs}, but the run has {own}"
                )

    @property
    def request(self) -> dict[str, Any]:
        """Everything that can change a result; its hash names the folder."""
        options = {key: value for key, value in super().request.items() if key != "decode"}
        others = [[other.config.cell, other.config.seed, other.step] for other in self.others]
        return {**options, "inspect": "distance", "against": others}

    @property
    def label(self) -> str:
        """The given name, `distance`, and the stress set."""
        return "-".join(filter(None, (self.name, "distance", self.stress)))

    @property
    def facts(self) -> dict[str, Any]:
        """Entries of `eval.json`."""
        return {**super().facts, "against": [str(other.folder.path) for other in self.others]}

    def fill(self, folder: EvalFolder) -> None:
        """Write and draw the distances."""
        write_csv(folder.path / "distance.csv", COLUMNS, self.rows)
        self.draw(folder)

    def draw(self, folder: EvalFolder) -> None:
        """Draw the distances."""
        paper = self.trained.config.paper
        title = ": ".join(filter(None, (self.trained.config.title, self.stress)))
        draw = partial(
            layers.draw,
            self.rows,
            title=f"{title}: attention distance",
            footnote=self._footnote(),
            paper=paper,
        )
        paper.draw(folder.path / "distance", draw)

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of `distance.csv`."""
        return [row for other in self.others for length in self.lengths for row in self._rows(other, length)]

    def _rows(self, other: TrainedRun, length: int) -> Iterator[dict[str, Any]]:
        """Yield one row per layer: the distance to another run at a length."""
        config = self.trained.config
        batch, key = self.test_set(length)
        distances: dict[tuple[int, int], list[Tensor]] = {}
        both = [
            weights_in_chunks(each.decoder, batch, each.config.positions, key, rows=ROWS)
            for each in (self.trained, other)
        ]
        for (part, first), (_, second) in zip(*both, strict=True):
            for slot in first:
                distances.setdefault(slot, []).append(
                    head_distances(first[slot], second[slot], part.tokens != PAD)
                )
        for (loop, layer), parts in distances.items():
            distance = torch.cat(parts)
            yield {
                **{f"against_{name}": getattr(other.config.labels, name) for name in ("pe", "positions")},
                "against_cell": other.config.cell,
                "against_seed": other.config.seed,
                "loop": loop + 1,
                "layer": layer + 1,
                "length": length,
                "split": split(length, config.train_length),
                "examples": len(distance),
                "distance": float(distance.amin((1, 2)).mean()),
                "mean_over_pairs": float(distance.mean()),
            }

    def _footnote(self) -> str:
        config = self.trained.config
        return (
            f"Jensen-Shannon divergence of attention weights in bits, mean over queries, minimum over pairs of heads, mean over "
            f"{config.eval.examples} examples per length (Kazemnejad et al. 2023); {config.labels.pe} seed {config.seed} "
            f"against each run of the legend, trained on 1 to {config.train_length}; {config.labels.decoder} decoder"
        )
