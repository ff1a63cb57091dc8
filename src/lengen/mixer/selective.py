"""The selective state space model of Mamba, of all tokens at once and with gradients of its own."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from lengen.mixer.scan import CHUNK, fill


def selective(
    rate: Float[Tensor, "dim state"],
    step: Float[Tensor, "batch time dim"],
    inputs: Float[Tensor, "batch time dim"],
    into: Float[Tensor, "batch time state"],
    read: Float[Tensor, "batch time state"],
    start: Float[Tensor, "batch dim state"] | None = None,
    *,
    negative: bool = False,
) -> tuple[Float[Tensor, "batch time dim"], Float[Tensor, "batch dim state"]]:
    """Return all y = C h of h' = exp(-rate dt) h + dt B x, and the last h (Gu and Dao 2023, algorithm 2).

    What is of the size of all h is written in place: factors and h are kept for gradients, which cost one more of them.

    Args:
        rate: rates of decay.
        step: time steps dt.
        inputs: x.
        into: B.
        read: C.
        start: h before the first token; None is 0.
        negative: whether factors are 2 exp(-rate dt) - 1 instead.
    """
    start = torch.zeros_like(rate).expand(step.shape[0], -1, -1) if start is None else start
    parts = (part.unsqueeze(0) for part in (rate, step, step * inputs, into, read, start))
    mixed, last, _, _ = Selective.apply(*parts, negative)  # type: ignore[no-untyped-call]
    return mixed.squeeze(0), last.squeeze(0)


class Selective(torch.autograd.Function):
    """`selective` of several models, which are the first axis."""

    @staticmethod
    def forward(
        rate: Float[Tensor, "models dim state"],
        step: Float[Tensor, "models batch time dim"],
        written: Float[Tensor, "models batch time dim"],
        into: Float[Tensor, "models batch time state"],
        read: Float[Tensor, "models batch time state"],
        start: Float[Tensor, "models batch dim state"],
        negative: bool,
    ) -> tuple[Tensor, ...]:
        """See `selective`; what is written is dt x. Returned are also all h and all factors."""
        factor = torch.mul(step.unsqueeze(-1), -rate[:, None, None]).exp_()
        factor = factor.mul_(2).sub_(1) if negative else factor
        hidden = written.unsqueeze(-1) * into.unsqueeze(-2)
        whole = hidden.flatten(0, 1)
        fill(whole, factor.flatten(0, 1), whole, start.flatten(0, 1), CHUNK)
        mixed = (hidden @ read.unsqueeze(-1)).squeeze(-1)
        return mixed, hidden[:, :, -1].clone(), hidden, factor

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        """Keep what gradients read."""
        *parts, ctx.negative = inputs
        *_, hidden, factor = output
        ctx.mark_non_differentiable(hidden, factor)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*parts, hidden, factor)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_mixed: Tensor | None, of_last: Tensor | None, *_: Any) -> tuple[Any, ...]:
        """Go through the tokens from the last to the first."""
        rate, step, written, into, read, start, hidden, factor = ctx.saved_tensors
        of_mixed = torch.zeros_like(step) if of_mixed is None else of_mixed
        of_hidden = of_mixed.unsqueeze(-1) * read.unsqueeze(-2)
        if of_last is not None:
            of_hidden[:, :, -1] += of_last
        whole = of_hidden.flatten(0, 1)
        if whole.shape[1] > 1:
            earlier = whole[:, :-1]
            fill(earlier, factor.flatten(0, 1)[:, 1:], earlier, whole[:, -1], CHUNK, back=True)
        of_read = (of_mixed.unsqueeze(-2) @ hidden).squeeze(-2)
        of_written = (of_hidden @ into.unsqueeze(-1)).squeeze(-1)
        of_into = (written.unsqueeze(-2) @ of_hidden).squeeze(-2)
        of_start = factor[:, :, 0] * of_hidden[:, :, 0]
        # from here on the gradients of -rate dt
        of_hidden[:, :, 1:] *= hidden[:, :, :-1]
        of_hidden[:, :, 0] *= start
        torch.addcmul(of_hidden, of_hidden, factor, out=of_hidden) if ctx.negative else of_hidden.mul_(factor)
        of_step = -torch.einsum("mbtdn,mdn->mbtd", of_hidden, rate)
        of_rate = -torch.einsum("mbtdn,mbtd->mdn", of_hidden, step)
        return of_rate, of_step, of_written, of_into, of_read, of_start, None

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], *given: Any
    ) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        """Join the models to those that there are."""
        *parts, negative = given
        size = info.batch_size
        joined = [
            (part.expand(size, *part.shape) if place is None else part.movedim(place, 0)).flatten(0, 1)
            for part, place in zip(parts, in_dims, strict=False)
        ]
        found = Selective.apply(*joined, negative)  # type: ignore[no-untyped-call]
        return tuple(part.unflatten(0, (size, -1)) for part in found), (0,) * len(found)
