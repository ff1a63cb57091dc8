"""The prompt in segments that are read side by side (parallel context windows; Ratner et al. 2023), with the temperature and scale of APE."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Bool, Int, Real
from torch import Tensor

from lengen.attention import AttentionRule
from lengen.block.inputs import BlockInputs, Logits
from lengen.config.errors import require
from lengen.extend import DoesNotApplyError, Extension, Fit, Parts, Sizes, require_counts
from lengen.extend.rules import Stepwise, require_all_weighed
from lengen.pe.cable import CABLE
from lengen.pe.carope import CARoPE
from lengen.positions import Needs, Positions
from lengen.task import Batch


class Parallel(Extension):
    """Segments of the prompt start at the same position and do not see each other; what follows sees all of them.

    The first tokens are shared: every segment sees them. Segments have `size` tokens; what is left of the prompt, its last tokens
    at least, and the answer stand behind the longest position. For these rows, keys of segments are weighed by softmax(z / T), and
    together against the other keys by S T logsumexp(z / T) (APE; Yang et al. 2025, with the values of its code), since a row sees
    several segments as sharp as one. Prompts of fewer than two segments are read as they are. What is asked for must
    stand in one segment: passkey and associative recall qualify, copying and arithmetic do not.

    Args:
        size: tokens of a segment, at least 1; None takes half of the trained tokens.
        first: first tokens that all segments share, at least 0.
        last: last tokens of the prompt that are in no segment, at least 1: the question.
        temperature: T, above 0.
        scale: S, above 0.
    """

    slot = "positions"

    def __init__(
        self,
        size: int | None = None,
        first: int = 1,
        last: int = 1,
        temperature: float = 0.9,
        scale: float = 0.9,
    ) -> None:
        require(size is None or size >= 1, f"extend.parallel.size={size}: must be null, or at least 1")
        require(first >= 0, f"extend.parallel.first={first}: must be at least 0")
        require(last >= 1, f"extend.parallel.last={last}: must be at least 1")
        require(temperature > 0, f"extend.parallel.temperature={temperature}: must be above 0")
        require(scale > 0, f"extend.parallel.scale={scale}: must be above 0")
        self.size, self.first, self.last, self.temperature, self.scale = size, first, last, temperature, scale

    def fit(self, parts: Parts) -> Fit:
        """Ours: the sources have segments that are documents."""
        if parts.pe.streams is not None:
            raise DoesNotApplyError("pe", parts.pe, "an encoding that reads one position a token")
        if isinstance(parts.pe, CABLE | CARoPE):  # so that a segment would know of those before
            raise DoesNotApplyError("pe", parts.pe, "an encoding that adds up nothing over the tokens before")
        require_counts(parts.positions)
        require_all_weighed(parts)
        return "approximate"

    def changed(self, parts: Parts, sizes: Sizes) -> Parts:
        """Place the tokens, and hide segments from each other."""
        size = self._size(sizes)
        placed = SegmentPositions(size, self.first, self.last)
        changed = parts.with_rules(lambda rule: BySegment(rule, placed, self.temperature, self.scale))
        return replace(changed, positions=placed)

    def changes_nothing(self, sizes: Sizes) -> bool:
        """With room for less than two segments."""
        return sizes.tokens < self.first + 2 * self._size(sizes) + self.last

    def _size(self, sizes: Sizes) -> int:
        return self.size or max(sizes.trained // 2, 1)


@dataclass(frozen=True)
class SegmentPositions(Positions):
    """Positions that begin again with every segment of the prompt; see `Parallel`."""

    needs: ClassVar[Needs] = "prompt"
    increasing: ClassVar[bool] = False
    reads_tokens: ClassVar[bool] = False

    size: int
    first: int
    last: int

    def __call__(
        self, batch: Batch, generator: torch.Generator, *, training: bool
    ) -> Real[Tensor, "batch time"]:
        """See `Positions`; draws nothing."""
        count = (batch.prompt_size - self.first - self.last) // self.size
        count = count.where(count > 1, 0)
        place = torch.arange(batch.time).unsqueeze(0) - self.first
        inside = (place >= 0) & (place < count * self.size)
        behind = place >= count * self.size
        shift = (count - 1).clamp(min=0) * self.size
        return self.first + torch.where(inside, place % self.size, torch.where(behind, place - shift, place))

    def segments(
        self, positions: Int[Tensor, "#batch time"]
    ) -> tuple[Int[Tensor, "#batch time"], Bool[Tensor, "#batch time"]]:
        """Return the segment of every token, from 0 (-1 for first tokens), and which tokens stand behind two or more segments."""
        number = (positions.diff(dim=1, prepend=positions[:, :1]) < 0).cumsum(1)
        behind = (number > 0) & (positions >= self.first + self.size)
        place = torch.arange(positions.shape[1], device=positions.device)
        return number.where(place >= self.first, -1), behind


class BySegment(Stepwise):
    """A trained rule whose segments do not see each other; see `Parallel`."""

    def __init__(
        self, trained: AttentionRule, places: SegmentPositions, temperature: float, scale: float
    ) -> None:
        super().__init__(trained)
        self.places, self.temperature, self.scaling = places, temperature, scale

    def adjust(self, logits: Logits, inputs: BlockInputs) -> Logits:
        """Hide other segments from rows inside of one; weigh all segments of the others by temperature and scale."""
        logits = super().adjust(logits, inputs)
        segment, behind = self.places.segments(inputs.key)
        own, reads_all = (each[:, -logits.shape[-2] :].unsqueeze(-1) for each in (segment, behind))
        key = segment.unsqueeze(-2)
        apart = (own != key) & (own >= 0) & (key >= 0) & ~reads_all
        logits = logits.masked_fill(apart.unsqueeze(1), -torch.inf)
        context = (key >= 0) & ~behind.unsqueeze(-2) & reads_all
        return self._weighed(logits, context.unsqueeze(1))

    def _weighed(self, logits: Logits, context: Bool[Tensor, "#batch 1 query key"]) -> Logits:
        """Divide logits of segments by T, and shift them so that their logsumexp is S T times what it then is."""
        cooled = logits / self.temperature
        total = cooled.masked_fill(~context, -torch.inf).logsumexp(-1, keepdim=True)
        shift = (self.scaling * self.temperature - 1) * total.where(total.isfinite(), 0)
        return torch.where(context, cooled + shift, logits)
