"""How answers end: too early, too late, or with a wrong token, and what the end token's probability is where it is due and before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from lengen.analysis.inspect import Line, Panel, ReadOut, Row, Tables, columns, where
from lengen.analysis.passes import answer_queries, in_chunks, with_stream
from lengen.evaluation.scoring import Verdicts, score
from lengen.experiment.reevaluate import Reevaluation
from lengen.records.curve import split
from lengen.records.verdicts import ENDINGS
from lengen.task import EOS


@dataclass(frozen=True)
class Stopping(ReadOut):
    """Endings of freely generated answers, and the end token under teacher forcing.

    An answer that stops exactly at the longest trained length speaks for a prior of lengths; one that fails at its first token, for
    something else. `hazard` says at which token of the answer strings fail: the share of those right so far that fail there.
    """

    name = "stopping"
    tables: ClassVar = {
        "stopping": (
            "length", "split", "examples", *ENDINGS, "end_probability", "end_rank", "end_probability_before", "end_before",
            "token_accuracy", "exact_match", "independent",
        ),
        "hazard": ("length", "split", "place", "at_risk", "failed", "hazard", "accuracy"),
    }  # fmt: skip
    by: ClassVar = ("length", "split", "place")
    lengths: ClassVar = ("1x", "1.25x", "1.5x", "2x")
    examples = 100
    note = "answers that are generated until their end token, and tokens under teacher forcing; hazard: share of strings right so far that fail at a token"

    def read(self, evaluation: Reevaluation) -> Tables:
        """Generate answers, and read the end token's probability at every answer token."""
        trained, tables = evaluation.trained, {"stopping": list[Row](), "hazard": list[Row]()}
        decoder, positions = trained.decoder, trained.config.positions
        for length in evaluation.lengths:
            batch, key = evaluation.test_set(length)
            at = {"length": length, "split": split(length, trained.config.train_length)}
            free = score(decoder, batch, positions, key, "free").ending
            teacher = score(decoder, batch, positions, key, "teacher")
            log_probability, rank, due, example, seen = [], [], [], [], 0
            for part, found in in_chunks(decoder, batch, positions, key, with_stream):
                row, query, _ = answer_queries(part)
                logits = found.logits.cpu()[row, query].double()
                log_probability.append(logits.log_softmax(-1)[:, EOS])
                rank.append((logits > logits[:, EOS : EOS + 1]).sum(-1) + 1)
                due.append(part.tokens[row, query + 1] == EOS)
                example.append(row + seen)
                seen += len(part)
            ends = end_token(*(torch.cat(each) for each in (log_probability, rank, due, example)))
            accuracy = teacher.token_accuracy
            sizes = teacher.answer.sum(1).double()
            tables["stopping"].append(
                {
                    **at,
                    "examples": len(batch),
                    **{name: int((free == index).sum()) for index, name in enumerate(ENDINGS)},
                    **ends,
                    "token_accuracy": accuracy,
                    "exact_match": teacher.scores["exact_match"],
                    "independent": float((accuracy**sizes).mean()),
                }
            )
            tables["hazard"] += [{**at, **row} for row in hazards(teacher)]
        return tables

    def headline(self, tables: Tables) -> str:
        """Say how most wrong answers end at the longest length, and where the end token stands when it is due."""
        row = max(tables["stopping"], key=lambda each: each["length"])
        wrong = {name: row[name] for name in ENDINGS if name != "right"}
        if not sum(wrong.values()):
            return f"no answer is wrong at length {row['length']}"
        most = max(wrong, key=lambda name: wrong[name])
        return (
            f"at length {row['length']} {wrong[most]} of {sum(wrong.values())} wrong answers are {most}; the end token has probability "
            f"{row['end_probability']:.2f} where it is due (mean rank {row['end_rank']:.1f}), at most {row['end_probability_before']:.2f} before; "
            f"exact match {row['exact_match']:.2f}, {row['independent']:.2f} if errors were independent"
        )

    def panels(self, tables: Tables) -> list[Panel]:
        """Draw endings over length, and the hazard over the places of the answer."""
        rows = tables["stopping"]
        endings = [
            Line(name.replace("_", " "), [row["length"] for row in rows], [row[name] / row["examples"] for row in rows])
            for name in ENDINGS
        ]  # fmt: skip
        hazard = [
            Line(f"length {row['length']}", *columns(where(tables["hazard"], length=row["length"]), "place", "hazard"))
            for row in rows
        ]  # fmt: skip
        trained = max((row["length"] for row in where(rows, split="id")), default=None)
        return [
            Panel("endings", "length", "share of answers", endings, share=True, trained=trained),
            Panel("hazard", "token of the answer", "share failing there", hazard, share=True),
        ]


def end_token(
    log_probability: Float[Tensor, " queries"],
    rank: Int[Tensor, " queries"],
    due: Bool[Tensor, " queries"],
    example: Int[Tensor, " queries"],
) -> dict[str, Any]:
    """Return means over examples of the end token's probability and rank where it is due, of its largest probability before, and the share of examples in which it comes first at some token before.

    Args:
        log_probability: of the end token, at each answer query.
        rank: of the end token, from 1.
        due: where the right token is the end token.
        example: of each query, from 0.
    """
    examples = int(example.max()) + 1
    before = torch.zeros(examples, dtype=torch.float64)
    before.scatter_reduce_(0, example[~due], log_probability[~due].exp().double(), "amax")
    first = torch.zeros(examples).scatter_reduce_(0, example[~due], (rank[~due] == 1).float(), "amax")
    return {
        "end_probability": float(log_probability[due].exp().mean()),
        "end_rank": float(rank[due].double().mean()),
        "end_probability_before": float(before.mean()),
        "end_before": float(first.double().mean()),
    }


def hazards(verdicts: Verdicts) -> Sequence[Row]:
    """Return, for each place in the answer from 1, how many strings are right so far, and how many of them fail there."""
    place = verdicts.answer.cumsum(1).masked_fill(~verdicts.answer, 0)
    wrong = verdicts.answer & ~verdicts.right
    alive = (wrong.cumsum(1) - wrong.long()) == 0
    rows: list[Row] = []
    for index in range(1, int(place.max()) + 1):
        here = place == index
        risk, failed = int((here & alive).sum()), int((here & alive & wrong).sum())
        rows.append(
            {
                "place": index,
                "at_risk": risk,
                "failed": failed,
                "hazard": failed / risk if risk else None,
                "accuracy": 1 - int((here & wrong).sum()) / int(here.sum()),
            }
        )
    return rows
