"""How a decoder is examined: which lengths, how many examples, how decoded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from lengen.config.errors import UsageError, require
from lengen.config.identity import identity


@dataclass(frozen=True)
class EvalOptions:
    """How a decoder is examined.

    Args:
        lengths: lengths (`7`), factors of the train length (`1.5x`, rounded, at least 1), or one range as Python writes it (`range(1,41)`).
        examples: examples a length.
        decode: `teacher` for one forward pass, `greedy` for cached decoding; the verdicts are the same. `free` decodes
            until the end token and scores what stands behind the scratchpad, however it was come by.
        seed: of the examined examples: the same for every cell and training seed.
        checkpoint: the parameters after the `last` step, or the `best` on ID validation. Never chosen on OOD lengths.
        stress: names of stress sets of the task, each of which gives one more curve.
    """

    revision: ClassVar[int] = 1
    """Goes up in the change that alters what the class computes or draws; a part of every cell's identity."""

    lengths: list[Any] = field(default_factory=lambda: ["1x", "2x"])
    examples: int = 1000
    decode: Literal["teacher", "greedy", "free"] = "teacher"
    seed: int = 0
    checkpoint: Literal["last", "best"] = "last"
    stress: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        require(self.examples >= 1, f"eval.examples={self.examples}: allowed is 1 or more")

    def at(self, train_length: int) -> list[int]:
        """The lengths as numbers, ascending, each once.

        Raises:
            UsageError: something is no length, or below 1.
        """
        found: set[int] = set()
        for part in self.lengths:
            found.update(_lengths(part, train_length))
        require(bool(found), "eval.lengths is empty: allowed is at least one length")
        require(min(found) >= 1, f"eval.lengths has {min(found)}: allowed is 1 or more")
        return sorted(found)


def _lengths(part: Any, train_length: int) -> list[int]:
    """One entry of `eval.lengths` as numbers."""
    text = str(part).replace(" ", "")
    if re.fullmatch(r"-?\d+", text):
        return [int(text)]
    if factor := re.fullmatch(r"(\d+(?:\.\d+)?)x", text):
        share = float(factor[1])
        return [max(round(share * train_length), 1 if share > 0 else 0)]
    if span := re.fullmatch(r"range\((-?\d+(?:,-?\d+){0,2})\)", text):
        bounds = [int(bound) for bound in span[1].split(",")]
        require(len(bounds) < 3 or bounds[2] != 0, f"eval.lengths={part}: a range needs a step other than 0")  # noqa: PLR2004
        return list(range(*bounds))
    raise UsageError(
        f"eval.lengths has {part!r}: allowed is a length (12), a factor of train_length (1.5x), or range(1,41)"
    )


PLAIN = {"_target_": "lengen.format.plain.Plain"}


def cell_identity(record: Mapping[str, Any], data: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The identity of the cell of a configuration, with the lengths of its sweep as numbers.

    Args:
        record: a resolved configuration.
        data: fingerprints of the data that its task reads.
    """
    record = {"format": PLAIN, **record}  # runs made before there were formats have none
    lengths = EvalOptions(lengths=list(record["eval"]["lengths"])).at(int(record["train_length"]))
    resolved = {**record, "eval": {**record["eval"], "lengths": lengths}}
    return identity(resolved, {"eval": EvalOptions}, data)
