"""Finite automata, given as tables (Delétang et al. 2023, appendix A; Liu et al. 2023a, section 2)."""

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
from lengen.task.chance import Chance, answers, independent, of_listed, of_places


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
        symbols: the input symbols.
        table: the successors of each state, one per symbol, in the order of the symbols.
        start: the state before the first symbol.
        output: the answer in a state; a state without an entry answers with its own name.
        scratchpad: `none` writes only the answer; `running` writes the state after every symbol except the last, and
            then the answer; `interleaved` writes every symbol and the state after it, with the answer as the last state.
        drawn: whether the symbols of a string are `uniform`, or all `equal`.
    """

    symbols: list[str]
    table: dict[str, list[str]]
    start: str
    output: dict[str, str] = field(default_factory=dict)
    scratchpad: Literal["none", "running", "interleaved"] = "none"
    drawn: Literal["uniform", "equal"] = "uniform"

    def __post_init__(self) -> None:
        size = len(self.symbols)
        require(
            size >= 1 and len(set(self.symbols)) == size,
            f"task.symbols={self.symbols}: must be one or more symbols, each given once",
        )
        for state, row in self.table.items():
            require(
                len(row) == size and set(row) <= self.table.keys(),
                f"task.table.{state}={row}: must name a state for each of the {size} symbols "
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
        """Symbols, states and outputs; equal names share an id."""
        return Vocabulary(tuple(dict.fromkeys((*self.symbols, *self.table, *self.output.values()))))

    def stress_sets(self) -> Mapping[str, Task]:
        """One symbol repeated, so that the state depends only on its count."""
        return {"equal": replace(self, drawn="equal")}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        return {"none": 1, "running": length, "interleaved": 2 * length}[self.scratchpad] + 1

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        kinds = len(self.symbols)
        if self.drawn == "equal":
            batch = self._batch(torch.arange(kinds).unsqueeze(1).expand(-1, length))
            return of_listed(
                answers(batch.tokens, batch.answer), torch.full((kinds,), 1 / kinds, dtype=torch.double)
            )
        states = len(self.table)
        steps = torch.nn.functional.one_hot(self._successors, states).double().mean(1)
        outputs = [self.output.get(state, state) for state in self.table]
        names = list(dict.fromkeys(outputs))
        written = torch.nn.functional.one_hot(torch.tensor([names.index(name) for name in outputs])).double()
        share = path = (torch.arange(states) == [*self.table].index(self.start)).double()
        places = []
        for _ in range(length - 1):
            share, path = share @ steps, (path.unsqueeze(1) * steps).amax(0)
            places.append(float(share.max()))
        places.append(float((share @ steps @ written).max()))
        if self.scratchpad == "none":
            return independent(places[-1:])
        if self.scratchpad == "running":
            return of_places(float((path.unsqueeze(1) * (steps @ written)).max()), places)
        return of_places(float(kinds) ** -length, places + [1 / kinds] * length)

    def result_chance(self, length: int) -> Chance:
        """See `Task`."""
        return replace(self, scratchpad="none").chance(length)

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw strings; see `Task.sample`."""
        columns = length if self.drawn == "uniform" else 1
        drawn = torch.randint(len(self.symbols), (count, columns), generator=generator).expand(-1, length)
        return self._batch(drawn)

    def _batch(self, drawn: Int[Tensor, "batch length"]) -> Batch:
        """Examples of strings, given as indices of symbols."""
        count, length = drawn.shape
        states = self._run(drawn)
        read = self.vocabulary.encode(self.symbols)[drawn]
        last = self.vocabulary.encode(self.output.get(state, state) for state in self.table)[states[:, -1:]]
        index = torch.arange(2, length + 2).unsqueeze(0)
        separator = Span(torch.full((1, 1), SEP), 1)
        if self.scratchpad == "none":
            prompt = [Span(read, 2), separator]  # the answer depends on all symbols alike
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

    @cached_property
    def _successors(self) -> Int[Tensor, "states symbols"]:
        """Index of the state after every state and symbol."""
        index = {state: number for number, state in enumerate(self.table)}
        return torch.tensor([[index[state] for state in row] for row in self.table.values()])

    def _run(self, drawn: Int[Tensor, "batch length"]) -> Int[Tensor, "batch length"]:
        """States, as indices, after every symbol of strings of symbol indices."""
        state = torch.tensor([*self.table].index(self.start))
        states = []
        for symbol in drawn.unbind(1):
            state = self._successors[state, symbol]
            states.append(state)
        return torch.stack(states, 1)
