"""Contract tests of mixers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from lengen.attention.softmax import Softmax
from lengen.block.inputs import Shape
from lengen.mixer import Layer, Mixer, Recurrent, State
from lengen.testing import made_up
from lengen.testing.made_up import TRAINED
from lengen.testing.report import BUILT, EQUAL, Report, expect, expect_close, name_of, require_maker, run
from lengen.testing.whole_pass import expect_parts_equal_the_whole

Make = Callable[[Layer], Mixer]

LAYERS = Layer(Shape(32, 4, 2), 0, Softmax), Layer(Shape(32, 4, 2), 1, Softmax)
"""Both layers of a small decoder; most checks use the second."""
SHORT, FACTORS = 16, (1, 4, 64)
"""A trained length in tokens, and its multiples at which outputs and gradients must be finite."""
COSTS = ("quadratic", "chunks", "scan", "tree", "fft", "loop")
GROWTHS: dict[str, Callable[[int], int]] = {"constant": lambda _: 1, "log": int.bit_length, "linear": int}
"""How often the numbers that are kept of one token may be kept of some tokens, by `Mixer.growth`."""


def check_mixer(mixer: Callable[..., Mixer], *, raise_on_failure: bool = True, **options: Any) -> Report:
    """Check a mixer against the contract of `lengen.mixer`; one that carries a state must be a `Recurrent`.

    Args:
        mixer: its class, or a function that makes one from a `Layer`.
        raise_on_failure: raise at the first failed check; otherwise report all.
        options: options of its constructor.

    Raises:
        UsageError: it is neither a class nor a function.
        ContractError: a check fails.
    """
    require_maker(mixer, "check_mixer", Mixer)
    make = partial(mixer, **options)
    chosen = CHECKS | (RECURRENT if isinstance(make(LAYERS[1]), Recurrent) else {})
    checks = {title: partial(check, make) for title, check in chosen.items()}
    return run(name_of(mixer), checks, raise_on_failure=raise_on_failure)


def tokens(time: int, *, rows: int = 2, size: float = 1.0, seed: int = 1) -> Tensor:
    """Draw the input of a block in float64."""
    generator = torch.Generator().manual_seed(seed)
    return size * torch.randn(rows, time, 32, generator=generator, dtype=torch.float64)


def recurrent(make: Make) -> Recurrent:
    """Make a mixer in float64, with matrices as a decoder draws them, and noise on all that it learns: no path is 0."""
    torch.manual_seed(0)
    made = make(LAYERS[1])
    expect(isinstance(made, Recurrent), f"{type(made).__name__} is not a subclass of Recurrent")
    with torch.no_grad():
        for module in made.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=module.weight.shape[1] ** -0.5)
        for weight in made.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    return made.double().eval()  # type: ignore[return-value]


def in_parts(made: Recurrent, x: Tensor, sizes: Sequence[int]) -> tuple[Tensor, State]:
    """Mix some tokens after the others."""
    state, mixed = None, []
    for part in torch.split(x, list(sizes), 1):
        out, state = made.mix(part, state)
        mixed.append(out)
    assert state is not None
    return torch.cat(mixed, 1), state


def builds(make: Make) -> None:
    """It is a `Mixer` without buffers, and no attribute hides a hook."""
    for layer in LAYERS:
        made = make(layer)
        expect(isinstance(made, Mixer), f"{type(made).__name__} is not a subclass of Mixer")
        made.check_hooks()
        kept = [name for name, _ in made.named_buffers()]
        expect(not kept, f"it has buffers: {', '.join(kept)}")
        expect(made.cost in COSTS, f"cost={made.cost!r}: must be one of {', '.join(COSTS)}")


def in_decoder(make: Make) -> None:
    """In a decoder: cached decoding equals the full pass, below, at and above a trained length; padding changes nothing."""
    expect_parts_equal_the_whole(made_up.decoder(mixer=make))


def state_dict(make: Make) -> None:
    """Saved and loaded parameters give the same; a pass changes nothing."""
    made, fresh, x = recurrent(make), recurrent(make), tokens(TRAINED)
    with torch.no_grad():
        first, _ = made.mix(x, None)
        made.mix(tokens(2 * TRAINED, seed=2), None)
        expect_close(made.mix(x, None)[0], first, 0.0, "the same pass, repeated after another")
        for weight in fresh.parameters():
            weight.add_(torch.randn_like(weight))
        fresh.load_state_dict(made.state_dict())
        expect_close(fresh.mix(x, None)[0], first, 0.0, "after state_dict and load_state_dict")


def steps(make: Make) -> None:
    """All tokens at once, and one at a time, also where chunks of tokens have borders."""
    made = recurrent(make)
    with torch.no_grad():
        for time in (1, 2, 13, 70):
            full, last = made.mix(tokens(time), None)
            mixed, end = in_parts(made, tokens(time), [1] * time)
            expect_close(mixed, full, EQUAL, f"{time} tokens one at a time, and at once")
            for index, (got, expected) in enumerate(zip(end, last, strict=True)):
                expect_close(got, expected, EQUAL, f"part {index} of the state after {time} tokens")


def splits(make: Make) -> None:
    """All tokens at once, and in two parts of any size."""
    made = recurrent(make)
    with torch.no_grad():
        for time, places in ((13, range(1, 13)), (150, (15, 16, 63, 64, 65, 127))):
            full, last = made.mix(tokens(time), None)
            for place in places:
                mixed, end = in_parts(made, tokens(time), [place, time - place])
                expect_close(mixed, full, EQUAL, f"{time} tokens split at {place}, and at once")
                for index, (got, expected) in enumerate(zip(end, last, strict=True)):
                    expect_close(got, expected, EQUAL, f"part {index} of the state, split at {place}")


def causality(make: Make) -> None:
    """Later tokens change nothing, however large they are; earlier ones do."""
    made = recurrent(make)
    for time, place in ((13, 6), (100, 40)):
        x = tokens(time).requires_grad_()
        mixed, _ = made.mix(x, None)
        (gradient,) = torch.autograd.grad(mixed[:, place].square().sum(), x, retain_graph=True)
        expect(not gradient[:, place + 1 :].any(), f"token {place} sees a later one")
        expect(gradient[:, place - 1].any(), f"token {place} does not see the one before it")
        with torch.no_grad():
            changed = torch.cat([x[:, : place + 1], tokens(time - place - 1, size=1e3, seed=7)], 1)
            other, _ = made.mix(changed, None)
            expect_close(other[:, : place + 1], mixed[:, : place + 1], 1e-12, "with other tokens after them")


def growth(make: Make) -> None:
    """`state_size` grows as `growth` says, and not less."""
    made = make(LAYERS[1])
    expect(made.growth in GROWTHS, f"growth={made.growth!r}: must be one of {', '.join(GROWTHS)}")
    one, times = made.state_size(1), (1, 2, 3, 13, 100, 127, 1023)
    order = list(GROWTHS)
    for time in times:
        size, most = made.state_size(time), one * GROWTHS[made.growth](time)
        expect(size <= most, f"growth={made.growth!r}, but state_size({time}) is {size}, above {most}")
    if (place := order.index(made.growth)) > 0:
        less = GROWTHS[order[place - 1]]
        expect(
            any(made.state_size(time) > one * less(time) for time in times),
            f"growth={made.growth!r}, but state_size grows as {order[place - 1]!r} says",
        )


def state_sizes(make: Make) -> None:
    """The state has the numbers of `state_size` after any number of tokens, and as many parts."""
    made, parts = recurrent(make), set[int]()
    for time in (1, 2, 13, 100):
        with torch.no_grad():
            shapes = [part.shape for part in made.mix(tokens(time), None)[1]]
        expect(all(shape[0] == 2 for shape in shapes), "examples are not the first axis of the state")  # noqa: PLR2004  # rows
        count, size = sum(shape[1:].numel() for shape in shapes), made.state_size(time)
        expect(size == count, f"state_size({time}) is {size}, but the state has {count} numbers")
        parts.add(len(shapes))
        expect(len(parts) == 1, f"the number of parts of the state changes with tokens: {parts}")


def precision(make: Make) -> None:
    """Under autocast to bfloat16 the state stays float32, and follows that of float32."""
    made, x = recurrent(make).float(), tokens(40).float()
    with torch.no_grad():
        _, plain = made.mix(x, None)
        with torch.autocast("cpu", torch.bfloat16):
            _, state = made.mix(x[:, :20], None)
            mixed, state = made.mix(x[:, 20:], state)
    expect(mixed.isfinite().all(), "under autocast the output is not finite")
    for index, (got, expected) in enumerate(zip(state, plain, strict=True)):
        expect(got.dtype == torch.float32, f"under autocast part {index} of the state is {got.dtype}")
        scale = float(expected.abs().max())
        expect_close(got, expected, 0.1 * scale + 0.05, f"part {index} of the state under autocast")


def rounding(make: Make) -> None:
    """Float32 at once and one token at a time agree with float64, relative to the largest output."""
    made, x = recurrent(make), tokens(128)
    with torch.no_grad():
        exact, _ = made.mix(x, None)
        scale = max(1.0, float(exact.abs().max()))
        single = made.float()
        for what, got in (
            ("at once", single.mix(x.float(), None)[0]),
            ("by steps", in_parts(single, x.float(), [1] * 128)[0]),
        ):
            expect_close(got, exact, 1e-4 * scale, f"128 tokens {what} in float32, and in float64")


def finite(make: Make) -> None:
    """Outputs and gradients are finite at a trained length and far beyond it, for small and large inputs."""
    for factor, size in ((FACTORS[0], 1.0), (FACTORS[0], 1e3), *((factor, 1.0) for factor in FACTORS[1:])):
        made = recurrent(make).float()
        x = tokens(factor * SHORT, size=size).float().requires_grad_()
        mixed, state = made.mix(x, None)
        where = f"{factor} x {SHORT} tokens of size {size:g}"
        expect(mixed.isfinite().all(), f"{where}: an output is not finite")
        expect(all(part.isfinite().all() for part in state), f"{where}: the state is not finite")
        torch.autograd.backward(mixed.square().mean())
        for name, leaf in (("the input", x), *made.named_parameters()):
            expect(
                leaf.grad is not None and leaf.grad.isfinite().all(),
                f"{where}: the gradient of {name} is missing or not finite",
            )


def gradients(make: Make) -> None:
    """Gradients of the pass over all tokens are those of the passes token by token."""
    made, found = recurrent(make), []
    for sizes in ([40], [1] * 40):
        x = tokens(40).requires_grad_()
        mixed, _ = in_parts(made, x, sizes)
        weights = tokens(40, seed=5)
        found.append(torch.autograd.grad((mixed * weights).sum(), [x, *made.parameters()]))
    names = ["the input", *(name for name, _ in made.named_parameters())]
    for name, full, stepped in zip(names, *found, strict=True):
        scale = max(1.0, float(full.abs().max()))
        expect_close(stepped, full, EQUAL * scale, f"the gradient of {name}, token by token and at once")
        expect(full.any(), f"no gradient reaches {name}")


def dropped_rows(make: Make) -> None:
    """Some examples alone give the same as among others: rows are independent."""
    made, x = recurrent(make), tokens(9, rows=3)
    with torch.no_grad():
        full, state = made.mix(x, None)
        after, _ = made.mix(x, state)
        kept = tuple(part[1:2] for part in state)
        expect_close(made.mix(x[1:2], None)[0], full[1:2], EQUAL, "an example alone, and among others")
        expect_close(made.mix(x[1:2], kept)[0], after[1:2], EQUAL, "an example alone from its state")


CHECKS: dict[str, Callable[[Make], None]] = {
    BUILT[0]: builds,
    "cached decoding and padding": in_decoder,
    "the state grows as it says": growth,
}
"""The checks of every mixer by name."""
RECURRENT: dict[str, Callable[[Make], None]] = {
    "token by token equals all at once": steps,
    "split anywhere equals all at once": splits,
    "causality by gradient and by change": causality,
    "the state has the size it says": state_sizes,
    "the state is float32 under autocast": precision,
    "float32 agrees with float64": rounding,
    "finite far beyond the trained length": finite,
    "gradients of steps equal those of all at once": gradients,
    "examples are independent": dropped_rows,
    "state_dict, and no state besides": state_dict,
}
"""The checks of mixers that carry a state by name."""
