"""S4D: a state space model with a diagonal, complex matrix for every channel (Gu, Gupta et al. 2022)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn

from lengen.block.inputs import wide
from lengen.config.errors import require
from lengen.mixer import Layer, Recurrent, State, exact
from lengen.mixer.parts import LONGEST, SHORTEST
from lengen.mixer.scan import scan

CHUNK = 32
"""Tokens that are convolved at once."""


class S4D(Recurrent):
    """y = 2 Re(C s) + D u, s' = exp(dt A) s + (exp(dt A) - 1) / A u for every channel u (Gu, Gupta et al. 2022, S4D-Lin).

    Then GELU and a gated linear unit. A starts at -1/2 + i pi n, dt log-uniform in 0.001 to 0.1. No factor depends on the token.
    The sum over the modes is a convolution within chunks of tokens; the factor of u is taken into C.

    Args:
        layer: the layer that it is made for.
        state: real numbers per channel, twice the complex modes; even.
    """

    cost = "chunks"

    def __init__(self, layer: Layer, state: int = 64) -> None:
        super().__init__(layer)
        require(state >= 2 and state % 2 == 0, f"mixer.state={state}: must be even, and at least 2")  # noqa: PLR2004
        modes = state // 2
        self.step = nn.Parameter(
            torch.rand(self.dim) * math.log(LONGEST / SHORTEST) + math.log(SHORTEST)
        )  # logarithms
        self.rate = nn.Parameter(torch.full((self.dim, modes), math.log(0.5)))
        self.phase = nn.Parameter(math.pi * torch.arange(float(modes)).repeat(self.dim, 1))
        self.read = nn.Parameter(torch.randn(self.dim, modes, 2) * 0.5**0.5)
        self.skip = nn.Parameter(torch.randn(self.dim))
        self.out = nn.Linear(self.dim, 2 * self.dim)

    def mix(
        self, x: Float[Tensor, "batch time dim"], state: State | None
    ) -> tuple[Float[Tensor, "batch time dim"], State]:
        """See `Recurrent`; the state is the real and imaginary parts of s."""
        with exact(x):
            inputs = wide(x)
            matrix = torch.complex(-self.rate.exp(), self.phase)
            log_factor = matrix * self.step.exp().unsqueeze(-1)
            read = torch.view_as_complex(self.read) * (log_factor.exp() - 1) / matrix
            start = torch.zeros_like(read).expand(x.shape[0], -1, -1)
            if state is not None:
                start = torch.view_as_complex(state[0].contiguous())
            whole = x.shape[1] - x.shape[1] % CHUNK
            parts = []
            for part in (inputs[:, :whole], inputs[:, whole:]):
                if part.shape[1]:
                    mixed, start = _convolved(part, log_factor, read, start, min(CHUNK, part.shape[1]))
                    parts.append(mixed)
            active = nn.functional.gelu(torch.cat(parts, 1) + self.skip * inputs)
        out = nn.functional.glu(self.out(active.to(x.dtype)), -1)
        return out, (torch.view_as_real(start.resolve_conj()),)


def _convolved(
    x: Float[Tensor, "batch time dim"],
    log_factor: Complex[Tensor, "dim modes"],
    read: Complex[Tensor, "dim modes"],
    start: Complex[Tensor, "batch dim modes"],
    size: int,
) -> tuple[Float[Tensor, "batch time dim"], Complex[Tensor, "batch dim modes"]]:
    """Return the outputs of tokens, whose number is a multiple of the size of chunks, and the state after them."""
    chunks = x.reshape(x.shape[0], -1, size, x.shape[2])
    place = torch.arange(size + 1, device=x.device)
    powers = (log_factor.unsqueeze(-1) * place).exp()  # "dim modes size+1"
    kernel = 2 * (read.unsqueeze(-1) * powers[..., :-1]).sum(1).real
    distance = place[:-1].unsqueeze(-1) - place[:-1]
    toeplitz = kernel[:, distance.clamp(min=0)].masked_fill(distance < 0, 0)
    inside = torch.einsum("dij,bnjd->bnid", toeplitz, chunks)
    written = torch.einsum("dmj,bnjd->bndm", powers[..., :-1].flip(-1), chunks.to(powers.dtype))
    after = scan(powers[None, None, ..., -1].expand(1, chunks.shape[1], -1, -1), written, start)
    before = torch.cat([start.unsqueeze(1), after[:, :-1]], 1)
    earlier = 2 * torch.einsum("dmi,bndm->bnid", read.unsqueeze(-1) * powers[..., 1:], before).real
    return (inside + earlier).flatten(1, 2), after[:, -1]
