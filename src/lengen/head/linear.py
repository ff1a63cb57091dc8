"""The output matrix."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from lengen.head import Head, HeadInputs


class Linear(Head):
    """Logits W x, where W may be the table of embeddings (`decoder.tied`); x is then divided by sqrt(dim)."""

    def forward(
        self, x: Float[Tensor, "batch wanted dim"], inputs: HeadInputs
    ) -> Float[Tensor, "batch wanted vocab"]:
        """See `Head`."""
        return self.logits(x)
