"""PCFG SET: evaluate nested string functions (Hupkes et al. 2020)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn.functional import pad

from lengen.config.errors import require
from lengen.task import SEP, SPECIAL, Batch, Span, Task, Vocabulary, assemble, letters

UNARY = ("copy", "reverse", "shift", "swap", "repeat", "echo")
BINARY = ("append", "prepend", "remove_first", "remove_second")
FUNCTIONS = (*UNARY, *BINARY)
ARITIES = (*(1 for _ in UNARY), *(2 for _ in BINARY))
LEAF, VOID = 0, -1
"""Arity of a string and of a missing node; that of a function is 1 or 2."""


@dataclass(frozen=True)
class Pcfg(Task):
    """Evaluate nested string functions. Length: functions.

    `shift` moves the first symbol to the end, `swap` exchanges the first and the last, `repeat` writes the string twice,
    `echo` repeats the last symbol, `append` writes the first string and then the second, `prepend` the second first. The
    numbers of unary and binary functions are drawn first, as if all ten functions were equally likely; the tree is
    uniform among those with these numbers. From the leaves upwards, each function is then uniform among those of its
    arity whose result has at most `limit` symbols; otherwise strings could grow exponentially with length.

    >>> print(Pcfg().show(length=3, count=2))
    remove_first swap P P D , repeat P E # -> PEPE⏎
    append append echo X G H , Q J , T L # -> XGHHQJTL⏎

    Args:
        functions: `all`, only `unary` (a chain of functions of one string), or only `binary`.
        alphabet: number of symbols.
        symbols: largest length of a string in the prompt; lengths are uniform from 1.
        limit: largest length of the result of a function.
    """

    functions: Literal["all", "unary", "binary"] = "all"
    alphabet: int = 26
    symbols: int = 3
    limit: int = 10

    def __post_init__(self) -> None:
        require(self.alphabet >= 1, f"task.alphabet={self.alphabet}: must be at least 1")
        require(self.symbols >= 1, f"task.symbols={self.symbols}: must be at least 1")
        require(
            self.limit >= self.symbols,
            f"task.limit={self.limit}: must be at least task.symbols={self.symbols}",
        )

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The functions, a comma between two arguments, and capital letters."""
        return Vocabulary((*FUNCTIONS, ",", *(name.swapcase() for name in letters(self.alphabet))))

    def stress_sets(self) -> Mapping[str, Task]:
        """Chains of unary functions, the deepest trees, and trees of binary functions, which have the most leaves."""
        return {"deep": replace(self, functions="unary"), "wide": replace(self, functions="binary")}

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        longest = self.symbols * (
            (length + 1) if self.functions == "binary" else 2 ** min(length, self.limit)
        )
        return min(longest, self.limit) + 1

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw trees; see `Task.sample`."""
        binary_rate = {"all": len(BINARY) / len(ARITIES), "unary": 0, "binary": 1}[self.functions]
        arities = trees(torch.rand((count, length), generator=generator) < binary_rate, generator)
        strings = torch.randint(self.alphabet, (*arities.shape, self.symbols), generator=generator)
        sizes = torch.randint(1, self.symbols + 1, arities.shape, generator=generator)
        strings = self._kept(strings + self.vocabulary[","] + 1, sizes)
        functions, answer = self._evaluate(arities, strings, sizes, generator)
        leaf = arities == LEAF
        nodes = torch.where(leaf.unsqueeze(2), strings, pad(functions.unsqueeze(2), (0, self.symbols - 1)))
        second = pad(leaf, (1, -1)) & (
            arities != VOID
        )  # in prefix order, the node after a string is a second argument
        commas = (second * self.vocabulary[","]).unsqueeze(2)
        prompt = [Span(torch.cat([commas, nodes], 2).flatten(1)), Span(torch.full((1, 1), SEP))]
        return assemble(length, count, self.vocabulary, prompt, [Span(answer)], coupled=False)

    def _evaluate(
        self,
        arities: Int[Tensor, "batch nodes"],
        strings: Int[Tensor, "batch nodes symbols"],
        sizes: Int[Tensor, "batch nodes"],
        generator: torch.Generator,
    ) -> tuple[Int[Tensor, "batch nodes"], Int[Tensor, "batch limit"]]:
        """Draw functions for trees in prefix order, from the last node to the first, and apply them.

        The first argument of a function starts at the next node, the second right after the subtree of the first.

        Args:
            arities: number of arguments of every node.
            strings: the string of every leaf, right-padded.
            sizes: number of symbols of each string.
            generator: draws the functions.

        Returns:
            Ids of the functions, PAD for other nodes; and the answers, right-padded.
        """
        count, nodes = arities.shape
        row = torch.arange(count)
        choices, counts, results, sources = self._cases
        values = pad(strings, (0, self.limit - self.symbols, 0, 2))
        sizes, spans = pad(sizes, (0, 2), value=1), torch.ones((count, nodes + 2), dtype=torch.long)
        functions = torch.zeros_like(arities)
        for node in range(nodes - 1, -1, -1):
            arity, first = arities[:, node], node + 1
            inner = arity > LEAF
            second = (first + spans[:, first]).clamp(max=nodes + 1)
            spans[:, node] += inner * spans[:, first] + (arity > 1) * spans[row, second]
            x, y = sizes[:, first], sizes[row, second]
            choice = (torch.rand(count, generator=generator) * counts[arity, x, y]).long()
            drawn = choices[arity, x, y, choice]
            both = torch.cat([values[:, first], values[row, second]], 1)
            size = results[x, y, drawn]
            result = self._kept(both.gather(1, sources[x, y, drawn]), size)
            values[:, node] = torch.where(inner.unsqueeze(1), result, values[:, node])
            sizes[:, node] = torch.where(inner, size, sizes[:, node])
            functions[:, node] = (drawn + len(SPECIAL)) * inner
        return functions, values[:, 0]

    @cached_property
    def _cases(
        self,
    ) -> tuple[
        Int[Tensor, "arity first second functions"],
        Int[Tensor, "arity first second"],
        Int[Tensor, "first second functions"],
        Int[Tensor, "first second functions limit"],
    ]:
        """Tables by argument sizes: functions of an arity, those that fit first; how many fit; results of `edits`."""
        sizes = torch.arange(self.limit + 1).clamp(min=1)  # strings are not empty
        first, second = torch.meshgrid(sizes, sizes, indexing="ij")
        results, sources = edits(first, second, self.limit)
        arity = torch.arange(3).view(3, 1, 1, 1)
        fitting = (results <= self.limit) & (torch.tensor(ARITIES) == arity)
        choices = fitting.byte().sort(dim=3, descending=True, stable=True).indices
        return choices, fitting.sum(3), results, sources

    def _kept(
        self, strings: Int[Tensor, "*batch symbols"], sizes: Int[Tensor, "*batch"]
    ) -> Int[Tensor, "*batch symbols"]:
        """Replace symbols after the end of each string by PAD."""
        return strings * (torch.arange(strings.shape[-1]) < sizes.unsqueeze(-1))


def trees(binary: Bool[Tensor, "batch functions"], generator: torch.Generator) -> Int[Tensor, "batch nodes"]:
    """Draw uniform trees of given unary and binary functions, as the arity of each node in prefix order.

    Of the rotations of a shuffled row of nodes, exactly one is a tree: the one that starts after the first minimum of
    the number of missing arguments (the cycle lemma, Dvoretzky and Motzkin 1947).
    """
    leaves = binary.sum(1, keepdim=True) + 1
    nodes = binary.shape[1] + leaves
    strings = torch.where(torch.arange(binary.shape[1] + 1) < leaves, LEAF, VOID)
    arities = torch.cat([binary + 1, strings], 1)
    order = (torch.rand(arities.shape, generator=generator) + 2 * (arities == VOID)).argsort(
        dim=1, stable=True
    )
    arities = arities.gather(1, order)[:, : int(nodes.max())]
    column = torch.arange(arities.shape[1])
    missing = (arities - 1).masked_fill(arities == VOID, 0).cumsum(1)
    start = (missing * len(column) + column).argmin(1, keepdim=True) + 1
    return arities.gather(1, torch.where(column < nodes, (start + column) % nodes, column))


def edits(
    first: Int[Tensor, "*batch"], second: Int[Tensor, "*batch"], limit: int
) -> tuple[Int[Tensor, "*batch functions"], Int[Tensor, "*batch functions limit"]]:
    """Size of the result of every function on two strings, and the source of each of its symbols.

    Args:
        first: size of the first string.
        second: size of the second string.
        limit: largest size of a result. Sources are indices into the first string followed by the second, which starts
            at index `limit`.
    """
    x, y, column = first.unsqueeze(-1), second.unsqueeze(-1), torch.arange(limit).expand(*first.shape, -1)
    results = {
        "copy": (x, column),
        "reverse": (x, x - 1 - column),
        "shift": (x, (column + 1) % x),
        "swap": (x, torch.where(column == 0, x - 1, torch.where(column == x - 1, 0, column))),
        "repeat": (2 * x, column % x),
        "echo": (x + 1, column.minimum(x - 1)),
        "append": (x + y, torch.where(column < x, column, limit + column - x)),
        "prepend": (x + y, torch.where(column < y, limit + column, column - y)),
        "remove_first": (y, limit + column),
        "remove_second": (x, column),
    }
    sizes, sources = zip(*(results[name] for name in FUNCTIONS), strict=True)
    return torch.cat(sizes, -1), torch.stack(sources, -2).clamp(0, 2 * limit - 1)
