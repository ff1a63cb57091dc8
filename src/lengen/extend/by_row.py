"""Extensions whose rules read the number of tokens that each row sees, in place of one number for all rows of a length.

Keys are cached before an encoding changes them. For every row they are read as the extension makes them at the row's own length: one
table of all positions and one pass over all keys a row, so that time is cubic in tokens. It is for checks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Float, Real
from torch import Tensor
from torch.nn.functional import pad

from lengen.attention import AttentionRule
from lengen.block.inputs import BlockInputs, ClosedCache, Heads, Keys, MaskedBias, Queries
from lengen.config.errors import UsageError
from lengen.extend import DoesNotApplyError, Extension, Parts, require_counts
from lengen.pe import PositionalEncoding
from lengen.pe.rope import RoPE
from lengen.pe.xpos import XPos

At = Callable[[int], Parts]
"""Gives the parts of a decoder for a number of tokens."""
TRANSFORMS = (PositionalEncoding.transform, RoPE.transform, XPos.transform)
"""Changes of queries and keys that read nothing but their table."""


class RawEncoding(PositionalEncoding):
    """An encoding that adds to the embeddings what it adds at each row's own length, and leaves all else to `RowRule`.

    Args:
        trained: the trained encoding.
        at: see `At`.
    """

    reads_queries = True

    def __init__(self, trained: PositionalEncoding, at: At) -> None:
        super().__init__(trained.shape)
        self.trained, self.at = trained, at

    @property
    def budget(self) -> int | None:
        """As trained."""
        return self.trained.budget

    def embed(
        self, x: Float[Tensor, "batch time dim"], positions: Real[Tensor, "#batch time *streams"]
    ) -> Float[Tensor, "batch time dim"]:
        """Embed every token as the last one of its own length; tokens are counted by their positions."""
        columns = [slice(place, place + 1) for place in range(x.shape[1])]
        return torch.cat(
            [
                self.at(int(positions[0, place]) + 1).pe.embed(x[:, place], positions[:, place])
                for place in columns
            ],
            1,
        )


class RowRule(AttentionRule):
    """A rule that reads every row at its own length.

    Args:
        trained: the trained rule.
        at: see `At`.
    """

    def __init__(self, trained: AttentionRule, at: At) -> None:
        super().__init__(trained.shape)
        self.trained, self.at = trained, at

    def forward(
        self, query: Queries, key: Keys, value: Keys, bias: MaskedBias | None, inputs: BlockInputs
    ) -> Queries:
        """See `AttentionRule`; what masks later keys is left out, as every row gets the keys that it sees."""
        earlier = key.shape[2] - query.shape[2]
        rows = [
            self._row(query[:, :, row : row + 1], key, value, inputs, row, earlier + row + 1)
            for row in range(query.shape[2])
        ]
        return torch.cat(rows, 2)

    def _row(
        self, query: Queries, key: Keys, value: Keys, inputs: BlockInputs, row: int, tokens: int
    ) -> Queries:
        """Return what one row mixes.

        Args:
            query: its query.
            key: keys of all tokens, untransformed.
            value: values of all tokens.
            inputs: of all rows.
            row: its index.
            tokens: number of keys that it sees.
        """
        parts = self.at(tokens)
        places = inputs.key[:, :tokens]
        own = replace(
            inputs,
            x=inputs.x[:, row : row + 1],
            query=inputs.query[:, row : row + 1],
            key=places,
            cache=ClosedCache("extend.n=row"),
        )
        padded: Heads = pad(query, (0, 0, tokens - 1, 0))  # the rows before are read at other lengths
        turned, keys, values = parts.pe.transform(
            padded, key[:, :, :tokens], value[:, :, :tokens], parts.pe.make_table(places), own
        )
        turned = turned[:, :, -1:]
        biases = (parts.pe.logit_bias(own.query, places), parts.pe.context(turned, keys, own))
        added = [bias for bias in biases if bias is not None]
        mixed: Queries = parts.rules[inputs.layer](turned, keys, values, sum(added) if added else None, own)
        return mixed


def by_row(trained: Parts, at: At) -> Parts:
    """Return the parts of a decoder that reads every row at its own length.

    Args:
        trained: the trained parts.
        at: gives those of the extended decoder for a number of tokens.
    """
    rules = tuple(RowRule(rule, at) for rule in trained.rules)
    return replace(trained, pe=RawEncoding(trained.pe, at), rules=rules)


def require_rows(extension: Extension, parts: Parts) -> None:
    """Refuse what cannot be read row by row.

    Args:
        extension: the extension.
        parts: the trained parts.

    Raises:
        UsageError: positions are given to tokens before the decoder reads them, keys are chosen from what earlier rows did, or the state
            of a mixer is changed, which reads no length; or an encoding or attention reads more of a block than its own row.
    """
    if extension.slot in ("positions", "visibility", "state", "gates"):
        raise UsageError(
            f"does not apply to extend.n=row (it changes the {extension.slot}; must be swept or prompt)"
        )
    require_counts(parts.positions)
    if type(parts.pe).transform not in TRANSFORMS or parts.pe.reads_queries:
        raise DoesNotApplyError("pe", parts.pe, "an encoding of positions alone for extend.n=row")
    for rule in parts.rules:
        if rule.reads_queries:
            raise DoesNotApplyError(
                "attention", rule, "for extend.n=row a rule that reads no query of another row"
            )
