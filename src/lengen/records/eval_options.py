"""Options of evaluation: lengths, number of examples, decoding."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar, Literal

from lengen.config.errors import UsageError, require
from lengen.config.identity import identity
from lengen.config.limits import MOST_LENGTHS, require_count

Checkpoint = Literal["last", "best", "average"]
"""A checkpoint of a run, or the average of several."""


@dataclass(frozen=True)
class EvalOptions:
    """Options of evaluation.

    Args:
        lengths: lengths (`7`), factors of the train length (`1.5x`, rounded, at least 1), or ranges in Python's notation
            (`range(1,41)`).
        examples: number of test examples per length.
        decode: `teacher` uses one forward pass, `greedy` cached decoding; their verdicts are the same. `free` decodes until
            the end token, and scores the result after the scratchpad, whatever the steps of the scratchpad contain.
        seed: seed of the test examples, the same for every cell and training seed.
        checkpoint: `last` evaluates the parameters after the last step, `best` those with the best ID probe, `average` the
            average of the last kept checkpoints (`lengen eval` only). OOD lengths are never used to choose.
        stress: names of the task's stress sets to evaluate; each gives an additional curve.
        loops: how often the stack of blocks is applied: a number, a multiple of what the run does by itself (`2x`), the steps of the
            problem (`length`, `0.5*length`), or until each token has converged (`convergence`). None is what the run does by itself;
            a list gives an additional curve for each of its entries.
        tolerance: with `loops=convergence`: a token stops when a loop changes its residual stream by at most this share of its norm.
        most_loops: with `loops=convergence`: most loops of a token.
    """

    revision: ClassVar[int] = 1
    """Raised by every change to what the class computes or draws; part of a cell's identity."""

    lengths: list[Any] = field(default_factory=lambda: ["1x", "2x"])
    examples: int = 1000
    decode: Literal["teacher", "greedy", "free"] = "teacher"
    seed: int = 0
    checkpoint: Checkpoint = "last"
    stress: list[str] = field(default_factory=list)
    loops: Any = None
    tolerance: float = 0.01
    most_loops: int = 32
    conditional_options: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "tolerance": {"loops": "convergence"},
        "most_loops": {"loops": "convergence"},
    }

    def __post_init__(self) -> None:
        require(self.examples >= 1, f"eval.examples={self.examples}: must be at least 1")
        require(self.tolerance > 0, f"eval.tolerance={self.tolerance}: must be above 0")
        require(self.most_loops >= 1, f"eval.most_loops={self.most_loops}: must be at least 1")
        self.loop_words  # noqa: B018  # an entry that is none is refused
        self.at(1)  # an entry that is no length is refused whatever the train length

    def at(self, train_length: int) -> list[int]:
        """The evaluated lengths as numbers, ascending and without repetitions.

        Raises:
            UsageError: an entry is not a length, or is below 1.
        """
        lengths: set[int] = set()
        for part in self.lengths:
            lengths.update(_lengths(str(part), train_length))
        require(bool(lengths), "eval.lengths is empty: must have at least one length")
        require(min(lengths) >= 1, f"eval.lengths has {min(lengths)}: must be at least 1")
        return sorted(lengths)

    @property
    def own_loops(self) -> LoopWord | None:
        """How often the stack is applied in the run's own sweep; what a list names is evaluated besides."""
        return None if isinstance(self.loops, (list, tuple)) else next(iter(self.loop_words), None)

    @property
    def listed_loops(self) -> list[LoopWord]:
        """The entries of a list, each of which is evaluated besides; empty if `loops` is no list."""
        return self.loop_words if isinstance(self.loops, (list, tuple)) else []

    @property
    def loop_words(self) -> list[LoopWord]:
        """The entries of `loops`, without repetitions.

        Raises:
            UsageError: an entry is not allowed.
        """
        given = self.loops if isinstance(self.loops, (list, tuple)) else [self.loops]
        require(bool(given), "eval.loops is empty: must have at least one entry, or be null")
        return [*dict.fromkeys(map(_loop_word, given))] if self.loops is not None else []


LoopWord = int | str
"""A number of loops, `2x`, `length`, `0.5*length` or `convergence`."""
CONVERGENCE = "convergence"
MOST_LOOPS = 10_000
"""Largest number of loops."""


def _loop_word(entry: Any) -> LoopWord:
    """Return an entry of `eval.loops`: a number as such.

    Raises:
        UsageError: it is none.
    """
    text = str(entry).replace(" ", "")
    if re.fullmatch(r"\d{1,9}", text) and not isinstance(entry, bool):
        require(1 <= int(text) <= MOST_LOOPS, f"eval.loops has {text}: must be from 1 to {MOST_LOOPS}")
        return int(text)
    number = r"\d{1,4}(?:\.\d{1,6})?"
    if text == CONVERGENCE or re.fullmatch(rf"{number}x|(?:{number}\*)?length", text):
        return text
    raise UsageError(
        f"eval.loops has {str(entry)[:LONGEST]!r}: must be a number (8), a multiple of the run's own (2x), length, 0.5*length or convergence"
    )


LONGEST = 60
"""Most characters of an entry of `eval.lengths`."""


@lru_cache(maxsize=1024)
def _lengths(part: str, train_length: int) -> Sequence[int]:
    """One entry of `eval.lengths` as numbers; many runs have the same."""
    text = part.replace(" ", "") if len(part) <= LONGEST else ""
    if re.fullmatch(r"-?\d+", text):
        return (int(text),)
    if factor := re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)x", text):
        multiple = float(factor[1])
        return (max(round(multiple * train_length), 1 if multiple > 0 else 0),)
    if span := re.fullmatch(r"range\((-?\d+(?:,-?\d+){0,2})\)", text):
        bounds = [int(bound) for bound in span[1].split(",")]
        require(len(bounds) < 3 or bounds[2] != 0, f"eval.lengths={part}: a range needs a step other than 0")  # noqa: PLR2004
        require_count(_span(*bounds), MOST_LENGTHS, f"eval.lengths={part}", "lengths")
        return range(*bounds)
    raise UsageError(
        f"eval.lengths has {part!r}: must be a length (12), a factor of train_length (1.5x), or range(1,41)"
    )


def _span(start: int, stop: int | None = None, step: int = 1) -> int:
    """Size of a range, also of one that `len` refuses."""
    low, high = (0, start) if stop is None else (start, stop)
    return max(0, -(-(high - low) // step))


class FreeDecoding:
    """How `decode=free` finds and scores results."""

    revision: ClassVar[int] = 2
    """Raised by every change to what it finds; part of the identity of the cells that use it."""


PLAIN = {"_target_": "lengen.format.plain.Plain"}


def cell_identity(record: Mapping[str, Any], data: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The identity of a configuration's cell, with the evaluated lengths as numbers.

    Args:
        record: a resolved configuration.
        data: hashes of the data that its task reads.
    """
    record = {"format": PLAIN, **record}  # runs made before there were formats have none
    lengths = EvalOptions(lengths=list(record["eval"]["lengths"])).at(int(record["train_length"]))
    evaluated = {**record["eval"], "lengths": lengths}
    if isinstance(evaluated.get("loops"), (list, tuple)):
        del evaluated["loops"]  # further curves, as of stress sets
    resolved = {**record, "eval": evaluated}
    described = identity(resolved, {"eval": EvalOptions}, data)
    if record["eval"].get("decode") == "free":
        described["eval"]["decoding"] = {"class": FreeDecoding.__name__, "revision": FreeDecoding.revision}
    return described
