"""Elementwise linear recurrences of all tokens at once."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Inexact
from torch import Tensor

CHUNK = 32
"""Tokens that follow each other within a chunk; all chunks are gone through at once, and their ends likewise."""


def scan(
    decay: Inexact[Tensor, "#batch time ..."],
    write: Inexact[Tensor, "batch time ..."],
    start: Inexact[Tensor, "batch ..."] | None = None,
    chunk: int = CHUNK,
) -> Inexact[Tensor, "batch time ..."]:
    """Return all h_t = decay_t * h_{t-1} + write_t, one place of all chunks of tokens after the other (Blelloch 1990, section 1.5).

    Real or complex, of any sign: only products and sums of the arguments are taken. Gradients are the recurrence in the other
    direction, g_t = gradient_t + decay_{t+1} * g_{t+1} (Martin and Cundy 2018, section 2.3), so that decays and h alone are kept.

    Args:
        decay: factors; its channels may have size 1 where those of `write` have more.
        write: summands.
        start: h before the first token; None is 0.
        chunk: tokens per chunk, at least 2; does not change the result.
    """
    start = torch.zeros_like(write[:, 0]) if start is None else start
    found: Tensor = Scan.apply(decay, write, start, chunk, False)  # type: ignore[no-untyped-call]
    return found


class Scan(torch.autograd.Function):
    """`scan` with its gradients, from the first token to the last, or `back` from the last to the first."""

    @staticmethod
    def forward(decay: Tensor, write: Tensor, start: Tensor, chunk: int, back: bool) -> Tensor:
        """See `scan`."""
        found = write.new_empty(write.shape)
        fill(found, decay, write, start, chunk, back=back)
        return found

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep what gradients read."""
        decay, _, start, ctx.chunk, ctx.back = inputs
        ctx.save_for_backward(decay, start, output)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        """Go through the tokens in the other direction."""
        (gradient,) = gradients
        decay, start, found = ctx.saved_tensors
        factor, start = decay.conj(), start.unsqueeze(1)
        if ctx.back:
            first, last, early, late = slice(-1, None), slice(None, 1), slice(1, None), slice(None, -1)
        else:
            first, last, early, late = slice(None, 1), slice(-1, None), slice(None, -1), slice(1, None)

        def joined(most: Tensor, end: Tensor, *, end_last: bool) -> Tensor:
            return torch.cat([most, end] if end_last != ctx.back else [end, most], 1)

        if found.shape[1] > 1:
            others = Scan.apply(  # type: ignore[no-untyped-call]
                factor[:, late], gradient[:, early], gradient[:, last].squeeze(1), ctx.chunk, not ctx.back
            )
            gradient = joined(others, gradient[:, last], end_last=True)
        of_decay = None
        if ctx.needs_input_grad[0]:
            before = joined(found[:, early], start, end_last=False)
            of_decay = (gradient * before.conj()).sum_to_size(decay.shape)
        return of_decay, gradient, (factor[:, first] * gradient[:, first]).squeeze(1), None, None

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[int | None, ...],
        decay: Tensor,
        write: Tensor,
        start: Tensor,
        *options: Any,
    ) -> tuple[Tensor, int]:
        """Make channels of what several models are computed for."""
        decay, write, start = (
            part.unsqueeze(-1) if place is None else part.movedim(place, -1)
            for part, place in zip((decay, write, start), in_dims, strict=False)
        )
        write, start = (part.expand(*part.shape[:-1], info.batch_size) for part in (write, start))
        return Scan.apply(decay, write, start, *options), -1  # type: ignore[no-untyped-call]


def fill(
    found: Tensor, decay: Tensor, write: Tensor, start: Tensor, chunk: int, *, back: bool = False
) -> None:
    """Write the results of a scan into a tensor, which may be that of what is written; without gradients.

    Args:
        found: gets h of all tokens.
        decay: see `scan`.
        write: see `scan`.
        start: see `scan`; what follows the last token, with `back`.
        chunk: see `scan`.
        back: from the last token to the first.
    """
    time = write.shape[1]
    rest = time % chunk if time > chunk else time
    parts, order = (found, decay, write), -1 if back else 1
    if rest < time:
        whole = slice(rest, None) if back else slice(None, time - rest)
        size = ((time - rest) // chunk, chunk)
        into, decays, writes = (torch.unflatten(part[:, whole], 1, size).unbind(2)[::order] for part in parts)
        starts = torch.empty_like(writes[0])
        starts[:, -1 if back else 0] = start
        if starts.shape[1] > 1:
            first, others = slice(None, -1), slice(1, None)
            first, others = (others, first) if back else (first, others)
            end, kept = writes[0][:, first].clone(), decays[0][:, first].clone()
            for factor, summand in zip(decays[1:], writes[1:], strict=True):
                torch.addcmul(summand[:, first], factor[:, first], end, out=end)
                kept *= factor[:, first]
            fill(starts[:, others], kept, end, start, chunk, back=back)
        start = _follow(into, decays, writes, starts)[:, 0 if back else -1]
    if rest:
        whole = slice(None, rest) if back else slice(time - rest, None)
        into, decays, writes = (part[:, whole].unbind(1)[::order] for part in parts)
        _follow(into, decays, writes, start)


def _follow(
    found: tuple[Tensor, ...], decay: tuple[Tensor, ...], write: tuple[Tensor, ...], state: Tensor
) -> Tensor:
    """Write h of one token after the other into tensors; return the last."""
    for into, factor, summand in zip(found, decay, write, strict=True):
        state = torch.addcmul(summand, factor, state, out=into)
    return state
