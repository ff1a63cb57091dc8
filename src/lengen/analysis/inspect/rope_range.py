"""What rotary positions can tell at long range: order of positions and of tokens, for trained heads and for untrained ones."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from lengen.analysis.inspect import Line, Panel, ReadOut, Row, Tables, columns, where
from lengen.analysis.passes import answer_queries, in_chunks
from lengen.analysis.untrained import DECODERS, both
from lengen.config.errors import UsageError, require
from lengen.decoder import Decoder
from lengen.experiment.reevaluate import Reevaluation
from lengen.pe.rope import RoPE
from lengen.sampling import generator

ALIAS = 1e-3
"""Two logits are taken for equal within this share of their standard deviation."""


@dataclass(frozen=True)
class RopeRange(ReadOut):
    """How often a rotary head takes a far key for a near one, or a wrong token for the right one, by distance.

    The logit of a query q and a key k at distance D is f(D) = sum over pairs of channels of |q||k| cos(theta D + phi), plus the channels that
    are not rotated. From real queries and keys, before rotation, it is computed at distances that no string has. Position inversion:
    f(D1) < f(D2) for one key, with D2 at least twice D1. Token inversion: two keys whose order differs from that at the reference
    distance, half of the trained length. Aliasing: two logits within a thousandth of their standard deviation. Theory lets both
    inversions go to one half with distance, whatever was trained. The decoder before training stands beside, as the null.

    Args:
        factors: longest distances, as multiples of the tokens of the longest trained example.
        samples: queries and keys of each head.
        draws: pairs of distances or keys that each share is of.
    """

    name = "rope_range"
    reads_attention = True
    tables: ClassVar = {
        "rope_range": (
            "decoder", "layer", "head", "factor", "distance", "position_inversion", "token_inversion", "position_aliasing",
            "token_aliasing",
        ),
        "pairs": ("decoder", "layer", "head", "pair", "period", "turns", "energy"),
    }  # fmt: skip
    by: ClassVar = ("decoder", "layer", "head", "factor", "distance", "pair")
    lengths: ClassVar = ("1x",)
    note = "logits of real queries and keys at distances up to a multiple of the trained tokens; mean over heads; untrained is the null"

    factors: list[float] = field(default_factory=lambda: [1.0, 2.0, 4.0, 8.0])
    samples: int = 64
    draws: int = 4096

    def __post_init__(self) -> None:
        require(
            bool(self.factors) and min(self.factors) > 0,
            f"inspect.factors={self.factors}: must be numbers above 0",
        )
        require(self.samples >= 2, f"inspect.samples={self.samples}: must be at least 2")  # noqa: PLR2004
        require(self.draws >= 1, f"inspect.draws={self.draws}: must be at least 1")

    def check(self, evaluation: Reevaluation) -> None:
        """Refuse encodings other than `rope`, and looped decoders."""
        config = evaluation.trained.config
        if type(evaluation.trained.decoder.pe) is not RoPE:
            raise UsageError(
                f"inspect=rope_range: does not apply to pe={config.labels.pe} (it needs pe=rope); run={evaluation.trained.folder.path}"
            )
        require(
            config.decoder.loops == 1,
            f"inspect=rope_range: does not apply to decoder.loops={config.decoder.loops} (it needs 1)",
        )
        tokens = min(self.factors) * evaluation.trained.trained_tokens
        require(
            tokens >= 4,  # noqa: PLR2004
            f"inspect.factors={self.factors}: a distance of {tokens:g} tokens is too short; must be at least 4",
        )

    def read(self, evaluation: Reevaluation) -> Tables:
        """Sample queries and keys of both decoders, and compare their logits."""
        trained = evaluation.trained
        shares, energies = list[Row](), list[Row]()
        for name, decoder in both(trained).items():
            assert isinstance(decoder.pe, RoPE)
            frequency = decoder.pe.frequencies(torch.device("cpu")).double()
            sampled = self._sampled(evaluation, decoder)
            for layer, (query, key) in enumerate(sampled, 1):
                for head in range(query.shape[1]):
                    at = {"decoder": name, "layer": layer, "head": head + 1}
                    waves = wave(decoder.pe, query[:, head], key[:, head], frequency)
                    for factor in self.factors:
                        distance = round(factor * trained.trained_tokens)
                        reference = max(trained.trained_tokens // 2, 1)
                        found = confusions(waves, distance, reference, self.draws)
                        shares.append({**at, "factor": float(factor), "distance": distance, **found})
                    energy = waves.amplitude.mean((0, 1))
                    energies += [
                        {
                            **at,
                            "pair": pair + 1,
                            "period": float(2 * torch.pi / theta),
                            "turns": float(trained.trained_tokens * theta / (2 * torch.pi)),
                            "energy": float(energy[pair] / energy.sum()),
                        }
                        for pair, theta in enumerate(frequency)
                    ]
        return {"rope_range": shares, "pairs": energies}

    def _sampled(self, evaluation: Reevaluation, decoder: Decoder) -> list[tuple[Tensor, Tensor]]:
        """Return queries at answer queries and keys at any token before rotation, samples x heads x head_dim, for each layer."""
        config, length = evaluation.trained.config, evaluation.lengths[0]
        batch, key = evaluation.test_set(length)
        found: list[tuple[Tensor, Tensor]] = []
        source = generator("rope range", config.eval.seed)
        for part, layers in in_chunks(decoder, batch, config.positions, key, projections):
            row, query, _ = answer_queries(part)
            chosen = torch.randint(len(row), (self.samples,), generator=source)
            row, query = row[chosen], query[chosen]
            places = (torch.rand(self.samples, generator=source) * (query + 1)).long()
            found = [(q[row, query], k[row, places]) for q, k in layers]
            break
        return found

    def headline(self, tables: Tables) -> str:
        """Put both inversions at the shortest and the longest distance beside those of the untrained decoder."""
        rows = tables["rope_range"]
        parts = []
        for factor in dict.fromkeys((min(self.factors), max(self.factors))):
            at = [row for row in rows if row["factor"] == factor]
            values = {
                name: [
                    sum(row[column] for row in where(at, decoder=name)) / len(where(at, decoder=name))
                    for column in ("position_inversion", "token_inversion")
                ]
                for name in DECODERS
            }
            parts.append(
                f"up to {at[0]['distance']} tokens ({factor:g}x) positions are inverted in {values['trained'][0]:.2f} and tokens in "
                f"{values['trained'][1]:.2f} (untrained {values['untrained'][0]:.2f}, {values['untrained'][1]:.2f})"
            )
        return "; ".join(parts)

    def shown(self, tables: Tables) -> list[Row]:
        """Show means over heads."""
        return means(tables["rope_range"])

    def panels(self, tables: Tables) -> list[Panel]:
        """Draw both inversions over distance, mean over heads."""
        rows = means(tables["rope_range"])
        return [
            Panel(
                title,
                "distance (tokens)",
                "share of pairs",
                [
                    Line(
                        name, *columns(where(rows, decoder=name), "distance", column), grey=name != "trained"
                    )
                    for name in DECODERS
                ],
                share=True,
            )
            for title, column in (
                ("position inversion", "position_inversion"),
                ("token inversion", "token_inversion"),
            )
        ]


def means(rows: Sequence[Row]) -> list[Row]:
    """Return the means over heads, by decoder and distance."""
    names = ("position_inversion", "token_inversion", "position_aliasing", "token_aliasing")
    found = []
    for decoder in DECODERS:
        for distance in sorted({row["distance"] for row in rows}):
            own = where(rows, decoder=decoder, distance=distance)
            found.append(
                {
                    "distance": distance,
                    "decoder": decoder,
                    **{name: sum(row[name] for row in own) / len(own) for name in names},
                }
            )
    return found


class Wave(NamedTuple):
    """The logits of queries and keys as functions of distance: constant + sum of amplitude cos(frequency D + phase).

    Args:
        amplitude: |q||k| of each pair of channels.
        phase: the angle from key to query.
        constant: products of the channels that are not rotated.
        frequency: radians a token.
    """

    amplitude: Float[Tensor, "queries keys pair"]
    phase: Float[Tensor, "queries keys pair"]
    constant: Float[Tensor, "queries keys"]
    frequency: Float[Tensor, " pair"]

    def at(self, query: Tensor, key: Tensor, distance: Tensor) -> Float[Tensor, " draws"]:
        """Return logits, before the scale.

        Args:
            query: index of the query of each draw.
            key: index of its key.
            distance: in tokens.
        """
        angles = distance.double().unsqueeze(-1) * self.frequency + self.phase[query, key]
        return (self.amplitude[query, key] * angles.cos()).sum(-1) + self.constant[query, key]


def wave(
    pe: RoPE,
    query: Float[Tensor, "queries head_dim"],
    key: Float[Tensor, "keys head_dim"],
    frequency: Float[Tensor, " pair"],
) -> Wave:
    """Return the logits of every query and key by distance.

    Args:
        pe: the encoding, which says which channels are pairs.
        query: before rotation.
        key: before rotation.
        frequency: radians a token, of each pair.
    """

    def pairs(x: Tensor) -> Tensor:
        turned = x[..., : pe.channels].double()
        a, b = turned.chunk(2, -1) if pe.pairing == "half" else (turned[..., 0::2], turned[..., 1::2])
        return torch.complex(a, b)

    product = pairs(query).unsqueeze(1) * pairs(key).unsqueeze(0).conj()
    rest = query[..., pe.channels :].double() @ key[..., pe.channels :].double().T
    return Wave(product.abs(), product.angle(), rest, frequency)


def confusions(waves: Wave, longest: int, reference: int, draws: int) -> dict[str, float]:
    """Return the shares of inverted and of equal logits, over random queries, keys and distances.

    Args:
        waves: logits by distance.
        longest: the largest distance, at least 2.
        reference: distance at which the order of two keys is the right one.
        draws: of each share.
    """
    source = generator("rope confusions", longest)

    def integers(low: int, high: Tensor | int) -> Tensor:
        room = torch.as_tensor(high) - low
        return low + (torch.rand(draws, generator=source, dtype=torch.float64) * room).long()

    queries, keys = waves.constant.shape
    query, key = integers(0, queries), integers(0, keys)
    near = integers(1, longest // 2 + 1)
    far = (2 * near + (torch.rand(draws, generator=source, dtype=torch.float64) * (longest - 2 * near + 1)).long())  # fmt: skip
    first, second = waves.at(query, key, near), waves.at(query, key, far)
    other = (key + integers(1, keys)) % keys
    place = integers(1, longest + 1)
    own, theirs = waves.at(query, key, place), waves.at(query, other, place)
    there = torch.full_like(place, reference)
    right = waves.at(query, key, there) > waves.at(query, other, there)
    spread = float(torch.cat([first, second]).std()), float(torch.cat([own, theirs]).std())
    return {
        "position_inversion": float((first < second).double().mean()),
        "token_inversion": float(((own > theirs) != right).double().mean()),
        "position_aliasing": float(((first - second).abs() < ALIAS * spread[0]).double().mean()),
        "token_aliasing": float(((own - theirs).abs() < ALIAS * spread[1]).double().mean()),
    }


def projections(
    decoder: Decoder, tokens: Tensor, positions: Tensor, prompt: Tensor | None = None
) -> list[tuple[Tensor, Tensor]]:
    """Return queries and keys of every layer before rotation, each batch x time x heads x head_dim."""
    kept: list[Tensor] = []

    def keep(_: object, __: tuple[Any, ...], projected: Tensor) -> None:
        kept.append(projected.cpu().reshape(*projected.shape[:-1], decoder.architecture.heads, -1))

    with ExitStack() as stack, torch.no_grad():
        for block in decoder.blocks:
            attention: Any = block.attention
            for project in (attention.query, attention.key):
                stack.callback(project.register_forward_hook(keep).remove)
        decoder(tokens, positions, prompt=prompt)
    return list(zip(kept[0::2], kept[1::2], strict=True))
