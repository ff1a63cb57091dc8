"""Greedy decoding with a cache of keys and values: what generation does, token by token."""

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
    stop: bool = False,
) -> Int[Tensor, "batch time"]:
    """Write the answers: at every step the likeliest token, read back at the next.

    The shortest prompt is read in one pass, then one token a step; rows with longer prompts read on meanwhile. Every
    row writes as many tokens as its answer has: what follows a generated end token means nothing, and an answer that
    would have run on is cut, both of which are wrong already at the first differing token.

    Args:
        decoder: in evaluation mode.
        tokens: prompts with anything in place of the answers, right-padded.
        answer: where to write; each row's answer follows its prompt, which has a token or more.
        place: positions of a batch of tokens, on the decoder's device: called at every step with all that is known so
            far and PAD for the rest. It must give known tokens the same positions at every call, so it seeds its
            own generator.
        stop: whether to stop where every row has written an end token; what is not written then is PAD.

    Returns:
        The tokens, with what was generated in place of the answers.
    """
    known = tokens.masked_fill(answer, PAD)
    writing = answer.any(0).cumsum(0) > 0  # from the end of the shortest prompt on
    cache, read = DecoderCache(), 0
    ended = ~answer.any(1)
    for time in writing.nonzero().flatten().tolist():
        logits = decoder(known[:, read:time], place(known)[:, read:time], cache)
        known[:, time] = torch.where(answer[:, time], logits[:, -1].argmax(-1), known[:, time])
        ended |= answer[:, time] & (known[:, time] == EOS)
        if stop and bool(ended.all()):
            break
        read = time
    return known
