"""The five-part scratchpad: each step has its input, computation, output, variables and remaining input.

Kazemnejad et al. 2023, section 6: `Thinking step by step:  STEP # STEP # … . Thus,  ` before the answer. A step consists
of the parts that are switched on, in this order, each with its marker and followed by a space.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from lengen.config.errors import require
from lengen.task import PAD, Span, Vocabulary
from lengen.task.text import END, fill

PARTS = {
    "input": "in {} ",
    "computation": "comp {} ",
    "output": "out {} ",
    "variables": "[ {} ] ",
    "remaining": "re {} ",
}
BEGIN, BETWEEN = "Thinking step by step:  ", " # "


def every() -> list[str]:
    """All five parts."""
    return list(PARTS)


def without_variables() -> list[str]:
    """The parts of tasks whose steps have no variables (sort and lego)."""
    return [part for part in PARTS if part != "variables"]


def check(style: str, scratchpad: str, parts: Sequence[str], known: Sequence[str]) -> None:
    """Check that style, scratchpad and parts of a task are compatible.

    Args:
        style: the task's `style`.
        scratchpad: its `scratchpad`.
        parts: its `parts`.
        known: the parts that the task supports; without any, it has no `steps`.

    Raises:
        UsageError: `steps` without text, text with another scratchpad, or unknown or repeated parts.
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
    """Template of one step: the selected parts, each with its marker."""
    return "".join(marker.format(step[part]) for part, marker in PARTS.items() if part in parts)


def words(step: Mapping[str, str]) -> str:
    """Template text of all parts, from which the vocabulary is built; it does not depend on the selected parts."""
    return BEGIN + BETWEEN + template([*step], step) + END


def think(
    vocabulary: Vocabulary,
    parts: Sequence[str],
    step: Mapping[str, str],
    exists: Bool[Tensor, "#batch steps"],
    **pieces: Int[Tensor, "..."],
) -> list[Span]:
    """Build the scratchpad of a batch.

    Args:
        vocabulary: the meaning of the ids.
        parts: the selected parts.
        step: templates of all parts.
        exists: mask of the steps of each example; the first always exists.
        pieces: text that fills the templates, with axes batch, steps and characters.
    """
    each = fill(vocabulary, BETWEEN + template(parts, step), **pieces)
    each = torch.where(exists.unsqueeze(-1), each, PAD).flatten(1)[:, len(BETWEEN) :]
    return [
        vocabulary.span(BEGIN),
        Span(each),
        vocabulary.span(END),
    ]
