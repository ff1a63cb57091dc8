"""The five-part scratchpad: every step may say its input, computation, output, variables and what remains.

Kazemnejad et al. 2023, section 6: `Thinking step by step:  STEP # STEP # … . Thus,  ` before the answer. A step is the parts
that are switched on, in this order, each with its marker and a space behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from lengen.config.errors import require
from lengen.task import PAD, Span, Vocabulary
from lengen.task.text import fill

PARTS = {
    "input": "in {} ",
    "computation": "comp {} ",
    "output": "out {} ",
    "variables": "[ {} ] ",
    "remaining": "re {} ",
}
BEGIN, BETWEEN, END = "Thinking step by step:  ", " # ", " . Thus,  "


def every() -> list[str]:
    """All five parts."""
    return list(PARTS)


def without_variables() -> list[str]:
    """The parts of tasks whose steps have nothing to remember (sort and lego)."""
    return [part for part in PARTS if part != "variables"]


def check(style: str, scratchpad: str, parts: Sequence[str], known: Sequence[str]) -> None:
    """Refuse options of a task that do not go together.

    Args:
        style: the task's `style`.
        scratchpad: its `scratchpad`.
        parts: its `parts`.
        known: the parts that it has; a task without any has no steps.

    Raises:
        UsageError: steps without words, words with a scratchpad made of symbols, or parts that there are not.
    """
    require(
        style != "symbols" or scratchpad != "steps",
        f"task.scratchpad=steps with task.style={style}: steps need task.style=text",
    )
    allowed = ("none", "steps") if known else ("none",)
    require(
        style == "symbols" or scratchpad in allowed,
        f"task.scratchpad={scratchpad} with task.style={style}: must be {' or '.join(allowed)}",
    )
    require(
        set(parts) <= set(known) and len(set(parts)) == len(parts),
        f"task.parts={list(parts)}: must be a list of distinct parts (allowed: {', '.join(known)})",
    )


def template(parts: Sequence[str], step: Mapping[str, str]) -> str:
    """The words of one step: the parts that are on, each with its marker."""
    return "".join(marker.format(step[part]) for part, marker in PARTS.items() if part in parts)


def words(step: Mapping[str, str]) -> str:
    """All that a scratchpad may say, whatever parts are on: a study of its parts has one vocabulary."""
    return BEGIN + BETWEEN + template([*step], step) + END


def think(
    vocabulary: Vocabulary,
    parts: Sequence[str],
    step: Mapping[str, str],
    exists: Bool[Tensor, "#batch steps"],
    **pieces: Int[Tensor, "..."],
) -> list[Span]:
    """The scratchpad of a batch.

    Args:
        vocabulary: what the ids mean.
        parts: those that are on.
        step: the words of every part.
        exists: which steps a problem has, the first in any case.
        pieces: what fills the words, with axes batch, steps and characters.
    """
    each = fill(vocabulary, BETWEEN + template(parts, step), **pieces)
    each = torch.where(exists.unsqueeze(-1), each, PAD).flatten(1)[:, len(BETWEEN) :]
    return [
        vocabulary.span(BEGIN),
        Span(each),
        vocabulary.span(END),
    ]
