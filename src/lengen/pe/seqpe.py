"""SeqPE: positions read digit by digit (Li et al. 2025)."""

from __future__ import annotations

from typing import Literal

import torch
from einops import rearrange
from jaxtyping import Float, Int, Real
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy, gelu, linear, scaled_dot_product_attention

from lengen.block.inputs import KeyPosition, LogitBias, QueryPosition, Shape
from lengen.config.errors import require
from lengen.pe import PositionalEncoding
from lengen.sampling import largest

PIVOTS, CANDIDATES, NEIGHBOURHOOD, WINDOWS = 16, 32, 64, 4
"""Sizes of the two losses: pivots, candidates per pivot, largest distance of local candidates, shifted windows."""


class DigitBlock(nn.Module):
    """Causal attention over digits and a feed-forward layer, each after a LayerNorm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm, self.feed_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.projections, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Float[Tensor, "place digit width"]) -> Float[Tensor, "place digit width"]:
        """Return the residual stream after this block."""
        query, key, value = rearrange(
            self.projections(self.attention_norm(x)),
            "place digit (three heads channel) -> three place heads digit channel",
            three=3,
            heads=self.heads,
        )
        mixed = scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.out(rearrange(mixed, "place heads digit channel -> place digit (heads channel)"))
        x = x + self.down(gelu(self.up(self.feed_norm(x))))
        return x  # noqa: RET504  # a module's call is Any to the type checker


class DigitEncoder(nn.Module):
    """Encode a number as a vector: the last state of a small transformer over its digits and an end token.

    Args:
        digits: digits per number, including leading zeros.
        width: width of the residual stream.
        heads: attention heads; divides `width`.
        layers: number of blocks.
        channels: size of the vector.
    """

    def __init__(self, digits: int, width: int, heads: int, layers: int, channels: int) -> None:
        super().__init__()
        self.values, self.places = nn.Embedding(10, width), nn.Embedding(digits, width)
        self.close = nn.Parameter(torch.randn(width) * 0.02)
        self.blocks = nn.ModuleList(DigitBlock(width, heads) for _ in range(layers))
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, channels)
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=module.in_features**-0.5)
                nn.init.zeros_(module.bias)

    def forward(self, digits: Int[Tensor, "place digit"]) -> Float[Tensor, "place channel"]:
        """Return the vector of every number, given its digits."""
        x = self.values(digits) + self.places.weight
        x = torch.cat([x, self.close.expand(len(x), 1, -1)], 1)
        for block in self.blocks:
            x = block(x)
        vectors: Tensor = self.out(self.norm(x[:, -1]))
        return vectors


class SeqPE(PositionalEncoding):
    """Encode every position p as a vector P(p) by a small transformer over its decimal digits.

    `attn_scalar` adds (A P(i)) (B P(j)) / sqrt(channels) to the scaled logits, one product per head, the same in all
    layers; `added` adds P(p) to the token embedding. Two losses train positions that do not occur in the task's training
    examples, from 0 to maximum - 1. `contrastive`: among 32 candidates the one nearest to a pivot must have the largest
    product with it. `transfer`: products within shifted windows must be distributed like those within the first window.
    Without these losses the encoding does not extrapolate; with them it extrapolates up to `maximum`, from where on
    positions are refused.

    Each training step runs the small transformer over its distinct positions, and over up to 700 more for the two
    losses; without gradients vectors are kept until a weight changes. Cost: `attn_scalar` has a learned bias mask, time
    and memory quadratic in tokens; `added` is fused. The small transformer computes in float64 if the device supports it,
    so that the bias of two positions does not depend on the other positions of the batch.

    The paper's transformer is 768 wide and encodes positions up to 20,000, for blocks of 512 tokens; our defaults suit
    small decoders. Our interpretation: half of the pivots have candidates from all positions, the others within a
    distance of 64 (the code adds numbers with similar digits); products in both losses are divided by sqrt(channels);
    the two windows of the transfer loss are compared by whole vectors (the code compares them head by head); the term of
    the logits is divided by the square root of its own channels, which in the paper are those of a head; matrices start at
    1 / sqrt(fan-in), like the decoder's. As in the code for text, the divergence is averaged over keys, too (`kl_div` with
    its default reduction), so that it is smaller by the factor `window` than a divergence per row; both weights are 0.1
    from the first step (only the learning rate is warmed up there); 32 pivots and 32 windows a step there are 16 and 4
    here. The paper's random shifts are `positions=offset`; its multiplicative variant,
    and the one that adds to queries and keys, are not implemented.

    Args:
        shape: the decoder's shape.
        use: where the vectors enter, `attn_scalar` or `added`.
        maximum: number of positions.
        width: width of the small transformer; a multiple of the decoder's heads.
        layers: blocks of the small transformer.
        window: size of the first window, which shifted windows imitate; about the number of positions seen in training.
        contrastive: weight of the loss over candidates.
        transfer: weight of the loss over windows.
        beta: share of the gradient of that loss that goes to the shifted windows; the rest goes to the first window.
    """

    both_ways = True
    revision = 2

    relative = False
    whole = True

    def __init__(
        self,
        shape: Shape,
        use: Literal["attn_scalar", "added"] = "attn_scalar",
        maximum: int = 1024,
        width: int = 32,
        layers: int = 2,
        window: int = 32,
        contrastive: float = 0.1,
        transfer: float = 0.1,
        beta: float = 0.8,
    ) -> None:
        super().__init__(shape)
        require(maximum >= 3, f"pe.maximum={maximum}: must be at least 3")  # noqa: PLR2004
        require(
            width >= 1 and width % shape.heads == 0,
            f"pe.width={width}: must be a multiple of decoder.heads={shape.heads}",
        )
        require(layers >= 1, f"pe.layers={layers}: must be at least 1")
        require(
            2 <= window < maximum,  # noqa: PLR2004
            f"pe.window={window}: must be at least 2 and below pe.maximum={maximum}",
        )
        require(contrastive >= 0, f"pe.contrastive={contrastive}: must be at least 0")
        require(transfer >= 0, f"pe.transfer={transfer}: must be at least 0")
        require(0 <= beta <= 1, f"pe.beta={beta}: must be in [0, 1]")
        self.beta = beta
        self.maximum, self.window, self.weights = maximum, window, (contrastive, transfer)
        channels = shape.dim if use == "added" else width
        digits = len(str(maximum - 1))
        self.encoder = DigitEncoder(digits, width, shape.heads, layers, channels)
        self.cache: tuple[list[tuple[int, int]], Tensor] | None = None
        self.pair = None if use == "added" else nn.Linear(channels, 2 * channels, bias=False)
        if self.pair is not None:
            nn.init.normal_(self.pair.weight, std=channels**-0.5)

    @property
    def budget(self) -> int:
        """Number of positions."""
        return self.maximum

    def encode(self, positions: Real[Tensor, "*shape"]) -> Float[Tensor, "*shape channel"]:
        """The vector of every position; each distinct position is encoded once.

        Raises:
            UsageError: a position is negative, or not below `pe.maximum`.
        """
        require(
            bool(((positions >= 0) & (positions < self.maximum)).all()),
            f"pe.maximum={self.maximum}: must be larger than every position",
        )
        if torch.is_grad_enabled():
            distinct, index = torch.unique(positions.long(), return_inverse=True)
            return self.vectors(distinct)[index]
        return self.cached(int(positions.max()) + 1)[positions.long()]

    def cached(self, count: int) -> Float[Tensor, "place channel"]:
        """Vectors of the positions from 0 on, at least `count` of them, kept until a weight changes."""
        versions = [(weight.data_ptr(), weight._version) for weight in self.encoder.parameters()]  # noqa: SLF001
        if self.cache is None or self.cache[0] != versions or len(self.cache[1]) < count:
            positions = torch.arange(
                min(1 << (count - 1).bit_length(), self.maximum), device=self.encoder.close.device
            )
            self.cache = versions, self.vectors(positions)
        return self.cache[1]

    def vectors(self, distinct: Int[Tensor, " place"]) -> Float[Tensor, "place channel"]:
        """Run the small transformer over positions."""
        weights = dict(self.encoder.named_parameters())
        powers = 10 ** torch.arange(len(weights["places.weight"]), device=distinct.device).flip(0)
        dtype = torch.float32 if distinct.device.type == "mps" else torch.float64
        with torch.autocast(distinct.device.type, enabled=False):
            vectors: Tensor = functional_call(
                self.encoder,
                {name: weight.to(dtype) for name, weight in weights.items()},
                (distinct.unsqueeze(-1) // powers % 10,),
            )
        return vectors

    def embed(
        self, x: Float[Tensor, "batch time dim"], positions: Real[Tensor, "#batch time"]
    ) -> Float[Tensor, "batch time dim"]:
        """Add the vector of each position, if `use` is `added`."""
        return x if self.pair is not None else x + self.encode(positions).to(x.dtype)

    def logit_bias(self, query: QueryPosition, key: KeyPosition) -> LogitBias | None:
        """The products of the projected vectors of two positions, per head; None if `use` is `added`."""
        if self.pair is None:
            return None
        vectors = self.encode(torch.cat([query.flatten(), key.flatten()]))
        with torch.autocast(vectors.device.type, enabled=False):
            projected = linear(vectors, self.pair.weight.to(vectors.dtype))
            queries, keys = (
                rearrange(
                    part,
                    "(batch time) (heads channel) -> batch heads time channel",
                    batch=len(positions),
                    heads=self.shape.heads,
                )
                for part, positions in (
                    (projected[: query.numel(), : vectors.shape[-1]], query),
                    (projected[query.numel() :, vectors.shape[-1] :], key),
                )
            )
            products: Tensor = queries @ keys.mT * queries.shape[-1] ** -0.5
        return products.to(torch.promote_types(self.pair.weight.dtype, torch.float32))

    def auxiliary(self, generator: torch.Generator) -> Float[Tensor, ""] | None:
        """The weighted sum of the two losses; None if both weights are 0."""
        parts = zip(self.weights, (self.nearest, self.imitation), strict=True)
        with torch.autocast(self.encoder.close.device.type, enabled=False):
            losses = [weight * loss(generator) for weight, loss in parts if weight]
        if not losses:
            return None
        total: Tensor = torch.stack(losses).sum().to(self.encoder.close.dtype)
        return total

    def nearest(self, generator: torch.Generator) -> Float[Tensor, ""]:
        """The contrastive loss: cross-entropy in nats of the candidate nearest to each pivot, with products as logits."""
        pivots, candidates, labels = self.draw(generator)
        device = self.encoder.close.device
        vectors = self.encode(torch.cat([pivots.unsqueeze(1), candidates], 1).to(device))
        products = (vectors[:, 1:] @ vectors[:, :1].mT).squeeze(-1) * vectors.shape[-1] ** -0.5
        return cross_entropy(products, labels.to(device))

    def draw(
        self, generator: torch.Generator
    ) -> tuple[Int[Tensor, " pivot"], Int[Tensor, "pivot candidate"], Int[Tensor, " pivot"]]:
        """Draw pivots and distinct candidates for each, with the index of the nearest candidate (one of them if two tie)."""
        pivots = torch.randint(self.maximum, (PIVOTS,), generator=generator)
        distances = (torch.arange(self.maximum) - pivots.unsqueeze(1)).abs()
        local = (torch.arange(PIVOTS) % 2 == 1).unsqueeze(1)
        excluded = (distances == 0) | (local & (distances > NEIGHBOURHOOD))
        draws = torch.rand(distances.shape, generator=generator).masked_fill(excluded, -1)
        candidates = largest(draws, min(CANDIDATES, self.maximum - 1))
        return pivots, candidates, distances.gather(1, candidates).argmin(1)

    def imitation(self, generator: torch.Generator) -> Float[Tensor, ""]:
        """The transfer loss: symmetric divergence between products within shifted windows and within the first.

        In nats, summed over both directions, and averaged over windows, queries and keys.
        """
        starts = torch.randint(1, self.maximum - self.window + 1, (WINDOWS, 1), generator=generator)
        windows = torch.cat([torch.zeros_like(starts[:1]), starts]) + torch.arange(self.window)
        vectors = self.encode(windows.to(self.encoder.close.device))
        logs = (vectors @ vectors.mT * vectors.shape[-1] ** -0.5).log_softmax(-1)
        first, others = logs[:1], logs[1:]
        follow, lead = symmetric(first.detach(), others), symmetric(first, others.detach())
        return self.beta * follow + (1 - self.beta) * lead  # equal values, which differ in what they train


def symmetric(
    first: Float[Tensor, "#window query key"], second: Float[Tensor, "#window query key"]
) -> Float[Tensor, ""]:
    """Divergence of rows of log-probabilities in both directions, averaged over all entries, as `kl_div` does by default."""
    divergence: Tensor = ((first.exp() - second.exp()) * (first - second)).mean()
    return divergence
