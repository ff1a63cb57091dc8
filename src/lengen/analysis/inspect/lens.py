"""From which layer on the answer is there: the output layer applied to the residual stream after each block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from lengen.analysis.inspect import Line, Panel, ReadOut, Row, Tables, columns, where
from lengen.analysis.inspect.ablation import require_trained_length
from lengen.analysis.passes import answer_queries, in_chunks, with_stream
from lengen.analysis.ridge import Ridge, ridge
from lengen.config.errors import require
from lengen.decoder import Decoder
from lengen.experiment.reevaluate import Reevaluation
from lengen.head.linear import Linear
from lengen.positions import Positions
from lengen.records.curve import split
from lengen.sampling import generator
from lengen.task import Batch


@dataclass(frozen=True)
class Lens(ReadOut):
    """Logits head(norm(x)) of the residual stream x after each block (nostalgebraist 2020), and after an affine map (Belrose et al. 2023).

    The output layer was trained on the last block alone. So there is a second reading, `fitted`: an affine map from the stream after a
    block to that after the last one, fitted by ridge regression on further strings of the trained lengths that are read.

    Args:
        penalty: of the ridge regression, times the mean variance of a channel.
    """

    name = "lens"
    tables: ClassVar = {
        "lens": (
            "length", "split", "examples", "reading", "layer", "exact_match", "token_accuracy", "loss", "agreement", "settled",
        )
    }  # fmt: skip
    by: ClassVar = ("length", "split", "reading", "layer")
    note = "output layer after each block (direct), or after an affine map to the last one (fitted at trained lengths)"

    penalty: float = 1e-3

    def __post_init__(self) -> None:
        require(self.penalty > 0, f"inspect.penalty={self.penalty}: must be above 0")

    def check(self, evaluation: Reevaluation) -> None:
        """Refuse heads that are more than an output matrix, and lengths without a trained one."""
        trained = evaluation.trained
        require(
            type(trained.decoder.head) is Linear,
            f"inspect={self.name}: does not apply to head={trained.config.labels.head} (it needs the output matrix alone, head=linear); "
            f"run={trained.folder.path}",
        )
        require_trained_length(evaluation, "at which the affine maps are fitted", self.lengths_example)

    def read(self, evaluation: Reevaluation) -> Tables:
        """Score what each layer would write, at every length."""
        trained, rows = evaluation.trained, list[Row]()
        decoder, positions = trained.decoder, trained.config.positions
        fitted = self._fitted(evaluation)
        for length in evaluation.lengths:
            batch, key = evaluation.test_set(length)
            truth, example, parts = list[Tensor](), list[Tensor](), list[list[Tensor]]()
            last, seen = list[Tensor](), 0
            for part, found in in_chunks(decoder, batch, positions, key, with_stream):
                queries = answer_queries(part)
                truth.append(part.tokens[queries.row, queries.query + 1])
                example.append(queries.row + seen)
                last.append(found.logits.cpu()[queries.row, queries.query].argmax(-1))
                parts.append([each.cpu()[queries.row, queries.query] for each in found.stream])
                seen += len(part)
            due, row = torch.cat(truth), torch.cat(example)
            stream = [torch.cat(each) for each in zip(*parts, strict=True)]
            at = {
                "length": length,
                "split": split(length, trained.config.train_length),
                "examples": len(batch),
            }
            for reading, maps in (("direct", None), ("fitted", fitted)):
                logits = [
                    read_off(decoder, x if maps is None else maps[layer](x).to(x.dtype))
                    for layer, x in enumerate(stream)
                ]
                scored = layer_scores(logits, due, row, torch.cat(last))
                rows += [
                    {**at, "reading": reading, "layer": layer, **each} for layer, each in enumerate(scored, 1)
                ]
        return {"lens": rows}

    def _fitted(self, evaluation: Reevaluation) -> list[Ridge]:
        """Fit a map from the stream after each block to that after the last, on strings that are not those of the evaluation."""
        trained = evaluation.trained
        decoder, evaluated = trained.decoder, evaluation.task.evaluation_task()
        lengths = [length for length in evaluation.lengths if length <= trained.config.train_length]
        parts = list[Sequence[Tensor]]()
        for length in lengths:
            seed = trained.config.eval.seed
            batch = evaluated.sample(length, trained.config.eval.examples, generator("lens", seed, length))
            parts += streams_at_answers(
                decoder, batch, trained.config.positions, ("lens positions", seed, length)
            )
        stream = [torch.cat(each) for each in zip(*parts, strict=True)]
        return [ridge(x, stream[-1], self.penalty) for x in stream]

    def headline(self, tables: Tables) -> str:
        """Name the layer after which most answer tokens stay as they are, at the shortest and the longest length."""
        rows = where(tables["lens"], reading="fitted")
        lengths = sorted({row["length"] for row in rows})
        found = []
        for length in dict.fromkeys((lengths[0], lengths[-1])):
            own = where(rows, length=length)
            typical = max(own, key=lambda row: row["settled"])
            found.append(
                f"at length {length} {typical['settled']:.2f} of answer tokens are settled from layer {typical['layer']} on "
                f"(exact match {own[-1]['exact_match']:.2f})"
            )
        return "; ".join(found)

    def panels(self, tables: Tables) -> list[Panel]:
        """Draw token accuracy by layer at every length, read directly and after the fitted maps."""
        rows = tables["lens"]
        lengths = sorted({row["length"] for row in rows})
        return [
            Panel(
                reading,
                "after layer",
                "token accuracy",
                [
                    Line(
                        f"length {length}",
                        *columns(where(rows, reading=reading, length=length), "layer", "token_accuracy"),
                    )
                    for length in lengths
                ],
                share=True,
            )
            for reading in ("direct", "fitted")
        ]


def read_off(decoder: Decoder, x: Float[Tensor, "queries dim"]) -> Float[Tensor, "queries vocab"]:
    """Return the logits of the output layer for a residual stream; after the last block they are those of the decoder."""
    with torch.no_grad():
        logits: Tensor = decoder.head.logits(decoder.norm(x.to(next(decoder.parameters()).device)))
    return logits.cpu()


def streams_at_answers(
    decoder: Decoder, batch: Batch, positions: Positions, key: tuple[str | int, ...]
) -> list[list[Tensor]]:
    """Return the residual stream after each block at the answer queries of some examples, for each pass over a part of them."""
    parts = []
    for part, found in in_chunks(decoder, batch, positions, key, with_stream):
        queries = answer_queries(part)
        parts.append([each.cpu()[queries.row, queries.query] for each in found.stream])
    return parts


def layer_scores(
    logits: Sequence[Float[Tensor, "queries vocab"]],
    truth: Int[Tensor, " queries"],
    example: Int[Tensor, " queries"],
    last: Int[Tensor, " queries"],
) -> list[dict[str, Any]]:
    """Score the tokens that each layer would write.

    Args:
        logits: of each layer.
        truth: the right tokens.
        example: the example of each query, from 0.
        last: the tokens that the decoder writes.

    Returns:
        For each layer: exact match, token accuracy, loss in nats a token, share of queries at which it agrees with the decoder, and
        share of queries at which it is the first from which on all layers do.
    """
    chosen = torch.stack([each.argmax(-1) for each in logits])
    agrees = chosen == last
    onward = agrees.flip(0).cummin(0).values.flip(0)
    first = torch.cat([onward[:1], onward[1:] & ~onward[:-1]])
    examples = int(example.max()) + 1
    rows = []
    for layer, each in enumerate(logits):
        wrong = torch.zeros(examples).index_add_(0, example, (chosen[layer] != truth).float())
        rows.append(
            {
                "exact_match": float((wrong == 0).double().mean()),
                "token_accuracy": float((chosen[layer] == truth).double().mean()),
                "loss": float(cross_entropy(each.float(), truth)),
                "agreement": float(agrees[layer].double().mean()),
                "settled": float(first[layer].double().mean()),
            }
        )
    return rows
