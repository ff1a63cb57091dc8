"""Long causal convolutions of all tokens at once."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

DIRECT = 16
"""Tokens of a block whose products are taken one by one; longer lags go through Fourier transforms."""


def long_convolution(
    x: Float[Tensor, "batch time channels"],
    kernel: Float[Tensor, "lags channels"],
    direct: int = DIRECT,
) -> Float[Tensor, "batch time channels"]:
    """Return all y_t = sum over lags l from 0 to t of kernel_l x_{t-l}, for every channel alone.

    Products within blocks; then the first half of a block of every size that is twice the last acts on its second half, by a Fourier transform
    of the block. A transform of all tokens would need log2 T times fewer of them, but its rounding errors, which scale with the largest
    input, would reach earlier tokens: here nothing passes from a token to an earlier one, in values or gradients.

    Args:
        x: the inputs, of float32 or wider.
        kernel: the factors of the lags, at least as many as tokens.
        direct: tokens of the smallest blocks; does not change the result.
    """
    time = x.shape[1]
    size = min(direct, time)
    blocks = 1
    while blocks * size < time:
        blocks *= 2
    total = blocks * size
    lags = nn.functional.pad(kernel[:time], (0, 0, 0, total - time))
    padded = nn.functional.pad(x, (0, 0, 0, total - time))
    mixed = _within(padded.unflatten(1, (blocks, size)), lags[:size]).flatten(1, 2)  # type: ignore[no-untyped-call]
    while size < total:
        earlier = padded.unflatten(1, (-1, 2, size))[:, :, 0]  # type: ignore[no-untyped-call]
        turned = torch.fft.rfft(earlier, 2 * size, dim=2) * torch.fft.rfft(lags[: 2 * size], dim=0)
        later = torch.fft.irfft(turned, 2 * size, dim=2)[:, :, size:]  # lags of 1 to 2 size - 1, none wraps
        mixed = mixed + torch.stack([torch.zeros_like(later), later], 2).flatten(1, 3)
        size *= 2
    return mixed[:, :time]


def _within(
    x: Float[Tensor, "batch blocks time channels"], kernel: Float[Tensor, "time channels"]
) -> Float[Tensor, "batch blocks time channels"]:
    """Convolve blocks, each alone, by the matrix of all pairs."""
    return torch.einsum("lmc,bnmc->bnlc", by_lag(kernel, len(kernel), len(kernel)), x)


def by_lag(
    kernel: Float[Tensor, "lags channels"], rows: int, columns: int
) -> Float[Tensor, "rows columns channels"]:
    """Return the matrix of the factor of each lag, rows being the last of the tokens that columns are; 0 for later ones.

    Args:
        kernel: factors by lag, at least as many as columns.
        rows: number of new tokens.
        columns: number of all tokens.
    """
    place = torch.arange(columns, device=kernel.device)
    lag = place[columns - rows :, None] - place
    return torch.where((lag >= 0).unsqueeze(-1), kernel[lag.clamp(min=0)], 0.0)
