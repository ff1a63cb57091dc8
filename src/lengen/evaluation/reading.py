"""Forward passes over long examples in little memory: a few queries at a time.

A bias, hidden keys and explicit weights hold numbers for every pair of a query and a key. A pass over all tokens holds them all;
here the tokens are read in pieces with a cache, as in decoding, so that only those of a piece are in memory. The contract of encodings
and attention rules makes the logits equal, up to rounding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor

if TYPE_CHECKING:
    from lengen.block.shared import DecoderCache
    from lengen.decoder import Decoder

PIECE = {"cpu": 256}
"""Maximum number of tokens of a piece, by device; what is not longer is read in one pass."""
LONG_PIECE = 2048
PAIRS = {"cpu": 2**20}
"""Number of pairs of a query and a key of an example that a piece aims at, by device. FIRE has 32 numbers for each."""
MANY_PAIRS = 2**24
MANY_ROWS = 4
"""How many times as many pairs a piece has of all examples together, at most."""
LEAST = 16
"""Minimum number of tokens of a piece, however many keys there are."""


@torch.no_grad()
def read(
    decoder: Decoder,
    tokens: Int[Tensor, "batch time"],
    positions: Real[Tensor, "#batch time *streams"],
    cache: DecoderCache | None = None,
    first: int = 0,
    size: int | None = None,
    prompt: Int[Tensor, " rows"] | None = None,
) -> Float[Tensor, "batch wanted vocab"]:
    """Logits after every token from column `first` on, as the decoder's own, without gradients.

    Args:
        decoder: the decoder, in evaluation mode.
        tokens: all tokens; with a cache, those that follow the tokens it holds.
        positions: positions of these tokens.
        cache: state of decoding so far; updated in place.
        first: column of the first token, among these, whose logits are wanted.
        size: tokens of a piece; None chooses by the number of examples and keys.
        prompt: number of tokens before the answer of each row, for decoders that read it.
    """
    time, held = tokens.shape[1], 0 if cache is None else cache.tokens
    size = size or _size(tokens.device.type, len(tokens), held + time)
    if time <= size or not (held or decoder.squares(positions)):
        logits: Tensor = decoder(tokens, positions, cache, first=first, prompt=prompt)
        return logits
    cache = decoder.cache(room=time) if cache is None else cache
    cache.prompts(prompt)
    whole = min(int(prompt.max()), time) if decoder.whole_prompts and prompt is not None else 0
    starts = [
        0,
        *range(max(whole, size), time, size),
    ]  # the first piece has all prompts that must be read in one pass
    parts = [
        decoder(tokens[:, piece], positions[:, piece], cache, first=min(max(first - piece.start, 0), piece.stop - piece.start))
        for piece in (slice(start, end) for start, end in zip(starts, [*starts[1:], time], strict=True))
    ]  # fmt: skip
    return torch.cat(parts, 1)


def _size(device: str, rows: int, keys: int) -> int:
    """Return the number of tokens of a piece."""
    pairs, most = PAIRS.get(device, MANY_PAIRS), PIECE.get(device, LONG_PIECE)
    return max(min(most, pairs // keys, MANY_ROWS * pairs // (rows * keys)), LEAST)
