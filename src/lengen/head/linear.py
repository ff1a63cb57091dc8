"""The output matrix."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from lengen.head import Head, HeadInputs


class Linear(Head):
    """Logits W x, where W may be the table of embeddings (`decoder.tied`); x is then divided by sqrt(dim)."""

    def forward(
        self, x: Float[Tensor, "*batch dim"], inputs: HeadInputs | None = None
    ) -> Float[Tensor, "*batch vocab"]:
        """See `Head`; nothing but x is read, so that it may be called with any state of the residual stream alone."""
        return self.logits(x)
