"""Linear recurrent unit: complex factors on a ring (Orvieto et al. 2023)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lengen.block.inputs import wide
from lengen.config.errors import require
from lengen.mixer import Layer, Recurrent, State, exact
from lengen.mixer.scan import scan


class LRU(Recurrent):
    """h' = l h + g B x, y = Re(C h) + D x with l = exp(-exp(nu) + i exp(theta)) (Orvieto et al. 2023, section 3 and appendix A).

    Then GELU and a gated linear unit. The squares of |l| start uniform between those of `least` and `most`, phases uniform
    between 0 and `phase`, and g, which is learned too, at sqrt(1 - |l|^2). No factor depends on the token.

    Args:
        layer: the layer that it is made for.
        size: complex numbers in the state; None is the width of the residual stream.
        least: least |l| at the start.
        most: largest |l| at the start.
        phase: largest phase at the start.
    """

    cost = "scan"

    def __init__(
        self,
        layer: Layer,
        size: int | None = None,
        least: float = 0.0,
        most: float = 1.0,
        phase: float = 6.28,
    ) -> None:
        super().__init__(layer)
        require(size is None or size >= 1, f"mixer.size={size}: must be at least 1")
        require(0 <= least < 1, f"mixer.least={least}: must be in [0, 1)")
        require(least < most <= 1, f"mixer.most={most}: must be above mixer.least={least}, and at most 1")
        require(phase > 0, f"mixer.phase={phase}: must be above 0")
        size = size or self.dim
        square = (least**2 + torch.rand(size) * (most**2 - least**2)).clamp(1e-6, 1 - 1e-6)
        self.rate = nn.Parameter((-0.5 * square.log()).log())
        self.phase = nn.Parameter((phase * torch.rand(size).clamp(min=1e-6)).log())
        self.scale = nn.Parameter(0.5 * torch.log1p(-square))
        self.into = nn.Parameter(torch.randn(2, size, self.dim) * (2 * self.dim) ** -0.5)
        self.read = nn.Parameter(torch.randn(2, self.dim, size) * size**-0.5)
        self.skip = nn.Parameter(torch.randn(self.dim))
        self.out = nn.Linear(self.dim, 2 * self.dim)

    def mix(
        self, x: Float[Tensor, "batch time dim"], state: State | None
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """See `Recurrent`; the state is the real and imaginary parts of h."""
        with exact(x):
            inputs = wide(x)
            factor = torch.polar((-self.rate.exp()).exp(), self.phase.exp())
            write = torch.complex(*(inputs @ part.mT * self.scale.exp() for part in self.into))
            start = None if state is None else torch.view_as_complex(state[0].contiguous())
            hidden = scan(factor.expand(1, x.shape[1], -1), write, start)
            real, imaginary = self.read
            mixed = hidden.real @ real.mT - hidden.imag @ imaginary.mT + self.skip * inputs
            mixed = nn.functional.gelu(mixed)
        out = nn.functional.glu(self.out(mixed.to(x.dtype)), -1)
        return out, (torch.view_as_real(hidden[:, -1]),)
