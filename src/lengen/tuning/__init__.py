r"""Tunings: a trained decoder is trained a little further, as a whole or in part, as it is or changed.

A tuning is a subclass of `Tuning`. It says what it adds to a trained decoder, which parameters move, at what rate, and whether on longer
strings. `lengen tune` makes a new run of it, which starts from the parameters of a trained run with a fresh optimizer and other
examples, and is a run like any other: it can be resumed, evaluated, compared, and tuned again.

    >>> class LastLayer(Tuning):
    ...     trains = r"^(head|norm)\."
    ...     rate = 1e-3

Before the first step the tuned decoder computes what the base does, unless the tuning changes it at once (another base of the rotations,
no positions), which its docstring says. One that is `anew` starts from initial parameters.
"""

from __future__ import annotations

import re
from abc import ABC
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lengen.decoder import Decoder
from lengen.extend import Sizes
from lengen.positions import Positions
from lengen.task import Task

DATA_SEED = 1_000_003
"""Added to the data seed of a run that is tuned, once for every tuning, so that no batch is one of the base's."""


@dataclass(frozen=True)
class Base:
    """The run that a tuned one starts from.

    Args:
        run: its folder.
        cell: hash of its configuration without seeds.
        step: optimizer steps behind its parameters.
        parameters: digest of these.
        train_length: its trained length.
        tokens: tokens of its longest trained examples, bos and end token included.
        positions: number of positions that it was trained with.
        tuned: how often it was tuned before.
        category: its letters of supervision.
        true_length: the longest length of which it has seen true answers.
    """

    run: str
    cell: str
    step: int
    parameters: str
    train_length: int
    tokens: int
    positions: int
    tuned: int = 0
    category: str = "A"
    true_length: int = 0

    @property
    def sizes(self) -> Sizes:
        """Lengths in tokens, as extensions read them."""
        return Sizes(self.tokens, self.positions, self.tokens)


class Tuning(ABC):  # noqa: B024  # every method has a default
    """A way to tune a trained decoder. Its options are those of its constructor."""

    revision: ClassVar[int] = 1
    """Raised by every change to what the class computes or draws; part of a cell's identity."""
    trains: ClassVar[str] = ""
    """Regular expression of the names of the parameters that move; all others stay as they are, to the last bit."""
    steps: ClassVar[int] = 200
    """Steps, unless given."""
    rate: ClassVar[float | None] = 1e-3
    """Peak learning rate, unless given; it warms up over a tenth of the steps and stays. None where there is no rate to give."""
    stretch: ClassVar[float] = 2.0
    """Longest length of the examples (`train_length`), as a multiple of the base's trained length, unless given; 1 is no longer string."""

    anew: ClassVar[bool] = False
    """Whether training starts from initial parameters, with steps and optimizer of the base, which gives no more than `started` takes."""
    own_labels: ClassVar[bool] = False
    """Whether the answers of longer strings are those of the decoder itself."""
    any_loops: ClassVar[bool] = True
    """Whether the loops of training may vary; if not, the law of the run must be `steady`."""

    def longest(self, own: int) -> int:
        """Return the longest length of the examples, unless given.

        Args:
            own: that of the base.
        """
        return max(own, round(self.stretch * own))

    def steps_of(self, decoder: Decoder) -> int:
        """Return the steps, unless given.

        Args:
            decoder: the trained decoder.
        """
        return self.steps

    def optimizer(self, rate: float | None, warmup: int) -> dict[str, Any]:
        """Return the configuration of the optimizer: AdamW without weight decay, at a constant rate.

        Args:
            rate: peak learning rate; None where the tuning has none.
            warmup: steps of the warm-up.
        """
        return {
            "_target_": "lengen.optimizer.adamw.AdamW", "lr": rate, "weight_decay": 0.0, "betas": [0.9, 0.98],
            "schedule": {"warmup": warmup, "final": 1.0},
        }  # fmt: skip

    def lengths(self, longest: int) -> dict[str, Any] | None:
        """Return the configuration of the lengths of the examples; None for all up to the longest.

        Args:
            longest: the longest length.
        """
        return None

    def check(self, decoder: Decoder, positions: Positions) -> None:  # noqa: B027  # most have nothing to refuse
        """Refuse a decoder that cannot be tuned in this way.

        Args:
            decoder: the trained decoder.
            positions: its position scheme.

        Raises:
            UsageError: it cannot; the message says what is needed.
        """

    def record(self, record: Mapping[str, Any], base: Base) -> dict[str, Any]:
        """Return the groups of the base's configuration that the tuned run has otherwise, such as `{"pe": …}`.

        Args:
            record: the configuration of the base, resolved.
            base: the run that it starts from.
        """
        return {}

    def changed(self, decoder: Decoder, base: Base) -> Decoder:
        """Return the decoder that is trained, which holds the parameters of another one, and may have more.

        Args:
            decoder: has the base's architecture; its parameters may be initial or trained.
            base: the run that it starts from.
        """
        return decoder

    def started(self, decoder: Decoder, base: Base, teacher: Callable[[], Decoder], task: Task) -> None:  # noqa: B027  # most start as they are
        """Complete what training starts from, once, before the first step; the checkpoint holds it from then on.

        Args:
            decoder: the decoder that is trained; changed in place.
            base: the run that it starts from.
            teacher: gives the trained decoder of the base when it is called, in evaluation mode.
            task: the task of the run.
        """

    def task(self, task: Task, base: Base, teacher: Any) -> Task:
        """Return the task that examples of training are drawn from.

        Args:
            task: the task of the run.
            base: the run that it starts from.
            teacher: gives the trained decoder of the base when it is called, in evaluation mode.
        """
        return task

    def found(self, decoder: Decoder) -> dict[str, Any]:
        """Return what was found, for `run.json`, such as trained factors.

        Args:
            decoder: the tuned decoder.
        """
        return {}

    def moves(self, name: str) -> bool:
        """Whether a parameter is trained."""
        return re.search(self.trains, name) is not None


def prepared(tuning: Tuning, decoder: Decoder) -> Decoder:
    """Freeze all parameters but those that a tuning moves, and return the decoder in training mode.

    Args:
        tuning: the tuning.
        decoder: as the tuning has changed it.
    """
    for name, weight in decoder.named_parameters():
        weight.requires_grad_(tuning.moves(name))
    return decoder.train()
