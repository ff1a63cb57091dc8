"""SCAN: translate a command in a small fragment of English into actions (Lake and Baroni 2018)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from lengen.config.errors import require_length
from lengen.task import PAD, SEP, SPECIAL, Batch, Span, Task, Vocabulary, assemble
from lengen.task.chance import Chance, answers, of_listed
from lengen.task.text import scan as text

ACTIONS = {"walk": "WALK", "look": "LOOK", "run": "RUN", "jump": "JUMP"}
TURNS = {"left": "LTURN", "right": "RTURN"}
TIMES = {"twice": 2, "thrice": 3}
JOINTS = ("and", "after")
WORDS = (*ACTIONS, "turn", *TURNS, "opposite", "around", *TIMES, *JOINTS)


@dataclass(frozen=True)
class Scan(Task):
    """Translate a command into actions. Length: actions.

    Commands of a length are drawn uniformly from the 20,910 of the grammar (the paper's supplement). They exist for 1 to
    22 actions, and for 24, 25, 26, 27, 28, 30, 32, 33, 36, 40 and 48, the paper's length split.

    >>> print(Scan().show(length=5, count=2))
    walk right after look opposite left # -> LTURN LTURN LOOK RTURN WALK ⏎
    look right twice after turn right # -> RTURN RTURN LOOK RTURN LOOK ⏎
    >>> print(Scan(style="text").show(length=5))
    Solve: walk right after look opposite left[SEP]  -> Left Left Look Right Walk⏎

    Args:
        style: `symbols`, one per word, or `text`: the format of Kazemnejad et al. 2023, in characters.
    """

    style: Literal["symbols", "text"] = "symbols"

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Words of commands and actions; in text their characters."""
        return self._symbols if self.style == "symbols" else text.vocabulary(self._symbols.symbols)

    @cached_property
    def _symbols(self) -> Vocabulary:
        return Vocabulary((*WORDS, *ACTIONS.values(), *TURNS.values()))

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        return length + 1 if self.style == "symbols" else (max(map(len, text.ACTIONS.values())) + 1) * length

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        drawn = (self._sizes == length).nonzero().flatten()
        batch = self._batch(length, drawn)
        return of_listed(
            answers(batch.tokens, batch.answer), torch.full((len(drawn),), 1 / len(drawn), dtype=torch.double)
        )

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw commands; see `Task.sample`."""
        fitting = (self._sizes == length).nonzero().flatten()
        require_length(
            len(fitting) > 0,
            length,
            f"no SCAN command has this many actions (allowed: {sorted(set(self._sizes.tolist()))})",
        )
        return self._batch(length, fitting[torch.randint(len(fitting), (count,), generator=generator)])

    def _batch(self, length: int, drawn: Int[Tensor, " batch"]) -> Batch:
        """Examples of commands, given by their indices."""
        count = len(drawn)
        left, joint, right = self._commands[drawn].unbind(1)
        words, actions = self._phrases
        prompt = [words[left], joint.unsqueeze(1), words[right], torch.full((count, 1), SEP)]
        swapped = joint == self._symbols["after"]
        answer = actions[torch.where(swapped, right, left)], actions[torch.where(swapped, left, right)]
        if self.style == "text":
            command, action = (torch.cat(part, 1) - len(SPECIAL) for part in (prompt[:-1], answer))
            return text.write(command, action, self._symbols.symbols).batch(length, count, self.vocabulary)
        return assemble(
            length,
            count,
            self.vocabulary,
            [Span(part) for part in prompt],
            [Span(part) for part in answer],
            coupled=False,
        )

    @cached_property
    def _phrases(self) -> tuple[Int[Tensor, "phrases words"], Int[Tensor, "phrases actions"]]:
        """Ids of the words and of the actions of every phrase, right-padded; the last phrase is empty."""
        phrases = [*repeated(), ("", "")]
        tables = []
        for column in zip(*phrases, strict=True):
            rows = [self._symbols.encode(phrase.split()) for phrase in column]
            tables.append(torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD))
        return tables[0], tables[1]

    @cached_property
    def _commands(self) -> Int[Tensor, "commands 3"]:
        """All commands as phrase, conjunction, phrase; the latter two are empty in commands of a single phrase."""
        empty = len(self._phrases[0]) - 1
        single = torch.cartesian_prod(torch.arange(empty), torch.tensor([PAD]), torch.tensor([empty]))
        joints = self._symbols.encode(JOINTS)
        joined = torch.cartesian_prod(torch.arange(empty), joints, torch.arange(empty))
        return torch.cat([single, joined])

    @cached_property
    def _sizes(self) -> Int[Tensor, " commands"]:
        """Number of actions of every command."""
        sizes = (self._phrases[1] != PAD).sum(1)
        return sizes[self._commands[:, 0]] + sizes[self._commands[:, 2]]


def plain() -> Iterator[tuple[str, str]]:
    """Phrases without repetition, as words and actions: an action or `turn`, with or without a direction."""
    yield from ACTIONS.items()
    for word, action in (*ACTIONS.items(), ("turn", "")):
        for direction, turn in TURNS.items():
            yield f"{word} {direction}", f"{turn} {action}"
            yield f"{word} opposite {direction}", f"{turn} {turn} {action}"
            yield f"{word} around {direction}", f"{turn} {action} " * 4


def repeated() -> Iterator[tuple[str, str]]:
    """All phrases: plain ones, and each with `twice` and `thrice`."""
    for words, actions in plain():
        yield words, actions
        for word, times in TIMES.items():
            yield f"{words} {word}", f"{actions} " * times
