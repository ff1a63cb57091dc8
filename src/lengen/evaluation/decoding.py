"""Greedy decoding, token by token, with a cache of keys and values."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Int, Real
from torch import Tensor

from lengen.decoder import Decoder, DecoderCache
from lengen.task import EOS, PAD


@torch.no_grad()
def greedy(
    decoder: Decoder,
    tokens: Int[Tensor, "batch time"],
    answer: Bool[Tensor, "batch time"],
    place: Callable[[Int[Tensor, "batch time"]], Real[Tensor, "#batch time *streams"]],
    *,
    stop: int | None = None,
) -> Int[Tensor, "batch time"]:
    """Generate the answers greedily: the likeliest token at every step, which is the input of the next step.

    The shortest prompt is read in one pass, then one token per step; rows with longer prompts keep reading meanwhile. Each
    row generates as many tokens as its answer has. Tokens after a generated end token are meaningless, and an answer that
    would have been longer is cut off; both are wrong already at the first differing token.

    Args:
        decoder: the decoder, in evaluation mode.
        tokens: prompts with any tokens in place of the answers, right-padded.
        answer: where to generate; each row's answer follows its prompt, which has at least one token.
        place: maps tokens to positions on the decoder's device; called at every step with all tokens known so far, and PAD
            for the others. It must give known tokens the same positions at every call, so it seeds its own generator.
        stop: column from which decoding stops once every row has generated an end token; the remaining tokens are PAD.
            None for never.

    Returns:
        The tokens, with what was generated in place of the answers.
    """
    known = tokens.masked_fill(answer, PAD)
    generated = answer.any(0).cumsum(0) > 0  # from the end of the shortest prompt on
    cache, read = DecoderCache(), 0
    ended = ~answer.any(1)
    for time in generated.nonzero().flatten().tolist():
        logits = decoder(known[:, read:time], place(known)[:, read:time], cache)
        known[:, time] = torch.where(answer[:, time], logits[:, -1].argmax(-1), known[:, time])
        ended |= answer[:, time] & (known[:, time] == EOS)
        if stop is not None and time >= stop and bool(ended.all()):
            break
        read = time
    return known
