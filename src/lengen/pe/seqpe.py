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

PIVOTS, CANDIDATES, STRETCH, WINDOWS = 16, 32, 64, 4


class DigitBlock(nn.Module):
    """Causal attention over digits and a feed-forward layer, each behind a LayerNorm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm, self.feed_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.projections, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Float[Tensor, "place digit width"]) -> Float[Tensor, "place digit width"]:
        """One step of the residual stream."""
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
    """A small transformer over the digits of a number and a closing token, whose last state is the number's vector.

    Args:
        digits: of every number, the leading zeros included.
        width: of its residual stream.
        heads: divides width.
        layers: blocks.
        channels: of the vector.
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
        """The vector of every number, given by its digits."""
        x = self.values(digits) + self.places.weight
        x = torch.cat([x, self.close.expand(len(x), 1, -1)], 1)
        for block in self.blocks:
            x = block(x)
        vectors: Tensor = self.out(self.norm(x[:, -1]))
        return vectors


class SeqPE(PositionalEncoding):
    """A position is read as decimal digits by a small transformer of its own, one vector P(p) a position.

    `attn_scalar` adds (A P(i)) (B P(j)) / sqrt(channels) to the scaled logits, a product a head, one for all layers;
    `added` adds P(p) to the token embedding. Two losses train positions that the task never shows, from 0 to
    maximum - 1: among 32 candidates the nearest to a pivot must have the largest product with it (`contrastive`), and
    products within windows anywhere must be distributed as those within the first window (`transfer`). Without them it
    does not extrapolate; with them it goes to `maximum`, where positions are refused.

    Each training step runs the small transformer over its distinct positions, and over up to 700 more for the two
    losses; without gradients vectors are kept until a weight changes. `attn_scalar` has a bias mask that is learned:
    time and memory quadratic in tokens; `added` stays fused. The small transformer works in float64 where the device
    has it, so that the bias of two positions does not depend on which others are read beside them.

    The paper's transformer is 768 wide and reads positions up to 20,000, for blocks of 512; ours are sizes for small
    decoders. Our interpretation: half of the pivots draw candidates from everywhere, the others within a stretch of 64
    (the code adds numbers with similar digits); products in both losses are divided by sqrt(channels); windows are
    compared by the divergence in both directions, the first one as it stands; the term of the logits is divided by the
    root of its own channels, which in the paper are the head's; matrices start at 1 / sqrt(fan-in), as the decoder's.
    The shifted starts of the paper are `positions=offset`; its multiplicative use, and the one that adds to queries and
    keys, are not here.

    Args:
        shape: the decoder it serves.
        use: where vectors enter: `attn_scalar` or `added`.
        maximum: number of positions.
        width: of the small transformer; divides by the decoder's heads.
        layers: of the small transformer.
        window: positions from 0 that others imitate; about as many as training shows.
        contrastive: weight of the loss over candidates.
        transfer: weight of the loss over windows.
    """

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
    ) -> None:
        super().__init__(shape)
        require(maximum >= 3, f"pe.maximum={maximum}: allowed is 3 or more")  # noqa: PLR2004
        require(
            width >= 1 and width % shape.heads == 0,
            f"pe.width={width}: allowed is a multiple of decoder.heads={shape.heads}",
        )
        require(layers >= 1, f"pe.layers={layers}: allowed is 1 or more")
        require(
            2 <= window < maximum,  # noqa: PLR2004
            f"pe.window={window}: allowed is 2 up to {maximum - 1}, below pe.maximum",
        )
        require(contrastive >= 0, f"pe.contrastive={contrastive}: allowed is 0 or more")
        require(transfer >= 0, f"pe.transfer={transfer}: allowed is 0 or more")
        self.maximum, self.window, self.weights = maximum, window, (contrastive, transfer)
        channels = shape.dim if use == "added" else width
        digits = len(str(maximum - 1))
        self.encoder = DigitEncoder(digits, width, shape.heads, layers, channels)
        self.kept: tuple[list[tuple[int, int]], Tensor] | None = None
        self.pair = None if use == "added" else nn.Linear(channels, 2 * channels, bias=False)
        if self.pair is not None:
            nn.init.normal_(self.pair.weight, std=channels**-0.5)

    @property
    def budget(self) -> int:
        """Number of positions."""
        return self.maximum

    def encode(self, positions: Real[Tensor, "*shape"]) -> Float[Tensor, "*shape channel"]:
        """The vector of every position; each distinct one is read once."""
        require(
            bool(((positions >= 0) & (positions < self.maximum)).all()),
            f"pe.maximum={self.maximum}: a position is beyond it",
        )
        if torch.is_grad_enabled():
            distinct, where = torch.unique(positions.long(), return_inverse=True)
            return self.vectors(distinct)[where]
        return self.known(int(positions.max()) + 1)[positions.long()]

    def known(self, count: int) -> Float[Tensor, "place channel"]:
        """Vectors of positions from 0 on, as many at least, kept until a weight changes."""
        state = [(weight.data_ptr(), weight._version) for weight in self.encoder.parameters()]  # noqa: SLF001
        if self.kept is None or self.kept[0] != state or len(self.kept[1]) < count:
            places = torch.arange(
                min(1 << (count - 1).bit_length(), self.maximum), device=self.encoder.close.device
            )
            self.kept = state, self.vectors(places)
        return self.kept[1]

    def vectors(self, distinct: Int[Tensor, " place"]) -> Float[Tensor, "place channel"]:
        """What the small transformer makes of positions."""
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
        """Add the vector of each position, where vectors are added."""
        return x if self.pair is not None else x + self.encode(positions).to(x.dtype)

    def logit_bias(self, query: QueryPosition, key: KeyPosition) -> LogitBias | None:
        """The product of two positions' vectors, as each head sees them; None where vectors are added."""
        if self.pair is None:
            return None
        vectors = self.encode(torch.cat([query.flatten(), key.flatten()]))
        with torch.autocast(vectors.device.type, enabled=False):
            seen = linear(vectors, self.pair.weight.to(vectors.dtype))
            asking, asked = (
                rearrange(
                    part,
                    "(batch time) (heads channel) -> batch heads time channel",
                    batch=len(places),
                    heads=self.shape.heads,
                )
                for part, places in (
                    (seen[: query.numel(), : vectors.shape[-1]], query),
                    (seen[query.numel() :, vectors.shape[-1] :], key),
                )
            )
            products: Tensor = asking @ asked.mT * asking.shape[-1] ** -0.5
        return products.to(torch.promote_types(self.pair.weight.dtype, torch.float32))

    def auxiliary(self, chance: torch.Generator) -> Float[Tensor, ""] | None:
        """The two losses under their weights."""
        parts = zip(self.weights, (self.nearest, self.imitation), strict=True)
        with torch.autocast(self.encoder.close.device.type, enabled=False):
            losses = [weight * loss(chance) for weight, loss in parts if weight]
        if not losses:
            return None
        total: Tensor = torch.stack(losses).sum().to(self.encoder.close.dtype)
        return total

    def nearest(self, chance: torch.Generator) -> Float[Tensor, ""]:
        """Cross-entropy in nats of which candidate is nearest to a pivot, by the products of vectors."""
        pivots, candidates, labels = self.draw(chance)
        device = self.encoder.close.device
        vectors = self.encode(torch.cat([pivots.unsqueeze(1), candidates], 1).to(device))
        products = (vectors[:, 1:] @ vectors[:, :1].mT).squeeze(-1) * vectors.shape[-1] ** -0.5
        return cross_entropy(products, labels.to(device))

    def draw(
        self, chance: torch.Generator
    ) -> tuple[Int[Tensor, " pivot"], Int[Tensor, "pivot candidate"], Int[Tensor, " pivot"]]:
        """Pivots, distinct candidates around each, and which of these is nearest (either one of two)."""
        pivots = torch.randint(self.maximum, (PIVOTS,), generator=chance)
        distances = (torch.arange(self.maximum) - pivots.unsqueeze(1)).abs()
        local = (torch.arange(PIVOTS) % 2 == 1).unsqueeze(1)
        barred = (distances == 0) | (local & (distances > STRETCH))
        lots = torch.rand(distances.shape, generator=chance).masked_fill(barred, -1)
        candidates = largest(lots, min(CANDIDATES, self.maximum - 1))
        return pivots, candidates, distances.gather(1, candidates).argmin(1)

    def imitation(self, chance: torch.Generator) -> Float[Tensor, ""]:
        """Divergence in nats, in both directions, of products within shifted windows from those within the first."""
        starts = torch.randint(1, self.maximum - self.window + 1, (WINDOWS, 1), generator=chance)
        windows = torch.cat([torch.zeros_like(starts[:1]), starts]) + torch.arange(self.window)
        vectors = self.encode(windows.to(self.encoder.close.device))
        logs = (vectors @ vectors.mT * vectors.shape[-1] ** -0.5).log_softmax(-1)
        first, others = logs[:1].detach(), logs[1:]
        divergence: Tensor = ((first.exp() - others.exp()) * (first - others)).sum(-1).mean()
        return divergence
