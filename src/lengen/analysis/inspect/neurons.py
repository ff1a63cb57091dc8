"""Units of the feed-forward layers that say where they are, or what they read, within trained positions and beyond."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from lengen.analysis.inspect import Line, Panel, ReadOut, Row, Tables, where
from lengen.analysis.passes import in_chunks
from lengen.config.errors import require
from lengen.decoder import Decoder
from lengen.experiment.reevaluate import Reevaluation
from lengen.sampling import generator
from lengen.task import PAD

REGIONS = ("trained", "beyond")


@dataclass(frozen=True)
class Neurons(ReadOut):
    """Mutual information of each feed-forward unit, active or not, with the position and with the token (Voita et al. 2023).

    A unit is active where its pre-activation is above 0; for a gated layer that of the gate. The source has ReLU units; a GELU or SiLU unit
    passes a little below 0 too, so the threshold at 0 is ours. Information is computed twice: over tokens at positions that were
    trained, and over those beyond. Positions are indices of tokens. The null is the same with activities shuffled between tokens,
    which a finite sample needs.

    Args:
        threshold: nats above the null from which a unit counts as positional, or as one of content.
        shuffles: shuffled samples; the largest of their values is the null.
    """

    name = "neurons"
    tables: ClassVar = {
        "layers": (
            "layer", "units", "dead", "positional", "positional_beyond", "still_positional", "content", "content_beyond", "only_beyond",
        ),
        "neurons": (
            "layer", "unit", "region", "tokens", "active", "position_information", "position_null", "token_information", "token_null",
        ),
    }  # fmt: skip
    by: ClassVar = ("layer", "unit", "region")
    lengths: ClassVar = ("0.5x", "1x", "1.5x", "2x")
    note = "information of a unit's activity on the position and on the token, nats above that of shuffled tokens, sorted by size"

    threshold: float = 0.05
    shuffles: int = 3

    def __post_init__(self) -> None:
        require(self.threshold > 0, f"inspect.threshold={self.threshold}: must be above 0")
        require(self.shuffles >= 1, f"inspect.shuffles={self.shuffles}: must be at least 1")

    def check(self, evaluation: Reevaluation) -> None:
        """Refuse lengths whose tokens are all within training, or all beyond."""
        tokens, bos = evaluation.trained.trained_tokens, evaluation.trained.config.decoder.bos
        require(
            evaluation.trained.decoder.architecture.feeds,
            "inspect=neurons: does not apply to decoder.hidden=0, whose blocks have no feed-forward layer",
        )
        longest = evaluation.test_set(max(evaluation.lengths))[0].time + bos
        require(
            longest > tokens,
            f"eval.lengths: must have a length with more tokens than the {tokens} of training, as in {self.lengths_example}; the longest has {longest}",
        )
        train = evaluation.trained.config.train_length
        require(
            min(evaluation.lengths) <= train,
            f"eval.lengths: must have a trained length (at most {train}), as in {self.lengths_example}; the shortest is {min(evaluation.lengths)}",
        )

    def read(self, evaluation: Reevaluation) -> Tables:
        """Compute the information of every unit, within trained positions and beyond."""
        trained, train = evaluation.trained, evaluation.trained.config.train_length
        active, places, tokens, known = list[Tensor](), list[Tensor](), list[Tensor](), list[Tensor]()
        for length in evaluation.lengths:
            batch, key = evaluation.test_set(length)
            for part, found in in_chunks(trained.decoder, batch, trained.config.positions, key, activity):
                row, column = (part.tokens != PAD).nonzero(as_tuple=True)
                within, past = length <= train, column >= trained.trained_tokens
                chosen = torch.full_like(past, fill_value=True) if within else past
                row, column = row[chosen], column[chosen]
                active.append(found[:, row, column])
                places.append(column)
                tokens.append(part.tokens[row, column])
                known.append(torch.full((len(row),), within))
        everything = torch.cat(active, 1)  # layers tokens units
        place, token, within_all = torch.cat(places), torch.cat(tokens), torch.cat(known)
        rows = list[Row]()
        for region, chosen in zip(REGIONS, (within_all, ~within_all), strict=True):
            for layer, units in enumerate(everything[:, chosen], 1):
                rows += self._units(units, place[chosen], token[chosen], {"layer": layer, "region": region})
        return {"layers": self._layers(rows), "neurons": rows}

    def _units(self, units: Tensor, place: Tensor, token: Tensor, at: dict[str, Any]) -> list[Row]:
        """Return the rows of the units of a layer in a region."""
        found = {}
        for name, label in (("position", place), ("token", token)):
            found[f"{name}_information"] = information(units, label)
            source = generator("neurons", name, len(label))
            found[f"{name}_null"] = torch.stack(
                [
                    information(units, label[torch.randperm(len(label), generator=source)])
                    for _ in range(self.shuffles)
                ]
            ).amax(0)
        share = units.double().mean(0).tolist()
        values = {name: each.tolist() for name, each in found.items()}
        return [
            {
                **at,
                "unit": unit + 1,
                "tokens": len(place),
                "active": share[unit],
                **{name: each[unit] for name, each in values.items()},
            }
            for unit in range(units.shape[1])
        ]

    def _layers(self, rows: list[Row]) -> list[Row]:
        """Count the units of each kind in every layer."""
        counted = []
        for layer in sorted({row["layer"] for row in rows}):
            own, beyond = (where(rows, layer=layer, region=region) for region in REGIONS)
            flags = {
                f"{name}{suffix}": [
                    row[f"{kind}_information"] - row[f"{kind}_null"] >= self.threshold for row in part
                ]
                for name, kind in (("positional", "position"), ("content", "token"))
                for suffix, part in (("", own), ("_beyond", beyond))
            }
            silent, fires = [row["active"] == 0 for row in own], [row["active"] > 0 for row in beyond]
            both = zip(flags["positional"], flags["positional_beyond"], strict=True)
            counted.append(
                {
                    "layer": layer,
                    "units": len(own),
                    "dead": sum(quiet and not fire for quiet, fire in zip(silent, fires, strict=True)),
                    **{name: sum(flag) for name, flag in flags.items()},
                    "still_positional": sum(here and there for here, there in both),
                    "only_beyond": sum(quiet and fire for quiet, fire in zip(silent, fires, strict=True)),
                }
            )
        return counted

    def headline(self, tables: Tables) -> str:
        """Count the units of each kind over all layers."""
        total = {name: sum(row[name] for row in tables["layers"]) for name in self.tables["layers"][1:]}
        return (
            f"{total['positional']} of {total['units']} units are positional within training, {total['still_positional']} of these still are "
            f"beyond; {total['content']} read content, {total['dead']} are dead, {total['only_beyond']} fire beyond training only"
        )

    def panels(self, tables: Tables) -> list[Panel]:
        """Draw the information of the units above the null, sorted, by layer and region."""
        found = []
        layers = sorted({row["layer"] for row in tables["neurons"]})
        for kind in ("position", "token"):
            lines = []
            for layer in layers:
                for region in REGIONS:
                    rows = where(tables["neurons"], layer=layer, region=region)
                    above = sorted(
                        (max(row[f"{kind}_information"] - row[f"{kind}_null"], 0) for row in rows),
                        reverse=True,
                    )
                    lines.append(Line(f"layer {layer}, {region}", [*range(1, len(above) + 1)], above))
            found.append(Panel(kind, "unit, by size", "nats above null", lines))
        return found


def activity(
    decoder: Decoder, tokens: Tensor, positions: Tensor, prompt: Tensor | None = None
) -> Bool[Tensor, "layers batch time units"]:
    """Return where each feed-forward unit is active; a looped decoder has one layer per loop and block."""
    kept: list[Tensor] = []

    def keep(_: object, __: tuple[Any, ...], before: Tensor) -> None:
        kept.append((before > 0).cpu())

    with ExitStack() as stack, torch.no_grad():
        for block in decoder.blocks:
            feed: Any = block.feed
            stack.callback((feed.up if feed.gate is None else feed.gate).register_forward_hook(keep).remove)
        decoder(tokens, positions, prompt=prompt)
    return torch.stack(kept)


def information(
    active: Bool[Tensor, "tokens units"], label: Int[Tensor, " tokens"]
) -> Float[Tensor, " units"]:
    """Return the mutual information of each unit's activity and a label, in nats.

    It is the mean over tokens of f_p ln(f_p / f) + (1 - f_p) ln((1 - f_p) / (1 - f)), with f_p the share of tokens of label p at which the
    unit is active, and f the share of all.
    """
    kinds, index = torch.unique(label, return_inverse=True)
    counts = torch.bincount(index).double()
    sums = torch.zeros(len(kinds), active.shape[1], dtype=torch.float64).index_add_(0, index, active.double())
    conditional, overall = sums / counts.unsqueeze(1), active.double().mean(0)
    lost = (counts.unsqueeze(1) * binary_entropy(conditional)).sum(0) / len(label)
    return (binary_entropy(overall) - lost).clamp(min=0)


def binary_entropy(share: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return the entropy of a yes that has this probability, in nats."""
    entropy: Tensor = torch.special.entr(share) + torch.special.entr(1 - share)
    return entropy
