"""Where every head looks while the answer is written: weights by distance, on the source and on the first token, and maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lengen.analysis.attention_stats import HEADS, HISTOGRAM, AttentionStats
from lengen.analysis.inspect import Panel, ReadOut, Row, Tables, labelled, where
from lengen.experiment.reevaluate import Reevaluation
from lengen.records.run_dir import EvalFolder


@dataclass(frozen=True)
class Attention(ReadOut):
    """Statistics of each head's attention while it writes the answer, and its weights over an example, query by key.

    With `against=RUNS` also the distance of its attention to that of other runs, layer by layer (Kazemnejad et al. 2023).
    """

    name = "attention"
    reads_attention = True
    tables: ClassVar = {"attention": HISTOGRAM, "heads": HEADS}
    by: ClassVar = ("length", "split", "loop", "layer", "head", "distance")
    alike = False

    def read(self, evaluation: Reevaluation) -> Tables:
        """Return the statistics of every head."""
        stats = stats_of(evaluation)
        return {"attention": stats.histograms(), "heads": stats.heads()}

    def headline(self, tables: Tables) -> str:
        """Name the head with most weight on the source."""
        rows = [row for row in tables["heads"] if row["source_mass"] is not None]
        if not rows:
            return "the task marks no sources"
        first = min(row["length"] for row in rows)
        best = max(where(rows, length=first), key=lambda row: row["source_mass"])
        slot = {name: best[name] for name in ("loop", "layer", "head")}
        parts = [f"{row['source_mass']:.3f} at {row['length']}" for row in where(rows, **slot)]
        return f"head {labelled(**slot)} has most weight on the source: {', '.join(parts)}"

    def shown(self, tables: Tables) -> list[Row]:
        """Show where each head looks."""
        names = ("length", "mean_distance", "entropy", "source_mass", "first_mass")
        return [
            {
                "head": labelled(row["loop"], row["layer"], row["head"]),
                **{name: row[name] for name in names},
            }
            for row in tables["heads"]
        ]

    def panels(self, tables: Tables) -> list[Panel]:
        """Draw nothing: `AttentionStats` draws a panel for each head, and maps."""
        return []

    def fill(self, evaluation: Reevaluation, folder: EvalFolder) -> None:
        """Write the tables and draw, all from one pass."""
        stats_of(evaluation).fill(folder)

    def draw(self, evaluation: Reevaluation, folder: EvalFolder) -> None:
        """Draw a panel for each head, and maps of the weights over an example."""
        stats_of(evaluation).draw(folder)


def stats_of(evaluation: Reevaluation) -> AttentionStats:
    """Return the statistics of an evaluation."""
    return AttentionStats(evaluation.trained, evaluation.stress)
