"""Other distances for trained rotary positions, by region; base class of the extensions that choose them.

A query at position i and a key at position j are compared at another distance than i - j where they are far apart. Each region has
positions of its own for queries and for keys; a mask says which region a pair of tokens is in, and one softmax runs over all.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Bool, Real
from torch import Tensor

from lengen.attention import AttentionRule
from lengen.block.inputs import BlockInputs, Heads, Keys, Logits, Queries, wide
from lengen.extend import DoesNotApplyError, Extension, Fit, Parts, Sizes, require_counts, require_pe
from lengen.extend.frequencies import ChangedRoPE, ChangedXPos
from lengen.extend.rules import Stepwise, by_steps
from lengen.pe.rope import RoPE
from lengen.pe.xpos import XPos


class Region(NamedTuple):
    """Pairs of a query and a key that are compared at the distance of these positions.

    Args:
        query: positions of the queries.
        key: positions of the keys.
        inside: which pairs are in the region; None for all that are in no region before it.
    """

    query: Real[Tensor, "#batch query"]
    key: Real[Tensor, "#batch key"]
    inside: Bool[Tensor, "#batch query key"] | None


Regions = Callable[[Real[Tensor, "#batch query"], Real[Tensor, "#batch key"]], Sequence[Region]]
"""Gives the regions for positions of queries and keys; the last has no mask."""


class UnrotatedRoPE(RoPE):
    """Trained rotary positions whose queries and keys are rotated where they are compared.

    Args:
        trained: the trained encoding.
    """

    def __init__(self, trained: RoPE) -> None:
        super().__init__(
            trained.shape, trained.base, trained.channels / trained.shape.head_dim, trained.pairing
        )
        self.trained = trained

    @property
    def budget(self) -> int | None:
        """As trained."""
        return self.trained.budget

    def transform(
        self, query: Heads, key: Heads, value: Heads, table: Tensor | None, inputs: BlockInputs
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Nothing is rotated yet; keys are cached as they are."""
        return query, key, value


class RegionRule(Stepwise):
    """A trained rule whose queries and keys are compared at the distances of regions.

    Args:
        trained: the rule.
        rope: the trained encoding, which rotates.
        regions: see `Regions`.
    """

    def __init__(self, trained: AttentionRule, rope: RoPE, regions: Regions) -> None:
        super().__init__(trained)
        self.rope, self.regions = rope, regions

    def compare(self, query: Queries, key: Keys, inputs: BlockInputs) -> Logits:
        """Products of queries and keys, each pair rotated by the positions of its region."""
        *others, rest = self.regions(inputs.query, inputs.key)
        found = self._products(query, key, rest)
        for region in reversed(others):
            assert region.inside is not None
            found = torch.where(region.inside.unsqueeze(1), self._products(query, key, region), found)
        return found

    def _products(self, query: Queries, key: Keys, region: Region) -> Logits:
        of_queries, of_keys = (self.rope.make_table(positions) for positions in (region.query, region.key))
        # xPos has a table for queries, then one for keys
        turned, keys = self.rope.rotate(query, of_queries[:2]), self.rope.rotate(key, of_keys[-2:])
        return wide(turned) @ wide(keys).mT


class Geometry(Extension):
    """Base class of extensions that choose other distances for trained rotary positions."""

    slot = "geometry"

    def fit(self, parts: Parts) -> Fit:
        """Exact for `pe=rope` with positions 0, 1, 2, …, and a rule that compares queries with keys; ours for `pe=xpos`, whose decay is that of the distance of the region."""
        require_pe(parts, [RoPE, ChangedRoPE, XPos, ChangedXPos], "pe=rope or xpos")
        require_counts(parts.positions)
        for rule in parts.rules:
            if not by_steps(rule) or rule.directions:
                raise DoesNotApplyError("attention", rule, "a rule that compares queries with keys")
        return "approximate" if isinstance(parts.pe, XPos) else "exact"

    def changed(self, parts: Parts, sizes: Sizes) -> Parts:
        """Compare without rotation in the encoding, and by regions in the rules."""
        assert isinstance(parts.pe, RoPE)
        rope = parts.pe

        def regions(query: Tensor, key: Tensor) -> Sequence[Region]:
            return self.regions(query, key, sizes)

        changed = parts.with_rules(lambda rule: RegionRule(rule, rope, regions))
        return replace(changed, pe=UnrotatedRoPE(rope))

    @abstractmethod
    def regions(
        self, query: Real[Tensor, "#batch query"], key: Real[Tensor, "#batch key"], sizes: Sizes
    ) -> Sequence[Region]:
        """Return the regions, of which the first that a pair is in decides; the last has no mask.

        Args:
            query: positions of the queries.
            key: positions of the keys.
            sizes: lengths in tokens.
        """


class Windowed(Geometry):
    """Base class of geometries with an option `window`: keys less than so many tokens back stand at their own distance.

    Farther ones are at the distance of the window, where `far` gives no other. None takes half of the trained tokens.
    """

    window: int | None

    def width(self, sizes: Sizes) -> int:
        """Return the window in tokens."""
        return self.window or max(sizes.trained // 2, 1)

    def regions(self, query: Tensor, key: Tensor, sizes: Sizes) -> Sequence[Region]:
        """Near keys, then far ones."""
        window = self.width(sizes)
        return near(query, key, window), self.far(query, key, window)

    def far(self, query: Tensor, key: Tensor, window: int) -> Region:
        """Return the region of keys beyond a window."""
        return Region(torch.full_like(query, window), torch.zeros_like(key), None)

    def changes_nothing(self, sizes: Sizes) -> bool:
        """With a window as wide as the text."""
        return self.width(sizes) >= sizes.tokens


def distance(query: Tensor, key: Tensor) -> Real[Tensor, "#batch query key"]:
    """Distance of every query back to every key."""
    return query.unsqueeze(-1) - key.unsqueeze(-2)


def near(query: Tensor, key: Tensor, window: int) -> Region:
    """Return the region of keys less than a number of tokens back, at their own distance."""
    return Region(query, key, distance(query, key) < window)
