"""Attention weights of a trained run over one prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from lengen.api.checks import require_index
from lengen.api.picture import Picture
from lengen.api.prompts import END, Answers
from lengen.config.errors import require
from lengen.evaluation.attention_weights import weights
from lengen.report import attention_map
from lengen.task import EOS, SPECIAL


@dataclass(frozen=True)
class AttentionMap:
    """Attention weights of every head over one prompt; a notebook shows them as maps of query x key.

    Args:
        weights: one row per query, which sums to 1. A looped decoder has one layer per loop and block, in the order of
            computation.
        symbols: the tokens of the prompt, bos included.
        title: the title of the figure.
    """

    weights: Float[Tensor, "layers heads query key"]
    symbols: tuple[str, ...]
    title: str

    def figure(self, layer: int | None = None, head: int | None = None) -> Picture:
        """Return the figure of all heads, of one layer, or of one head.

        Args:
            layer: index in `weights`; None for all.
            head: index in `weights`; None for all.

        Raises:
            UsageError: there is no such layer or head.
        """
        for name, one, count in zip(("layer", "head"), (layer, head), self.weights.shape, strict=False):
            require_index(one, name, count)
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
    """Compute the attention weights over a prompt, which may continue into its answer.

    Args:
        answers: the prompts and answers of a trained run.
        prompt: a text or a list of symbols.
        title: the title of the figure.
    """
    read, decoder = answers.read(prompt), answers.trained.decoder
    option = decoder.architecture.both_ways
    require(
        not decoder.architecture.encoder,
        f"attention: does not apply to {option} (a map of one stack of blocks needs decoder.encoder=0); run={answers.trained.folder.path}",
    )
    device = next(decoder.parameters()).device
    batch = answers.batch(read, len(read))
    placed = answers.positions(batch, len(read))
    size = torch.tensor([len(read)], device=device) if decoder.reads_prompts else None
    slots = weights(decoder, batch.tokens.to(device), placed.to(device), size)
    stacked = torch.stack([slots[slot][0].cpu() for slot in sorted(slots)])
    names = [END if name == SPECIAL[EOS] else name for name in batch.vocabulary.decode(read)]
    return AttentionMap(stacked, tuple(names), title)
