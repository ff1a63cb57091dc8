"""How much of a failed extrapolation is mere dilution: sharper logits, in all layers and in each alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from lengen.analysis.inspect import Line, Panel, ReadOut, Row, Tables, columns, where
from lengen.config.errors import require
from lengen.evaluation.scoring import Verdicts, score
from lengen.experiment.extended import ExtendedRun
from lengen.experiment.reevaluate import Reevaluation
from lengen.extend.chosen import Chosen
from lengen.extend.sharpen import Sharpen
from lengen.extend.view import parts_of, view
from lengen.records.curve import split
from lengen.records.eval_options import EvalOptions

ALL = 0
"""The layer of rows in which all layers are changed."""


@dataclass(frozen=True)
class Sharpening(ReadOut):
    """Logits times a factor, for every factor of a grid, in all layers together and in each layer alone.

    With more keys a softmax flattens. If a factor above 1 makes wrong answers right, they failed for that alone. The share of failed
    strings that some factor makes right is an upper bound, since the factor is chosen for each string by its right answer. The factor
    that is chosen at one length, and scored at longer ones, is not: this is what a user could have.

    Args:
        factors: factors on the logits, each above 0; 1 is the decoder as trained.
        layers: `each` reads the layers one by one as well; `all` only all together.
        over: `content` multiplies products of queries and keys; `all` the bias too.
        at: the length at which one factor is chosen, such as 1.25x; scores count beyond it.
        highest: the largest factor that counts as a rescue.
    """

    name = "sharpening"
    tables: ClassVar = {
        "sharpening": (
            "length", "split", "examples", "layer", "factor", "over", "exact_match", "base_exact_match", "lost", "won",
            "token_accuracy", "loss",
        ),
        "rescued": (
            "length", "split", "examples", "beyond", "failed", "by_some_factor", "by_some_setting", "chosen_at", "chosen_factor",
            "by_chosen", "lost_by_chosen", "exact_match", "chosen_exact_match", "highest",
        ),
    }  # fmt: skip
    by: ClassVar = ("length", "split", "layer", "factor", "over")
    lengths = ("1x", "1.25x", "1.5x", "2x")
    examples = 100
    note = "logits times a factor; a factor of 1 is the decoder as trained"

    factors: list[float] = field(default_factory=lambda: [0.8, 0.9, 1.0, 1.1, 1.2, 1.35, 1.5, 2.0, 3.0])
    layers: Literal["each", "all"] = "each"
    over: Literal["content", "all"] = "content"
    at: str = "1.25x"
    highest: float = 2.0

    def __post_init__(self) -> None:
        require(
            bool(self.factors) and min(self.factors) > 0,
            f"inspect.factors={self.factors}: must be numbers above 0",
        )
        require(self.highest > 0, f"inspect.highest={self.highest}: must be above 0")
        require(
            min(self.factors) <= self.highest,
            f"inspect.highest={self.highest}: must be at least the lowest factor, {min(self.factors)}",
        )
        EvalOptions(lengths=[self.at])

    def check(self, evaluation: Reevaluation) -> None:
        """Refuse attentions without logits of this kind, and lengths without one to choose at and one beyond it."""
        chosen = Chosen({"sharpen": Sharpen(2.0, over=self.over)})
        ExtendedRun(evaluation.trained, chosen).check()
        lengths, at = evaluation.lengths, self._at(evaluation)
        listed = ", ".join(map(str, lengths))
        beyond = "2x" if at < 2 * evaluation.trained.config.train_length else str(2 * at)
        require(
            at in lengths and max(lengths) > at,
            f"eval.lengths: must have length {at} (inspect.at={self.at}), where inspect=sharpening chooses a factor, and a length beyond it, where the "
            f"factor is scored, as in eval.lengths=[1x,{self.at},{beyond}]; got {listed}",
        )

    def _at(self, evaluation: Reevaluation) -> int:
        return EvalOptions(lengths=[self.at]).at(evaluation.trained.config.train_length)[0]

    def read(self, evaluation: Reevaluation) -> Tables:
        """Score every setting at every length, on the same strings."""
        rows, exact = list[dict[str, Any]](), dict[int, dict[tuple[int, float], Tensor]]()
        for length in evaluation.lengths:
            verdicts = dict(self._verdicts(evaluation, length))
            own = verdicts[ALL, 1.0].exact
            exact[length] = {setting: each.exact for setting, each in verdicts.items()}
            for (layer, factor), each in verdicts.items():
                rows.append(
                    {
                        **self._at_length(evaluation, length, len(own)),
                        "layer": layer,
                        "factor": factor,
                        "over": self.over,
                        **each.scores,
                        "base_exact_match": float(own.double().mean()),
                        "lost": int((own & ~each.exact).sum()),
                        "won": int((~own & each.exact).sum()),
                    }
                )
        at = self._at(evaluation)
        factor = chosen_factor(where(rows, length=at, layer=ALL))
        rescued = [
            {
                **self._at_length(evaluation, length, len(found[ALL, 1.0])),
                "beyond": int(length > at),
                "chosen_at": at,
                "chosen_factor": factor,
                "highest": self.highest,
                **self._rescued(found, factor),
            }
            for length, found in exact.items()
        ]
        return {"sharpening": rows, "rescued": rescued}

    def _verdicts(
        self, evaluation: Reevaluation, length: int
    ) -> Iterator[tuple[tuple[int, float], Verdicts]]:
        """Yield the verdicts of every setting: layer (`ALL` for all) and factor."""
        trained = evaluation.trained
        decoder, positions = trained.decoder, trained.config.positions
        (batch, key), parts = evaluation.test_set(length), parts_of(decoder, positions)
        sizes = ExtendedRun(trained).sizes
        own = score(decoder, batch, positions, key, "teacher")
        yield (ALL, 1.0), own
        for layer in range(1 + (len(parts.rules) if self.layers == "each" else 0)):
            for factor in self.factors:
                if factor != 1:
                    change = Sharpen(factor, [layer] if layer else None, over=self.over)
                    made = view(decoder, change.changed(parts, sizes))
                    yield (layer, factor), score(made, batch, positions, key, "teacher")
                elif layer:
                    yield (layer, 1.0), own

    def _at_length(self, evaluation: Reevaluation, length: int, examples: int) -> dict[str, Any]:
        kind = split(length, evaluation.trained.config.train_length)
        return {"length": length, "split": kind, "examples": examples}

    def _rescued(self, exact: dict[tuple[int, float], Tensor], factor: float) -> dict[str, Any]:
        """Count the failed strings that some factor makes right, and those that the chosen one does."""
        own, chosen = exact[ALL, 1.0], exact[ALL, factor]
        counted = {setting: each for setting, each in exact.items() if setting[1] <= self.highest}
        together = torch.stack([each for (layer, _), each in counted.items() if layer == ALL] or [own])
        anywhere = torch.stack([*counted.values()] or [own])
        return {
            "failed": int((~own).sum()),
            "by_some_factor": int((~own & together.any(0)).sum()),
            "by_some_setting": int((~own & anywhere.any(0)).sum()),
            "by_chosen": int((~own & chosen).sum()),
            "lost_by_chosen": int((own & ~chosen).sum()),
            "exact_match": float(own.double().mean()),
            "chosen_exact_match": float(chosen.double().mean()),
        }

    def headline(self, tables: Tables) -> str:
        """Name the upper bound, the honest share, and its price at trained lengths."""
        rows = tables["rescued"]
        beyond, trained = where(rows, beyond=1), where(rows, split="id")
        at, factor = rows[0]["chosen_at"], rows[0]["chosen_factor"]
        total = {
            name: sum(row[name] for row in beyond)
            for name in ("examples", "failed", "by_some_factor", "by_chosen", "lost_by_chosen")
        }
        if not total["failed"]:
            return f"no string fails beyond length {at}"
        price = "".join(
            f"; length {row['length']} (ID) {row['exact_match']:.3f} -> {row['chosen_exact_match']:.3f}"
            for row in trained[-1:]
        )
        return (
            f"of {total['failed']} failed strings beyond length {at}, some factor up to {rows[0]['highest']:g} rescues "
            f"{share(total['by_some_factor'], total['failed'])} (upper bound); factor {factor:g}, chosen at length {at}, rescues "
            f"{share(total['by_chosen'], total['failed'])} and breaks {share(total['lost_by_chosen'], total['examples'] - total['failed'])} of the right ones{price}"
        )

    def shown(self, tables: Tables) -> list[Row]:
        """Show exact match by length for every factor in all layers, and what is rescued."""
        rows, rescued = where(tables["sharpening"], layer=ALL), tables["rescued"]
        factors = sorted({row["factor"] for row in rows})
        return [
            {
                "length": each["length"],
                **{
                    f"x{factor:g}": where(rows, length=each["length"], factor=factor)[0]["exact_match"]
                    for factor in factors
                },
                "failed": each["failed"],
                "by_some": each["by_some_factor"],
                "by_chosen": each["by_chosen"],
            }
            for each in rescued
        ]

    def panels(self, tables: Tables) -> list[Panel]:
        """Draw exact match over the factor: all layers at every length, and layer by layer at the longest one."""
        rows = sorted(tables["sharpening"], key=lambda row: row["factor"])
        lengths = sorted({row["length"] for row in rows})
        layers = sorted({row["layer"] for row in rows})
        together = [
            Line(f"length {length}", *columns(where(rows, layer=ALL, length=length), "factor", "exact_match"))
            for length in lengths
        ]
        alone = [
            Line(
                f"layer {layer}",
                *columns(where(rows, layer=layer, length=lengths[-1]), "factor", "exact_match"),
            )
            for layer in layers
            if layer != ALL
        ]
        found = [Panel("all layers", "factor", "exact match", together, share=True)]
        if alone:
            found.append(
                Panel(f"one layer, length {lengths[-1]}", "factor", "exact match", alone, share=True)
            )
        return found


def chosen_factor(rows: list[Row]) -> float:
    """Return the factor with the largest exact match; of equal ones that nearest to 1, above it if two are as near.

    Args:
        rows: rows of one length in which all layers are changed.
    """
    best = max(row["exact_match"] for row in rows)
    equal = [float(row["factor"]) for row in rows if row["exact_match"] == best]
    return min(equal, key=lambda each: (abs(each - 1), -each))


def share(part: int, whole: int) -> str:
    """Return a count and its share of a whole.

    >>> share(3, 12), share(0, 0)
    ('3 (0.25)', '0')
    """
    return f"{part} ({part / whole:.2f})" if whole else f"{part}"
