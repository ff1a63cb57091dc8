"""Statistics of a trained run's attention while it writes the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from lengen.analysis.attention_weights import weights_in_chunks
from lengen.analysis.example_map import example_map
from lengen.analysis.passes import answer_queries
from lengen.experiment.reevaluate import Reevaluation
from lengen.records.curve import split, write_csv
from lengen.records.run_dir import EvalFolder
from lengen.report import attention_map, heads
from lengen.report.attention_map import pages
from lengen.report.paper import page_stem
from lengen.statistics.formats import floored
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


class LayerStats(NamedTuple):
    """Sums over the queries that predict an answer token or the end token.

    Args:
        histogram: weight by distance in tokens; distance 0 is the query itself.
        entropy: entropy of the weights, in nats; negative weights count as 0.
        source: weight on the prompt tokens with the same place as the predicted token.
        first: weight on the first token (bos, if there is one).
        uniform: `source` under uniform attention over the tokens up to the query.
        queries: number of queries.
        sourced: number of queries whose predicted token has a source.
    """

    histogram: Float[Tensor, "heads distance"]
    entropy: Float[Tensor, " heads"]
    source: Float[Tensor, " heads"]
    first: Float[Tensor, " heads"]
    uniform: Float[Tensor, ""]
    queries: Float[Tensor, ""]
    sourced: Float[Tensor, ""]


def layer_stats(weights: Float[Tensor, "batch heads time time"], batch: Batch, width: int) -> LayerStats:
    """Return the statistics of the heads of one layer.

    Args:
        weights: attention weights of the layer.
        batch: the examples, including bos.
        width: number of distances in the histogram, at least the tokens of an example.
    """
    row, query, source = answer_queries(batch)
    per_query = weights.double()[row, :, query].transpose(0, 1)  # heads query key
    keys = torch.arange(batch.time)
    distance = query.unsqueeze(1) - keys
    histogram = torch.zeros(len(per_query), width, dtype=torch.float64)
    histogram.index_add_(1, distance.clamp(min=0).flatten(), (per_query * (distance >= 0)).flatten(1))
    return LayerStats(
        histogram,
        -torch.xlogy(per_query.clamp(min=0), per_query.clamp(min=0)).sum((1, 2)),
        (per_query * source).sum((1, 2)),
        per_query[:, :, 0].sum(1),
        (source.sum(1) / (query + 1).double()).sum(),
        torch.tensor(len(query), dtype=torch.float64),
        source.any(1).sum().double(),
    )


@dataclass(frozen=True)
class AttentionStats(Reevaluation):
    """Statistics of a trained run's attention, at trained lengths and beyond."""

    @cached_property
    def stats(self) -> dict[tuple[int, int, int], LayerStats]:
        """Statistics by length, loop and layer."""
        config = self.trained.config
        stats: dict[tuple[int, int, int], LayerStats] = {}
        for length in self.lengths:
            batch, key = self.test_set(length)
            width = batch.time + config.decoder.bos
            for part, slots in weights_in_chunks(self.trained.decoder, batch, config.positions, key):
                for slot, weights in slots.items():
                    new, total = layer_stats(weights, part, width), stats.get((length, *slot))
                    if total is not None:
                        new = LayerStats(*(first + second for first, second in zip(total, new, strict=True)))
                    stats[length, *slot] = new
        return stats

    def fill(self, folder: EvalFolder) -> None:
        """Write and draw the statistics of every head."""
        write_csv(folder.path / "attention.csv", HISTOGRAM, self.histograms())
        write_csv(folder.path / "heads.csv", HEADS, self.heads())
        self.draw(folder)

    def draw(self, folder: EvalFolder) -> None:
        """Draw the statistics of every head, and its weights over the first example of every length."""
        config, rows = self.trained.config, self.heads()
        title = ": ".join(filter(None, (config.title, self.stress)))
        draw = partial(
            heads.draw,
            self.histograms(),
            rows,
            pe=config.labels.pe,
            title=f"{title}: attention of each head",
            footnote=self._footnote(rows),
            paper=config.paper,
        )
        config.paper.draw(folder.path / "attention", draw)
        for length in self.lengths:
            self._draw_map(folder, length)

    def _draw_map(self, folder: EvalFolder, length: int) -> None:
        """Draw the weights of every head over the first example of a length, query by key, on as many pages as they need."""
        config, (batch, key) = self.trained.config, self.test_set(length)
        weights, symbols, answer, block = example_map(self.trained.decoder, batch, config.positions, key)
        dots = f"; a dot is the largest of {block} x {block} weights" if block > 1 else ""
        loops = ", over all loops" if config.decoder.loops > 1 else ""
        note = (
            f"weight of each key for each query, from 0 (white) to 1 (dark; colours go with the square root), over the first test example of length {length} "
            f"({split(length, config.train_length).upper()}) with its right answer, which begins at the grey lines{dots}; "
            f"one row per layer{loops}, one column per head; {self._made()}"
        )
        title = ": ".join(filter(None, (config.title, self.stress)))
        for page, (layers, columns) in enumerate(pages(len(weights), weights.shape[1], config.paper)):
            draw = partial(
                attention_map.draw,
                weights,
                symbols,
                title=f"{title}: attention at length {length}",
                layers=layers,
                heads=columns,
                footnote=note,
                answer=answer,
                printed=True,
                paper=config.paper,
            )
            config.paper.draw(page_stem(folder.path / f"map-{length}", page), draw)

    def histograms(self) -> list[dict[str, Any]]:
        """Return the rows of `attention.csv`: mean weight of a head at every distance, summing to 1 for normalised weights."""
        return [
            {**self._slot(key, head), "distance": distance, "mass": mass}
            for key, stats in self.stats.items()
            for head, masses in enumerate((stats.histogram / stats.queries).tolist(), 1)
            for distance, mass in enumerate(masses)
        ]

    def heads(self) -> list[dict[str, Any]]:
        """Return the rows of `heads.csv`: means over queries; means of the source are over queries that have one."""
        rows = []
        for key, stats in self.stats.items():
            distances = torch.arange(stats.histogram.shape[1], dtype=torch.float64)
            total = stats.histogram.sum(1)
            means = torch.where(total > 0, stats.histogram @ distances / total, 0).tolist()
            sourced = float(stats.sourced)
            for index, distance in enumerate(means):
                rows.append(
                    {
                        **self._slot(key, index + 1),
                        "examples": self.trained.config.eval.examples,
                        "queries": int(stats.queries),
                        "mean_distance": distance,
                        "entropy": float(stats.entropy[index] / stats.queries),
                        "source_mass": float(stats.source[index]) / sourced if sourced else None,
                        "source_uniform": float(stats.uniform) / sourced if sourced else None,
                        "first_mass": float(stats.first[index] / stats.queries),
                    }
                )
        return rows

    def _slot(self, key: Sequence[int], head: int) -> dict[str, Any]:
        """Return the columns that identify a head at a length; loop, layer and head count from 1."""
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
        uniform = {row["length"]: row["source_uniform"] for row in rows}
        source = (
            ""
            if None in uniform.values()
            else (
                f", and its weight on the answer's source (under uniform attention "
                f"{', '.join(f'{floored(mass)} at {length}' for length, mass in uniform.items())})"
            )
        )
        return (
            f"weight by distance to the query, in doublings of tokens; mean over the queries that predict answer tokens of "
            f"{config.eval.examples} examples per length; trained on 1 to {config.train_length}; above each panel: "
            f"layer.head{source}; {self._made()}"
        )

    def _made(self) -> str:
        """Return how the run was made, for footnotes."""
        config = self.trained.config
        return (
            f"{config.labels.decoder} decoder, {config.steps} steps, seed {config.seed}, "
            f"{config.eval.checkpoint} checkpoint; ID exact match {floored(self.trained.id_exact_match)}"
        )
