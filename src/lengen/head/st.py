"""A self-terminating head whose end token never becomes less probable (Welleck et al. 2020)."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from lengen.block.inputs import wide
from lengen.head import HeadInputs, Output
from lengen.head.ending import Ending, joined
from lengen.task import EOS


class ST(Ending):
    """p_end(t) = 1 - product over s = 1 … t of (1 - epsilon) sigmoid(-z_end(s)); others: (1 - p_end) softmax(z_others).

    Self-terminating language model (Welleck et al. 2020, "Consistency of a recurrent language model with respect to incomplete
    decoding", section 4.2). p_end never falls along an answer: whatever tokens come, it has at least the probability that
    it had before. The paper's logit is that of going on, minus ours. t counts the tokens of the answer from 1.

    Args:
        output: what it is made for.
        epsilon: see above; far below one over the size of the longest answer.
    """

    reads_all: ClassVar[bool] = True

    def __init__(self, output: Output, epsilon: float = 1e-4) -> None:
        super().__init__(output, epsilon)

    def forward(
        self, x: Float[Tensor, "batch time dim"], inputs: HeadInputs
    ) -> Float[Tensor, "batch wanted vocab"]:
        """See `Head`."""
        weight = self.logits(x)
        going = self.log_kept + logsigmoid(-wide(weight[..., EOS]))
        going = going.masked_fill(inputs.places < 1, 0).cumsum(1)
        before = inputs.cache.get("going")
        going = going if before is None else going + before
        inputs.cache.put("going", going[:, -1:])
        log_on, logits = going[:, inputs.first :], weight[:, inputs.first :]
        least = torch.finfo(
            log_on.dtype
        ).tiny  # the logarithm of what is 0 but for rounding, with a finite gradient
        return joined(logits, torch.log((-torch.expm1(log_on)).clamp(min=least)), log_on)
