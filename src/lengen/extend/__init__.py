"""Extensions: changes of a trained decoder at evaluation, without training, to see how they move its curve.

An extension is a subclass of `Extension`. It gets the parts of a trained decoder and returns others in their place, which hold
the same parameters. It never changes a part: the trained decoder is the same after every evaluation. Each extension says which
slot it fills; a decoder gets at most one extension a slot, but scales, which multiply.

| slot | what it replaces |
|---|---|
| `positions` | the positions of the tokens |
| `frequencies` | the angles of rotary positions |
| `encoding` | what the encoding adds to embeddings or logits |
| `normaliser` | how logits become weights |
| `geometry` | the distance that rotary positions see between a query and a key, by region |
| `visibility` | which keys a row may see |
| `scale` | a factor on the logits |
| `state` | which of what it has read a mixer keeps in its state |
| `gates` | decays and writes of that state |

They are applied in this order, whatever the order on the command line. A factor on all logits of content:

    >>> from lengen.extend.rules import Scaled
    >>> class Half(Extension):
    ...     slot = "scale"
    ...
    ...     def changed(self, parts, sizes):
    ...         return parts.with_rules(lambda rule: Scaled(rule, lambda inputs: 0.5))

Rules may depend on lengths in tokens, which `Sizes` has: that of the longest trained example, and that of the longest example of the
length that is evaluated, which is known before anything is decoded. So no answer depends on later tokens, and cached decoding is
equal to a full pass.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, get_args

from lengen.attention import AttentionRule
from lengen.config.errors import UsageError
from lengen.config.option_names import option_of
from lengen.extend.shallow import shallow
from lengen.mixer import Mixer, Recurrent
from lengen.mixer.sums import Sums
from lengen.pe import PositionalEncoding
from lengen.positions import Positions

Slot = Literal[
    "positions", "frequencies", "encoding", "normaliser", "geometry", "visibility", "scale", "state", "gates"
]
SLOTS: tuple[Slot, ...] = get_args(Slot)
"""All slots, in the order in which extensions are applied."""
Fit = Literal["exact", "approximate"]
"""How an extension applies to a decoder: as its source defines it, or in a way that is ours."""


@dataclass(frozen=True)
class Sizes:
    """Lengths in tokens, bos and end token included.

    Args:
        trained: tokens of the longest trained example (L).
        positions: number of positions that were trained: the largest, plus 1.
        tokens: tokens of the longest example of the evaluated length (n).
    """

    trained: int
    positions: int
    tokens: int

    @property
    def stretch(self) -> float:
        """How many times as long as in training the evaluated examples are, at least 1."""
        return max(1.0, self.tokens / self.trained)


@dataclass(frozen=True)
class Parts:
    """The parts of a decoder that an extension may replace.

    Args:
        pe: the encoding.
        rules: the attention rule of every layer that attends.
        positions: the position scheme.
        mixers: the mixer of every layer; those that attend get their rules from `rules`.
    """

    pe: PositionalEncoding
    rules: tuple[AttentionRule, ...]
    positions: Positions
    mixers: tuple[Mixer, ...] = ()

    def with_rules(
        self, change: Callable[[AttentionRule], AttentionRule], layers: Collection[int] | None = None
    ) -> Parts:
        """Return these parts with other rules.

        Args:
            change: maps the rule of a layer to another.
            layers: layers that are changed, from 1; None for all.
        """
        rules = (
            change(rule) if layers is None or layer in layers else rule
            for layer, rule in enumerate(self.rules, 1)
        )
        return replace(self, rules=tuple(rules))

    def with_sums(self, change: Callable[[Sums], Sums]) -> Parts:
        """Return these parts with other recurrences in the mixers that have one (`Recurrent.sums`).

        Args:
            change: maps the recurrence of a layer to another.
        """
        made = []
        for mixer in self.mixers:
            if isinstance(mixer, Recurrent) and mixer.sums is not None:
                mixer = shallow(mixer)  # noqa: PLW2901  # the trained one stays as it is
                mixer.sums = change(mixer.sums)  # type: ignore[arg-type]
            made.append(mixer)
        return replace(self, mixers=tuple(made))


class Extension(ABC):
    """A change of a trained decoder at evaluation. Its options are those of its constructor."""

    revision: ClassVar[int] = 1
    """Raised by every change to what the class computes; part of the identity of an evaluation."""
    slot: ClassVar[Slot]
    """What it replaces."""
    methods: ClassVar[tuple[str, ...]] = ("fit", "changed", "changes_nothing")
    """Names of the methods that are called."""
    attends: ClassVar[bool] = True
    """Whether it needs attention in all layers."""

    def fit(self, parts: Parts) -> Fit:
        """Return how the extension applies to a decoder.

        Args:
            parts: the trained parts, or what extensions of earlier slots made of them.

        Raises:
            UsageError: it does not; the message says why, and what it needs.
        """
        return "exact"

    @abstractmethod
    def changed(self, parts: Parts, sizes: Sizes) -> Parts:
        """Return the parts to evaluate with.

        Args:
            parts: those of a decoder that the extension applies to.
            sizes: lengths in tokens.
        """

    def changes_nothing(self, sizes: Sizes) -> bool:
        """Whether the extended decoder is equal to the trained one at these lengths."""
        return False


class DoesNotApplyError(UsageError):
    """An extension does not apply to a decoder.

    Args:
        group: the group of the part that it does not apply to: `pe`, `attention`, `mixer`, `positions` or `decoder`.
        part: that part.
        needs: what it needs.
    """

    def __init__(self, group: str, part: object, needs: str) -> None:
        super().__init__(f"does not apply to {group}={option_of(part)} (it needs {needs})")
        self.group, self.needs = group, needs

    def of(self, labels: Mapping[str, str]) -> str:
        """Return the message with the name that a run has for the part, and whether it was changed since it got this name.

        Args:
            labels: names of the parts of a run, by group.
        """
        if not (label := labels.get(self.group)):
            return str(self)
        listed = re.match(
            r"(?:\w+(?:, | or ))*\w+", self.needs.removeprefix(f"{self.group}=")
        )  # such as `rope, xpos or pope`
        named = listed is not None and label in re.split(r", | or ", listed[0])
        changed = " as this run has it, by an option, a tuning or another extension" if named else ""
        return f"does not apply to {self.group}={label}{changed} (it needs {self.needs})"


def require_pe(parts: Parts, kinds: Collection[type[PositionalEncoding]], needs: str) -> None:
    """Refuse encodings of other classes; a subclass too, whose own methods an extension might lose.

    Args:
        parts: the parts of a decoder.
        kinds: the classes that an extension applies to.
        needs: the same for a message, such as `pe=rope`.

    Raises:
        UsageError: the encoding is another.
    """
    if type(parts.pe) not in kinds:
        raise DoesNotApplyError("pe", parts.pe, needs)


def require_sums(parts: Parts) -> None:
    """Refuse decoders with a state that is no sum with positive decays, or with no state.

    Raises:
        UsageError: a layer has another mixer.
    """
    carry = [mixer for mixer in parts.mixers if isinstance(mixer, Recurrent)]
    for mixer in carry or parts.mixers:
        if not isinstance(mixer, Recurrent) or mixer.sums is None:
            raise DoesNotApplyError(
                "mixer",
                mixer,
                "gla, hgrn2, mamba or mamba2, without negative_eigenvalues, in all layers that carry a state",
            )


def require_counts(positions: Positions) -> None:
    """Refuse positions that are not the indices of the tokens.

    Raises:
        UsageError: they are others.
    """
    if not positions.counts:
        raise DoesNotApplyError("positions", positions, "positions=contiguous")
