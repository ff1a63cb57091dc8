"""Where the heads of a run look on one prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from lengen.analysis.attention_weights import weights
from lengen.api.picture import Picture
from lengen.api.prompts import END, Answers
from lengen.report import attention_map
from lengen.task import EOS, SPECIAL


@dataclass(frozen=True)
class AttentionMap:
    """The weights of every head over one prompt; shows itself as a map, query by key.

    Args:
        weights: a row a query; of a looped decoder one layer for each loop and block, in the order of computing.
        symbols: what was read, bos included.
        title: of the figure.
    """

    weights: Float[Tensor, "layers heads query key"]
    symbols: tuple[str, ...]
    title: str

    def figure(self, layer: int | None = None, head: int | None = None) -> Picture:
        """The map of all heads, or of a layer, or of a head.

        Args:
            layer: counted from 0, as in `weights`; None for all.
            head: likewise.
        """
        layers, heads = (
            range(count)[:] if one is None else [range(count)[one]]
            for one, count in zip((layer, head), self.weights.shape, strict=False)
        )
        return Picture(
            draw=lambda path: attention_map.draw(
                self.weights, self.symbols, path, title=self.title, layers=layers, heads=heads
            )
        )

    def __repr__(self) -> str:
        layers, heads, queries, keys = self.weights.shape
        return f"AttentionMap({layers} layers x {heads} heads x {queries} queries x {keys} keys: {' '.join(self.symbols)})"

    def _repr_png_(self) -> bytes:
        return self.figure().png


def attention(answers: Answers, prompt: str | Sequence[str], title: str) -> AttentionMap:
    """The weights over a prompt, which may go on into its answer.

    Args:
        answers: of a trained run.
        prompt: a text or a list of symbols.
        title: of the figure.
    """
    read, decoder = answers.read(prompt), answers.trained.decoder
    device = next(decoder.parameters()).device
    batch = answers.batch(read, len(read))
    placed = answers.positions(batch, len(read))
    slots = weights(decoder, batch.tokens.to(device), placed.to(device))
    stacked = torch.stack([slots[slot][0].cpu() for slot in sorted(slots)])
    names = [END if name == SPECIAL[EOS] else name for name in batch.vocabulary.decode(read)]
    return AttentionMap(stacked, tuple(names), title)
