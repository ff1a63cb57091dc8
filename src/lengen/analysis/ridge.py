"""Linear maps that are fitted in closed form."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Ridge(NamedTuple):
    """An affine map y = (x - mean) weight + offset.

    Args:
        mean: mean of the inputs.
        weight: one column for each output.
        offset: mean of the outputs.
    """

    mean: Float[Tensor, " dim"]
    weight: Float[Tensor, "dim outputs"]
    offset: Float[Tensor, " outputs"]

    def __call__(self, x: Float[Tensor, "rows dim"]) -> Float[Tensor, "rows outputs"]:
        """Return the outputs."""
        return (x.double() - self.mean) @ self.weight + self.offset


def ridge(x: Float[Tensor, "rows dim"], y: Float[Tensor, "rows outputs"], penalty: float) -> Ridge:
    """Fit the map with the least sum of squared errors plus `penalty` times that of its weights; the offset is not penalised.

    Args:
        x: inputs.
        y: outputs.
        penalty: above 0, times the mean variance of an input and the number of rows.
    """
    x, y = x.double(), y.double()
    mean, offset = x.mean(0), y.mean(0)
    centred = x - mean
    gram = centred.T @ centred
    scale = penalty * gram.diagonal().mean().clamp(min=torch.finfo(torch.float64).tiny)
    weight = torch.linalg.solve(
        gram + scale * torch.eye(len(gram), dtype=gram.dtype), centred.T @ (y - offset)
    )
    return Ridge(mean, weight, offset)
