"""Contract tests of extensions: a view with the same parameters, causal, decoded with a cache as in a full pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise, product
from typing import Any

import torch
from torch import Tensor

from lengen.attention.lssa import LSSA
from lengen.attention.softmax import Softmax
from lengen.block.hooks import check_spelling
from lengen.block.shared import DecoderCache
from lengen.config.errors import UsageError
from lengen.decoder import Decoder
from lengen.extend import SLOTS, Extension, Sizes
from lengen.extend.chosen import Chosen
from lengen.pe.alibi import ALiBi
from lengen.pe.cope import CoPE
from lengen.pe.fire import FIRE
from lengen.pe.kerple import Kerple
from lengen.pe.learned import Learned
from lengen.pe.nape import NAPE
from lengen.pe.nope import NoPE
from lengen.pe.rope import RoPE
from lengen.pe.sandwich import Sandwich
from lengen.pe.sinusoidal import Sinusoidal
from lengen.pe.t5 import T5
from lengen.pe.xpos import XPos
from lengen.positions import Positions
from lengen.positions.contiguous import Contiguous
from lengen.task.copy import Copy
from lengen.testing import made_up
from lengen.testing.made_up import TRAINED, draw
from lengen.testing.report import (
    BUILT,
    CHANGED,
    EQUAL,
    Report,
    expect,
    expect_close,
    name_of,
    require_maker,
    run,
)

Make = Callable[[], Extension]
ENCODINGS: dict[str, Callable[..., Any]] = {
    "nope": NoPE, "rope": RoPE, "alibi": ALiBi, "t5": partial(T5, std=1.0), "learned": partial(Learned, maximum=64, std=1.0),
    "sinusoidal": Sinusoidal, "fire": FIRE, "kerple": Kerple, "sandwich": Sandwich, "nape": NAPE, "cope": CoPE, "xpos": XPos,
}  # fmt: skip
RULES: dict[str, Callable[..., Any]] = {"softmax": Softmax, "lssa": LSSA}
"""Decoders that an extension is tried on: all pairs of these, of which it must apply to one at least."""
TIMES = (7, TRAINED, TRAINED + 1, 3 * TRAINED)


def check_extension(
    extension: Callable[..., Extension], *, raise_on_failure: bool = True, **options: Any
) -> Report:
    """Check an extension against the contract of `lengen.extend`, on small decoders that it applies to.

    Args:
        extension: its class, or a function that makes one.
        raise_on_failure: raise at the first failed check; otherwise report all.
        options: options of its constructor.

    Raises:
        UsageError: it is neither a class nor a function.
        ContractError: a check fails.
    """
    require_maker(extension, "check_extension", Extension)
    make = partial(extension, **options)
    checks = {title: partial(check, make) for title, check in CHECKS.items()}
    return run(name_of(extension), checks, raise_on_failure=raise_on_failure)


def built(make: Make) -> None:
    """It can be made."""
    made = make()
    expect(isinstance(made, Extension), "must be an Extension")
    check_spelling(type(made), Extension.methods)


def applies(make: Make) -> str:
    """The slot is one of those there are, and some decoder can be extended."""
    slot = getattr(make(), "slot", None)
    expect(slot in SLOTS, f"its slot is {slot!r}; must be one of {', '.join(SLOTS)}")
    found, reasons = [], list[str]()
    for (pe, encoding), (rule, attention) in product(ENCODINGS.items(), RULES.items()):
        try:
            Chosen({"it": make()}).fits(
                made_up.decoder(encoding, attention), Contiguous(), sizes(2 * TRAINED)
            )
            found.append(f"{pe}, {rule}")
        except UsageError as error:
            reasons.append(str(error))
    expect(found, f"applies to no decoder that was tried: {(reasons or [''])[0]}")
    return f"applies to {len(found)} of {len(ENCODINGS) * len(RULES)} decoders"


def cached(make: Make) -> None:
    """Cached decoding equals the full pass, below, at and above the trained length."""
    for base, time in product(bases(make), TIMES):
        made, scheme = extended(make, base, time)
        tokens, places, cache = draw(3, time), placed(scheme, time), DecoderCache()
        borders = [0, 3, *range(4, time + 1)]
        parts = [
            read(made, tokens[:, start:end], places[:, start:end], cache) for start, end in pairwise(borders)
        ]
        expect_close(
            torch.cat(parts, 1),
            read(made, tokens, places),
            EQUAL,
            f"{time} tokens with a cache and without",
        )


def causal(make: Make) -> None:
    """No token sees a later one."""
    for base in bases(make):
        made, scheme = extended(make, base, 2 * TRAINED)
        tokens, other, places = (
            draw(2, 2 * TRAINED),
            draw(2, 2 * TRAINED, seed=1),
            placed(scheme, 2 * TRAINED),
        )
        for time in (1, TRAINED, 2 * TRAINED - 1):
            changed = torch.cat([tokens[:, :time], other[:, time:]], 1)
            expect_close(
                read(made, changed, places)[:, :time], read(made, tokens, places)[:, :time], EQUAL,
                f"{time} tokens before others that differ",
            )  # fmt: skip


def padding(make: Make) -> None:
    """A row gives the same logits among others, padded, and alone."""
    for base in bases(make):
        made, scheme = extended(make, base, 2 * TRAINED)
        tokens, places = draw(3, 2 * TRAINED + 5), placed(scheme, 2 * TRAINED + 5)
        alone = read(made, tokens[1:2, : 2 * TRAINED], places[:, : 2 * TRAINED])
        expect_close(read(made, tokens, places)[1:2, : 2 * TRAINED], alone, EQUAL, "a row, padded and alone")


def untouched(make: Make) -> None:
    """The trained decoder computes the same afterwards, and the extended one has no parameters but its."""
    for base in bases(make):
        tokens, places = draw(2, 2 * TRAINED), placed(Contiguous(), 2 * TRAINED)
        before, held = (
            read(base, tokens, places),
            {name: part.clone() for name, part in base.state_dict().items()},
        )
        made, scheme = extended(make, base, 2 * TRAINED)
        read(made, tokens, placed(scheme, 2 * TRAINED))
        expect_close(read(base, tokens, places), before, 0.0, "the trained decoder, before and after")
        for name, part in base.state_dict().items():
            expect(torch.equal(part, held[name]), f"it changed {name}")
        own = {id(part) for part in base.parameters()}
        expect(
            all(id(part) in own for part in made.parameters()),
            "it has parameters that the trained decoder lacks",
        )


def identity(make: Make) -> str:
    """Where it says that it changes nothing, it changes nothing; beyond the trained length it changes something somewhere."""
    moved = False
    for base, time in product(bases(make), TIMES):
        made, scheme = extended(make, base, time)
        tokens = draw(3, time)
        before, after = (
            read(base, tokens, placed(Contiguous(), time)),
            read(made, tokens, placed(scheme, time)),
        )
        if make().changes_nothing(sizes(time)):
            expect_close(after, before, EQUAL, f"{time} tokens, where it says that it changes nothing")
        moved = moved or float((after - before).abs().max()) > CHANGED
    return "" if moved else "changed nothing on the decoders that were tried"


CHECKS: dict[str, Callable[[Make], str | None]] = {
    BUILT[1]: built,
    "applies to a decoder": applies,
    "cached decoding equals the full pass": cached,
    "causality": causal,
    "padding and other rows change nothing": padding,
    "the trained decoder stays as it is": untouched,
    "changes_nothing": identity,
}


def bases(make: Make) -> Iterator[Decoder]:
    """Yield some of the decoders that an extension applies to: three at most, with blocks that matter."""
    count = 0
    for encoding, attention in product(ENCODINGS.values(), RULES.values()):
        try:
            Chosen({"it": make()}).fits(
                made_up.decoder(encoding, attention), Contiguous(), sizes(2 * TRAINED)
            )
        except UsageError:
            continue
        base = made_up.decoder(encoding, attention)
        with torch.no_grad():
            for name, weight in base.named_parameters():
                if name.endswith(("out.weight", "down.weight", "query.weight")):
                    weight.mul_(3)
        yield base
        count += 1
        if count == 3:  # noqa: PLR2004
            return


def sizes(time: int) -> Sizes:
    """Lengths for some tokens."""
    return Sizes(TRAINED, TRAINED, time)


def extended(make: Make, base: Decoder, time: int) -> tuple[Decoder, Positions]:
    """Return a decoder with the extension, and its positions, for some tokens."""
    return Chosen({"it": make()}).of(base, Contiguous(), sizes(time))


def placed(scheme: Positions, time: int) -> Tensor:
    """Return positions of some tokens, for all rows."""
    batch = Copy().sample(1, 1, torch.Generator()).begin()
    wide = batch.room(max(time - batch.time, 0))
    return scheme(wide, torch.Generator(), training=False)[:, :time]


def read(made: Decoder, tokens: Tensor, places: Tensor, cache: DecoderCache | None = None) -> Tensor:
    """Return logits, without a gradient."""
    with torch.no_grad():
        logits: Tensor = made(tokens, places, cache)
    return logits
