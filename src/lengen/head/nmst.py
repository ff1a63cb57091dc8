"""A self-terminating head whose end token may become less probable again (Choi et al. 2023)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from lengen.block.inputs import wide
from lengen.head import HeadInputs, Output
from lengen.head.ending import Ending, joined
from lengen.task import EOS


class NMST(Ending):
    """p_end(t) = f_t (1 - s_t) + s_t with f_t = 1 - (1 - epsilon)^t and s_t = sigmoid(z_end); others: (1 - p_end) softmax(z_others).

    Non-monotonic self-terminating language model (Choi et al. 2023): every
    answer that is decoded greedily ends, and p_end may fall from one token to the next, unlike in `st`. t counts the tokens of the
    answer from 1. With epsilon=0 it is a sigmoid for the end token beside a softmax of the others, and nothing is forced.

    Args:
        output: what it is made for.
        epsilon: see above; far below one over the size of the longest answer.
    """

    def __init__(self, output: Output, epsilon: float = 1e-4) -> None:
        super().__init__(output, epsilon)

    def forward(
        self, x: Float[Tensor, "batch wanted dim"], inputs: HeadInputs
    ) -> Float[Tensor, "batch wanted vocab"]:
        """See `Head`."""
        logits = self.logits(x)
        end, places = wide(logits[..., EOS]), inputs.places[:, inputs.first :].clamp(min=0)
        log_kept = places.to(end.dtype) * self.log_kept
        forced = torch.log(-torch.expm1(log_kept))  # minus infinity where nothing is forced
        log_end = torch.logaddexp(forced + logsigmoid(-end), logsigmoid(end))
        return joined(logits, log_end, log_kept + logsigmoid(-end))
