"""A task as a data set of Hugging Face: training, ID and OOD splits as Parquet or JSONL, with a card."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import datasets
import torch
from rich.console import Console
from rich.progress import Progress

from lengen import __version__
from lengen.config.errors import require
from lengen.evaluation.options import EvalOptions
from lengen.evaluation.test_set import examples
from lengen.export.dataset_card import KINDS, card
from lengen.lengths import Lengths
from lengen.records.atomic import whole_folder
from lengen.records.supervision import category
from lengen.sampling import GENERATOR
from lengen.task import PAD, SPECIAL, Batch, Task
from lengen.task.external.source import RECORD, quiet
from lengen.task.external.spelling import Spelling
from lengen.task.unavailable import length_needed
from lengen.training.batch_stream import shares
from lengen.training.overlap import Deduplicated, prompt_fingerprints

USUAL = 10_000
"""Training examples where nothing else is asked, or as many as the task has."""
Columns = dict[str, list[Any]]


@dataclass(frozen=True)
class Export:
    """The options of `lengen data export=`.

    Args:
        folder: where to; nothing must be there.
        task: what is written.
        record: name and configuration of the task and of its training lengths, and what was chosen, for the card.
        lengths: training lengths, each of which is in the ID split as well.
        train_length: the longest of them.
        evaluation: which lengths, how many examples and which seed the evaluation splits have.
        seed: the data seed of the training split.
        examples: distinct examples of the training split; None is 10,000, or as many as there are.
        deduplicate: whether strings of the evaluation splits are kept out of training.
        format: of the files.
        progress: whether a bar is shown.
    """

    folder: Path
    task: Task
    record: Mapping[str, Any]
    lengths: Lengths
    train_length: int
    evaluation: EvalOptions
    seed: int
    examples: int | None = None
    deduplicate: bool = False
    format: Literal["parquet", "jsonl"] = "parquet"
    progress: bool = True

    def __post_init__(self) -> None:
        require(
            not self.folder.exists(),
            f"export={self.folder}: already exists; nothing was changed (allowed: a new folder)",
        )
        require(
            self.examples is None or self.examples >= 1,
            f"examples={self.examples}: must be null or at least 1",
        )
        longest = self.lengths.support[-1]
        require(
            longest == self.train_length,
            f"train_length={self.train_length}: must equal the longest training length of lengths, {longest}",
        )

    @cached_property
    def spelling(self) -> Spelling:
        """How symbols are written."""
        return Spelling(self.task.vocabulary)

    def write(self) -> dict[str, Any]:
        """Draw, and write the folder whole or not at all.

        Returns:
            What `lengen.json` says.

        Raises:
            UsageError: the task has no examples of a length, or fewer than asked.
        """
        screen = Console(stderr=True)
        with Progress(
            console=screen, transient=True, disable=not (self.progress and screen.is_terminal)
        ) as bar:
            splits = _with_result({name: columns for name, columns in self._splits(bar) if columns["prompt"]})
        files = {name: f"{name}.{self.format}" for name in splits}
        facts = self._facts(splits, files)
        with whole_folder(self.folder) as beside, quiet():
            for name, columns in splits.items():
                kinds = {column: datasets.Value(KINDS[column]) for column in columns}
                rows = datasets.Dataset.from_dict(columns, features=datasets.Features(kinds))
                if self.format == "parquet":
                    rows.to_parquet(beside / files[name])
                else:
                    rows.to_json(beside / files[name], force_ascii=False)
            text = json.dumps(facts, indent=1, ensure_ascii=False) + "\n"
            (beside / RECORD).write_text(text, encoding="utf-8")
            example = {column: values[0] for column, values in splits["id"].items()}
            (beside / "README.md").write_text(card(facts, example), encoding="utf-8")
        return facts

    def _splits(self, bar: Progress) -> Iterator[tuple[str, Columns]]:
        """The columns of each split; the evaluation splits are what a sweep asks, string for string."""
        swept = self.evaluation.at(self.train_length)
        inside = sorted({*self.lengths.support, *(length for length in swept if length <= self.train_length)})
        beyond = [length for length in swept if length > self.train_length]
        support = len(self.lengths.support)
        task = self.task
        if self.deduplicate:
            task = Deduplicated(task, prompt_fingerprints(task, self.evaluation, [*inside, *beyond]))
        train = self._train(task)
        yield "train", self._columns(bar.track(train, support, description="train lengths"))
        for name, lengths in (("id", inside), ("ood", beyond)):
            parts = bar.track(lengths, description=f"{name} lengths")
            yield name, self._columns(self._examples(length) for length in parts)

    def _examples(self, length: int) -> Batch:
        """What a sweep asks at a length."""
        with length_needed("eval.lengths"):
            return examples(self.evaluation, self.task, length)

    def _train(self, task: Task) -> Iterator[Batch]:
        """Distinct examples, as in a fixed training set of this size and seed."""
        wanted, found = self.examples or USUAL, 0
        with length_needed("lengths"):
            for part in shares(task, self.lengths, wanted, self.seed):
                found += len(part)
                yield part
        require(
            found == wanted or self.examples is None,
            f"examples={wanted}: the task has only {found} distinct examples at its training lengths",
        )

    def _columns(self, parts: Iterable[Batch]) -> Columns:
        """Batches as text."""
        columns: Columns = {name: [] for name in KINDS}
        for batch in parts:
            symbols = (batch.tokens != PAD) & (batch.tokens != SPECIAL.index("<eos>"))
            columns["prompt"] += self._text(batch, symbols & ~batch.answer)
            columns["answer"] += self._text(batch, symbols & batch.answer)
            columns["result"] += self._text(batch, symbols & batch.result)
            columns["length"] += batch.length.tolist()
        return columns

    def _text(self, batch: Batch, chosen: torch.Tensor) -> list[str]:
        return self.spelling.write(batch.tokens[chosen].numpy(), chosen.sum(1).numpy())

    def _facts(self, splits: Mapping[str, Columns], files: Mapping[str, str]) -> dict[str, Any]:
        """What `lengen.json` says: nothing of the machine or the day."""
        learned = set(splits["train"]["prompt"])
        longest = {length: self.task.longest(length) for length in self.lengths.support}
        traced = "result" in splits["train"]
        letters = category(
            aligned=self.task.aligned,
            traced=traced,
            longer=max(longest.values()) > self.train_length,
            looped=False,
        )
        return {
            "lengen": __version__,
            "generator": GENERATOR,
            **self.record,
            "train_length": self.train_length,
            "ordered": self.lengths.ordered,
            "seeds": {"train": self.seed, "eval": self.evaluation.seed},
            "deduplicate": self.deduplicate,
            "examples": {"train": len(splits["train"]["prompt"]), "eval": self.evaluation.examples},
            "tokens": self.spelling.tokens,
            "symbols": list(self.spelling.symbols),
            "separator": False,
            "result": "result" if traced else None,
            "category": letters,
            "aligned": self.task.aligned,
            "longest": {str(length): size for length, size in longest.items()},
            "splits": {
                name: {
                    "file": files[name],
                    "sha256": digest(columns),
                    "lengths": counted(columns, None if name == "train" else learned),
                }
                for name, columns in splits.items()
            },
        }


def _with_result(splits: dict[str, Columns]) -> dict[str, Columns]:
    """All splits with their column `result` where some answer has a scratchpad in front, else all without."""
    if all(columns["result"] == columns["answer"] for columns in splits.values()):
        for columns in splits.values():
            del columns["result"]
    return splits


def digest(columns: Mapping[str, list[Any]]) -> str:
    """Hash of the rows: the same on every machine and in every format."""
    found = hashlib.sha256()
    for row in zip(*columns.values(), strict=True):
        found.update(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    return found.hexdigest()


def counted(columns: Mapping[str, list[Any]], learned: set[str] | None) -> dict[str, dict[str, int]]:
    """For each length how many rows and distinct prompts there are, and how many rows have a prompt that was learned."""
    pairs = list(zip(columns["length"], columns["prompt"], strict=True))
    found = {"rows": Counter(columns["length"]), "distinct": Counter(length for length, _ in set(pairs))}
    if learned is not None:
        found["in_training"] = Counter(length for length, prompt in pairs if prompt in learned)
    return {
        str(length): {name: counts[length] for name, counts in found.items()}
        for length in sorted(found["rows"])
    }
