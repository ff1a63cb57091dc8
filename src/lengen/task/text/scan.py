"""SCAN as text: prompt `Solve: walk after turn right[SEP] `, answer `Right Walk`."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Int
from torch import Tensor

from lengen.task import Vocabulary
from lengen.task.text import Text, characters, fill, join, keep, spans, table

PROMPT = "Solve: {command}[SEP] "
ACTIONS = {"WALK": "Walk", "LOOK": "Look", "RUN": "Run", "JUMP": "Jump", "LTURN": "Left", "RTURN": "Right"}


def names(symbols: Sequence[str]) -> list[str]:
    """Names of symbols in text; words of commands are written as they are."""
    return [ACTIONS.get(symbol, symbol) for symbol in symbols]


def vocabulary(symbols: Sequence[str]) -> Vocabulary:
    """Vocabulary of commands and actions made of these symbols."""
    return characters(PROMPT, " ", *names(symbols))


def write(
    command: Int[Tensor, "batch words"], action: Int[Tensor, "batch actions"], symbols: Sequence[str]
) -> Text:
    """Write commands and actions, given as indices of symbols, as text; negative indices are left out."""
    speech = vocabulary(symbols)
    spelled = table(speech, names(symbols))
    read, written = (
        join(speech, " ", keep(spelled[index.clamp(min=0)], index >= 0)) for index in (command, action)
    )
    return Text(spans(fill(speech, PROMPT, command=read)), [], spans(written))
