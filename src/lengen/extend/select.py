"""Attend to the keys with the largest logits (top-k selection, as in Loki, TidalDecode and others, with exact scores)."""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from lengen.attention import AttentionRule
from lengen.block.inputs import BlockInputs, Logits
from lengen.config.errors import require
from lengen.extend import Extension, Fit, Parts, Sizes
from lengen.extend.rules import Stepwise, require_all_weighed


class Select(Extension):
    """Each row and head attends to the first tokens, the last ones, and the `keys` best of the others, with their own logits.

    Among equal logits the later key is taken. With `block`, keys are taken in blocks of so many neighbours: those whose mean logit, over
    the keys that the row sees, is largest (`keys` still counts keys, rounded up to whole blocks). Positions stay as they are. Systems select to save time; at the size of these decoders
    nothing is saved, and what is measured is what the others contributed.

    Args:
        keys: k, at least 1; None takes the trained number of tokens.
        first: first tokens that are always seen.
        recent: last tokens that are always seen, the row's own included; at least 1.
        block: size of the blocks in tokens, at least 1.
    """

    slot = "visibility"

    def __init__(self, keys: int | None = None, first: int = 1, recent: int = 1, block: int = 1) -> None:
        require(keys is None or keys >= 1, f"extend.select.keys={keys}: must be null, or at least 1")
        require(first >= 0, f"extend.select.first={first}: must be at least 0")
        require(recent >= 1, f"extend.select.recent={recent}: must be at least 1")
        require(block >= 1, f"extend.select.block={block}: must be at least 1")
        self.keys, self.first, self.recent, self.block = keys, first, recent, block

    def fit(self, parts: Parts) -> Fit:
        """Ours for all; refused where the trained rule gives some keys no weight, which selects already."""
        require_all_weighed(parts)
        return "approximate"

    def changed(self, parts: Parts, sizes: Sizes) -> Parts:
        """Put the selection behind the logits."""
        keys = self.keys or sizes.trained
        return parts.with_rules(lambda rule: Selecting(rule, keys, self.first, self.recent, self.block))

    def changes_nothing(self, sizes: Sizes) -> bool:
        """With as many keys as there are."""
        return (self.keys or sizes.trained) + self.first + self.recent >= sizes.tokens


class Selecting(Stepwise):
    """A trained rule that keeps the keys with the largest logits; see `Select`."""

    def __init__(self, trained: AttentionRule, keys: int, first: int, recent: int, block: int) -> None:
        super().__init__(trained)
        self.blocks, self.first, self.recent, self.block = -(-keys // block), first, recent, block

    def adjust(self, logits: Logits, inputs: BlockInputs) -> Logits:
        """Minus infinity for all keys that are not selected."""
        logits = super().adjust(logits, inputs)
        total = logits.shape[-1]
        place = torch.arange(total, device=logits.device)
        always = (place < self.first) | ((inputs.back < self.recent) & (inputs.back >= 0))
        scores = self._by_block(logits.masked_fill(always, -torch.inf)).flip(
            -1
        )  # the later of two equal ones comes first
        order = scores.sort(dim=-1, descending=True, stable=True).indices[..., : self.blocks]
        chosen = torch.zeros_like(scores, dtype=torch.bool).scatter(-1, order, value=True).flip(-1)
        best = chosen.repeat_interleave(self.block, -1)[..., :total]
        return logits.masked_fill(~(best | always), -torch.inf)

    def _by_block(self, logits: Logits) -> Float[Tensor, "batch heads query block"]:
        """Return the mean of the logits of every block that are not minus infinity; minus infinity where there is none."""
        whole = pad(logits, (0, -logits.shape[-1] % self.block), value=-torch.inf)
        blocks = rearrange(whole, "... (block key) -> ... block key", key=self.block)
        there = ~blocks.isneginf()
        count = there.sum(-1)
        mean = blocks.masked_fill(~there, 0).sum(-1) / count.clamp(min=1)
        return mean.masked_fill(count == 0, -torch.inf)
