"""Attention: queries, keys and values of all tokens so far, mixed by the rule of the group `attention` with an encoding of the group `pe`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar, Literal, TypeVar

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from lengen.attention import AttentionRule
from lengen.block.inputs import BlockInputs, MaskedBias, Shape
from lengen.block.shared import SharedInputs, causal
from lengen.config.errors import named_below, require
from lengen.config.option_names import option_of
from lengen.mixer import Layer, Mixer
from lengen.pe import PositionalEncoding

Made = TypeVar("Made", PositionalEncoding, AttentionRule)


class Attention(Mixer):
    """Multi-head attention with an exchangeable rule (Vaswani et al. 2017).

    Its state is keys and values of all tokens so far. With a gate, what is mixed is multiplied by sigmoid(W x) of the token that
    attends, before the output matrix (Qiu et al. 2025, "Gated Attention for Large Language Models", equation 5; W = 0 halves it). Without content,
    queries and keys are one learned vector each, the same for all tokens, so that weights depend on positions alone, by the
    encoding (positional attention, Back de Luca et al. 2024, there with one vector for each position).

    Args:
        layer: the layer that it is made for.
        pe: the encoding of this layer; None is that of all layers.
        attention: the rule of this layer; None is that of all layers.
        gate: of the output: `none`, one number a `head`, or one a `channel`.
        content: whether queries and keys depend on the tokens.
    """

    name = "attention"
    cost: ClassVar[str] = "quadratic"

    def __init__(
        self,
        layer: Layer,
        pe: Callable[[Shape], PositionalEncoding] | None = None,
        attention: Callable[[Shape], AttentionRule] | None = None,
        gate: Literal["none", "head", "channel"] = "none",
        content: bool = True,
    ) -> None:
        super().__init__()
        shape = layer.shape
        self.heads, self.dim, self.content, self.shares_rule = (
            shape.heads,
            shape.dim,
            content,
            attention is None,
        )
        self.rule = layer.attention(shape) if attention is None else _own("attention", attention, shape)
        self.query, self.key = (
            nn.Linear(shape.dim, shape.dim, bias=False) if content else Same(shape.dim) for _ in range(2)
        )
        self.value, self.out = (nn.Linear(shape.dim, shape.dim, bias=False) for _ in range(2))
        widths = {"none": 0, "head": shape.heads, "channel": shape.dim}
        self.gate = nn.Linear(shape.dim, widths[gate], bias=False) if widths[gate] else None
        self.pe = None if pe is None else _own("pe", pe, shape)
        if self.pe is not None:
            self.pe.check_hooks()
            for hook in ("embed", "auxiliary"):
                require(
                    not self.pe.overrides(hook),
                    f"mixer.pe={option_of(self.pe)}: it changes embeddings or adds a loss, which is for all layers (pe=…); "
                    "must be an encoding that reaches attention alone",
                )

    def forward(
        self,
        x: Float[Tensor, "batch time dim"],
        pe: PositionalEncoding,
        shared: SharedInputs,
        slot: tuple[int, int],
        first: int = 0,
    ) -> Float[Tensor, "batch wanted dim"]:
        """Attend from the new tokens, from column `first` on, to all tokens so far."""
        if self.pe is not None:
            pe, shared = self.pe, encoded(shared, self.pe)
        inputs = shared.inputs(x, slot)
        query, key, value = (
            rearrange(
                project(x), "batch time (heads head_dim) -> batch heads time head_dim", heads=self.heads
            )
            for project in (self.query, self.key, self.value)
        )
        query, key, value = pe.transform(query, key, value, shared.table, inputs)
        key, value = inputs.cache.extend("key", key), inputs.cache.extend("value", value)
        bias, extra = shared.bias, first
        if first and not (pe.reads_queries or self.rule.reads_queries) and inputs.distance_bias is None:
            query, extra = query[:, :, first:], 0
            inputs = inputs.of_queries(first, f"{type(pe).__name__} or {type(self.rule).__name__}")
            bias = None if bias is None else bias[:, :, first:]
            if not query.shape[2]:
                return x[:, first:]  # keys and values alone were wanted
        bias = combined(bias, pe.context(query, key, inputs), inputs)
        mixed = self.rule(query, key, value, bias, inputs)[:, :, extra:]
        if self.gate is not None:
            gate = rearrange(
                self.gate(x[:, first:]),
                "batch time (heads width) -> batch heads time width",
                heads=self.heads,
            )
            mixed = mixed * torch.sigmoid(gate)
        out: Tensor = self.out(rearrange(mixed, "batch heads time head_dim -> batch time (heads head_dim)"))
        return out

    def state_size(self, tokens: int) -> int:
        """See `Mixer`: a key and a value of every token; what a rule or an encoding keeps beside them does not count."""
        return 2 * self.dim * tokens


def _own(group: str, make: Callable[[Shape], Made], shape: Shape) -> Made:
    """Make a part that is the layer's own; what is refused is named as an option of the mixer."""
    with named_below(f"mixer.{group}", group):
        return make(shape)


class Same(nn.Module):
    """The same learned vector for every token, in place of a linear map of it.

    Args:
        dim: its width.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.vector = nn.Parameter(torch.randn(dim))

    def forward(self, x: Float[Tensor, "batch time dim"]) -> Float[Tensor, "batch time dim"]:
        """Return it at every token."""
        return self.vector.to(x.dtype).expand_as(x)


def encoded(shared: SharedInputs, pe: PositionalEncoding) -> SharedInputs:
    """Return what one layer shares that has an encoding of its own."""
    own = pe.logit_bias(shared.query, shared.key)
    bias = shared.masked(own)
    return replace(shared, table=pe.make_table(shared.query), bias=bias, distance_bias=None)


def combined(
    shared: MaskedBias | None,
    own: MaskedBias | None,
    inputs: BlockInputs,
) -> MaskedBias | None:
    """The sum of the bias that all blocks share and that of one block, with the causal mask."""
    if shared is None:
        return causal(own, inputs.query, inputs.key)
    return shared if own is None else shared + own
