"""Length-scaled softplus attention with re-weighting (Gao and Spratling 2025)."""

from __future__ import annotations

from lengen.attention.lssa import LSSA
from lengen.block.inputs import BlockInputs, Logits, Shape
from lengen.config.errors import require

STANDS_OUT = 1e-4
"""What is above the cut by less than this in all of a row is rounding."""


class LSSAR(LSSA):
    """Weights relu(n a - cut)^power, divided by their sum, of the weights a of `LSSA`; n keys are seen by the row.

    At a cut of 1 keys below the mean are not seen at all, and a high power leaves the greatest. The first `uncut` rows
    have no cut. A row in which no key stands out from the others by 1e-4 of the mean gives 0 and no gradient (the
    source guards its division by 1e-8; which rows that was meant for is not known). Powers are of shares of the row's
    largest, so that they do not overflow. Explicit weights: time and memory quadratic in tokens. Beyond the trained
    length the rule sees fewer of the keys.

    The paper has power 15 for extrapolation and finds 3 best at the trained length; 3 is our default, as 15 hardly
    learns from all but the greatest.

    Args:
        shape: the decoder it serves.
        power: of what is above the cut.
        cut: in units of the row's mean; 0 with power 1 is `LSSA`.
        uncut: rows without a cut, from the first on (rows 0 to 2 in the notes that were read).
    """

    sparse = True

    def __init__(self, shape: Shape, power: float = 3.0, cut: float = 1.0, uncut: int = 3) -> None:
        super().__init__(shape)
        require(power >= 1, f"attention.power={power}: allowed is 1 or more")
        require(0 <= cut <= 1, f"attention.cut={cut}: allowed is 0 to 1")
        require(uncut >= 0, f"attention.uncut={uncut}: allowed is 0 or more")
        self.power, self.cut, self.uncut = power, cut, uncut

    def reweigh(self, weights: Logits, inputs: BlockInputs) -> Logits:
        """What is above the cut, to its power."""
        keys = inputs.visible.unsqueeze(-1)
        above = (weights * keys - self.cut * (keys > self.uncut)).relu()
        largest = above.detach().amax(-1, keepdim=True)
        above = above * (largest > STANDS_OUT) / largest.clamp(min=STANDS_OUT)
        powers = above**self.power
        return powers / powers.sum(-1, keepdim=True).clamp(min=STANDS_OUT)
