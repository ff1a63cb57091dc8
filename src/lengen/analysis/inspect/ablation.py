"""Which heads matter at trained lengths and beyond: each replaced by its mean, alone and together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from lengen.analysis.attention_weights import weights_in_chunks
from lengen.analysis.inspect import Line, Panel, ReadOut, Row, Tables, columns, where
from lengen.analysis.passes import answer_queries, in_chunks
from lengen.config.errors import require
from lengen.decoder import Decoder
from lengen.evaluation.scoring import score
from lengen.experiment.reevaluate import Reevaluation
from lengen.records.curve import split

Head = tuple[int, int]
"""Layer and head, from 1."""
Means = Mapping[int, Float[Tensor, "loops heads head_dim"]]
"""What stands for the output of each head, by layer from 0."""
DRAWN = 6
"""Heads with a line of their own in the figure."""


@dataclass(frozen=True)
class Ablation(ReadOut):
    """Exact match without a head, whose output is replaced by its mean over the answer queries of trained lengths (or by 0).

    The output is replaced at all tokens, of the prompt too, and in a looped decoder in all loops. Heads are ablated one at a time,
    then the most important ones together: those whose ablation raises the loss at trained lengths most.

    Args:
        value: `mean`, or `zero`.
        together: the largest number of heads that are ablated together; 0 for none.
    """

    name = "ablation"
    reads_attention = True
    tables: ClassVar = {
        "ablation": (
            "length", "split", "examples", "heads", "count", "exact_match", "base_exact_match", "drop", "token_accuracy", "loss",
            "base_loss",
        ),
        "heads": ("length", "split", "loop", "layer", "head", "queries", "sink", "retrieval", "source_weight"),
    }  # fmt: skip
    by: ClassVar = ("length", "split", "loop", "layer", "head", "heads", "count")
    alike = False
    note = "exact match with the output of a head replaced by its mean over answer queries of trained lengths"

    value: Literal["mean", "zero"] = "mean"
    together: int = 4

    def __post_init__(self) -> None:
        require(self.together >= 0, f"inspect.together={self.together}: must be at least 0")

    def check(self, evaluation: Reevaluation) -> None:
        """Refuse lengths without a trained one."""
        require_trained_length(evaluation, "over which the mean is taken", self.lengths_example)

    def read(self, evaluation: Reevaluation) -> Tables:
        """Score every ablation at every length, on the same strings."""
        decoder, lengths = evaluation.trained.decoder, evaluation.lengths
        trained = [length for length in lengths if length <= evaluation.trained.config.train_length]
        means = self._means(evaluation, trained)
        shape = decoder.architecture
        single = [(layer, head) for layer in range(1, shape.layers + 1) for head in range(1, shape.heads + 1)]
        base = {length: self._scores(evaluation, length, [], means) for length in lengths}
        rows = [
            self._row(evaluation, length, [head], means, base[length])
            for head in single
            for length in lengths
        ]
        risen = {
            head: sum(row["loss"] - row["base_loss"] for row in rows if row["heads"] == named([head]) and row["length"] in trained)
            for head in single
        }  # fmt: skip
        order = sorted(single, key=lambda head: -risen[head])
        for count in range(2, min(self.together, len(single)) + 1):
            rows += [self._row(evaluation, length, order[:count], means, base[length]) for length in lengths]
        return {
            "ablation": rows,
            "heads": [row for length in lengths for row in head_rows(evaluation, length)],
        }

    def _means(self, evaluation: Reevaluation, lengths: Sequence[int]) -> Means:
        """Return what replaces each head: the mean of its output over the answer queries of some lengths, or 0."""
        trained = evaluation.trained
        decoder, shape = trained.decoder, trained.decoder.architecture
        sums = {
            layer: torch.zeros(shape.loops, shape.dim, dtype=torch.float64) for layer in range(shape.layers)
        }
        count = 0
        for length in lengths if self.value == "mean" else ():
            batch, key = evaluation.test_set(length)
            for part, outputs in in_chunks(decoder, batch, trained.config.positions, key, head_outputs):
                queries = answer_queries(part)
                count += len(queries.row)
                for layer, found in outputs.items():
                    for loop, output in enumerate(found):
                        sums[layer][loop] += output.cpu().double()[queries.row, queries.query].sum(0)
        return {
            layer: (total / max(count, 1)).view(shape.loops, shape.heads, -1) for layer, total in sums.items()
        }

    def _scores(
        self, evaluation: Reevaluation, length: int, heads: Sequence[Head], means: Means
    ) -> dict[str, float]:
        (batch, key), trained = evaluation.test_set(length), evaluation.trained
        with ablated(trained.decoder, heads, means):
            verdicts = score(trained.decoder, batch, trained.config.positions, key, "teacher")
        return verdicts.scores

    def _row(
        self,
        evaluation: Reevaluation,
        length: int,
        heads: Sequence[Head],
        means: Means,
        base: Mapping[str, float],
    ) -> dict[str, Any]:
        found = self._scores(evaluation, length, heads, means)
        return {
            "length": length,
            "split": split(length, evaluation.trained.config.train_length),
            "examples": evaluation.trained.config.eval.examples,
            "heads": named(heads),
            "count": len(heads),
            **found,
            "base_exact_match": base["exact_match"],
            "base_loss": base["loss"],
            "drop": base["exact_match"] - found["exact_match"],
        }

    def headline(self, tables: Tables) -> str:
        """Name the head that matters most at the longest trained length, and the one whose drop grows most beyond it."""
        rows = where(tables["ablation"], count=1)
        trained = max(row["length"] for row in where(rows, split="id"))
        last = max(row["length"] for row in rows)
        at = {row["heads"]: row for row in where(rows, length=trained)}
        beyond = {row["heads"]: row for row in where(rows, length=last)}
        most = max(at, key=lambda head: (at[head]["drop"], at[head]["loss"]))
        text = f"{most} matters most: exact match {-at[most]['drop']:+.2f} at length {trained}"
        if last == trained:
            return text
        only = max(at, key=lambda head: beyond[head]["drop"] - at[head]["drop"])
        if beyond[only]["drop"] <= at[only]["drop"]:
            return f"{text}, {-beyond[most]['drop']:+.2f} at {last}; no head matters more beyond training"
        return (
            f"{text}, {-beyond[most]['drop']:+.2f} at {last}; {only} gains most in weight beyond training: "
            f"{-at[only]['drop']:+.2f} at {trained}, {-beyond[only]['drop']:+.2f} at {last}"
        )

    def shown(self, tables: Tables) -> list[Row]:
        """Show the drop of each ablation by length, beside the scores of single heads at the shortest length."""
        rows, lengths = tables["ablation"], sorted({row["length"] for row in tables["ablation"]})
        scores = {
            named([(row["layer"], row["head"])]): row
            for row in where(tables["heads"], length=lengths[0], loop=1)
        }
        found = []
        for heads in dict.fromkeys(row["heads"] for row in rows):
            own: Row = scores.get(heads, {})
            drops = {f"drop at {row['length']}": row["drop"] for row in where(rows, heads=heads)}
            found.append(
                {"heads": heads, **drops, "sink": own.get("sink"), "retrieval": own.get("retrieval")}
            )
        return found

    def panels(self, tables: Tables) -> list[Panel]:
        """Draw exact match over length without each of the heads that matter most, and without several."""
        rows = tables["ablation"]
        trained = max(row["length"] for row in where(rows, split="id"))
        base = {row["length"]: row["base_exact_match"] for row in rows}
        reference = Line("all heads", [*base], [*base.values()], grey=True)
        single = sorted(
            {row["heads"] for row in where(rows, count=1)},
            key=lambda head: -max(abs(row["drop"]) for row in where(rows, heads=head)),
        )[:DRAWN]

        def line(heads: str) -> Line:
            return Line(f"without {heads}", *columns(where(rows, heads=heads), "length", "exact_match"))

        several = dict.fromkeys(row["heads"] for row in rows if row["count"] > 1)
        found = [
            Panel("one head", "length", "exact match", [reference, *map(line, sorted(single))], share=True, trained=trained)
        ]  # fmt: skip
        if several:
            lines = [
                Line(f"without {heads.count('+') + 1} heads", *columns(where(rows, heads=heads), "length", "exact_match"))
                for heads in several
            ]  # fmt: skip
            found.append(
                Panel(
                    "several heads", "length", "exact match", [reference, *lines], share=True, trained=trained
                )
            )
        return found


def require_trained_length(evaluation: Reevaluation, purpose: str, example: str) -> None:
    """Refuse lengths without one up to the train length.

    Args:
        evaluation: the evaluation.
        purpose: what it is needed for, for the message.
        example: lengths that are allowed, for the message.
    """
    train = evaluation.trained.config.train_length
    listed = ", ".join(map(str, evaluation.lengths))
    require(
        min(evaluation.lengths) <= train,
        f"eval.lengths={listed}: must have a trained length (at most {train}), {purpose}, as in {example}",
    )


def named(heads: Sequence[Head]) -> str:
    """Return the name of some heads.

    >>> named([(1, 2), (3, 1)])
    'L1H2+L3H1'
    """
    return "+".join(f"L{layer}H{head}" for layer, head in heads)


def head_outputs(
    decoder: Decoder, tokens: Tensor, positions: Tensor, prompt: Tensor | None = None
) -> dict[int, list[Tensor]]:
    """Return the outputs of all heads, side by side, by layer from 0 and by loop: what the output matrix reads, batch x time x dim."""
    kept: dict[int, list[Tensor]] = {layer: [] for layer in range(len(decoder.blocks))}

    def keep(layer: int) -> Any:
        def hook(_: object, arguments: tuple[Tensor]) -> None:
            kept[layer].append(arguments[0])

        return hook

    with ExitStack() as stack, torch.no_grad():
        for layer, block in enumerate(decoder.blocks):
            stack.callback(block.attention.out.register_forward_pre_hook(keep(layer)).remove)  # type: ignore[union-attr]
        decoder(tokens, positions, prompt=prompt)
    return kept


@contextmanager
def ablated(decoder: Decoder, heads: Sequence[Head], means: Means) -> Iterator[None]:
    """Replace the outputs of some heads in every full pass.

    Args:
        decoder: the decoder.
        heads: layer and head of each, from 1.
        means: what replaces them.
    """
    count, calls = decoder.architecture.heads, dict.fromkeys(range(len(decoder.blocks)), 0)

    def replace(layer: int, own: Sequence[int]) -> Any:
        def hook(_: object, arguments: tuple[Tensor]) -> tuple[Tensor]:
            (x,) = arguments
            loop = calls[layer] % decoder.architecture.loops
            calls[layer] += 1
            split_x = x.reshape(*x.shape[:-1], count, -1).clone()
            split_x[..., own, :] = means[layer][loop, own].to(x)
            return (split_x.flatten(-2),)

        return hook

    with ExitStack() as stack:
        for layer, block in enumerate(decoder.blocks):
            if own := [head - 1 for at, head in heads if at == layer + 1]:
                handle = block.attention.out.register_forward_pre_hook(replace(layer, own))  # type: ignore[union-attr]
                stack.callback(handle.remove)
        yield


def head_rows(evaluation: Reevaluation, length: int) -> list[dict[str, Any]]:
    """Return sink and retrieval scores of every head: the weight on the first token, and the share of queries with a source whose largest weight is on it."""
    trained, (batch, key) = evaluation.trained, evaluation.test_set(length)
    sums: dict[tuple[int, int], Tensor] = {}
    queries = sourced = 0
    for part, slots in weights_in_chunks(trained.decoder, batch, trained.config.positions, key):
        found = answer_queries(part)
        has = found.source.any(1)
        queries, sourced = queries + len(has), sourced + int(has.sum())
        for slot, weights in slots.items():
            own = weights.double()[found.row, :, found.query]
            hit = found.source.gather(1, own.argmax(-1))
            mass = (own * found.source.unsqueeze(1)).sum(-1)
            new = torch.stack([own[..., 0].sum(0), hit[has].double().sum(0), mass[has].sum(0)])
            sums[slot] = sums.get(slot, torch.zeros_like(new)) + new
    return [
        {
            "length": length,
            "split": split(length, trained.config.train_length),
            "loop": loop + 1,
            "layer": layer + 1,
            "head": head + 1,
            "queries": queries,
            "sink": float(total[0, head]) / queries,
            "retrieval": float(total[1, head]) / sourced if sourced else None,
            "source_weight": float(total[2, head]) / sourced if sourced else None,
        }
        for (loop, layer), total in sums.items()
        for head in range(total.shape[1])
    ]
