"""Contract tests of an encoding in a decoder: causality, cached decoding, padding, gradients."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

import torch
from jaxtyping import Real
from torch import Tensor

from lengen.block.shared import DecoderCache
from lengen.pe import PositionalEncoding
from lengen.testing import made_up
from lengen.testing.encoding_tables import Make
from lengen.testing.made_up import FAR, TRAINED, counted, draw, streamed
from lengen.testing.report import EQUAL, expect, expect_close


def placements(pe: PositionalEncoding, rows: int, time: int) -> Iterator[Real[Tensor, "#rows time *streams"]]:
    """Yield positions to try: consecutive; increasing with gaps; in any order, unless the encoding needs increasing ones."""
    generator = torch.Generator().manual_seed(time)
    limit = min(pe.budget or FAR, FAR)
    yield counted(pe, time)
    yield streamed(pe, torch.rand((rows, limit), generator=generator).topk(time).indices.sort(1).values)
    if not pe.distances:
        yield streamed(pe, torch.randint(limit, (rows, time), generator=generator))


def causality(make: Make, *, looped: bool = False, far: bool = False) -> None:
    """No gradient reaches later tokens; some reaches the token itself and earlier ones.

    Args:
        make: makes the encoding.
        looped: whether the decoder applies its blocks twice.
        far: whether earlier tokens must be visible at any distance, not only adjacent ones.
    """
    made, leaves = made_up.decoder(make, looped=looped), []

    def cut(_module: object, _inputs: object, output: Tensor) -> Tensor:
        leaves.append(output.detach().requires_grad_())
        return leaves[-1]

    made.embedding.register_forward_hook(cut)
    for number, positions in enumerate(placements(made.pe, 2, 9)):
        logits = made(draw(2, 9), positions)
        for time in range(9):
            (gradient,) = torch.autograd.grad(logits[:, time].sum(), leaves[-1], retain_graph=True)
            later = gradient[:, time + 1 :].any(-1).any(0).nonzero().flatten().tolist()
            expect(
                not later, f"token {time} sees token {time + 1 + later[0] if later else 0}, which comes later"
            )
            expect(gradient[:, time].any(-1).all(), f"token {time} does not see itself")
            seen = gradient[:, :time].any(-1).any(-1).all()
            expect(time == 0 or (number > 0 and not far) or seen, f"token {time} sees no earlier token")


def cached(make: Make, *, looped: bool = False) -> None:
    """Cached decoding equals the full pass, below, at and above the trained length."""
    made = made_up.decoder(make, looped=looped)
    for time in (TRAINED // 2, TRAINED, 3 * TRAINED):
        tokens = draw(3, time)
        chunkings = cycle(
            [[1] * time, [3, 1, time - 4]]
        )  # token by token; several tokens after a cached prefix
        with torch.no_grad():
            for positions, chunks in zip(placements(made.pe, 3, time), chunkings, strict=False):
                full, cache = made(tokens, positions), DecoderCache()
                pairs = zip(torch.split(tokens, chunks, 1), torch.split(positions, chunks, 1), strict=True)
                parts = [made(part, place, cache) for part, place in pairs]
                expect_close(torch.cat(parts, 1), full, EQUAL, f"{time} tokens with a cache and without")


def last_tokens(make: Make, *, looped: bool = False) -> None:
    """Logits of the last tokens alone, for which the last block leaves out the others, equal those of all tokens."""
    made, tokens = made_up.decoder(make, looped=looped), draw(3, TRAINED)
    with torch.no_grad():
        for positions in placements(made.pe, 3, TRAINED):
            full = made(tokens, positions)
            for first in (1, TRAINED // 2, TRAINED - 1):
                expect_close(
                    made(tokens, positions, first=first),
                    full[:, first:],
                    EQUAL,
                    f"tokens {first} to {TRAINED - 1} alone and with all others",
                )


def padding(make: Make, *, looped: bool = False) -> None:
    """A row gives the same logits in a padded batch and alone, down to a prompt of one token."""
    made, tokens = made_up.decoder(make, looped=looped), draw(4, TRAINED)
    with torch.no_grad():
        for positions in placements(made.pe, 4, TRAINED):
            padded = made(tokens, positions)
            for row, time in enumerate((1, 4, 9, TRAINED)):
                own = positions[min(row, len(positions) - 1)].unsqueeze(0)[:, :time]
                alone = made(tokens[row : row + 1, :time], own)
                expect_close(padded[row, :time], alone[0], EQUAL, f"a row of {time} tokens, padded and alone")


def one_row(make: Make) -> None:
    """One row of positions serves all examples."""
    made, tokens = made_up.decoder(make), draw(3, TRAINED)
    positions = counted(made.pe, TRAINED)
    with torch.no_grad():
        repeated = made(tokens, positions.repeat_interleave(3, 0))
        expect_close(made(tokens, positions), repeated, EQUAL, "one row of positions, and one per example")


def state_dict(make: Make) -> None:
    """Saved and loaded parameters give the same logits; a pass changes no parameter and no other state."""
    made, tokens = made_up.decoder(make), draw(2, TRAINED)
    positions, other = counted(made.pe, TRAINED), counted(made.pe, TRAINED, 3)
    with torch.no_grad():
        first = made(tokens, positions)
        saved = {name: weight.clone() for name, weight in made.state_dict().items()}
        made(draw(3, TRAINED, seed=1), other)
        expect_close(made(tokens, positions), first, 0.0, "the same pass, repeated after another")
        for name, weight in made.state_dict().items():
            expect(torch.equal(weight, saved[name]), f"a pass changed {name}")
        fresh = made_up.decoder(make)
        for weight in fresh.parameters():
            weight.add_(torch.randn_like(weight))
        fresh.load_state_dict(saved)
        expect_close(fresh(tokens, positions), first, EQUAL, "logits after state_dict and load_state_dict")


def gradients(make: Make) -> None:
    """Gradients of a training step are finite; `auxiliary` draws only from its generator."""
    made = made_up.decoder(make).float().train()
    loss = made(draw(3, TRAINED), counted(made.pe, TRAINED)).square().mean()
    state = torch.get_rng_state()
    added = [made.pe.auxiliary(torch.Generator().manual_seed(seed)) for seed in (0, 0)]
    expect(torch.equal(torch.get_rng_state(), state), "auxiliary draws from torch's global generator")
    if added[0] is not None and added[1] is not None:
        expect(torch.equal(added[0], added[1]), "auxiliary differs between equal generators")
        loss = loss + added[0]
    loss.backward()
    for name, weight in made.named_parameters():
        expect(weight.grad is None or weight.grad.isfinite().all(), f"the gradient of {name} is not finite")
