"""Contract tests of what the class of an encoding declares."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lengen.pe import PositionalEncoding
from lengen.testing import made_up
from lengen.testing.encoding_tables import Make, of_positions
from lengen.testing.made_up import FAR, SHAPE, TRAINED, counted, draw, inputs
from lengen.testing.report import CHANGED, expect


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
    changed = any(_change(make, move, randomize=randomize) > CHANGED for randomize in (False, True))
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
        _change(make, lambda positions: positions + between, randomize=True) > CHANGED,
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
