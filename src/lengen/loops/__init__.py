"""Loop laws: how often the stack of blocks is applied in a step of training, and where nothing else is asked for in evaluation.

A law is a subclass of `LoopLaw`. `decoder.loops` is the number that it stands by: the number itself (`fixed`), the largest
(`uniform`), the mean (`poisson_lognormal`), or the most that a token may take (`act`). A law draws from a generator that is keyed by
the seed and the step, so that a run that is resumed draws the same. `Passes` is what a law asks of one pass, and `Halting` what
may stop a token before the others; tokens that have stopped keep their residual stream, and blocks go on to read them.

    >>> from lengen.loops.uniform import Uniform
    >>> import torch
    >>> law = Uniform(least=1, most=8)
    >>> [law.passes(8, torch.Generator().manual_seed(step)).loops for step in range(6)]
    [5, 6, 1, 3, 3, 4]
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from lengen.config.errors import require

Stream = Float[Tensor, "batch time dim"]
"""The residual stream."""


@dataclass(frozen=True)
class Progress:
    """The tokens of a pass after some loops.

    Args:
        x: the residual stream that the next loop reads; that of a token that has stopped stays what it was.
        result: the residual stream that logits are read from, if no loop follows.
        running: which tokens the next loop changes.
        used: loops that each token has taken.
        mass: what a rule adds up by token, such as the probability to have stopped.
        ponder: what a token costs so far, in loops, with a gradient.
    """

    x: Stream
    result: Stream
    running: Bool[Tensor, "batch time"]
    used: Float[Tensor, "batch time"]
    mass: Float[Tensor, "batch time"]
    ponder: Float[Tensor, "batch time"]

    @classmethod
    def begin(cls, x: Stream) -> Progress:
        """Return the state before the first loop, in which all tokens run."""
        none = x.new_zeros(x.shape[:2], dtype=torch.float32)
        return cls(x, torch.zeros_like(x), torch.ones_like(none, dtype=torch.bool), none, none, none)

    def gone_on(self, after: Stream) -> Progress:
        """Return the state after a loop, which changes running tokens alone."""
        x = torch.where(self.running.unsqueeze(-1), after, self.x)
        return replace(self, x=x, result=x, used=self.used + self.running)


class Halting(ABC):
    """Decides after every loop which tokens stop.

    What it decides on a token depends on that token's residual stream alone, so that it is causal, and cached decoding is equal to a
    full pass.
    """

    @abstractmethod
    def step(self, progress: Progress, after: Stream, loop: int, *, last: bool) -> Progress:
        """Return the state after a loop.

        Args:
            progress: the state before it.
            after: the residual stream that the blocks make of `progress.x`.
            loop: index of the loop, from 0.
            last: whether no loop follows.
        """

    def rows(self, rows: Int[Tensor, " rows"]) -> Halting:
        """Return the rule for some of the examples."""
        return self


@dataclass(frozen=True)
class Counted(Halting):
    """Each example takes a number of loops of its own.

    Args:
        count: that number.
        graded: loops of each example, the last ones, that have a gradient; None for all.
    """

    count: Int[Tensor, " batch"]
    graded: int | None = None

    def step(self, progress: Progress, after: Stream, loop: int, *, last: bool) -> Progress:
        """See `Halting`."""
        if self.graded is not None:
            early = (loop < self.count - self.graded).view(-1, 1, 1)
            after = torch.where(early, after.detach(), after)
        going = (loop + 1 < self.count).unsqueeze(1).expand_as(progress.running)
        return replace(progress.gone_on(after), running=going)

    def rows(self, rows: Int[Tensor, " rows"]) -> Counted:
        """See `Halting`."""
        return replace(self, count=self.count[rows])


@dataclass(frozen=True)
class Passes:
    """How often the stack of blocks is applied in one pass.

    Args:
        loops: number of loops, at least 1.
        free: the first loops, that many, have no gradient.
        halting: stops tokens before; None stops none.
        noted: of every pass, the loops that the wanted tokens have taken and what they cost.
    """

    loops: int
    free: int = 0
    halting: Halting | None = None
    noted: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    @classmethod
    def of_rows(cls, count: Int[Tensor, " batch"], graded: int | None = None) -> Passes:
        """Return the passes of examples that each take a number of loops of their own.

        Args:
            count: that number, at least 1.
            graded: loops of each, the last ones, that have a gradient; None for all.
        """
        least, most = (int(each) for each in torch.aminmax(count))
        free = 0 if graded is None else max(least - graded, 0)
        if least == most:
            return cls(most, free)
        return cls(most, free, Counted(count, graded))

    def rows(self, rows: Int[Tensor, " rows"]) -> Passes:
        """Return the passes of some of the examples; what they note is noted here."""
        if not isinstance(self.halting, Counted):
            return self
        own = self.halting.rows(rows)
        return replace(Passes.of_rows(own.count, own.graded), noted=self.noted)


@dataclass
class Tally:
    """The loops that tokens have taken, added up over passes."""

    loops: float = 0.0
    tokens: int = 0

    def note(self, used: Float[Tensor, "batch time"], counted: Bool[Tensor, "batch time"]) -> None:
        """Add those of one pass.

        Args:
            used: loops of each token.
            counted: which tokens are counted.
        """
        self.loops += float(used[counted].double().sum())
        self.tokens += int(counted.sum())

    @property
    def mean(self) -> float | None:
        """Mean number of loops of a token; None if none was counted."""
        return self.loops / self.tokens if self.tokens else None


class LoopLaw(ABC):
    """How often the stack of blocks is applied. Options are those of the constructor."""

    revision: ClassVar[int] = 1
    """Raised by every change to what the class computes or draws; part of a cell's identity."""
    draws: ClassVar[bool] = False
    """Whether the number is drawn at every step."""
    by_length: ClassVar[bool] = False
    """Whether the number depends on the problem: on `Task.steps`."""
    grad_loops: int | None = None
    """Loops, the last ones, through which the loss is propagated back; None for all of them."""

    @abstractmethod
    def passes(
        self, loops: int, generator: torch.Generator | None = None, steps: Int[Tensor, " batch"] | None = None
    ) -> Passes | None:
        """Return the passes of a step of training; None for `loops` loops with a gradient.

        Args:
            loops: `decoder.loops`.
            generator: the only source of randomness, where the law draws.
            steps: `Task.steps` of each example, where the law depends on the problem.
        """

    def check(self, loops: int) -> None:  # noqa: B027  # most have no option that says it again
        """Refuse options that contradict `decoder.loops`, which is the number of loops of evaluation.

        Args:
            loops: `decoder.loops`.

        Raises:
            UsageError: names both options.
        """

    def evaluated(self, loops: int, steps: int) -> int:
        """Return the number of loops of evaluation, unless `eval.loops` says otherwise.

        Args:
            loops: `decoder.loops`.
            steps: `Task.steps` of the evaluated length.
        """
        return loops

    def kept(self, loops: int, steps: int) -> int:
        """Return how many loops keep what their backward pass needs, at least, in the usual step.

        Args:
            loops: `decoder.loops`.
            steps: `Task.steps` of the longest trained length.
        """
        most = self.evaluated(loops, steps)
        return most if self.grad_loops is None else min(most, self.grad_loops)

    def looped(self, loops: int) -> bool:
        """Whether the stack may be applied more than once."""
        return loops > 1 or self.draws or self.by_length

    @property
    def steady(self) -> bool:
        """Whether each token takes `decoder.loops` loops in each step of training, all with a gradient: `passes` is None."""
        return not (self.draws or self.by_length) and self.halting(1) is None and self.grad_loops is None

    def halting(self, dim: int) -> nn.Module | None:
        """Return a module that stops tokens, a `Halting` that is trained with the decoder; None if none does.

        Args:
            dim: width of the residual stream.
        """
        return None

    @property
    def cost(self) -> float:
        """What a loop of a scored token adds to the loss, in nats."""
        return 0.0


Halts = Callable[[int], nn.Module | None]
"""Makes the module that stops tokens, given the width of the residual stream."""


def check_grad_loops(grad_loops: int | None) -> None:
    """Refuse a number of loops with a gradient below 1.

    Raises:
        UsageError: it is.
    """
    require(
        grad_loops is None or grad_loops >= 1,
        f"loops.grad_loops={grad_loops}: must be null, for all loops, or at least 1",
    )
