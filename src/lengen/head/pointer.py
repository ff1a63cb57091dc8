"""A head that copies tokens (See et al. 2017)."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from lengen.block.inputs import later, wide
from lengen.head import Head, HeadInputs, Output


class Pointer(Head):
    """P(w) = p softmax(W h)_w + (1 - p) sum over tokens i with x_i = w of a_i.

    Pointer-generator network (See et al. 2017, "Get to the point", equations 8 and 9): a is one softmax attention from the
    residual stream h to the tokens so far, a_i = softmax_i(q(h) k(h_i) / sqrt(dim)), here by dot products in place of the paper's
    additive scores, and p = sigmoid(w_c sum_i a_i h_i + w_h h + w_x x + b), with the embedding x of the last token. The probabilities are
    those of the mixture, and so is the loss. Tokens outside the vocabulary do not occur. The attention reads no positions
    but those that the residual stream has; like any softmax it flattens with more tokens.

    Args:
        output: what it is made for.
        over: tokens that can be copied: those of the `prompt`, as in the paper, or `all` so far, the answer's too.
        start: initial b; 0 gives both ways of making a token the same weight.
    """

    reads_all: ClassVar[bool] = True
    pairs: ClassVar[bool] = True

    def __init__(self, output: Output, over: Literal["prompt", "all"] = "prompt", start: float = 0.0) -> None:
        super().__init__(output)
        self.over, self.reads_prompts = over, over == "prompt"
        self.query, self.key = (nn.Linear(output.dim, output.dim, bias=False) for _ in range(2))
        self.gate = nn.Linear(2 * output.dim, 1)
        self.context = nn.Linear(output.dim, 1, bias=False)
        for part, inputs in ((self.query, 1), (self.key, 1), (self.gate, 3), (self.context, 3)):
            nn.init.normal_(part.weight, std=(inputs * output.dim) ** -0.5)
        nn.init.constant_(self.gate.bias, start)

    def forward(
        self, x: Float[Tensor, "batch time dim"], inputs: HeadInputs
    ) -> Float[Tensor, "batch wanted vocab"]:
        """See `Head`."""
        wanted = x[:, inputs.first :]
        key, vote, tokens = (
            inputs.cache.extend(name, part.unsqueeze(1)).squeeze(1)
            for name, part in (("key", self.key(x)), ("vote", self.context(x)), ("tokens", inputs.tokens))
        )
        scores = wide(self.query(wanted) @ key.mT) * self.output.dim**-0.5
        weights = scores.masked_fill(self._hidden(inputs, key.shape[1]), -torch.inf).softmax(-1)
        logits = wide(self.logits(wanted))
        copied = torch.zeros_like(logits).scatter_add(
            2, tokens.unsqueeze(1).expand(-1, wanted.shape[1], -1), weights
        )
        least = torch.finfo(copied.dtype).tiny
        copies = copied.clamp(min=least).log().masked_fill(copied < least, -torch.inf)
        gate = wide(self.gate(torch.cat([wanted, inputs.embedded[:, inputs.first :]], -1)))
        gate = gate + weights @ wide(vote)
        return torch.logaddexp(logsigmoid(gate) + logits.log_softmax(-1), logsigmoid(-gate) + copies)

    def _hidden(self, inputs: HeadInputs, keys: int) -> Tensor:
        """The tokens that cannot be copied, by row (or for all) and by wanted token: later ones, and those behind the prompt."""
        hidden = later(inputs.tokens.shape[1], keys, inputs.tokens.device)[inputs.first :]
        if self.over == "all":
            return hidden
        behind = torch.arange(keys, device=hidden.device) >= inputs.prompts.clamp(min=1)
        return hidden | behind.unsqueeze(1)
