"""Trained decoders as models of Hugging Face's transformers, where an architecture is exactly equal.

A format is a subclass of `Format`: it says whether a decoder fits, and gives the configuration and the weights of the equal model. An
architecture that is only similar is no format. Architectures with LayerNorm hold the residual stream twice, as [x, -x], whose mean
is 0, so that LayerNorm is RMSNorm (`lengen.convert.doubled`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from lengen.attention.softmax import Softmax
from lengen.config.option_names import option_of
from lengen.decoder import Block, Decoder
from lengen.pe.rope import RoPE
from lengen.task import BOS, EOS, PAD

TOKENS = 4096
"""Tokens that a converted model reads at most, where its architecture has a limit and the decoder has none."""
EPSILON = torch.finfo(torch.float32).eps
"""That of `torch.nn.RMSNorm` in float32; transformers takes others by default."""

Matrix = Float[Tensor, "_out _in"]
"""A matrix as torch holds it; the sizes of two matrices are independent."""


@dataclass(frozen=True)
class Layer:
    """Weights of a block, in float32; `gate` is None without a gated activation, and logits are divided by sqrt(head_dim)."""

    query: Matrix
    key: Matrix
    value: Matrix
    out: Matrix
    up: Matrix
    down: Matrix
    gate: Matrix | None
    attention_norm: Float[Tensor, " dim"]
    feed_norm: Float[Tensor, " dim"]


@dataclass(frozen=True)
class TrainedDecoder:
    """A decoder as formats read it.

    Args:
        decoder: the decoder, with softmax attention and no input injection.
        labels: names of its parts, by group, for messages.
    """

    decoder: Decoder
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def refusal(self) -> str | None:
        """Why no format fits, whatever its encoding; None if one may."""
        architecture = self.decoder.architecture
        if self.decoder.halts:
            return "loops=act: no architecture stops tokens at different loops"
        if architecture.loops > 1 and architecture.inject:
            return "decoder.inject=true: no architecture adds the embeddings again"
        if not architecture.feeds:
            return "decoder.hidden=0: no architecture has blocks without a feed-forward layer"
        for mixer in self.decoder.attentions:
            if mixer.pe is not None or mixer.gate is not None or not mixer.content:
                return "mixer: must be attention without options of its own"
        for rule in self.decoder.rules:
            if type(rule) is not Softmax:
                return f"attention={self.label('attention', rule)}: must be softmax"
        return None

    def label(self, group: str, part: object) -> str:
        """Return the name of a part for messages."""
        return self.labels.get(group, option_of(part))

    @property
    def pe_label(self) -> str:
        """The encoding for messages."""
        return self.label("pe", self.decoder.pe)

    @cached_property
    def layers(self) -> list[Layer]:
        """Weights of all blocks in the order in which they are applied: those of every loop again."""
        return [
            self._layer(block)  # type: ignore[arg-type]
            for _ in range(self.decoder.architecture.loops)
            for block in self.decoder.blocks
        ]

    @property
    def embedding(self) -> Float[Tensor, "vocab dim"]:
        """The token embedding."""
        return _plain(self.decoder.embedding.weight)

    @property
    def norm(self) -> Float[Tensor, " dim"]:
        """The weight of the last RMSNorm."""
        return _plain(self.decoder.norm.weight)

    @property
    def head(self) -> Float[Tensor, "vocab dim"]:
        """The output layer; a tied one with the factor on its input."""
        weight, architecture = _plain(self.decoder.head.weight), self.decoder.architecture
        return weight * architecture.dim**-0.5 if architecture.tied else weight

    @property
    def width(self) -> int:
        """Width of the feed-forward layers."""
        return self.layers[0].up.shape[0]

    @property
    def ids(self) -> dict[str, Any]:
        """Entries of a configuration on the tokens; embedding and output layer are separate."""
        return {
            "vocab_size": len(self.embedding), "bos_token_id": BOS if self.decoder.architecture.bos else None, "eos_token_id": EOS,
            "pad_token_id": PAD, "tie_word_embeddings": False,
        }  # fmt: skip

    def rotated(self, weight: Matrix, *, spread: bool = False) -> Matrix:
        """Order the rows of queries or keys so that pair c is channels c and c + half, as transformers rotates.

        Args:
            weight: of all heads.
            spread: whether all channels of a head are rotated, the others by 0: then the rotated ones stand first in each half.
        """
        rope = self.decoder.pe
        if not isinstance(rope, RoPE):
            return weight
        head, rotated = rope.shape.head_dim, rope.channels
        places = torch.arange(rotated)
        first, second = places.chunk(2) if rope.pairing == "half" else (places[0::2], places[1::2])
        first_rest, second_rest = (
            torch.arange(rotated, head).chunk(2) if rotated < head else (places[:0],) * 2
        )
        parts = (
            [first, first_rest, second, second_rest] if spread else [first, second, first_rest, second_rest]
        )
        return weight.reshape(-1, head, weight.shape[1])[:, torch.cat(parts)].flatten(0, 1)

    def _layer(self, block: Block) -> Layer:
        weights = {name: _plain(weight) for name, weight in block.named_parameters()}
        head_dim = self.decoder.architecture.shape.head_dim
        scale = (
            block.attention.rule.scale * head_dim**0.5
        )  # 1, or sqrt(head_dim) where logits are not divided by it
        return Layer(
            weights["attention.query.weight"] * scale,
            weights["attention.key.weight"],
            weights["attention.value.weight"],
            weights["attention.out.weight"],
            weights["feed.up.weight"],
            weights["feed.down.weight"],
            weights.get("feed.gate.weight"),
            weights["attention_norm.weight"],
            weights["feed_norm.weight"],
        )


@dataclass(frozen=True)
class Model:
    """A model of transformers.

    Args:
        architecture: name of its class.
        options: arguments of its configuration.
        weights: its parameters by name, but for the output layer; all others are biases, which are 0.
        head: the weight of its output layer, whose name depends on the version of transformers.
        tokens: tokens that it reads at most; None for any number.
    """

    architecture: str
    options: Mapping[str, Any]
    weights: Mapping[str, Tensor]
    head: Float[Tensor, "vocab width"]
    tokens: int | None = None


class Format(ABC):
    """An architecture of transformers that some decoders are exactly equal to."""

    name: ClassVar[str]
    encodings: ClassVar[tuple[str, ...]]
    """Options of `pe` that it is equal to."""
    feeds: ClassVar[str] = "gelu"
    """The `decoder.activation` that it is equal to."""
    besides: ClassVar[str] = ""
    """What else it needs, in the words of lengen's options."""

    @property
    def needs(self) -> str:
        """What it is equal to, in the words of lengen's options."""
        return f"pe={either(self.encodings)} with decoder.activation={self.feeds}{self.besides and f', {self.besides}'}"

    @abstractmethod
    def fits(self, trained: TrainedDecoder) -> bool:
        """Whether a decoder without a `refusal` is equal to a model of this architecture."""

    @abstractmethod
    def convert(self, trained: TrainedDecoder) -> Model:
        """Return the model that is equal to a decoder that fits."""


def either(names: Sequence[str]) -> str:
    """Return names as alternatives.

    >>> either(["learned", "sinusoidal", "nope"]), either(["rope"])
    ('learned, sinusoidal or nope', 'rope')
    """
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def positional(trained: TrainedDecoder, *kinds: type) -> bool:
    """Whether the encoding is of one of some classes, and no subclass of them."""
    return type(trained.decoder.pe) in kinds


def _plain(weight: Tensor) -> Tensor:
    return weight.detach().float().cpu()
