"""SCAN in words: `Solve: walk after turn right[SEP] ` and `Right Walk` to it."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Int
from torch import Tensor

from lengen.task import Vocabulary
from lengen.task.text import Text, characters, fill, join, keep, spans, table

PROMPT = "Solve: {command}[SEP] "
ACTIONS = {"WALK": "Walk", "LOOK": "Look", "RUN": "Run", "JUMP": "Jump", "LTURN": "Left", "RTURN": "Right"}


def names(symbols: Sequence[str]) -> list[str]:
    """What symbols are called in words: actions have names, words are called by themselves."""
    return [ACTIONS.get(symbol, symbol) for symbol in symbols]


def vocabulary(symbols: Sequence[str]) -> Vocabulary:
    """The characters of commands and actions made of such symbols."""
    return characters(PROMPT, " ", *names(symbols))


def write(
    command: Int[Tensor, "batch words"], action: Int[Tensor, "batch actions"], symbols: Sequence[str]
) -> Text:
    """A command and what it means in words, as indices of symbols; an index below 0 is a hole."""
    speech = vocabulary(symbols)
    spelled = table(speech, names(symbols))
    read, written = (
        join(speech, " ", keep(spelled[index.clamp(min=0)], index >= 0)) for index in (command, action)
    )
    return Text(spans(fill(speech, PROMPT, command=read)), [], spans(written))
