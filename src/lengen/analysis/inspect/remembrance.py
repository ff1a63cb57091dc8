"""How much predictions depend on the first tokens of the prompt: effective remembrance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Bool, Float, Int, Real
from torch import Tensor

from lengen.analysis.inspect import Line, Panel, ReadOut, Row, Tables, columns, where
from lengen.analysis.passes import answer_queries, in_chunks
from lengen.config.errors import require
from lengen.decoder import Decoder
from lengen.experiment.reevaluate import Reevaluation
from lengen.records.curve import split
from lengen.task import Batch

KEPT, RESTARTED = "kept", "restarted"
"""How tokens are numbered after the first are dropped: with the positions that they had, or from the start, as if the string began there."""


@dataclass(frozen=True)
class Remembrance(ReadOut):
    """The total variation between predictions with all tokens and without the first ones, at answer queries.

    EffRem(t) = half the sum over tokens of |q(. | x[0:T]) - q(. | x[t:T])| (Buitrago and Gu 2025), where bos stays and T is that of
    each query. It is 0 at t = 0. Tokens of the prompt are dropped, t for all strings of a length, so that all answer queries are in all
    rows. With positions `kept` the tokens that are left look as they did; `restarted`, the string looks as if it began with them
    (contiguous positions alone). Where the task says which tokens are the source of an answer token, queries that have kept all of
    theirs are averaged apart: what they forget they did not need.

    Args:
        points: how many numbers of dropped tokens are tried, evenly spaced from none to all prompt tokens but the last.
    """

    name = "remembrance"
    tables: ClassVar = {
        "remembrance": (
            "length", "split", "numbering", "dropped", "share", "queries", "remembrance", "changed", "token_accuracy", "source_kept",
            "remembrance_source_kept",
        ),
    }  # fmt: skip
    by: ClassVar = ("length", "split", "numbering", "dropped", "share")
    lengths: ClassVar = ("1x", "1.5x", "2x")
    note = (
        "total variation between predictions of answer tokens with and without the first tokens of the prompt"
    )

    points: int = 9

    def __post_init__(self) -> None:
        require(self.points >= 2, f"inspect.points={self.points}: must be at least 2")  # noqa: PLR2004

    def read(self, evaluation: Reevaluation) -> Tables:
        """Drop tokens, and compare predictions."""
        trained, rows = evaluation.trained, list[Row]()
        numberings = [KEPT]
        if trained.decoder.pe.reads and trained.config.positions.counts:
            numberings.append(RESTARTED)
        for length in evaluation.lengths:
            at = {"length": length, "split": split(length, trained.config.train_length)}
            for numbering in numberings:
                rows += [{**at, **row} for row in self._at(evaluation, length, numbering)]
        return {"remembrance": rows}

    def _at(self, evaluation: Reevaluation, length: int, numbering: str) -> Iterator[Row]:
        """Yield the rows of a length."""
        trained, (batch, key) = evaluation.trained, evaluation.test_set(length)
        bos = int(trained.decoder.architecture.bos)
        most = int(batch.prompt_size.min()) - 1
        drops = spaced(most, self.points)

        def read(decoder: Decoder, tokens: Tensor, positions: Tensor, prompt: Tensor | None) -> list[Tensor]:
            return [
                predictions(
                    decoder, tokens, positions, bos, dropped, prompt, restarted=numbering == RESTARTED
                )
                for dropped in drops
            ]

        parts = [
            compared(part, bos, drops, found)
            for part, found in in_chunks(trained.decoder, batch, trained.config.positions, key, read)
        ]
        for index, dropped in enumerate(drops):
            distance, changed, right, whole = (
                torch.cat(each) for each in zip(*(part[index] for part in parts), strict=True)
            )
            yield {
                "numbering": numbering,
                "dropped": dropped,
                "share": dropped / max(most, 1),
                "queries": len(distance),
                "remembrance": float(distance.mean()),
                "changed": float(changed.double().mean()),
                "token_accuracy": float(right.double().mean()),
                "source_kept": int(whole.sum()) if batch.places is not None else None,
                "remembrance_source_kept": float(distance[whole].mean()) if whole.any() else None,
            }

    def headline(self, tables: Tables) -> str:
        """Say what the first tokens that are dropped change, within training and beyond."""
        rows = [row for row in tables["remembrance"] if row["dropped"]]
        lengths = sorted({row["length"] for row in rows})
        if not lengths:
            return "the shortest prompt has no token that could be dropped"
        parts = []
        for numbering in dict.fromkeys(row["numbering"] for row in rows):
            found = []
            for length in dict.fromkeys((lengths[0], lengths[-1])):
                row = min(where(rows, numbering=numbering, length=length), key=lambda each: each["dropped"])
                apart = row["remembrance_source_kept"]
                more = "" if apart is None else f", {apart:.2f} where the source is kept"
                first = "first token" if row["dropped"] == 1 else f"first {row['dropped']} tokens"
                found.append(f"{row['remembrance']:.2f} without the {first} at length {length}{more}")
            parts.append(f"positions {numbering}: {'; '.join(found)}")
        return "total variation, " + "; ".join(parts)

    def shown(self, tables: Tables) -> list[Row]:
        """Leave out what only the file has."""
        return [
            {name: value for name, value in row.items() if name not in ("split", "queries", "source_kept")}
            for row in tables["remembrance"]
        ]

    def panels(self, tables: Tables) -> list[Panel]:
        """Draw total variation over the share of dropped tokens, over all queries and over those that keep their source."""
        rows, found = tables["remembrance"], []
        for numbering in dict.fromkeys(row["numbering"] for row in rows):
            own = where(rows, numbering=numbering)
            for title, column in (("", "remembrance"), (", source kept", "remembrance_source_kept")):
                lines = [
                    Line(f"length {length}", *columns(where(own, length=length), "share", column))
                    for length in sorted({row["length"] for row in own})
                ]
                if any(line.x for line in lines):
                    found.append(
                        Panel(
                            f"positions {numbering}{title}",
                            "share of prompt dropped",
                            "total variation",
                            lines,
                            share=True,
                        )
                    )
        return found


class Compared(NamedTuple):
    """What the predictions of answer queries are without some tokens, beside those with all.

    Args:
        distance: total variation.
        changed: whether another token has the largest probability.
        right: whether the right token has it.
        whole: whether all tokens of the source are still there; False where there is no source.
    """

    distance: Float[Tensor, " queries"]
    changed: Bool[Tensor, " queries"]
    right: Bool[Tensor, " queries"]
    whole: Bool[Tensor, " queries"]


@torch.no_grad()
def predictions(
    decoder: Decoder,
    tokens: Int[Tensor, "batch time"],
    positions: Real[Tensor, "#batch time *streams"],
    bos: int,
    dropped: int,
    prompt: Int[Tensor, " batch"] | None = None,
    *,
    restarted: bool,
) -> Float[Tensor, "batch _kept vocab"]:
    """Return probabilities of the next token without some of the first tokens.

    Args:
        decoder: in evaluation mode.
        tokens: as the decoder reads them.
        positions: of all tokens.
        bos: first tokens that stay.
        dropped: tokens after these that are dropped.
        prompt: number of tokens before the answer of each row, for decoders that read it.
        restarted: the tokens that are left have the first positions, instead of their own.
    """
    kept = torch.cat([torch.arange(bos), torch.arange(bos + dropped, tokens.shape[1])]).to(tokens.device)
    placed = positions[:, : len(kept)] if restarted else positions[:, kept]
    left = None if prompt is None else prompt - dropped
    found: Tensor = decoder(tokens[:, kept], placed, prompt=left)
    return found.double().softmax(-1).cpu()


def compared(part: Batch, bos: int, drops: Sequence[int], found: Sequence[Tensor]) -> list[Compared]:
    """Return, for each number of dropped tokens, what it does to the predictions of the answer queries.

    Args:
        part: the examples as the decoder reads them.
        bos: first tokens that stay.
        drops: numbers of dropped tokens, the first 0.
        found: probabilities of the next token for each.
    """
    row, query, source = answer_queries(part)
    truth, whole = part.tokens[row, query + 1], found[0][row, query]
    rows = []
    for dropped, probabilities in zip(drops, found, strict=True):
        own = probabilities[row, query - dropped]
        rows.append(
            Compared(
                (own - whole).abs().sum(-1) / 2,
                own.argmax(-1) != whole.argmax(-1),
                own.argmax(-1) == truth,
                source.any(1) & ~source[:, bos : bos + dropped].any(1),
            )
        )
    return rows


def spaced(most: int, points: int) -> list[int]:
    """Return whole numbers from 0 to `most`, evenly spaced.

    >>> spaced(10, 3), spaced(2, 9)
    ([0, 5, 10], [0, 1, 2])
    """
    return sorted({round(index * max(most, 0) / (points - 1)) for index in range(points)})
