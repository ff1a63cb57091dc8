"""Mixtures: a main task trained together with auxiliary tasks.

Task hinting (Awasthi and Gupta 2023), priming with a few long examples (Jelassi et al. 2023), and training a related
task at longer lengths (Cai et al. 2025) are mixtures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from jaxtyping import Int
from torch import Tensor

from lengen.config.errors import require
from lengen.task import SPECIAL, Batch, Task, Vocabulary
from lengen.task.chance import Chance

ASKED = "asked"


@dataclass(frozen=True)
class Aid:
    """An auxiliary part of a mixture.

    Args:
        task: the auxiliary task; None for the main task itself, with the same task token (priming).
        weight: fraction of the training examples.
        factor: its length as a multiple of the drawn training length, rounded, at least 1.
        lengths: lengths at which it is drawn, equally likely, whatever the training length; None uses `factor`.
        examples: size of its fixed set of examples at each training length, the same in every run; None draws new
            examples every time.
    """

    task: Task | None = None
    weight: float = 0.1
    factor: float = 1.0
    lengths: list[int] | None = None
    examples: int | None = None

    def sizes(self, length: int) -> list[int]:
        """Lengths at which the part is drawn for a training length."""
        return self.lengths or [max(round(self.factor * length), 1)]

    def check(self, path: str) -> None:
        """Check the ranges of the options.

        Raises:
            UsageError: an option is out of range.
        """
        require(0 <= self.weight <= 1, f"{path}.weight={self.weight}: must be in [0, 1]")
        require(self.factor > 0, f"{path}.factor={self.factor}: must be above 0")
        require(
            self.lengths is None or min(self.lengths, default=0) >= 1,
            f"{path}.lengths={self.lengths}: must be null or a list of lengths of at least 1",
        )
        require(
            self.examples is None or self.examples >= 1,
            f"{path}.examples={self.examples}: must be null or at least 1",
        )
        require(not isinstance(self.task, Mixture), f"{path}.task: must not be a mixture")


@dataclass(frozen=True)
class Mixture(Task):
    """A main task trained together with auxiliary tasks. Length: that of the main task.

    Every example starts with the task token of its part. The vocabulary is the union of those of all parts; equal symbols
    share an id. A sweep evaluates the main task alone.

    >>> from lengen.task.copy import Copy
    >>> once = Aid(Copy(alphabet=5), weight=0.5, factor=2.0)
    >>> print(Mixture(asked=Copy(alphabet=5, times=2), aids={"once": once}).show(length=2, count=3))
    <once> c d b b # -> cdbb⏎
    <once> b e d b # -> bedb⏎
    <asked> c d # -> cdcd⏎

    Args:
        asked: the main task, which is evaluated.
        aids: the auxiliary parts by name; the main task gets the rest of the weight.
    """

    asked: Task
    aids: Mapping[str, Aid] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(not isinstance(self.asked, Mixture), "task.asked: must not be a mixture")
        require(ASKED not in self.aids, f"task.aids.{ASKED}: this name is reserved for the main task")
        for name, aid in self.aids.items():
            aid.check(f"task.aids.{name}")
        total = sum(aid.weight for aid in self.aids.values())
        require(total <= 1 + 1e-9, f"task.aids: the weights sum to {total:g}, but must sum to at most 1")

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Symbols of the main task, those that the auxiliary tasks add, and the task tokens."""
        symbols = [symbol for aid in self._all.values() for symbol in self._of(aid).vocabulary.symbols]
        return Vocabulary(tuple(dict.fromkeys([*symbols, *map(self._token, self._all)])))

    @cached_property
    def _all(self) -> dict[str, Aid]:
        """All parts by name, the main task first."""
        rest = max(1 - sum(aid.weight for aid in self.aids.values()), 0.0)
        return {ASKED: Aid(weight=rest), **self.aids}

    @cached_property
    def _trained(self) -> dict[str, Aid]:
        """The parts with a positive weight."""
        return {name: aid for name, aid in self._all.items() if aid.weight > 0}

    def _of(self, part: Aid) -> Task:
        """The task of a part."""
        return self.asked if part.task is None else part.task

    def _token(self, name: str) -> str:
        """The task token of a part."""
        return f"<{ASKED if self._all[name].task is None else name}>"

    def _alone(self, name: str) -> Mixture:
        """A mixture that draws only one part, with the vocabulary of all parts."""
        aids = {other: replace(aid, weight=float(other == name)) for other, aid in self.aids.items()}
        return replace(self, aids=aids)

    def training_tasks(self) -> tuple[Task, ...]:
        """See `Task`."""
        return tuple(self._alone(name) for name in self._trained)

    @property
    def aligned(self) -> bool:
        """Whether any trained part is aligned."""
        return any(self._of(aid).aligned for aid in self._trained.values())

    def steps(self, length: int) -> int:
        """Steps of the main task."""
        return self.asked.steps(length)

    def longest(self, length: int) -> int:
        """See `Task`."""
        return max(
            self._of(aid).longest(size) for aid in self._trained.values() for size in aid.sizes(length)
        )

    def evaluation_task(self) -> Task:
        """The main task alone, with its task token."""
        return replace(self._alone(ASKED), asked=self.asked.evaluation_task())

    def stress_sets(self) -> Mapping[str, Task]:
        """The stress sets of the main task."""
        return {name: replace(self, asked=task) for name, task in self.asked.stress_sets().items()}

    @property
    def fingerprints(self) -> Mapping[str, str]:
        """Fingerprints of all parts, as `part.name`."""
        return {
            f"{part}.{name}": digest
            for part, aid in self._all.items()
            if part == ASKED or aid.task is not None
            for name, digest in self._of(aid).fingerprints.items()
        }

    def longest_answer(self, length: int) -> int:
        """See `Task`."""
        parts = self._trained.values()
        return max(self._of(aid).longest_answer(size) for aid in parts for size in aid.sizes(length))

    def chance(self, length: int) -> Chance:
        """See `Task`."""
        part, *others = self._trained.values()
        if others or part.examples is not None or len(part.sizes(length)) > 1:
            return super().chance(length)
        return self._of(part).chance(part.sizes(length)[0])

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw a part for every row, then the rows of each part; see `Task.sample`."""
        names = list(self._trained)
        weights = torch.tensor([aid.weight for aid in self._trained.values()])
        batch = draw_by_kind(
            _draw_indices(weights, count, generator),
            lambda part, rows: self._draw(names[part], length, rows, generator),
        )
        return replace(batch, length=torch.full((count,), length))

    def _draw(self, name: str, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw examples of one part, with its task token, in the vocabulary of all parts."""
        aid = self._all[name]
        task, sizes = self._of(aid), aid.sizes(length)

        def draw(count: int, generator: torch.Generator) -> Batch:
            kinds = _draw_indices(torch.ones(len(sizes)), count, generator)
            return draw_by_kind(kinds, lambda size, rows: task.sample(sizes[size], rows, generator))

        if aid.examples is None:
            batch = draw(count, generator)
        else:
            pool = draw(aid.examples, torch.Generator().manual_seed(0))
            batch = pool.rows(torch.randint(aid.examples, (count,), generator=generator))
        ids = self.vocabulary.encode((*SPECIAL, *task.vocabulary.symbols))
        batch = replace(batch, tokens=ids[batch.tokens], vocabulary=self.vocabulary)
        return batch.begin(self.vocabulary[self._token(name)])


def _draw_indices(weights: Tensor, count: int, generator: torch.Generator) -> Int[Tensor, " batch"]:
    """Draw an index per row by weight.

    A single index is not drawn, so that the examples of a single part are those of the task by itself.
    """
    if len(weights) == 1:
        return torch.zeros(count, dtype=torch.long)
    return torch.multinomial(weights, count, replacement=True, generator=generator)


def draw_by_kind(kinds: Int[Tensor, " batch"], draw: Callable[[int, int], Batch]) -> Batch:
    """Draw rows of several kinds, one kind after another, and put each in its place.

    Args:
        kinds: the kind of each row.
        draw: draws a number of rows of one kind; takes the kind and the number.
    """
    present, counts = torch.unique(kinds, return_counts=True)
    drawn = [draw(kind, rows) for kind, rows in zip(present.tolist(), counts.tolist(), strict=True)]
    return Batch.join(drawn).rows(kinds.argsort(stable=True).argsort(stable=True))
