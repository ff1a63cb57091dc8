"""Any finite automaton, given as a table (Delétang et al. 2023, appendix A; Liu et al. 2023a, section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from lengen.config.errors import require
from lengen.task import SEP, SPECIAL, Batch, Span, Task, Vocabulary, assemble


@dataclass(frozen=True)
class Automaton(Task):
    """In which state does the automaton end? Length: symbols read.

    >>> door = {"shut": ["open", "shut"], "open": ["open", "shut"]}
    >>> print(Automaton(symbols=["pull", "push"], table=door, start="shut").show(length=3))
    pull push push # -> shut ⏎
    >>> odd = {"even": ["even", "odd"], "odd": ["odd", "even"]}
    >>> bits = Automaton(["0", "1"], odd, start="even", output={"even": "0", "odd": "1"})
    >>> print(bits.show(length=4))
    0110# -> 0⏎

    Args:
        symbols: what is read.
        table: for every state its successors, one for every symbol, in the order of the symbols.
        start: the state before the first symbol.
        output: what is answered in a state; a state that is not named here answers with its own name.
        scratchpad: `none` answers at once; `running` writes the state after every symbol but the last before the
            answer; `interleaved` writes every symbol and the state after it, the last time the answer instead.
        drawn: every symbol is `uniform`, or all of a string are `equal`.
    """

    symbols: list[str]
    table: dict[str, list[str]]
    start: str
    output: dict[str, str] = field(default_factory=dict)
    scratchpad: Literal["none", "running", "interleaved"] = "none"
    drawn: Literal["uniform", "equal"] = "uniform"

    def __post_init__(self) -> None:
        wanted = len(self.symbols)
        require(
            wanted >= 1 and len(set(self.symbols)) == wanted,
            f"task.symbols={self.symbols}: must be one or more symbols, each given once",
        )
        for state, row in self.table.items():
            require(
                len(row) == wanted and set(row) <= self.table.keys(),
                f"task.table.{state}={row}: must name a state for each of the {wanted} symbols "
                f"(states: {', '.join(self.table)})",
            )
        states = ", ".join(self.table)
        require(self.start in self.table, f"task.start={self.start}: must be one of the states {states}")
        for state in self.output:
            require(state in self.table, f"task.output.{state}: must be one of the states {states}")
        reserved = [name for name in self.vocabulary.symbols if name in SPECIAL]
        require(not reserved, f"task: {', '.join(reserved)} is reserved and cannot be a symbol or a state")

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Symbols, states and outputs; one that has the name of another is the same."""
        return Vocabulary(tuple(dict.fromkeys((*self.symbols, *self.table, *self.output.values()))))

    def stress_sets(self) -> Mapping[str, Task]:
        """One symbol again and again: nothing marks a place, and only counting tells how often it came."""
        return {"equal": replace(self, drawn="equal")}

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw strings; see `Task.sample`."""
        columns = length if self.drawn == "uniform" else 1
        drawn = torch.randint(len(self.symbols), (count, columns), generator=generator).expand(-1, length)
        states = self._run(drawn)
        read = self.vocabulary.encode(self.symbols)[drawn]
        last = self.vocabulary.encode(self.output.get(state, state) for state in self.table)[states[:, -1:]]
        index = torch.arange(2, length + 2).unsqueeze(0)
        separator = Span(torch.full((1, 1), SEP), 1)
        if self.scratchpad == "none":
            prompt = [Span(read, 2), separator]  # all symbols matter to the answer alike
            return assemble(length, count, self.vocabulary, prompt, [Span(last, 2)])
        trace, places = self.vocabulary.encode(self.table)[states], index
        if self.scratchpad == "interleaved":
            trace, places = torch.stack([read, trace], 2).flatten(1), index.repeat_interleave(2, 1)
        return assemble(
            length,
            count,
            self.vocabulary,
            [Span(read, index), separator],
            [Span(last, length + 1)],
            trace=[Span(trace[:, :-1], places[:, :-1])],
        )

    def _run(self, drawn: Int[Tensor, "batch length"]) -> Int[Tensor, "batch length"]:
        """The state after every symbol, both as indices."""
        index = {state: number for number, state in enumerate(self.table)}
        successors = torch.tensor([[index[state] for state in row] for row in self.table.values()])
        state = torch.tensor(index[self.start])
        states = []
        for symbol in drawn.unbind(1):
            state = successors[state, symbol]
            states.append(state)
        return torch.stack(states, 1)
