"""Layers with different mixers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lengen.config.errors import named_below, require
from lengen.mixer import Layer, Mixer


def period(mixer: Callable[[Layer], Mixer]) -> int:
    """Return after how many layers mixers repeat: the length of a pattern, else 1.

    Args:
        mixer: builds the mixers of the layers.
    """
    kind, options = getattr(mixer, "func", mixer), getattr(mixer, "keywords", {})
    return len(options.get("pattern", ())) or 1 if kind is Pattern else 1


def layer_names(mixer: Callable[[Layer], Mixer], layers: int) -> list[str]:
    """Return the option under which the mixer of every layer has its own: `mixer.gru` in a pattern, else `mixer`.

    Args:
        mixer: builds the mixers of the layers.
        layers: their number.
    """
    names = getattr(mixer, "keywords", {}).get("pattern", ()) if period(mixer) > 1 else ()
    return [f"mixer.{names[index % len(names)]}" if names else "mixer" for index in range(layers)]


class Pattern(Mixer):
    """A mixer for every layer by its place: layer i has entry i modulo the number of entries.

    Called, it makes the mixer of a layer, which is of that mixer's own class.

    Args:
        layer: the layer that it is made for.
        pattern: names of mixers, in the order of the layers.
        parts: the mixers, by name, each with its options.
    """

    def __new__(cls, layer: Layer, pattern: list[str], parts: Mapping[str, Callable[[Layer], Mixer]]) -> Any:
        """Make the mixer of the layer."""
        require(bool(pattern), f"mixer.pattern={pattern}: must name a mixer")
        name = pattern[layer.index % len(pattern)]
        require(name in parts, f"mixer.pattern={pattern}: there are no options of {name!r}")
        with named_below(f"mixer.{name}", "mixer"):
            return parts[name](layer)

    def __init__(
        self, layer: Layer, pattern: list[str], parts: Mapping[str, Callable[[Layer], Mixer]]
    ) -> None:
        """See `__new__`, which returns objects of other classes."""
