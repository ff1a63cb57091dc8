"""The decoder: pre-norm blocks with exchangeable positional encodings (`lengen.pe`) and mixers of tokens (`lengen.mixer`).

It calls the hooks of `PositionalEncoding` and `Mixer` without knowing which encoding or mixer it has. Blocks are
RMSNorm, mixer (attention, unless another is chosen), RMSNorm, feed-forward; the stack of blocks may be applied several times (`loops`).
The head (`lengen.head`) makes the distribution over the next token. With an `encoder`, blocks of its own read the prompt in both
directions, and every block of the decoder has cross-attention to them between mixer and feed-forward.

    tokens, positions -> embedding + `pe.embed` -> blocks -> RMSNorm -> head -> logits over the next token
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from jaxtyping import Float, Int, Real
from torch import Tensor, nn

from lengen.attention import AttentionRule
from lengen.block.flex_bias import MIN_HEAD_DIM, DistanceBias, supports
from lengen.block.inputs import BlockCache, LogitBias, Shape
from lengen.block.shared import DecoderCache, SharedInputs
from lengen.config.aliases import moved_from
from lengen.config.errors import require
from lengen.decoder.cross import CrossAttention
from lengen.head import Head, HeadInputs, Output, known
from lengen.head.linear import Linear
from lengen.loops import Halting, Halts, Passes, Progress, Tally
from lengen.mixer import Layer, Mixer
from lengen.mixer.attention import Attention
from lengen.pe import PositionalEncoding
from lengen.task import PAD

if not TYPE_CHECKING:
    __getattr__ = moved_from(__name__)

HEAD = (-1, -1)
"""Key of the head's state in a cache, beside those of the blocks."""
WIDEST = 10_000
"""Widest feed-forward layer, as a multiple of `dim`."""


@dataclass(frozen=True)
class Architecture:
    """Size and structure of a decoder.

    Args:
        layers: number of blocks with weights of their own.
        dim: width of the residual stream.
        heads: number of attention heads; divides `dim`.
        hidden: width of the feed-forward layer, as a multiple of `dim`; 0 leaves it out, as in blocks of Mamba alone.
        activation: `gelu`, or `swiglu` (Shazeer 2020; gated, with a third matrix).
        tied: whether the output layer shares the token embedding.
        dropout: dropout rate of the embeddings and of each block's output.
        loops: number of times the stack of blocks is applied, with the same weights; a law of `lengen.loops` may vary it in training,
            and `eval.loops` in evaluation.
        inject: whether the embeddings are added again before each further loop (input injection, McLeish et al. 2024).
        bos: whether examples start with a bos token.
        mask: what a token sees by attention: `causal`, what came before it; `prefix`, also the whole prompt if it is part of it (Raffel et al.
            2020, section 3.2.1). Mixers other than attention are causal under both.
        encoder: number of further blocks that read the prompt in both directions, for cross-attention in every block of the decoder, which then reads
            the answer alone, from the last token of the prompt on (Vaswani et al. 2017); 0 for a decoder that reads both.
    """

    revision: ClassVar[int] = 1
    """Raised by every change to what the class computes or draws; part of a cell's identity."""

    layers: int = 2
    dim: int = 64
    heads: int = 4
    hidden: float = 4.0
    activation: Literal["gelu", "swiglu"] = "gelu"
    tied: bool = False
    dropout: float = 0.0
    loops: int = 1
    inject: bool = False
    bos: bool = True
    mask: Literal["causal", "prefix"] = "causal"
    encoder: int = 0

    def __post_init__(self) -> None:
        for name in ("layers", "dim", "heads", "loops"):
            require(getattr(self, name) >= 1, f"decoder.{name}={getattr(self, name)}: must be at least 1")
        require(
            self.dim % self.heads == 0,
            f"decoder.dim={self.dim}: must be a multiple of decoder.heads={self.heads}",
        )
        require(
            0 <= self.hidden <= WIDEST,
            f"decoder.hidden={self.hidden}: must be at least 0, which is none, and at most {WIDEST}",
        )
        require(0 <= self.dropout < 1, f"decoder.dropout={self.dropout}: must be in [0, 1)")
        require(self.encoder >= 0, f"decoder.encoder={self.encoder}: must be at least 0, which is none")
        require(
            not (self.encoder and self.mask == "prefix"),
            f"decoder.encoder={self.encoder} with decoder.mask=prefix: the encoder reads prompts in both directions; must be decoder.mask=causal",
        )

    @property
    def both_ways(self) -> str | None:
        """The option by which tokens of a prompt see all of it; None if none does."""
        if self.encoder:
            return f"decoder.encoder={self.encoder}"
        return "decoder.mask=prefix" if self.mask == "prefix" else None

    @property
    def one_way(self) -> str:
        """The option in its place with which none does."""
        return "decoder.encoder=0" if self.encoder else "decoder.mask=causal"

    @property
    def blocks(self) -> int:
        """Number of blocks with weights of their own, those of the encoder included."""
        return self.layers + self.encoder

    @property
    def feeds(self) -> bool:
        """Whether blocks have a feed-forward layer."""
        return round(self.dim * self.hidden) > 0

    @property
    def shape(self) -> Shape:
        """The shape that encodings and attention rules are built with."""
        return Shape(self.dim, self.heads, self.blocks)


class FeedForward(nn.Module):
    """Feed-forward layer: two matrices and a GELU, or three and a gated SiLU."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width = round(architecture.dim * architecture.hidden)
        self.up = nn.Linear(architecture.dim, width, bias=False)
        self.gate = (
            nn.Linear(architecture.dim, width, bias=False) if architecture.activation == "swiglu" else None
        )
        self.down = nn.Linear(width, architecture.dim, bias=False)

    def forward(self, x: Float[Tensor, "batch time dim"]) -> Float[Tensor, "batch time dim"]:
        """Apply the layer to each token."""
        up = self.up(x)
        active = nn.functional.gelu(up) if self.gate is None else nn.functional.silu(self.gate(x)) * up
        down: Tensor = self.down(active)
        return down


class Block(nn.Module):
    """Mixer of tokens and feed-forward layer, each after an RMSNorm and added to the residual stream.

    Args:
        architecture: size and structure.
        mixer: mixes the tokens; a submodule by its own name, `attention` or `mixer`.
        crosses: whether it attends to an encoder, after the mixer.
    """

    attention: Attention
    attention_norm: nn.RMSNorm

    def __init__(self, architecture: Architecture, mixer: Mixer, *, crosses: bool = False) -> None:
        super().__init__()
        self.part = mixer.name
        self.add_module(f"{self.part}_norm", nn.RMSNorm(architecture.dim))
        self.feed_norm = nn.RMSNorm(architecture.dim) if architecture.feeds else None
        self.add_module(self.part, mixer)
        self.feed = FeedForward(architecture) if architecture.feeds else None
        self.cross_norm = nn.RMSNorm(architecture.dim) if crosses else None
        self.cross = CrossAttention(architecture.shape) if crosses else None
        self.dropout = nn.Dropout(architecture.dropout)

    @property
    def mixing(self) -> Mixer:
        """What mixes the tokens: the submodule `attention` or `mixer`."""
        return self._modules[self.part]  # type: ignore[return-value]

    def forward(
        self,
        x: Float[Tensor, "batch time dim"],
        pe: PositionalEncoding,
        shared: SharedInputs,
        slot: tuple[int, int],
        first: int = 0,
    ) -> Float[Tensor, "batch wanted dim"]:
        """Return the residual stream after this block, from column `first` on."""
        mixed = self.mixing(self._modules[f"{self.part}_norm"](x), pe, shared, slot, first)  # type: ignore[misc]
        x = x[:, first:] + self.dropout(mixed)
        if self.cross is not None and self.cross_norm is not None:
            x = x + self.dropout(self.cross(self.cross_norm(x), shared, slot[1]))
        if self.feed is not None and self.feed_norm is not None:
            x = x + self.dropout(self.feed(self.feed_norm(x)))
        return x


class Decoder(nn.Module):
    """Map tokens and their positions to logits over the next token, as a pure function of parameters and inputs.

    Args:
        architecture: size and structure.
        vocabulary: number of token ids.
        pe: builds the positional encoding, one for all layers.
        attention: builds the attention rules, one per layer.
        flex: whether, on CUDA, biases of distances are computed by FlexAttention, without a mask.
        plain: whether the last block computes all tokens, also those whose logits are not wanted.
        mixer: builds the mixers, one per layer.
        head: builds the head.
        halting: makes the module that stops tokens before the last loop; its None stops none.
    """

    halting: nn.Module | None

    def __init__(
        self,
        architecture: Architecture,
        vocabulary: int,
        pe: Callable[[Shape], PositionalEncoding],
        attention: Callable[[Shape], AttentionRule],
        flex: bool = False,
        plain: bool = False,
        mixer: Callable[[Layer], Mixer] = Attention,
        head: Callable[[Output], Head] = Linear,
        halting: Halts = lambda _: None,
    ) -> None:
        super().__init__()
        self.architecture, self.flex, self.plain = architecture, flex, plain
        self.until: Halting | None = None
        self.tally: Tally | None = None
        self.embedding = nn.Embedding(vocabulary, architecture.dim)
        self.dropout = nn.Dropout(architecture.dropout)
        self.blocks = nn.ModuleList(
            Block(
                architecture,
                mixer(Layer(architecture.shape, index, attention)),
                crosses=architecture.encoder > 0,
            )
            for index in range(architecture.layers)
        )
        self.encoder = nn.ModuleList(
            Block(architecture, mixer(Layer(architecture.shape, index, attention)))
            for index in range(architecture.layers, architecture.blocks)
        )
        self.encoder_norm = nn.RMSNorm(architecture.dim) if architecture.encoder else None
        for part in (*self.mixers, *self.rules):
            part.check_hooks()
        shared = [mixer.rule for mixer in self._all_attentions if mixer.shares_rule]
        for rule in shared[1:]:
            rule.share(shared[0])
        self.norm = nn.RMSNorm(architecture.dim)
        self.head = head(Output(architecture.dim, vocabulary, architecture.tied))
        self.head.check_hooks()
        self._initialise()
        self.pe = pe(architecture.shape)
        self.pe.check_hooks()
        self.halting = halting(architecture.dim)

    def looped(
        self, loops: int | None = None, until: Halting | None = None, tally: Tally | None = None
    ) -> Decoder:
        """Return a view on the decoder, with the same parameters, that applies the stack another number of times.

        Args:
            loops: that number, at most where tokens may stop before; None for that of the decoder.
            until: a rule of evaluation that stops tokens.
            tally: adds up the loops that tokens take whose logits are wanted, padding excepted.
        """
        made = copy.copy(self)
        made.architecture = replace(self.architecture, loops=loops or self.architecture.loops)
        made.until, made.tally = until or self.until, tally or self.tally
        return made

    @property
    def halts(self) -> bool:
        """Whether tokens may stop at different loops."""
        return self.until is not None or self.halting is not None

    @property
    def rules(self) -> list[AttentionRule]:
        """The attention rules of the layers that attend, in their order."""
        return [mixer.rule for mixer in self.attentions]

    @property
    def attentions(self) -> list[Attention]:
        """The mixers of the layers that attend, in their order."""
        return [mixer for mixer in self.mixers if isinstance(mixer, Attention)]

    @property
    def encodings(self) -> list[PositionalEncoding]:
        """The encoding of all layers, and those that layers have of their own, in their order."""
        return [self.pe, *(mixer.pe for mixer in self._all_attentions if mixer.pe is not None)]

    @property
    def budget(self) -> int | None:
        """Number of positions that all encodings define, 0 to budget - 1; None if all are."""
        return min((pe.budget for pe in self.encodings if pe.budget is not None), default=None)

    @property
    def mixers(self) -> list[Mixer]:
        """The mixer of every layer, those of an encoder excepted."""
        return [block.mixing for block in self.blocks]  # type: ignore[misc]

    @property
    def _all_attentions(self) -> list[Attention]:
        """The mixers of all layers that attend, those of an encoder last."""
        encoding: list[Mixer] = [block.mixing for block in self.encoder]  # type: ignore[misc]
        return [mixer for mixer in (*self.mixers, *encoding) if isinstance(mixer, Attention)]

    @property
    def reads_prompts(self) -> bool:
        """Whether a pass must be given where answers begin."""
        return self.head.reads_prompts or self.whole_prompts

    @property
    def whole_prompts(self) -> bool:
        """Whether tokens of a prompt see all of it, so that a prompt must be read in one pass."""
        return self.architecture.both_ways is not None

    @property
    def attends(self) -> bool:
        """Whether all layers mix by attention."""
        return len(self.rules) == len(self.blocks)

    def _initialise(self) -> None:
        """Initialise weights: embeddings at 1, matrices at 1/sqrt(fan-in), output matrices of blocks smaller with depth.

        Parameters of attention rules, of encodings, those of mixers that are no `nn.Linear`, and those of a head besides its output matrix
        keep what their constructors gave them.
        """
        parts = 3 if self.encoder else 2  # that a block adds to the residual stream
        depths = {
            "blocks": parts * len(self.blocks) * self.architecture.loops,
            "encoder": 2 * len(self.encoder),
        }
        projections = {id(module.weight) for module in self.modules() if isinstance(module, nn.Linear)}
        for name, weight in self.named_parameters():
            depth = depths.get(name.split(".")[0])
            if depth and id(weight) in projections and not {"rule", "pe"} & {*name.split(".")}:
                writes = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(weight, std=weight.shape[1] ** -0.5 * (depth**-0.5 if writes else 1.0))
        nn.init.normal_(self.embedding.weight, std=1.0)
        if self.architecture.tied:
            self.head.weight = self.embedding.weight
        else:
            nn.init.normal_(self.head.weight, std=self.architecture.dim**-0.5)

    def forward(
        self,
        tokens: Int[Tensor, "batch time"],
        positions: Real[Tensor, "#batch time *streams"],
        cache: DecoderCache | None = None,
        first: int = 0,
        prompt: Int[Tensor, " _rows"] | None = None,
        passes: Passes | None = None,
    ) -> Float[Tensor, "batch wanted vocab"]:
        """Logits (or log-probabilities, as the head gives them) after every token from column `first` on.

        Of earlier tokens the last block computes keys and values alone, unless the decoder is `plain` or drops (the draws
        of dropout depend on the number of tokens), or the head reads all tokens, or tokens may stop at different loops.

        Args:
            tokens: all tokens; with a cache, those that follow the tokens it holds.
            positions: positions of these tokens.
            cache: state of decoding so far; updated in place.
            first: column of the first token, among these, whose logits are wanted; their number if none are.
            prompt: number of tokens before the answer of each row, for decoders that read it (`reads_prompts`); a cache keeps it.
            passes: how often the stack is applied, as a law asks for a step of training; None for `decoder.loops`.
        """
        passes = passes or Passes(self.architecture.loops)
        halting: Halting | None = passes.halting or self.until or self.halting  # type: ignore[assignment]
        whole = (
            self.plain
            or self.head.reads_all
            or halting is not None
            or (self.training and self.architecture.dropout)
        )
        cut, last = 0 if whole else first, passes.loops - 1
        held, prompt = (0, prompt) if cache is None else (cache.tokens, cache.prompts(prompt))
        symbols = self.embedding(tokens)
        embedded = self.dropout(self.pe.embed(symbols, positions))
        seen = positions if cache is None else cache.seen(positions)
        distance_bias = self._distance_bias(positions, seen)
        both_ways = self._both_ways(prompt, held, tokens.shape[1], cached=cache is not None)
        table = self.pe.make_table(positions)
        shared = SharedInputs(table, None, positions, seen, cache, distance_bias, both_ways)
        if distance_bias is None:
            bias = self.pe.logit_bias(positions, seen)
            if self.encoder:
                sizes = known(prompt, f"{self.architecture.both_ways}")
                shared = self._encoded(embedded, shared, bias, sizes, held)
            shared = replace(shared, bias=shared.masked(bias))
        x, progress = embedded, None if halting is None else Progress.begin(embedded)
        for loop in range(passes.loops):
            with torch.set_grad_enabled(torch.is_grad_enabled() and loop >= passes.free):
                after = x + embedded if loop and self.architecture.inject else x
                for layer, block in enumerate(self.blocks):
                    final = loop == last and layer + 1 == len(self.blocks)
                    after = block(after, self.pe, shared, (loop, layer), cut if final else 0)
            if halting is None or progress is None:
                x = after
                continue
            progress = halting.step(progress, after, loop, last=loop == last)
            x = progress.x
            if cache is None and not self.training and not bool(progress.running.any()):
                break  # with a cache, later tokens may need the keys of later loops
        if progress is not None:
            x = progress.result
            passes.noted.append((progress.used[:, first:], progress.ponder[:, first:]))
        if self.tally is not None:
            used = passes.loops * torch.ones_like(tokens) if progress is None else progress.used
            self.tally.note(used[:, first:].float(), tokens[:, first:] != PAD)
        x = self.norm(x if self.head.reads_all else x[:, first - cut :])
        state = BlockCache() if cache is None else cache.block(HEAD)
        logits: Tensor = self.head(x, HeadInputs(tokens, symbols, state, held, first, prompt))
        return logits

    def _encoded(
        self,
        embedded: Float[Tensor, "batch time dim"],
        shared: SharedInputs,
        bias: LogitBias | None,
        sizes: Int[Tensor, " _rows"],
        held: int,
    ) -> SharedInputs:
        """Read the prompts with the encoder, and return what the blocks of the decoder share, but for the bias.

        The encoder reads columns of answers, too, each after those before it; nothing reads what it writes there.

        Args:
            embedded: the new tokens.
            shared: what blocks share in which tokens of a prompt see each other, but for the bias.
            bias: that of the encoding.
            sizes: number of tokens before the answer of each row.
            held: number of tokens before the new ones; the encoder has read the prompts if there are any.
        """
        encoded = None
        if not held and self.encoder_norm is not None:
            encoded, alone = embedded, replace(shared, cache=None, bias=shared.masked(bias))
            for index, block in enumerate(self.encoder, self.architecture.layers):
                encoded = block(encoded, self.pe, alone, (0, index))
            encoded = self.encoder_norm(encoded)
        return replace(shared, prompt=None, answers=sizes, encoded=encoded)

    def _both_ways(
        self, prompt: Int[Tensor, " _rows"] | None, held: int, new: int, *, cached: bool
    ) -> Int[Tensor, " _rows"] | None:
        """The sizes of prompts whose tokens see each other; None if none are, or if all are behind.

        Args:
            prompt: number of tokens before the answer of each row.
            held: number of tokens before the new ones.
            new: number of new tokens.
            cached: whether a cache keeps them.

        Raises:
            UsageError: the sizes are not known, or a prompt is read in parts.
        """
        option = self.architecture.both_ways
        if option is None:
            return None
        sizes = known(prompt, option)
        if not cached:
            return sizes
        within = (sizes > held) & (sizes > 1)
        require(
            not bool((within & ((sizes > held + new) | (held > 0))).any()),
            f"{option}: a prompt is read in one pass, as its tokens see all of it; must not be divided between passes with a cache",
        )
        return sizes if held == 0 else None

    def _distance_bias(
        self, positions: Real[Tensor, "#batch time *streams"], seen: Real[Tensor, "#batch all *streams"]
    ) -> DistanceBias | None:
        """The bias as a table over distances if FlexAttention can be used; None if a mask is needed.

        A bias of positions only that is invariant to a common shift is a bias of distances.
        """
        if self.whole_prompts or not (positions.shape[1] == seen.shape[1] > 1 and self._flexible(positions)):
            return None
        span = torch.arange(int(positions.max() - positions.min()) + 1, device=positions.device).unsqueeze(0)
        bias = self.pe.logit_bias(span[:, -1:], span)
        return None if bias is None else DistanceBias(bias[0, :, 0].flip(-1), positions)

    def _flexible(self, positions: Real[Tensor, "#batch time *streams"]) -> bool:
        """Whether FlexAttention can compute a bias in a full pass."""
        supported = (
            self.flex and supports(positions.device) and self.architecture.shape.head_dim >= MIN_HEAD_DIM
        )
        of_distances = self.pe.relative and self.pe.streams is None and not positions.is_floating_point()
        return supported and of_distances and all(rule.only_sharpens for rule in self.rules)

    def cache(self, room: int) -> DecoderCache:
        """Return an empty cache with room for a number of tokens."""
        return DecoderCache(room=room)

    def squares(self, positions: Real[Tensor, "#batch time *streams"]) -> bool:
        """Whether a full pass holds numbers for all pairs of tokens: a bias, hidden keys or explicit weights.

        Args:
            positions: positions of the tokens.
        """
        one = positions[:1, :1]
        if self.head.pairs or self.whole_prompts or not all(rule.linear for rule in self.rules):
            return True
        if any(pe.overrides("context") for pe in self.encodings):
            return True
        if any(pe.logit_bias(one, one) is not None for pe in self.encodings[1:]):
            return True
        return self.pe.logit_bias(one, one) is not None and not self._flexible(positions)
