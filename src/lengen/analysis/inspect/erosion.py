"""How the curve changes during training: every kept checkpoint at every length, beside the last, the best on ID and an average."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from lengen.analysis.inspect import Line, Panel, ReadOut, Row, Tables, columns, where
from lengen.config.errors import require
from lengen.decoder import Decoder
from lengen.evaluation.scoring import score
from lengen.experiment.kept_checkpoints import averaged, kept
from lengen.experiment.reevaluate import Reevaluation
from lengen.records.curve import split
from lengen.training.averaging import Average
from lengen.training.checkpoint import read_checkpoint


@dataclass(frozen=True)
class Erosion(ReadOut):
    """Exact match by step and length, for every checkpoint that `trainer.keep=all` has kept; also `checkpoint=all`.

    What a decoder can do beyond its trained lengths may come and go while exact match within them stays at 1. The peak over steps is
    shown to see what was lost. It is no rule of selection: it is chosen by the curve beyond training, so it is selected on the test.
    What could be chosen without it are the last checkpoint, the best on ID validation, and the average of the last ones.

    Args:
        last: the number of last checkpoints that are averaged.
        decay: None for equal weights; else that of an exponential moving average over them.
    """

    name = "erosion"
    tables: ClassVar = {
        "readings": ("length", "split", "examples", "last", "best", "average", "peak", "peak_step"),
        "erosion": (
            "checkpoint", "step", "length", "split", "examples", "exact_match", "token_accuracy", "loss",
        ),
    }  # fmt: skip
    by: ClassVar = ("checkpoint", "step", "length", "split")
    lengths: ClassVar = ("1x", "1.25x", "1.5x", "2x")
    examples = 100
    note = "exact match of every kept checkpoint; the peak over steps is no rule of selection"

    last: int = 5
    decay: float | None = None

    def __post_init__(self) -> None:
        Average(self.last, self.decay)

    def check(self, evaluation: Reevaluation) -> None:
        """Refuse runs that kept no checkpoints by step."""
        kept(evaluation.trained.folder)
        require(
            evaluation.trained.config.eval.checkpoint == "last",
            f"eval.checkpoint={evaluation.trained.config.eval.checkpoint}: inspect=erosion reads all of them",
        )

    def read(self, evaluation: Reevaluation) -> Tables:
        """Score every checkpoint at every length, on the same strings."""
        trained, rows = evaluation.trained, list[Row]()
        for name, step, decoder in self._decoders(evaluation):
            for length in evaluation.lengths:
                batch, key = evaluation.test_set(length)
                found = score(decoder, batch, trained.config.positions, key, "teacher")
                rows.append(
                    {
                        "checkpoint": name,
                        "step": step,
                        "length": length,
                        "split": split(length, trained.config.train_length),
                        "examples": len(batch),
                        **found.scores,
                    }
                )
        return {"erosion": rows, "readings": readings(rows)}

    def _decoders(self, evaluation: Reevaluation) -> Iterator[tuple[str, int, Decoder]]:
        """Yield name, step and decoder of every kept checkpoint, of the best on ID if there is one, and of the average."""
        trained = evaluation.trained
        contents = {
            f"step={step}": read_checkpoint(path, trained.run) for step, path in kept(trained.folder).items()
        }
        if trained.folder.best.exists():
            contents["best"] = read_checkpoint(trained.folder.best, trained.run)
        contents["average"] = averaged(trained.folder, Average(self.last, self.decay), trained.run)
        for name, each in contents.items():
            yield name, int(each["global_step"]), trained.decoder_of(each)

    def headline(self, tables: Tables) -> str:
        """Put last, average and peak side by side at the longest length."""
        row = max(tables["readings"], key=lambda each: each["length"])
        best = "" if row["best"] is None else f", best on ID {row['best']:.2f}"
        return (
            f"exact match at length {row['length']}: last {row['last']:.2f}{best}, average {row['average']:.2f}, peak {row['peak']:.2f} at "
            f"step {row['peak_step']} (the peak is selected on the test, so it is no rule of selection)"
        )

    def panels(self, tables: Tables) -> list[Panel]:
        """Draw exact match over steps at every length, and last, average and peak over length."""
        steps = [row for row in tables["erosion"] if str(row["checkpoint"]).startswith("step=")]
        rows = tables["readings"]
        over = [
            Line(
                f"length {row['length']}", *columns(where(steps, length=row["length"]), "step", "exact_match")
            )
            for row in rows
        ]
        names = [name for name in ("last", "best", "average") if any(row[name] is not None for row in rows)]
        readings = [Line(name, *columns(rows, "length", name)) for name in names]
        peak = Line("peak (no rule)", *columns(rows, "length", "peak"), grey=True)
        trained = max((row["length"] for row in where(rows, split="id")), default=None)
        return [
            Panel("during training", "step", "exact match", over, share=True),
            Panel("readings", "length", "exact match", [peak, *readings], share=True, trained=trained),
        ]


def readings(rows: list[Row]) -> list[Row]:
    """Return, for each length, exact match of the last checkpoint, the best, the average, and the peak over steps; of equal peaks the first."""
    found: list[dict[str, Any]] = []
    for length in dict.fromkeys(row["length"] for row in rows):
        own = where(rows, length=length)
        steps = [row for row in own if row["checkpoint"].startswith("step=")]
        named = {row["checkpoint"]: row["exact_match"] for row in own}
        peak = max(steps, key=lambda row: (row["exact_match"], -row["step"]))
        found.append(
            {
                **{name: own[0][name] for name in ("length", "split", "examples")},
                "last": steps[-1]["exact_match"],
                "best": named.get("best"),
                "average": named["average"],
                "peak": peak["exact_match"],
                "peak_step": peak["step"],
            }
        )
    return found
