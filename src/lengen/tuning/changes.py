"""What tunings have made of a decoder, one after the other: each may change it, with the view of extensions in place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from lengen.config.errors import require
from lengen.decoder import Decoder
from lengen.extend import Extension, Sizes
from lengen.extend.chosen import Chosen
from lengen.extend.view import view
from lengen.positions import Positions
from lengen.positions.contiguous import Contiguous
from lengen.tuning import Base, Tuning


@dataclass(frozen=True)
class InPlace:
    """Extensions that a decoder is trained with, and keeps.

    Args:
        extensions: by name.
        tokens: of the longest example that is trained, the length that their rules read, in training and at every evaluated length.
    """

    revision: ClassVar[int] = 1
    extensions: Mapping[str, Extension]
    tokens: int

    def check(self, decoder: Decoder, positions: Positions, base: Base, labels: Mapping[str, str]) -> None:
        """Refuse extensions that do not apply to a decoder, or that are no part of one.

        Args:
            decoder: the trained decoder.
            positions: its position scheme.
            base: its run.
            labels: names of its parts, by group, for messages.

        Raises:
            UsageError: names the extension.
        """
        for name, extension in self.extensions.items():
            require(
                extension.slot != "positions",
                f"extend={name}: changes positions, which are drawn for training; must be an extension of the decoder",
            )
        Chosen(self.extensions).fits(decoder, positions, self.sizes(base), labels)

    def sizes(self, base: Base) -> Sizes:
        """Lengths in tokens, as the extensions read them."""
        return Sizes(base.tokens, base.positions, self.tokens)

    def of(self, decoder: Decoder, base: Base) -> Decoder:
        """Return a decoder with the extensions."""
        return view(decoder, Chosen(self.extensions).parts(decoder, Contiguous(), self.sizes(base)))


@dataclass(frozen=True)
class Change:
    """What one tuning makes of a decoder.

    Args:
        tune: the tuning.
        base: the run that it starts from.
        extend: extensions that are in place.
    """

    tune: Tuning
    base: Base
    extend: InPlace | None = None

    def of(self, decoder: Decoder) -> Decoder:
        """Return a decoder with the extensions, as the tuning changes it."""
        return self.tune.changed(
            decoder if self.extend is None else self.extend.of(decoder, self.base), self.base
        )

    @property
    def any(self) -> bool:
        """Whether it makes another decoder."""
        return self.extend is not None or type(self.tune).changed is not Tuning.changed
