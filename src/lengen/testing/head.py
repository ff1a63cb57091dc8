"""Contract tests of heads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from lengen.block.shared import DecoderCache
from lengen.decoder import Decoder
from lengen.head import Head, Output
from lengen.testing import made_up
from lengen.testing.made_up import TRAINED, VOCABULARY, counted, draw
from lengen.testing.report import BUILT, EQUAL, Report, expect, expect_close, name_of, require_maker, run

Make = Callable[[Output], Head]
SIZES = 2, 4, 1, 5
"""Numbers of tokens of the prompts of the rows."""


def check_head(head: Callable[..., Head], *, raise_on_failure: bool = True, **options: Any) -> Report:
    """Check a head against the contract of `lengen.head`.

    Args:
        head: its class, or a function that makes one from an `Output`.
        raise_on_failure: raise at the first failed check; otherwise report all.
        options: options of its constructor.

    Raises:
        UsageError: it is neither a class nor a function.
        ContractError: a check fails.
    """
    require_maker(head, "check_head", Head)
    make = partial(head, **options)
    checks = {title: partial(check, make) for title, check in CHECKS.items()}
    return run(name_of(head), checks, raise_on_failure=raise_on_failure)


def with_noise(make: Make, *, tied: bool = False) -> Decoder:
    """Make a decoder in float64 with noise on all that its head learns, so that no path is 0."""
    made = made_up.decoder(head=make, tied=tied)
    with torch.no_grad():
        for weight in made.head.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
    return made


def builds(make: Make) -> None:
    """It is a `Head` without buffers, its output matrix is the decoder's, and no attribute hides a hook."""
    made = make(Output(8, VOCABULARY))
    expect(isinstance(made, Head), f"{type(made).__name__} is not a subclass of Head")
    made.check_hooks()
    kept = [name for name, _ in made.named_buffers()]
    expect(not kept, f"it has buffers: {', '.join(kept)}")
    expect(
        tuple(made.weight.shape) == (VOCABULARY, 8),
        f"its output matrix has the shape {tuple(made.weight.shape)}",
    )
    for tied in (False, True):
        decoder = made_up.decoder(head=make, tied=tied)
        expect((decoder.head.weight is decoder.embedding.weight) == tied, "decoder.tied is not heeded")


def normalised(make: Make) -> None:
    """Probabilities are finite, and sum to 1 where the class gives log-probabilities."""
    for tied in (False, True):
        made = with_noise(make, tied=tied)
        with torch.no_grad():
            found = made(draw(4, 3 * TRAINED), counted(made.pe, 3 * TRAINED), prompt=torch.tensor(SIZES))
        expect(not found.isnan().any(), "a logit is not a number")
        total = found.softmax(-1).sum(-1)
        expect_close(total, torch.ones_like(total), EQUAL, "the sum of probabilities, and 1")
        expect(bool((found.logsumexp(-1).isfinite()).all()), "no token has a probability")


def parts(make: Make) -> None:
    """Cached decoding in any parts equals the full pass; so do padding, the last tokens alone, and some rows alone."""
    made, prompt = with_noise(make), torch.tensor(SIZES)
    for time in (1, TRAINED // 2, TRAINED, 3 * TRAINED):
        tokens, positions = draw(4, time), counted(made.pe, time)
        with torch.no_grad():
            full = made(tokens, positions, prompt=prompt)
            for sizes in ([1] * time, *([[3, 1, time - 4]] if time > 4 else [])):  # noqa: PLR2004  # the tokens of the first two
                cache, found = DecoderCache(), list[Tensor]()
                pairs = zip(torch.split(tokens, sizes, 1), torch.split(positions, sizes, 1), strict=True)
                for part, place in pairs:
                    given = prompt if not found else None
                    found.append(made(part, place, cache, prompt=given))
                expect_close(torch.cat(found, 1), full, EQUAL, f"{time} tokens with a cache and without")
            for first in {0, time // 2, time - 1, time}:
                part = made(tokens, positions, first=first, prompt=prompt)
                expect_close(part, full[:, first:], EQUAL, "the last tokens alone, and all")
            half = time // 2 + 1
            alone = made(tokens[:1, :half], positions[:, :half], prompt=prompt[:1])
            expect_close(alone, full[:1, :half], EQUAL, "a row in a padded batch, and alone")
            if time > 1:
                cache, rows = DecoderCache(), torch.tensor([2, 0])
                made(tokens[:, :-1], positions[:, :-1], cache, prompt=prompt)
                other = cache.fork()
                other.select(rows)
                kept = made(tokens[rows, -1:], positions[:, -1:], other)
                expect_close(kept, full[rows, -1:], EQUAL, "some rows of a cache, and all")


def causality(make: Make) -> None:
    """Later tokens change nothing; a token changes its own distribution."""
    made, prompt = with_noise(make), torch.tensor(SIZES)
    tokens, positions = draw(4, TRAINED), counted(made.pe, TRAINED)
    with torch.no_grad():
        full = made(tokens, positions, prompt=prompt)
        for place in range(TRAINED):
            changed = tokens.clone()
            changed[:, place] = (changed[:, place] + 1) % VOCABULARY
            other = made(changed, positions, prompt=prompt)
            expect_close(other[:, :place], full[:, :place], 1e-12, f"with another token at column {place}")
            expect(not torch.allclose(other[:, place], full[:, place]), f"token {place} is not read")


def gradients(make: Make) -> None:
    """Every parameter of the head has a finite gradient of the loss of a token, and one of them is not 0."""
    made, prompt = with_noise(make).float(), torch.tensor(SIZES)
    tokens = draw(4, 2 * TRAINED)
    logits = made(tokens, counted(made.pe, 2 * TRAINED), prompt=prompt)
    (-logits.log_softmax(-1)[:, SIZES[3] :].amax(-1).mean()).backward()
    for name, weight in made.named_parameters():
        expect(
            weight.grad is not None and bool(weight.grad.isfinite().all()), f"{name} has no finite gradient"
        )
    for name, weight in made.head.named_parameters():
        expect(weight.grad is not None and bool(weight.grad.any()), f"no gradient reaches {name} of the head")


CHECKS: dict[str, Callable[[Make], None]] = {
    BUILT[0]: builds,
    "probabilities sum to 1": normalised,
    "cached decoding, padding and parts of examples": parts,
    "causality": causality,
    "gradients": gradients,
}
"""The checks of every head by name."""
