"""Train from states that long strings leave behind, in place of empty ones (state passing and TBTT; Ruiz and Gu 2025)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int, Real
from torch import Tensor

from lengen.block.shared import DecoderCache
from lengen.config.errors import ranges, require
from lengen.config.option_names import option_of
from lengen.decoder import Decoder
from lengen.extend import DoesNotApplyError
from lengen.extend.shallow import shallow
from lengen.loops import Passes
from lengen.mixer import Mixer, Recurrent
from lengen.positions import Positions
from lengen.task import PAD
from lengen.tuning import Base, Tuning

Slot = tuple[int, int]
States = dict[tuple[Slot, str], Tensor]
"""Parts of states of all examples, by loop and block and name."""


class StatePassing(Tuning):
    """All parameters are trained further on the same lengths, from states that were met and not from empty ones alone (Ruiz and Gu 2025, section 4).

    A decoder that fails on long strings may do so in states that no short string leaves. With `another` some examples of a batch
    start with the state that the example before them in the batch leaves after its last token, with `previous` every example is read in chunks, each from the state
    of the last, with strings of twice the trained length; no gradient passes through a state. Layers that attend start without keys. In evaluation
    all start empty.

    Args:
        start: `another` example's last state (state passing), or that of the `previous` chunk of the same (TBTT).
        share: share of the examples that start from another's state, above 0 and at most 1; a single example of its kind starts empty.
        chunk: tokens of a chunk, at least 1; None is as many as the longest trained example has.
    """

    trains = ""
    steps = 500
    rate = 1e-3
    stretch = 1.0
    any_loops = False

    def __init__(
        self, start: Literal["another", "previous"] = "another", share: float = 0.5, chunk: int | None = None
    ) -> None:
        require(0 < share <= 1, f"tune.share={share}: must be above 0 and at most 1")
        require(chunk is None or chunk >= 1, f"tune.chunk={chunk}: must be null, or at least 1")
        require(
            chunk is None or start == "previous", f"tune.chunk={chunk}: must be null with tune.start={start}"
        )
        self.start, self.share, self.chunk = start, share, chunk

    def longest(self, own: int) -> int:
        """See `Tuning`; twice as long for chunks."""
        return own if self.start == "another" else 2 * own

    def check(self, decoder: Decoder, positions: Positions) -> None:
        """States of constant size, and in chunks of all layers."""
        if decoder.reads_prompts:
            raise DoesNotApplyError(
                "head",
                decoder.head,
                "a decoder that does not read where answers begin (head=linear, decoder.mask=causal)",
            )
        growing = _layers(decoder, lambda mixer: isinstance(mixer, Recurrent) and mixer.growth != "constant")
        if growing:
            needs = f"states that do not grow with the tokens; those of {_named(growing)} do"
            raise DoesNotApplyError("mixer", next(iter(growing.values())), needs)
        without = _layers(decoder, lambda mixer: not isinstance(mixer, Recurrent))
        if len(without) == len(decoder.mixers):
            needs = (
                f"a layer with a state of constant size to pass on; {_named(without)} {_has(without)} none"
            )
            raise DoesNotApplyError("mixer", without[1], needs)
        if without and self.start == "previous":
            needs = (
                "a state of constant size in every layer, since tune.start=previous reads chunk by chunk and hands on nothing else; "
                f"{_named(without)} {_has(without)} none, and tune.start=another needs it in one layer alone"
            )
            raise DoesNotApplyError("mixer", next(iter(without.values())), needs)

    def changed(self, decoder: Decoder, base: Base) -> Decoder:
        """Start otherwise in training."""
        made = StatefulDecoder.__new__(StatefulDecoder)
        made.__dict__.update(shallow(decoder).__dict__)
        made.start, made.share, made.chunk = self.start, self.share, self.chunk or base.tokens
        return made


def _layers(decoder: Decoder, chosen: Callable[[Mixer], bool]) -> dict[int, Mixer]:
    """Return some of the mixers of a decoder, by layer from 1."""
    return {layer: mixer for layer, mixer in enumerate(decoder.mixers, 1) if chosen(mixer)}


def _named(mixers: Mapping[int, Mixer]) -> str:
    """Name layers with their mixers, as `layers 2, 4 (attention)`."""
    kinds = ", ".join(dict.fromkeys(option_of(mixer) for mixer in mixers.values()))
    return f"layer{'s' * (len(mixers) > 1)} {ranges(sorted(mixers))} ({kinds})"


def _has(mixers: Mapping[int, Mixer]) -> str:
    """Return the form of a verb."""
    return "have" if len(mixers) > 1 else "has"


class StatefulDecoder(Decoder):
    """A decoder that in training starts from states; see `StatePassing`. In evaluation it is the one that it was made of."""

    start: str
    share: float
    chunk: int

    def forward(
        self,
        tokens: Int[Tensor, "batch time"],
        positions: Real[Tensor, "#batch time *streams"],
        cache: DecoderCache | None = None,
        first: int = 0,
        prompt: Int[Tensor, " _rows"] | None = None,
        passes: Passes | None = None,
    ) -> Float[Tensor, "batch wanted vocab"]:
        """See `Decoder`; in training nothing reads where answers begin, and the stack is applied `decoder.loops` times."""
        if not self.training or cache is not None:
            return super().forward(tokens, positions, cache, first, prompt, passes)
        require(passes is None, "tune=state_passing: needs loops=fixed and loops.grad_loops=null")
        if self.start == "previous":
            return self.in_chunks(tokens, positions, first)
        passed = self.passed(len(tokens))
        places = positions.expand(len(tokens), *positions.shape[1:])
        found, order = list[Tensor](), list[Tensor]()
        for rows in (passed.nonzero().flatten(), (~passed).nonzero().flatten()):
            if len(rows):
                rows = rows.to(tokens.device)  # noqa: PLW2901
                start = None if order or not passed.any() else self.starts(tokens, places, rows)
                found.append(super().forward(tokens[rows], places[rows], start, first))
                order.append(rows)
        return torch.cat(found)[torch.cat(order).argsort()]

    def passed(self, rows: int) -> Bool[Tensor, " rows"]:
        """Which examples of a batch get a state: every second one of `share` 0.5, as examples come in random order or by length."""
        count = (torch.arange(rows + 1, dtype=torch.float64) * self.share + 1e-9).floor()
        return (count.diff() > 0) & (rows > 1)

    def starts(
        self,
        tokens: Int[Tensor, "batch time"],
        positions: Real[Tensor, "batch time *streams"],
        rows: Int[Tensor, " rows"],
    ) -> DecoderCache:
        """Return a cache without tokens in which some examples have the states that those before them leave."""
        cache = DecoderCache()
        for (slot, name), part in self.left(tokens, positions).items():
            cache.block(slot).put(name, part[(rows - 1) % len(tokens)])
        return cache

    @torch.no_grad()
    def left(
        self, tokens: Int[Tensor, "batch time"], positions: Real[Tensor, "batch time *streams"]
    ) -> States:
        """Return the states after the last token of every example: padding is not read, shorter ones leave first."""
        sizes = (tokens != PAD).sum(1)
        rows, cache, found, start = (
            torch.arange(len(tokens), device=tokens.device),
            DecoderCache(),
            States(),
            0,
        )
        for end in sorted(set(sizes.tolist())):
            super().forward(tokens[rows, start:end], positions[rows, start:end], cache, end - start)
            ends = sizes[rows] == end
            for slot, block in cache.blocks.items():
                if isinstance(self.mixers[slot[1]], Recurrent):
                    for name, part in block.last.items():
                        whole = found.setdefault((slot, name), part.new_empty(len(tokens), *part.shape[1:]))
                        whole[rows[ends]] = part[ends]
            others = (~ends).nonzero().flatten()
            cache.select(others)
            rows, start = rows[others], end
        return found

    def in_chunks(
        self,
        tokens: Int[Tensor, "batch time"],
        positions: Real[Tensor, "#batch time *streams"],
        first: int,
    ) -> Float[Tensor, "batch wanted vocab"]:
        """Read chunks one after the other; the numbers are those of a full pass, the gradients those of the chunks."""
        cache, found = DecoderCache(), []
        pairs = zip(*(torch.split(part, self.chunk, 1) for part in (tokens, positions)), strict=True)
        for chunk, places in pairs:
            wanted = min(max(first - cache.tokens, 0), chunk.shape[1])
            found.append(super().forward(chunk, places, cache, wanted))
            for block in cache.blocks.values():
                block.last = {name: part.detach() for name, part in block.last.items()}
        return torch.cat(found, 1)
