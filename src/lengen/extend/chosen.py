"""The extensions that one evaluation applies together: their order, what they refuse, and their identity."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from types import MappingProxyType
from typing import Any, Literal, get_args

from lengen.block.hooks import check_spelling
from lengen.config.errors import UsageError, require
from lengen.config.identity import class_identity
from lengen.decoder import Decoder
from lengen.extend import SLOTS, DoesNotApplyError, Extension, Fit, Parts, Sizes
from lengen.extend.by_row import by_row, require_rows
from lengen.extend.view import parts_of, view
from lengen.positions import Positions
from lengen.task import Batch

Reads = Literal["swept", "prompt", "row"]
"""What the length of an evaluation is: tokens of its longest example, or of the longest prompt alone, or those that each row sees."""
READS: tuple[Reads, ...] = get_args(Reads)
NO_LABELS: Mapping[str, str] = MappingProxyType({})
SEVERAL = ("scale",)
"""Slots that several extensions may fill."""


@dataclass(frozen=True)
class Chosen:
    """Extensions by name, applied together.

    Args:
        extensions: by name.
        n: what rules that depend on the evaluated length read: `swept`, tokens of the longest example; `prompt`, of the longest
            prompt; `row`, those that each row sees (`lengen.extend.by_row`).
        nodes: the configuration of each, for labels and identity.
    """

    extensions: Mapping[str, Extension] = field(default_factory=dict)
    n: Reads = "swept"
    nodes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        filled: dict[str, str] = {}
        for name, extension in self.ordered.items():
            check_spelling(type(extension), Extension.methods)
            other = filled.get(extension.slot)
            require(
                other is None or extension.slot in SEVERAL,
                f"extend=[{other},{name}]: both change the {extension.slot}; choose one of them",
            )
            filled[extension.slot] = name

    @cached_property
    def ordered(self) -> dict[str, Extension]:
        """The extensions in the order in which they are applied: by slot, then by name."""
        return dict(sorted(self.extensions.items(), key=lambda each: (SLOTS.index(each[1].slot), each[0])))

    @property
    def label(self) -> str:
        """Names with their first option, if it is set, and with all that are not the defaults: `yarn(factor=2)`; `none` without any."""
        return "+".join(map(self._label, self.ordered)) or "none"

    def _label(self, name: str) -> str:
        defaults = inspect.signature(type(self.extensions[name])).parameters
        given = {key: value for key, value in self.nodes.get(name, {}).items() if key in defaults}
        shown = [
            f"{key}={value}"
            for key, value in given.items()
            if value != defaults[key].default or (key == next(iter(defaults)) and value is not None)
        ]
        return f"{name}({', '.join(shown)})" if shown else name

    def identity(self, sizes: Sizes) -> dict[str, Any]:
        """Return what decides what the extensions compute, for the request of an evaluation."""
        listed = [
            {
                **class_identity(type(extension)),
                "options": {
                    key: value for key, value in self.nodes.get(name, {}).items() if key != "_target_"
                },
            }
            for name, extension in self.ordered.items()
        ]
        return {"extensions": listed, "trained": sizes.trained, "positions": sizes.positions, "n": self.n}

    def fits(
        self, decoder: Decoder, positions: Positions, sizes: Sizes, labels: Mapping[str, str] = NO_LABELS
    ) -> dict[str, Fit]:
        """Return how each extension applies.

        Args:
            decoder: the trained decoder.
            positions: its position scheme.
            sizes: lengths in tokens.
            labels: names of its parts, by group, for messages.

        Raises:
            UsageError: one does not; the message names it.
        """
        found, parts = dict[str, Fit](), None
        for name, extension in self.ordered.items():
            try:
                trained = parts_of(decoder, positions, attends=extension.attends)
                parts = trained if parts is None else parts
                found[name] = extension.fit(parts)
                if self.n == "row":
                    require_rows(extension, trained)
                parts = extension.changed(parts, sizes)
            except DoesNotApplyError as error:
                raise UsageError(f"extend={name}: {error.of(labels)}") from None
            except UsageError as error:
                raise UsageError(f"extend={name}: {error}") from None
        return found

    def parts(self, decoder: Decoder, positions: Positions, sizes: Sizes) -> Parts:
        """Return the parts that a decoder is evaluated with."""
        parts = parts_of(decoder, positions, attends=False)
        for extension in self.ordered.values():
            parts = extension.changed(parts, sizes)
        return parts

    def of(self, decoder: Decoder, positions: Positions, sizes: Sizes) -> tuple[Decoder, Positions]:
        """Return a view on a decoder, and the positions it reads; see `lengen.extend.view`."""
        if self.n == "row":

            @cache
            def at(tokens: int) -> Parts:
                return self.parts(decoder, positions, replace(sizes, tokens=tokens))

            parts = by_row(parts_of(decoder, positions, attends=False), at)
        else:
            parts = self.parts(decoder, positions, sizes)
        return view(decoder, parts), parts.positions

    def tokens(self, batch: Batch, *, bos: bool) -> int:
        """Return the tokens of the longest example of a test set, or with `n=prompt` of its longest prompt.

        Args:
            batch: examples as the task draws them, without bos.
            bos: whether the decoder reads one.
        """
        read = batch.answer.any(0).nonzero().max() + 1 if self.n != "prompt" else batch.prompt_size.max()
        return int(read) + bos
