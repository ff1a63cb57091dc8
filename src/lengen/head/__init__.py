"""Heads: what makes the distribution over the next token from the residual stream.

A head is a subclass of `Head`, made once for a decoder. It returns logits or log-probabilities; whoever reads them normalises, which leaves
log-probabilities as they are. A head that gives no symbol more than a bounded logit:

    >>> class Capped(Head):
    ...     def forward(self, x, inputs):
    ...         return 30 * (self.logits(x) / 30).tanh()

`lengen.testing.check_head` tests a class against this contract.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from lengen.block.hooks import HookedModule
from lengen.block.inputs import BlockCache
from lengen.config.errors import UsageError


@dataclass(frozen=True)
class Output:
    """What a head is made for.

    Args:
        dim: width of the residual stream.
        vocabulary: number of token ids.
        tied: whether the output matrix is the table of token embeddings.
    """

    dim: int
    vocabulary: int
    tied: bool = False


@dataclass(frozen=True)
class HeadInputs:
    """What a head may read besides the residual stream.

    Args:
        tokens: ids of the new tokens.
        embedded: their embeddings, without positions.
        cache: state of the head, carried from one decoding step to the next.
        held: number of tokens before the new ones.
        first: column of the first new token whose distribution is wanted.
        prompt: number of tokens before the answer of each row; None if nothing reads it.
    """

    tokens: Int[Tensor, "batch time"]
    embedded: Float[Tensor, "batch time dim"]
    cache: BlockCache
    held: int
    first: int
    prompt: Int[Tensor, " _rows"] | None = None

    @property
    def prompts(self) -> Int[Tensor, "_rows 1"]:
        """Number of tokens before the answer of each row.

        Raises:
            UsageError: they are not known.
        """
        return known(self.prompt, "head").unsqueeze(1)

    @property
    def places(self) -> Int[Tensor, "_rows time"]:
        """Place in the answer of the token that follows each new token: 1 for the first; 0 or less within the prompt."""
        columns = torch.arange(self.tokens.shape[1], device=self.tokens.device) + self.held
        return columns + 2 - self.prompts


def known(prompt: Int[Tensor, " rows"] | None, reader: str) -> Int[Tensor, " rows"]:
    """Return the sizes of prompts.

    Args:
        prompt: number of tokens before the answer of each row.
        reader: the option that reads them.

    Raises:
        UsageError: they are not given.
    """
    if prompt is None:
        raise UsageError(
            f"{reader}: reads where answers begin, which was not given; must be called with `prompt`, the number of tokens before each answer"
        )
    return prompt


class Head(HookedModule):
    """Makes the distribution over the next token.

    Args:
        output: what it is made for.
    """

    hooks: ClassVar[tuple[str, ...]] = ("forward", "logits", "check_answers")
    revision: ClassVar[int] = 1
    """Raised by every change to what the class computes or draws; part of a cell's identity."""

    reads_all: ClassVar[bool] = False
    """True if `forward` is given the residual stream of all new tokens, not of those alone whose distribution is wanted."""
    reads_prompts: bool = False
    """True if it reads where answers begin; may be set per instance."""
    pairs: ClassVar[bool] = False
    """True if it holds numbers for pairs of tokens, so that long examples are read in pieces."""

    weight: Tensor
    """The output matrix, one row a token id; the table of embeddings if it is tied."""

    def __init__(self, output: Output) -> None:
        super().__init__()
        self.output = output
        self.weight = nn.Linear(output.dim, output.vocabulary, bias=False).weight

    def logits(self, x: Float[Tensor, "*rows dim"]) -> Float[Tensor, "*rows vocab"]:
        """Return the product with the output matrix."""
        return nn.functional.linear(x * self.output.dim**-0.5 if self.output.tied else x, self.weight)

    @abstractmethod
    def forward(
        self, x: Float[Tensor, "batch _read dim"], inputs: HeadInputs
    ) -> Float[Tensor, "batch wanted vocab"]:
        """Return logits or log-probabilities over the next token, of the new tokens from column `inputs.first` on.

        Args:
            x: the normalised residual stream, of these tokens, or of all new ones if the class says `reads_all`.
            inputs: what else it may read.
        """

    def check_answers(self, longest: int, option: str) -> None:  # most heads have answers of any size
        """Refuse answers of a size for which the head is not made.

        Args:
            longest: number of tokens of the longest answer.
            option: names the length that has it.

        Raises:
            UsageError: says why.
        """
