"""LSSAR: length-scaled softplus attention with re-weighting (Gao and Spratling 2025)."""

from __future__ import annotations

from lengen.attention.lssa import LSSA
from lengen.block.inputs import BlockInputs, Logits, Shape
from lengen.config.errors import require

TOLERANCE = 1e-4
"""A row whose weights exceed the cut by less than this is treated as rounding error."""


class LSSAR(LSSA):
    """Weights relu(n a - cut)^power, divided by their sum, where a are the weights of `LSSA` and the row sees n keys.

    With a cut of 1, keys below the row's mean get no weight; a high power leaves little but the largest weight. The first
    `uncut` rows have no cut. A row in which no weight exceeds the cut by 1e-4 of the mean gives 0 and no gradient (the
    source adds 1e-8 to the denominator, without saying which rows that is for). Weights are divided by the row's largest
    before they are raised to the power, so that they do not overflow. Beyond the trained length the rule attends to a
    smaller fraction of the keys. Cost: explicit weights, time and memory quadratic in tokens.

    The paper uses a power of 15 for extrapolation and finds 3 best at the trained length; 3 is our default, as with 15
    almost only the largest weight receives gradients.

    Args:
        shape: the decoder's shape.
        power: exponent of what exceeds the cut.
        cut: threshold in units of the row's mean; 0 with power 1 is `LSSA`.
        uncut: number of rows without a cut, from the first on (rows 0 to 2 in descriptions of the paper).
    """

    sparse = True

    def __init__(self, shape: Shape, power: float = 3.0, cut: float = 1.0, uncut: int = 3) -> None:
        super().__init__(shape)
        require(power >= 1, f"attention.power={power}: must be at least 1")
        require(0 <= cut <= 1, f"attention.cut={cut}: must be in [0, 1]")
        require(uncut >= 0, f"attention.uncut={uncut}: must be at least 0")
        self.power, self.cut, self.uncut = power, cut, uncut

    def reweigh(self, weights: Logits, inputs: BlockInputs) -> Logits:
        """What exceeds the cut, raised to the power and normalised."""
        keys = inputs.visible.unsqueeze(-1)
        above = (weights * keys - self.cut * (keys > self.uncut)).relu()
        largest = above.detach().amax(-1, keepdim=True)
        above = above * (largest > TOLERANCE) / largest.clamp(min=TOLERANCE)
        powers = above**self.power
        return powers / powers.sum(-1, keepdim=True).clamp(min=TOLERANCE)
