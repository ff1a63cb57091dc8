"""A decoder reads tokens in parts, padded, and the last alone as it reads them all."""

from __future__ import annotations

import torch

from lengen.block.shared import DecoderCache
from lengen.decoder import Decoder
from lengen.testing.made_up import TRAINED, counted, draw
from lengen.testing.report import EQUAL, expect_close


def expect_parts_equal_the_whole(made: Decoder) -> None:
    """Cached decoding equals the full pass, below, at and above a trained length; padding changes nothing.

    Args:
        made: a decoder in float64, with the part that is checked.

    Raises:
        ContractError: they differ.
    """
    for time in (1, TRAINED // 2, TRAINED, 3 * TRAINED):
        tokens, positions = draw(3, time), counted(made.pe, time)
        for chunks in ([1] * time, *([[3, 1, time - 4]] if time > 4 else [])):  # noqa: PLR2004  # the tokens of the first two chunks
            with torch.no_grad():
                full, cache = made(tokens, positions), DecoderCache()
                pairs = zip(torch.split(tokens, chunks, 1), torch.split(positions, chunks, 1), strict=True)
                parts = [made(part, place, cache) for part, place in pairs]
                expect_close(torch.cat(parts, 1), full, EQUAL, f"{time} tokens with a cache and without")
                alone = made(tokens[:1, : time // 2 + 1], positions[:, : time // 2 + 1])
                expect_close(full[:1, : time // 2 + 1], alone, EQUAL, "a row in a padded batch, and alone")
        with torch.no_grad():
            part = made(tokens, positions, first=time // 2)
            expect_close(part, full[:, time // 2 :], EQUAL, "the last tokens alone, and all")
