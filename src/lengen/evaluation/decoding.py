"""Greedy decoding, token by token, with a cache of keys and values."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int, Real
from torch import Tensor

from lengen.block.shared import DecoderCache
from lengen.decoder import Decoder
from lengen.evaluation.metrics import prompts
from lengen.evaluation.reading import read
from lengen.task import EOS, PAD

Place = Callable[[Int[Tensor, "batch time"]], Real[Tensor, "#batch time *streams"]]
"""Maps tokens to positions on the decoder's device. Known tokens get the same positions at every call."""
Watch = Callable[[Int[Tensor, " rows"], int, Float[Tensor, "rows vocab"]], None]
"""Gets rows that are still decoded, the column that is written next, and the logits for it."""
CROWD = 0.75
"""Finished rows leave the batch when no more than this share of its rows goes on, so that the cache is rarely copied."""


class Prompt(NamedTuple):
    """Examples of which the first tokens have been read.

    Args:
        cache: what the decoder keeps of these tokens.
        logits: logits after the last of them.
    """

    cache: DecoderCache
    logits: Float[Tensor, "batch vocab"]


def read_prompt(
    decoder: Decoder,
    tokens: Int[Tensor, "batch time"],
    positions: Real[Tensor, "#batch time *streams"],
    room: int,
    answer: Bool[Tensor, "batch _all"] | None = None,
) -> Prompt:
    """Read the first tokens of some examples.

    Args:
        decoder: the decoder, in evaluation mode.
        tokens: these tokens, at least one.
        positions: their positions.
        room: number of tokens that the examples may get.
        answer: where the answers are, for decoders that read it.
    """
    cache, time = DecoderCache(room=room), tokens.shape[1]
    where = prompts(answer) if decoder.reads_prompts and answer is not None else None
    return Prompt(cache, read(decoder, tokens, positions, cache, first=time - 1, prompt=where)[:, -1])


def prompt_size(answer: Bool[Tensor, "batch time"]) -> int:
    """Number of columns before the first that is generated in any row; that of all columns if none is."""
    return int((answer.any(0).cumsum(0) == 0).sum())


@torch.no_grad()
def greedy(
    decoder: Decoder,
    tokens: Int[Tensor, "batch time"],
    answer: Bool[Tensor, "batch time"],
    place: Place,
    *,
    stop: int | None = None,
    fixed: bool = False,
    prompt: Prompt | None = None,
    watch: Watch | None = None,
) -> Int[Tensor, "batch time"]:
    """Generate the answers greedily: the likeliest token at every step, which is the input of the next step.

    The shortest prompt is read in one pass, then one token per step; rows with longer prompts keep reading meanwhile (where tokens of a
    prompt see all of it, rows are decoded by the sizes of their prompts, without `prompt` and `watch`). Each
    row generates as many tokens as its answer has, and then leaves the batch. Tokens after a generated end token are meaningless,
    and an answer that would have been longer is cut off; both are wrong already at the first differing token.

    Args:
        decoder: the decoder, in evaluation mode.
        tokens: prompts with any tokens in place of the answers, right-padded.
        answer: where to generate; each row's answer follows its prompt, which has at least one token.
        place: maps tokens to positions; called at every step with all tokens known so far, and PAD for the others. It must give
            known tokens the same positions at every call, so it seeds its own generator.
        stop: column from which a row leaves the batch once it has generated an end token; its remaining tokens are PAD. None for
            never.
        fixed: whether positions do not depend on which tokens are generated, so that `place` is called once.
        prompt: the shortest prompt of the rows, read already; its cache is used up.
        watch: called before each token is written.

    Returns:
        The tokens, with what was generated in place of the answers.
    """
    known, start = tokens.masked_fill(answer, PAD), prompt_size(answer)
    if start == tokens.shape[1]:
        return known
    if decoder.whole_prompts and len(sizes := torch.unique(prompts(answer))) > 1:
        for size in sizes:
            rows = (prompts(answer) == size).nonzero().flatten()
            among = _among(place, tokens, rows)
            known[rows] = greedy(decoder, tokens[rows], answer[rows], among, stop=stop, fixed=fixed)
        return known
    placed = place(tokens.masked_fill(answer, EOS) if fixed else known)
    cache, logits = prompt or read_prompt(
        decoder, known[:, :start], placed[:, :start], tokens.shape[1], answer
    )
    rows, last = torch.arange(len(known), device=known.device), _last(answer)
    going = last >= start
    for time in range(start, tokens.shape[1]):
        if watch is not None:
            watch(rows, time, logits)
        written = answer[rows, time] & going
        symbols = torch.where(written, logits.argmax(-1), known[rows, time])
        known[rows, time] = symbols
        going = going & (last[rows] > time)
        if stop is not None:
            going = going & ~_ended(known[rows], answer[rows]) if time == stop else going
            if time >= stop:
                going = going & ~(written & (symbols == EOS))
        count = int(going.sum())
        if not count:
            break
        if count <= CROWD * len(rows):
            kept = going.nonzero().flatten()
            cache.select(kept)
            rows, going, symbols = rows[kept], going[kept], symbols[kept]
        placed = placed if fixed else place(known)
        column = placed[:, time : time + 1]
        column = column if len(column) == 1 else column[rows]
        logits = decoder(symbols.unsqueeze(1), column, cache)[:, -1]
    return known


def _among(place: Place, tokens: Int[Tensor, "all time"], rows: Int[Tensor, " rows"]) -> Place:
    """Return what maps tokens of some rows to positions, which may be drawn for all rows together."""

    def placed(some: Int[Tensor, "batch time"]) -> Real[Tensor, "#batch time *streams"]:
        positions = place(tokens.index_copy(0, rows, some))
        return positions if len(positions) == 1 else positions[rows]

    return placed


def _last(answer: Bool[Tensor, "batch time"]) -> Int[Tensor, " batch"]:
    """Return the last column that each row generates; -1 if it generates none."""
    column = torch.arange(answer.shape[1], device=answer.device)
    return torch.where(answer, column, -1).amax(1)


def _ended(known: Int[Tensor, "rows time"], answer: Bool[Tensor, "rows time"]) -> Bool[Tensor, " rows"]:
    """Whether each row has generated an end token."""
    return ((known == EOS) & answer).any(1)
