"""Read-outs: what a trained decoder computes at trained lengths and beyond, as tables, a figure and one line a run.

A read-out is a subclass of `ReadOut`; `lengen eval run=… inspect=NAME` runs it. Its options are the fields of the class. It gets
an evaluation, which has the run, its test sets and its lengths, and returns tables of plain rows. All else is made of the tables:
the line, the table on the terminal and the figure. A read-out never changes the run.

    >>> from dataclasses import dataclass
    >>> from typing import ClassVar
    >>> @dataclass(frozen=True)
    ... class Tokens(ReadOut):
    ...     name = "tokens"
    ...     tables: ClassVar = {"tokens": ("length", "tokens")}
    ...
    ...     def read(self, evaluation):
    ...         return {"tokens": [{"length": n, "tokens": evaluation.test_set(n)[0].time} for n in evaluation.lengths]}
    ...
    ...     def headline(self, tables):
    ...         return f"{tables['tokens'][-1]['tokens']} tokens at the longest length"
    ...
    ...     def panels(self, tables):
    ...         rows = tables["tokens"]
    ...         return [Panel("tokens", "length", "tokens", [Line("tokens", *columns(rows, "length", "tokens"))])]
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, ClassVar

from lengen.analysis.read_tables import load_tables
from lengen.config.errors import require
from lengen.experiment.reevaluate import Reevaluation
from lengen.records.curve import write_csv
from lengen.records.run_dir import EvalFolder
from lengen.report import line_panels
from lengen.report.line_panels import Line, Panel
from lengen.statistics.formats import floored

__all__ = ["Line", "Panel", "ReadOut", "Row", "Tables", "columns", "labelled", "where"]

Row = dict[str, Any]
"""A row of a table: numbers, texts, and None for what is not defined."""
Tables = Mapping[str, Sequence[Row]]
"""The rows of each table, by its name without `.csv`."""


@dataclass(frozen=True)
class ReadOut(ABC):
    """A read-out on trained runs."""

    revision: ClassVar[int] = 1
    """Raised by every change to what the tables hold; part of the identity of an evaluation."""
    name: ClassVar[str]
    """The option, and name of the figure and of the folder."""
    tables: ClassVar[Mapping[str, Sequence[str]]]
    """Columns of each table, by its name without `.csv`. Columns are added at the end."""
    by: ClassVar[Sequence[str]] = ("length", "split", "loop", "layer", "head")
    """Columns of any table that say what a row is of; the others are measured, and have means over the seeds of a cell."""
    alike: ClassVar[bool] = True
    """Whether lines of one label mean the same in every seed of a cell, so that a figure over seeds has their means; heads do not."""
    reads_attention: ClassVar[bool] = False
    """Whether it reads the attention of all layers, so that every layer must attend."""
    lengths: ClassVar[Sequence[str]] = ("1x", "2x")
    """Lengths that are read unless others are asked for, as in `eval.lengths`."""
    examples: ClassVar[int] = 64
    """Examples of a length, unless another number is asked for."""
    note: ClassVar[str] = ""
    """What the figure shows, for its footnote."""

    def check(self, evaluation: Reevaluation) -> None:  # noqa: B027  # most read-outs apply to every run
        """Refuse a run or lengths that the read-out does not apply to, before anything is computed.

        Raises:
            UsageError: says why.
        """

    def apply_to(self, evaluation: Reevaluation) -> None:
        """Refuse what the read-out does not apply to: a layer that does not attend, if it reads attention, an encoder, and what `check` refuses.

        Raises:
            UsageError: says why.
        """
        trained = evaluation.trained
        require(
            not self.reads_attention or trained.decoder.attends,
            f"inspect={self.name}: does not apply to mixer={trained.config.labels.mixer} (it needs attention in all layers); "
            f"run={trained.folder.path}",
        )
        require(
            not trained.decoder.architecture.encoder,
            f"inspect={self.name}: does not apply to {trained.decoder.architecture.both_ways} (it reads one stack of blocks, and needs "
            f"decoder.encoder=0); run={trained.folder.path}",
        )
        self.check(evaluation)

    @abstractmethod
    def read(self, evaluation: Reevaluation) -> Tables:
        """Return the tables.

        Args:
            evaluation: the run, with its test sets and lengths.
        """

    @abstractmethod
    def headline(self, tables: Tables) -> str:
        """Return what was found, on one line.

        Args:
            tables: as they were written, so numbers are those of the files.
        """

    @abstractmethod
    def panels(self, tables: Tables) -> Sequence[Panel]:
        """Return the panels of the figure."""

    def shown(self, tables: Tables) -> Sequence[Row]:
        """Return the rows that are printed; by default those of the first table."""
        return next(iter(tables.values()))

    @property
    def lengths_example(self) -> str:
        """Lengths that it can read, as they are written, for messages."""
        return f"eval.lengths=[{','.join(map(str, self.lengths))}]"

    @property
    def identity(self) -> dict[str, Any]:
        """What decides what is computed, for the request of an evaluation."""
        options = asdict(self)
        revised = {"revision": self.revision} if self.revision > 1 else {}
        return {"inspect": self.name, **revised, **({"options": options} if options else {})}

    def fill(self, evaluation: Reevaluation, folder: EvalFolder) -> None:
        """Write the tables, and draw the figure."""
        tables = self.read(evaluation)
        for name, names in self.tables.items():
            write_csv(folder.path / f"{name}.csv", names, tables[name])
        self.draw(evaluation, folder)

    def draw(self, evaluation: Reevaluation, folder: EvalFolder) -> None:
        """Draw the figure, from the files."""
        config = evaluation.trained.config
        parts = (
            self.note,
            f"{config.eval.examples} examples per length; trained on 1 to {config.train_length}",
            f"{config.labels.decoder} decoder, {config.steps} steps, seed {config.seed}, {config.eval.checkpoint} checkpoint",
            f"ID exact match {floored(evaluation.trained.id_exact_match)}",
        )
        drawn = partial(
            line_panels.draw,
            self.panels(load_tables(folder.path, self.tables)),
            title=": ".join(filter(None, (config.title, evaluation.stress, self.name))),
            footnote="; ".join(filter(None, parts)),
            paper=config.paper,
        )
        config.paper.draw(folder.path / self.name, drawn)


def where(rows: Sequence[Row], **wanted: Any) -> list[Row]:
    """Return the rows that have the given values.

    >>> where([{"length": 1, "layer": 2}, {"length": 3, "layer": 2}], length=3)
    [{'length': 3, 'layer': 2}]
    """
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def columns(rows: Sequence[Row], x: str, y: str) -> tuple[list[Any], list[Any]]:
    """Return two columns of some rows, without the rows that lack the second."""
    pairs = [(row[x], row[y]) for row in rows if row[y] is not None]
    return [first for first, _ in pairs], [second for _, second in pairs]


def labelled(loop: int, layer: int, head: int | None = None) -> str:
    """Return the name of a layer or head, from 1: `2.3` is the third head of the second layer."""
    name = f"{layer}" if head is None else f"{layer}.{head}"
    return f"{name} (loop {loop})" if loop > 1 else name
