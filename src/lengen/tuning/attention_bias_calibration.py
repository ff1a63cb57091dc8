"""Attention of a trained run along lines, as a fixed bias of a decoder that is trained anew (ABC; Duan and Shi 2023)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int, Real
from torch import Tensor

from lengen.block.inputs import BlockInputs, Heads, KeyPositions, Keys, LogitBias, Queries, QueryPositions
from lengen.config.errors import require
from lengen.decoder import Decoder
from lengen.evaluation.attention_weights import weights
from lengen.evaluation.metrics import prompts
from lengen.extend import DoesNotApplyError, require_counts
from lengen.extend.view import parts_of, view
from lengen.pe import PositionalEncoding
from lengen.positions import Needs, Positions
from lengen.positions.contiguous import Contiguous
from lengen.sampling import generator
from lengen.task import Batch, Task
from lengen.tuning import Base, Tuning

ABSENT, HIDDEN = -1.0, -1e6
"""In a table of lines, one that is not kept; the bias of a cell that lies on no line that is kept, as in the source."""


class AttentionBiasCalibration(Tuning):
    """A new decoder is trained from scratch like the run, with a fixed bias of each layer and head: along the lines of the run's attention.

    Weights of the run are averaged over strings of its trained length, in the rows that predict the answer. A line is kept where its
    mean weight is above the mean of all lines of its kind by some standard deviations; in a layer and head with a line the bias is the mean
    weight along lines, the largest of several, and -10^6 elsewhere. It is 0 in heads without one, in rows that no line of their head crosses, and in the
    prompt. Lines go on beyond the trained length. In the source prompt and answer are read by an encoder and a decoder, lines of their cross-attention are
    `copied` and `reversed` ones, those of the decoder `written` ones, and the sum of weights is taken, of the last layer; one causal decoder, means, which do not depend on
    the size of a line, and each layer on its own are ours. Steps and optimizer are those of the run.

    Args:
        lines: kinds of lines, of `written`, `copied`, `reversed` and `distance` (row less key, over all keys); None takes the first three.
        deviations: standard deviations by which a line must be above the mean (4.5 in cross-attention and 0.87 in the decoder in the source,
            of matrices of 60 columns; n lines have none above sqrt(n - 1)).
        share: of the rows that predict the answer, in which a line must have a cell to count, in [0, 1]; short lines in the corners are cells that
            every row attends to, such as the first.
        strings: strings that weights are averaged over, at least 1.
    """

    trains = ""
    stretch = 1.0
    anew = True

    def __init__(
        self,
        lines: list[str] | None = None,
        deviations: float = 2.5,
        share: float = 0.5,
        strings: int = 200,
    ) -> None:
        lines = ["written", "copied", "reversed"] if lines is None else lines
        require(
            bool(lines) and set(lines) <= {*INDEX} and len({*lines}) == len(lines),
            f"tune.lines={lines}: must be some of {', '.join(INDEX)}",
        )
        require(0 <= share <= 1, f"tune.share={share}: must be in [0, 1]")
        require(strings >= 1, f"tune.strings={strings}: must be at least 1")
        self.lines, self.deviations, self.share, self.strings = tuple(lines), deviations, share, strings

    def check(self, decoder: Decoder, positions: Positions) -> None:
        """One position a token, which counts them."""
        require_counts(positions)
        if decoder.pe.streams is not None:
            raise DoesNotApplyError("pe", decoder.pe, "an encoding that reads one position a token")
        for rule in parts_of(decoder, positions).rules:
            if rule.reads:
                raise DoesNotApplyError("attention", rule, "a rule that reads no positions")

    def record(self, record: Mapping[str, Any], base: Base) -> dict[str, Any]:
        """Positions that tell the end of the prompt."""
        return {
            "positions": {"_target_": "lengen.tuning.attention_bias_calibration.PromptPositions"},
            "labels": {**record["labels"], "positions": "prompt"},
        }

    def changed(self, decoder: Decoder, base: Base) -> Decoder:
        """Add a bias to what the encoding does."""
        parts = parts_of(decoder, Contiguous())
        return view(
            decoder, replace(parts, pe=Calibrated(parts.pe, len(parts.rules), self.lines, base.tokens))
        )

    def started(self, decoder: Decoder, base: Base, teacher: Callable[[], Decoder], task: Task) -> None:
        """Find the lines in the trained run."""
        assert isinstance(decoder.pe, Calibrated)
        trained = teacher()
        batch = task.evaluation_task().sample(
            base.train_length, self.strings, generator("calibration", base.train_length)
        )
        batch = batch.begin() if trained.architecture.bos else batch
        prompt = prompts(batch.answer) if trained.reads_prompts else None
        slots = weights(trained, batch.tokens, torch.arange(batch.time).unsqueeze(0), prompt)
        loops, layers = range(trained.architecture.loops), range(trained.architecture.layers)
        mean = torch.stack(
            [torch.stack([slots[loop, layer] for loop in loops]).mean(0) for layer in layers], 1
        )
        for index, line in enumerate(self.lines):
            decoder.pe.mean_weight[index] = along_lines(
                mean, batch, line, base.tokens, self.deviations, self.share
            )

    def found(self, decoder: Decoder) -> dict[str, Any]:
        """The lines that are kept: layer and head (from 1), kind, what is constant along it, and the mean weight."""
        assert isinstance(decoder.pe, Calibrated)
        table, tokens = decoder.pe.mean_weight, decoder.pe.tokens
        return {
            "lines": [
                {
                    "line": self.lines[kind], "layer": layer + 1, "head": head + 1, "constant": column - tokens + 1,
                    "weight": float(table[kind, layer, head, column]),
                }
                for kind, layer, head, column in (table != ABSENT).nonzero().tolist()
            ]
        }  # fmt: skip


def _written(row: Tensor, key: Tensor, prompt: Tensor) -> tuple[Tensor, Tensor]:
    return row - key, key >= prompt


def _copied(row: Tensor, key: Tensor, prompt: Tensor) -> tuple[Tensor, Tensor]:
    return row - (prompt - 1) - key, key < prompt


def _reversed(row: Tensor, key: Tensor, prompt: Tensor) -> tuple[Tensor, Tensor]:
    return row - (prompt - 1) - (prompt - 1 - key), key < prompt


def _distance(row: Tensor, key: Tensor, prompt: Tensor) -> tuple[Tensor, Tensor]:
    return row - key, torch.ones_like(row + key + prompt, dtype=torch.bool)


INDEX: Mapping[str, Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]] = {
    "written": _written, "copied": _copied, "reversed": _reversed, "distance": _distance,
}  # fmt: skip
"""By kind of line: what is constant along one, and which cells lie on one, given the indices of row and key and the tokens of the prompt.

A place in the answer is that of the token that the row predicts, from 0. `written`: row less key, over keys of the answer. `copied`: the row's place in
the answer less the key's place in the prompt, over keys of the prompt. `reversed`: the same with the key's place from the end of the
prompt. `distance`: row less key, over all keys.
"""


def cells(
    line: str,
    row: Int[Tensor, "#batch query"],
    key: Int[Tensor, "#batch key"],
    prompt: Int[Tensor, "#batch 1"],
) -> tuple[Int[Tensor, "batch query key"], Bool[Tensor, "batch query key"]]:
    """Return what is constant along the line of each cell, and whether the cell lies on one: its row predicts a token of the answer, its key is not later.

    Args:
        line: a kind; see `INDEX`.
        row: indices of the rows.
        key: indices of the keys.
        prompt: tokens of the prompt.
    """
    row, key, prompt = row.unsqueeze(2), key.unsqueeze(1), prompt.unsqueeze(2)
    constant, on = INDEX[line](row, key, prompt)
    on = on & (row >= prompt - 1) & (key <= row)
    return constant.expand_as(on), on


def along_lines(
    weight: Float[Tensor, "batch layer head query key"],
    batch: Batch,
    line: str,
    tokens: int,
    deviations: float,
    share: float,
) -> Float[Tensor, "layer head lines"]:
    """Return the mean weight along every line that is kept, by what is constant along it, from -(tokens - 1) to tokens - 1; -1 if it is not kept.

    Args:
        weight: attention weights.
        batch: the strings, as the decoder reads them.
        line: kind of line.
        tokens: that the table has room for.
        deviations: standard deviations by which a line that is kept is above the mean.
        share: of the rows that predict the answer, in which a line must have a cell.
    """
    index = torch.arange(batch.time).unsqueeze(0)
    constant, on = cells(line, index, index, batch.prompt_size)
    predicts = torch.nn.functional.pad(batch.answer[:, 1:], (0, 1))
    on = on & predicts.unsqueeze(2)
    column = torch.where(on, constant + tokens - 1, 2 * tokens - 1).flatten()
    count = torch.zeros(2 * tokens).index_add(0, column, torch.ones(len(column)))[:-1]
    cell = weight.permute(1, 2, 0, 3, 4).flatten(2)
    total = torch.zeros(*cell.shape[:2], 2 * tokens).index_add(2, column, cell)[..., :-1]
    mean, long = total / count.clamp(min=1), count >= max(share * float(predicts.sum()), 1)
    if not bool(long.any()):
        return torch.full_like(mean, ABSENT)
    spread, middle = torch.std_mean(mean[..., long], -1, correction=0, keepdim=True)
    return torch.where(long & (mean > middle + deviations * spread), mean, ABSENT)


@dataclass(frozen=True)
class PromptPositions(Positions):
    """The index of each token and, as a second position, the number of tokens of the prompt, the same for all tokens of an example."""

    needs: ClassVar[Needs] = "prompt"
    increasing: ClassVar[bool] = False
    streams: ClassVar[int | None] = 2

    def __call__(
        self, batch: Batch, generator: torch.Generator, *, training: bool
    ) -> Real[Tensor, "batch time streams"]:
        """See `Positions`."""
        index = torch.arange(batch.time).expand(len(batch), -1)
        return torch.stack([index, batch.prompt_size.expand(-1, batch.time)], -1)

    def largest(self, batch: Batch, *, training: bool) -> int:
        """See `Positions`."""
        return int(batch.extent.max()) - 1


class Calibrated(PositionalEncoding):
    """An encoding with a fixed bias along lines of each layer and head, of the first position of a token; the second are the tokens of the prompt.

    Args:
        trained: the encoding.
        layers: number of layers.
        lines: kinds of lines.
        tokens: of the longest trained example; lines are those of -(tokens - 1) to tokens - 1.
    """

    streams: ClassVar[int | None] = 2
    relative: ClassVar[bool] = False

    def __init__(self, trained: PositionalEncoding, layers: int, lines: Sequence[str], tokens: int) -> None:
        super().__init__(trained.shape)
        self.trained, self.lines, self.tokens = trained, tuple(lines), tokens
        self.mean_weight: Tensor
        size = (len(self.lines), layers, trained.shape.heads, 2 * tokens - 1)
        self.register_buffer("mean_weight", torch.full(size, ABSENT))
        for name in ("distances", "whole", "stretches", "reads_queries"):
            setattr(self, name, getattr(trained, name))

    @property
    def budget(self) -> int | None:
        """See `PositionalEncoding`."""
        return self.trained.budget

    def embed(
        self, x: Float[Tensor, "batch time dim"], positions: Real[Tensor, "#batch time *streams"]
    ) -> Float[Tensor, "batch time dim"]:
        """As the encoding."""
        return self.trained.embed(x, positions[..., 0])

    def make_table(self, positions: Real[Tensor, "#batch time *streams"]) -> Tensor | None:
        """As the encoding."""
        return self.trained.make_table(positions[..., 0])

    def transform(
        self, query: Heads, key: Heads, value: Heads, table: Tensor | None, inputs: BlockInputs
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As the encoding."""
        return self.trained.transform(query, key, value, table, first(inputs))

    def logit_bias(self, query: QueryPositions, key: KeyPositions) -> LogitBias | None:
        """As the encoding."""
        return self.trained.logit_bias(query[..., 0], key[..., 0])

    def context(self, query: Queries, key: Keys, inputs: BlockInputs) -> LogitBias | None:
        """That of the encoding, and the bias of the layer."""
        own = self.trained.context(query, key, first(inputs))
        bias = self.bias(
            inputs.query[..., 0].long(),
            inputs.key[..., 0].long(),
            inputs.query[:, :1, 1].long(),
            inputs.layer,
        )
        return bias if own is None else own + bias

    def bias(
        self,
        row: Int[Tensor, "#batch query"],
        key: Int[Tensor, "#batch key"],
        prompt: Int[Tensor, "#batch 1"],
        layer: int,
    ) -> Float[Tensor, "batch heads query key"]:
        """Return the bias of a layer.

        Args:
            row: indices of the rows.
            key: indices of the keys.
            prompt: tokens of the prompt.
            layer: index of the layer.
        """
        largest = torch.full((1, 1, 1, 1), ABSENT, device=row.device)
        for line, table in zip(self.lines, self.mean_weight[:, layer], strict=True):
            constant, on = cells(line, row, key, prompt)
            column = constant + self.tokens - 1
            on = on & (column >= 0) & (column < table.shape[1])
            value = table[:, column.clamp(0, table.shape[1] - 1)].movedim(0, 1)
            largest = torch.maximum(largest, torch.where(on.unsqueeze(1), value, ABSENT))
        kept = largest != ABSENT
        return torch.where(kept, largest, HIDDEN) * kept.any(-1, keepdim=True)

    def auxiliary(self, generator: torch.Generator) -> Float[Tensor, ""] | None:
        """As the encoding."""
        return self.trained.auxiliary(generator)


def first(inputs: BlockInputs) -> BlockInputs:
    """Return the inputs of a block with the first position of each token alone."""
    return replace(inputs, query=inputs.query[..., 0], key=inputs.key[..., 0])
