"""A learned table of positions stretched by interpolation (Long-CLIP; Zhang et al. 2024)."""

from __future__ import annotations

from dataclasses import replace

from jaxtyping import Float, Real
from torch import Tensor

from lengen.config.errors import require
from lengen.extend import Extension, Fit, Parts, Sizes, require_pe
from lengen.extend.adopted import Adopted
from lengen.pe.learned import Learned


class TableStretch(Extension):
    """E(p) for p below `keep`, else E(keep + (p - keep) / s), interpolated between the trained rows of a table.

    Beyond the last trained row the last difference goes on, as in the source. Rows that were never trained are not read.

    Args:
        factor: s, at least 1; None takes what fits the evaluated tokens into the trained rows.
        keep: first positions that keep their rows (20 of 77 in the source), at least 0.
    """

    slot = "encoding"

    def __init__(self, factor: float | None = None, keep: int = 0) -> None:
        require(
            factor is None or factor >= 1,
            f"extend.table_stretch.factor={factor}: must be null, or at least 1",
        )
        require(keep >= 0, f"extend.table_stretch.keep={keep}: must be at least 0")
        self.factor, self.keep = factor, keep

    def fit(self, parts: Parts) -> Fit:
        """Exact for `pe=learned`."""
        require_pe(parts, [Learned], "pe=learned")
        return "exact"

    def changed(self, parts: Parts, sizes: Sizes) -> Parts:
        """Read between the rows."""
        assert isinstance(parts.pe, Learned)
        stretched = StretchedTable(
            parts.pe, self._factor(sizes), self.keep, min(sizes.positions, parts.pe.budget)
        )
        return replace(parts, pe=stretched)

    def changes_nothing(self, sizes: Sizes) -> bool:
        """With a factor of 1, up to the trained rows."""
        return self._factor(sizes) == 1 and sizes.tokens <= sizes.positions

    def _factor(self, sizes: Sizes) -> float:
        if self.factor is not None:
            return self.factor
        rows = max(sizes.positions - self.keep, 1)
        return max(1.0, max(sizes.tokens - self.keep, 1) / rows)


class StretchedTable(Adopted, Learned):
    """A trained table that is read at real positions.

    Args:
        trained: the trained encoding.
        factor: divides positions from `keep` on.
        keep: first positions that keep their rows.
        trained_rows: rows that were trained.
    """

    def __init__(self, trained: Learned, factor: float, keep: int, trained_rows: int) -> None:
        super().__init__(trained)
        self.factor, self.keep, self.trained_rows = factor, keep, trained_rows

    @property
    def budget(self) -> None:  # type: ignore[override]
        """All positions are defined."""
        return

    def embed(
        self, x: Float[Tensor, "batch time dim"], positions: Real[Tensor, "#batch time"]
    ) -> Float[Tensor, "batch time dim"]:
        """See `PositionalEncoding`."""
        read = positions.double()
        read = read.where(read < self.keep, self.keep + (read - self.keep) / self.factor)
        below = read.floor().clamp(max=max(self.trained_rows - 2, 0))
        share = (read - below).to(x.dtype).unsqueeze(-1)
        first = self.rows[below.long()]
        after = self.rows[(below.long() + 1).clamp(max=self.trained_rows - 1)]
        return x + first + share * (after - first)
