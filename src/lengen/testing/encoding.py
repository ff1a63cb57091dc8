"""Contract tests of positional encodings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle, pairwise
from typing import Any

import torch
from jaxtyping import Real
from torch import Tensor

from lengen.block.inputs import Shape
from lengen.decoder import DecoderCache
from lengen.pe import PositionalEncoding
from lengen.testing import made_up
from lengen.testing.made_up import FAR, SHAPE, TRAINED, counted, draw, inputs, streamed
from lengen.testing.report import BUILT, Report, expect, expect_close, name_of, run

Make = Callable[[Shape], PositionalEncoding]
EQUAL, SAME = 1e-10, 1e-6
"""Largest difference of two equal passes in float64, and smallest difference that counts as a change."""


def check_encoding(
    encoding: Callable[..., PositionalEncoding], *, raise_on_failure: bool = True, **options: Any
) -> Report:
    """Check an encoding against the contract of `lengen.pe`.

    Args:
        encoding: its class, or a function that makes one from a `Shape`.
        raise_on_failure: raise at the first failed check; otherwise report all.
        options: options of its constructor.

    Raises:
        ContractError: a check fails.
    """
    make = partial(encoding, **options)
    checks = {title: partial(check, make) for title, check in CHECKS.items()}
    return run(name_of(encoding), checks, raise_on_failure=raise_on_failure)


def placements(pe: PositionalEncoding, rows: int, time: int) -> Iterator[Real[Tensor, "#rows time *streams"]]:
    """Yield positions to try: consecutive; increasing with gaps; in any order, unless the encoding needs increasing ones."""
    generator = torch.Generator().manual_seed(time)
    limit = min(pe.budget or FAR, FAR)
    yield counted(pe, time)
    yield streamed(pe, torch.rand((rows, limit), generator=generator).topk(time).indices.sort(1).values)
    if not pe.distances:
        yield streamed(pe, torch.randint(limit, (rows, time), generator=generator))


def of_positions(pe: PositionalEncoding, positions: Real[Tensor, "#batch time"]) -> list[Tensor]:
    """Return everything that an encoding computes from positions alone."""
    zeros = torch.zeros(*positions.shape, pe.shape.dim)
    positions = streamed(pe, positions)
    parts = [pe.embed(zeros, positions), pe.make_table(positions), pe.logit_bias(positions, positions)]
    return [part for part in parts if part is not None]


def builds(make: Make) -> None:
    """The encoding has the given shape, hides no hook, and has no state but its parameters."""
    pe = make(SHAPE)
    expect(isinstance(pe, PositionalEncoding), f"{type(pe).__name__} is no PositionalEncoding")
    pe.check_hooks()
    expect(pe.shape == SHAPE, "its shape is not the given one: call super().__init__(shape)")
    buffers = [name for name, _ in pe.named_buffers()]
    expect(
        not buffers,
        f"it has buffers ({', '.join(buffers)}): compute tables from positions, keep no state but parameters",
    )


def budget(make: Make) -> None:
    """`budget` is the number of positions for which the encoding is defined."""
    pe = make(SHAPE)
    if pe.budget is None:
        try:
            of_positions(pe, torch.tensor([[0, 1, 10 * FAR]]))
        except IndexError as error:
            reason = (
                f"{error} at position {10 * FAR}; an encoding with a table of N rows must set `budget` = N"
            )
            raise IndexError(reason).with_traceback(error.__traceback__) from error
        return
    of_positions(pe, torch.tensor([[0, pe.budget - 1]]))
    try:
        of_positions(pe, torch.tensor([[pe.budget]]))
    except (ValueError, IndexError):
        return
    expect(False, f"position {pe.budget} is not refused, but the encoding has budget={pe.budget}")


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


def _change(make: Make, move: Callable[[Tensor], Tensor], *, randomize: bool) -> float:
    """Return how much logits change with positions, with initial or randomized parameters."""
    made, tokens = made_up.decoder(make), draw(2, TRAINED)
    positions = counted(made.pe, TRAINED)
    with torch.no_grad():
        for weight in made.pe.parameters() if randomize else ():
            weight.add_(torch.randn_like(weight), alpha=0.3)
        return float((made(tokens, positions) - made(tokens, move(positions))).abs().max())


def reads(make: Make) -> None:
    """Positions change the logits if and only if the class has `reads`."""
    budget = make(SHAPE).budget
    move = torch.square if budget is None or budget > TRAINED**2 else lambda positions: 2 * positions
    changed = any(_change(make, move, randomize=randomize) > SAME for randomize in (False, True))
    expect(
        changed == make(SHAPE).reads,
        f"positions {'change' if changed else 'do not change'} the logits, {_declared(make, 'reads')}",
    )


def whole(make: Make) -> None:
    """Positions between integers change the logits, unless the class has `whole`."""
    pe = make(SHAPE)
    if pe.whole or not pe.reads:
        return
    between = torch.linspace(0, 0.9, TRAINED)
    between = between if pe.streams is None else between.unsqueeze(-1)
    expect(
        _change(make, lambda positions: positions + between, randomize=True) > SAME,
        f"positions between integers change nothing, {_declared(make, 'whole')}",
    )


def stretches(make: Make) -> None:
    """The norms of queries and keys change with positions if and only if the class has `stretches`."""
    pe = made_up.decoder(make).pe
    last, heads = (pe.budget or FAR) - 1, torch.randn(2, 4, 9, 8, dtype=torch.float64)
    near, far = (
        torch.stack(
            pe.transform(heads, heads, heads, pe.make_table(place), inputs(9, positions=place))[:2]
        ).norm(dim=-1)
        for place in (counted(pe, 9), counted(pe, 9, min(300, last - 8)))
    )
    changed = bool((near - far).abs().max() > 1e-3)  # noqa: PLR2004  # of norms about 3
    expect(
        changed == pe.stretches,
        f"norms {'change' if changed else 'do not change'}, {_declared(make, 'stretches')}",
    )


def relative(make: Make) -> None:
    """A common shift of all positions changes nothing if and only if the class has `relative`."""
    made, tokens = made_up.decoder(make), draw(2, 2 * TRAINED)
    room = max(1, (made.pe.budget or FAR) - 2 * TRAINED)
    for shift in {min(1, room), min(500, room)}:
        with torch.no_grad():
            near, far = (made(tokens, counted(made.pe, 2 * TRAINED, start)) for start in (0, shift))
        moved = bool((near - far).abs().max() >= 1e-3)  # noqa: PLR2004  # of logits about 1
        if not moved and not made.pe.relative:  # weights may start at zero
            moved = _change(make, lambda positions, shift=shift: positions + shift, randomize=True) >= 1e-3  # type: ignore[misc]  # noqa: PLR2004
        expect(
            moved != made.pe.relative,
            f"a shift by {shift} {'changes' if moved else 'does not change'} the logits, {_declared(make, 'relative')}",
        )


def _declared(make: Make, name: str) -> str:
    """Describe what a class declares."""
    return f"but the class has {name}={getattr(make(SHAPE), name)}"


def float32_tables(make: Make) -> None:
    """Tables of positions are float32, and the same under autocast, at far positions too."""
    pe = make(SHAPE)
    last = (pe.budget or 8193) - 1
    positions = torch.tensor([[0, 1, 255, 256, 257, 1001, 2049, 4097, 8191, 8192]]).clamp(max=last)
    plain = of_positions(pe, positions)
    with torch.autocast("cpu", torch.bfloat16):
        cast = of_positions(pe, positions)
    for expected, got in zip(plain, cast, strict=True):
        expect(got.dtype == torch.float32, f"under autocast a table is {got.dtype}, not float32")
        expect(torch.equal(got, expected), "under autocast a table has other values")
    if not list(pe.parameters()):
        for expected, got in zip(plain, of_positions(make(SHAPE).bfloat16(), positions), strict=True):
            expect(torch.equal(got, expected), "in a module cast to bfloat16 a table has other values")


def float32_blocks(make: Make) -> None:
    """At far positions, the queries, keys and biases of a block under autocast are close to those without."""
    pe, heads = make(SHAPE), torch.randn(2, 4, 9, 8)
    last = min(pe.budget or 8193, 8193) - 1
    places = counted(pe, 9, last - 8)

    def computed() -> list[Tensor | None]:
        view = inputs(9, x=torch.ones(2, 9, 32), positions=places)
        query, key, value = pe.transform(heads, heads, heads, pe.make_table(places), view)
        return [query, key, value, pe.context(query, key, view)]

    plain = computed()
    with torch.autocast("cpu", torch.bfloat16):
        cast = computed()
    for expected, got in zip(plain, cast, strict=True):
        expect((got is None) == (expected is None), "under autocast a hook gives None, or no longer does")
        if got is not None and expected is not None:
            expect_close(got.float(), expected, 0.05, "a block's queries, keys and bias under autocast")


def bfloat16(make: Make) -> None:
    """Under autocast, in the full pass and cached, logits at far positions are close to those in float64."""
    made, tokens = made_up.decoder(make), draw(2, 24)
    positions = counted(made.pe, 24, min(5000, (made.pe.budget or 5024) - 24))
    with torch.no_grad():
        exact = made(tokens, positions)
        made, cache = made.float(), DecoderCache()
        with torch.autocast("cpu", torch.bfloat16):
            rough = made(tokens, positions)
            parts = [made(tokens[:, a:b], positions[:, a:b], cache) for a, b in pairwise((0, 20, 21, 24))]
    expect(rough.dtype == torch.bfloat16, f"under autocast logits are {rough.dtype}, not bfloat16")
    expect_close(rough, exact, 0.1, "logits under autocast")
    expect_close(torch.cat(parts, 1), exact, 0.1, "cached logits under autocast")


def pairs(make: Make) -> None:
    """`logit_bias` of a pair depends on its two positions alone, for any numbers of queries and keys."""
    pe = make(SHAPE)
    for rows, queries, keys in ((1, 1, 1), (1, 1, 9), (3, 4, 9), (3, 9, 9)):
        generator = torch.Generator().manual_seed(0)
        limit = min(pe.budget or 300, 300)
        key = torch.rand((rows, limit), generator=generator).topk(keys).indices.sort(1).values
        query = key[:, -queries:]
        bias = pe.logit_bias(streamed(pe, query), streamed(pe, key))
        if bias is None:
            return
        expect(bias.dtype == torch.float32, f"logit_bias is {bias.dtype}, not float32")
        for one in (bias, pe.logit_bias(streamed(pe, query[:1]), streamed(pe, key))):
            shape = None if one is None else tuple(one.shape)
            expect(
                shape == (rows, 4, queries, keys),
                f"logit_bias has shape {shape}, not {(rows, 4, queries, keys)}",
            )
        _check_pairs(pe, query, key, bias)


def _check_pairs(pe: PositionalEncoding, query: Tensor, key: Tensor, bias: Tensor) -> None:
    """Check each pair of a query and a visible key by itself."""
    queries, keys = query.shape[1], key.shape[1]
    for row in range(len(bias)):
        for i in range(queries):
            for j in range(keys - queries + i + 1):
                one, other = (streamed(pe, at.view(1, 1)) for at in (query[row, i], key[row, j]))
                single = pe.logit_bias(one, other)
                expect(single is not None, "logit_bias of one query and one key is None")
                assert single is not None
                expect_close(
                    single.flatten(),
                    bias[row, :, i, j],
                    2e-6,
                    f"logit_bias of a pair ({i}, {j}), alone and in a batch",
                )


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


CHECKS: dict[str, Callable[[Make], None]] = {
    BUILT: builds,
    "budget": budget,
    "causality by gradient": causality,
    "causality by gradient, looped": partial(causality, looped=True),
    "cached decoding equals the full pass": cached,
    "cached decoding equals the full pass, looped": partial(cached, looped=True),
    "padding changes nothing": padding,
    "padding changes nothing, looped": partial(padding, looped=True),
    "one row of positions serves all": one_row,
    "reads": reads,
    "whole": whole,
    "stretches": stretches,
    "relative": relative,
    "tables are float32 under autocast": float32_tables,
    "blocks compute positions in float32": float32_blocks,
    "bfloat16 forward, full and cached": bfloat16,
    "bias of any queries and keys": pairs,
    "state_dict, and no state besides": state_dict,
    "finite gradients": gradients,
}
"""The checks of an encoding by name."""
