"""Several tasks in one training: one that is asked, and aids.

Task hinting (Awasthi and Gupta 2023), priming with a few long examples (Jelassi et al. 2023), and a related task that is
trained at longer lengths (Cai et al. 2025) are all of this kind.
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

ASKED = "asked"


@dataclass(frozen=True)
class Aid:
    """What is mixed in.

    Args:
        task: what it asks; None is the asked task itself, behind the same task token (priming).
        weight: its share of the training examples.
        factor: its length is this times the drawn one, rounded, at least 1.
        lengths: the lengths that it is drawn at, equally likely, whatever is drawn; None is by `factor`.
        examples: how many different ones there are at a drawn length, the same in every run; None draws fresh ones.
    """

    task: Task | None = None
    weight: float = 0.1
    factor: float = 1.0
    lengths: list[int] | None = None
    examples: int | None = None

    def sizes(self, length: int) -> list[int]:
        """At which lengths it is drawn where a length is asked."""
        return self.lengths or [max(round(self.factor * length), 1)]

    def check(self, path: str) -> None:
        """Refuse what is out of range.

        Raises:
            UsageError: names the option, what was got and what is allowed.
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
    """A task and its aids in one training; every example begins with the task token of its part. Length: of the asked task.

    The vocabulary is the union of all parts', in which equal symbols are one. A sweep asks the asked task alone.

    >>> from lengen.task.copy import Copy
    >>> once = Aid(Copy(alphabet=5), weight=0.5, factor=2.0)
    >>> print(Mixture(asked=Copy(alphabet=5, times=2), aids={"once": once}).show(length=2, count=3))
    <once> c d b b # -> cdbb⏎
    <once> b e d b # -> bedb⏎
    <asked> c d # -> cdcd⏎

    Args:
        asked: the task that sweeps ask.
        aids: what is mixed in, by name; the asked task has what their weights leave.
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
        """The asked task's symbols, those that aids add, and the task tokens."""
        symbols = [symbol for aid in self._all.values() for symbol in self._of(aid).vocabulary.symbols]
        return Vocabulary(tuple(dict.fromkeys([*symbols, *map(self._token, self._all)])))

    @cached_property
    def _all(self) -> dict[str, Aid]:
        """Every part by name, the asked task first."""
        rest = max(1 - sum(aid.weight for aid in self.aids.values()), 0.0)
        return {ASKED: Aid(weight=rest), **self.aids}

    @cached_property
    def _trained(self) -> dict[str, Aid]:
        """The parts that are drawn at all."""
        return {name: aid for name, aid in self._all.items() if aid.weight > 0}

    def _of(self, part: Aid) -> Task:
        """The task of a part."""
        return self.asked if part.task is None else part.task

    def _token(self, name: str) -> str:
        """The task token of a part."""
        return f"<{ASKED if self._all[name].task is None else name}>"

    def _alone(self, name: str) -> Mixture:
        """One part with everybody's vocabulary."""
        aids = {other: replace(aid, weight=float(other == name)) for other, aid in self.aids.items()}
        return replace(self, aids=aids)

    def training_tasks(self) -> tuple[Task, ...]:
        """See `Task`."""
        return tuple(self._alone(name) for name in self._trained)

    @property
    def aligned(self) -> bool:
        """Whether any part that is trained is so."""
        return any(self._of(aid).aligned for aid in self._trained.values())

    def longest(self, length: int) -> int:
        """See `Task`."""
        return max(
            self._of(aid).longest(size) for aid in self._trained.values() for size in aid.sizes(length)
        )

    def evaluation_task(self) -> Task:
        """The asked task alone, behind its task token."""
        return replace(self._alone(ASKED), asked=self.asked.evaluation_task())

    def stress_sets(self) -> Mapping[str, Task]:
        """Those of the asked task."""
        return {name: replace(self, asked=hard) for name, hard in self.asked.stress_sets().items()}

    @property
    def fingerprints(self) -> Mapping[str, str]:
        """Those of all parts, by part."""
        return {
            f"{part}.{name}": digest
            for part, aid in self._all.items()
            if part == ASKED or aid.task is not None
            for name, digest in self._of(aid).fingerprints.items()
        }

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw a part for every row, and the rows of each part; see `Task.sample`."""
        names = list(self._trained)
        weights = torch.tensor([aid.weight for aid in self._trained.values()])
        batch = scattered(
            _drawn(weights, count, generator),
            lambda part, rows: self._draw(names[part], length, rows, generator),
        )
        return replace(batch, length=torch.full((count,), length))

    def _draw(self, name: str, length: int, count: int, generator: torch.Generator) -> Batch:
        """Examples of one part in everybody's vocabulary, behind its task token."""
        aid = self._all[name]
        task, sizes = self._of(aid), aid.sizes(length)

        def draw(count: int, generator: torch.Generator) -> Batch:
            which = _drawn(torch.ones(len(sizes)), count, generator)
            return scattered(which, lambda size, rows: task.sample(sizes[size], rows, generator))

        if aid.examples is None:
            batch = draw(count, generator)
        else:
            pool = draw(aid.examples, torch.Generator().manual_seed(0))
            batch = pool.rows(torch.randint(aid.examples, (count,), generator=generator))
        ids = self.vocabulary.encode((*SPECIAL, *task.vocabulary.symbols))
        batch = replace(batch, tokens=ids[batch.tokens], vocabulary=self.vocabulary)
        return batch.begin(self.vocabulary[self._token(name)])


def _drawn(weights: Tensor, count: int, generator: torch.Generator) -> Int[Tensor, " batch"]:
    """An index a row, by weights; without chance where there is one alone, so that its examples are those of the plain task."""
    if len(weights) == 1:
        return torch.zeros(count, dtype=torch.long)
    return torch.multinomial(weights, count, replacement=True, generator=generator)


def scattered(kinds: Int[Tensor, " batch"], draw: Callable[[int, int], Batch]) -> Batch:
    """Rows of several kinds, drawn kind by kind, each where it is wanted.

    Args:
        kinds: the kind of each row.
        draw: so many rows of one kind.
    """
    present, counts = torch.unique(kinds, return_counts=True)
    drawn = [draw(kind, rows) for kind, rows in zip(present.tolist(), counts.tolist(), strict=True)]
    return Batch.join(drawn).rows(kinds.argsort(stable=True).argsort(stable=True))
