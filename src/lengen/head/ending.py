"""What heads with a probability of their own for the end token share."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from lengen.block.inputs import wide
from lengen.config.errors import require
from lengen.head import Head, Output
from lengen.task import EOS

MOST = 0.1
"""Largest lower bound of the end token's probability within an answer that is trained or evaluated."""


class Ending(Head):
    """A head whose end token is more and more probable as the answer grows, so that every answer ends.

    At the t-th token of the answer its probability is 1 - (1 - epsilon)^t at least, whatever the decoder says.

    Args:
        output: what it is made for.
        epsilon: see above; far below one over the size of the longest answer.
    """

    reads_prompts = True

    def __init__(self, output: Output, epsilon: float) -> None:
        super().__init__(output)
        require(0 <= epsilon < 1, f"head.epsilon={epsilon}: must be at least 0 and below 1")
        self.epsilon = epsilon

    @property
    def log_kept(self) -> float:
        """ln(1 - epsilon)."""
        return math.log1p(-self.epsilon)

    def check_answers(self, longest: int, option: str) -> None:
        """Refuse answers that a good decoder could not finish, as the end token would be forced on it before."""
        least, most = -math.expm1(longest * self.log_kept), -math.expm1(math.log1p(-MOST) / longest)
        require(
            least <= MOST * (1 + 1e-9),
            f"head.epsilon={self.epsilon}: {option}, where answers have up to {longest} tokens, and the end token gets a probability of "
            f"at least {least:.2g}; must be at most {most:.1e}, for {MOST}",
        )


def joined(
    logits: Float[Tensor, "batch wanted vocab"],
    log_end: Float[Tensor, "batch wanted"],
    log_on: Float[Tensor, "batch wanted"],
) -> Float[Tensor, "batch wanted vocab"]:
    """Return log-probabilities of the end token, and of the others by their logits.

    Args:
        logits: of all tokens; that of the end token is not read.
        log_end: log-probability of the end token.
        log_on: log-probability of any other.
    """
    end = torch.arange(logits.shape[-1], device=logits.device) == EOS
    rest = wide(logits).masked_fill(end, -torch.inf).log_softmax(-1)
    return torch.where(end, log_end.unsqueeze(-1), rest + log_on.unsqueeze(-1))
