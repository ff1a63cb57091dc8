"""How often the stack of blocks is applied in an evaluation: `eval.loops`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lengen.config.errors import require
from lengen.loops import LoopLaw
from lengen.loops.halting import Convergence
from lengen.positions import Positions
from lengen.records.eval_options import CONVERGENCE, LoopWord
from lengen.task import Batch

if TYPE_CHECKING:
    from lengen.decoder import Decoder


@dataclass(frozen=True)
class EvaluatedLoops:
    """What an evaluation asks for.

    Args:
        word: an entry of `eval.loops`; None for what the law says.
        law: the law of the run.
        steps: `Task.steps`.
        tolerance: largest relative change at which a token has converged.
        most: most loops of a token that does not converge.
    """

    word: LoopWord | None
    law: LoopLaw
    steps: Callable[[int], int]
    tolerance: float
    most: int

    @property
    def any(self) -> bool:
        """Whether it is another decoder than the trained one."""
        return self.word is not None or self.law.by_length

    @property
    def by_length(self) -> bool:
        """Whether the number depends on the problem."""
        if self.word is None:
            return self.law.by_length
        text = str(self.word)
        return text.endswith("length") or (text.endswith("x") and self.law.by_length)

    def check(self) -> None:
        """Refuse what the law does not allow.

        Raises:
            UsageError: names the options.
        """
        require(
            self.word != CONVERGENCE or self.law.halting(1) is None,
            f"eval.loops={CONVERGENCE} with loops=act: its tokens stop by what they have learned; must be a number, their most loops",
        )

    def count(self, loops: int, length: int) -> int:
        """Return the number of loops at a length, the most of them where tokens may stop before.

        Args:
            loops: `decoder.loops`.
            length: the evaluated length.
        """
        steps, word = self.steps(length), self.word
        if word == CONVERGENCE:
            return self.most
        if isinstance(word, int):
            return word
        own = self.law.evaluated(loops, steps)
        if word is None:
            return own
        if found := re.fullmatch(r"([\d.]+)x", word):
            return max(round(float(found[1]) * own), 1)
        factor = word.removesuffix("length").removesuffix("*")
        return max(round(float(factor or 1) * steps), 1)

    def prepare(self, decoder: Decoder, positions: Positions, batch: Batch) -> tuple[Decoder, Positions]:
        """Return what reads a test set of one length; see `lengen.evaluation.sweep.Prepare`."""
        return self.of(decoder, int(batch.length.max())), positions

    def of(self, decoder: Decoder, length: int) -> Decoder:
        """Return what reads problems of a length.

        Args:
            decoder: the trained decoder.
            length: that length.
        """
        if not self.any:
            return decoder
        until = Convergence(self.tolerance) if self.word == CONVERGENCE else None
        return decoder.looped(self.count(decoder.architecture.loops, length), until)
