"""Export a task as a Hugging Face data set: training, ID and OOD splits as Parquet or JSONL, with a card."""

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

from lengen.config.errors import require
from lengen.config.version import VERSION
from lengen.evaluation.test_set import examples
from lengen.export.dataset_card import KINDS, card
from lengen.lengths import Lengths
from lengen.records.atomic import whole_folder
from lengen.records.eval_options import EvalOptions
from lengen.records.supervision import category
from lengen.sampling import GENERATOR, generator
from lengen.task import PAD, SPECIAL, Batch, Task
from lengen.task.external.source import RECORD, quiet
from lengen.task.external.spelling import Spelling
from lengen.task.unavailable import length_needed
from lengen.training.batch_stream import shares
from lengen.training.overlap import Deduplicated, prompt_fingerprints

DEFAULT_EXAMPLES = 10_000
"""Training examples unless `examples` says otherwise; fewer if the task has fewer."""
Columns = dict[str, list[Any]]


@dataclass(frozen=True)
class Export:
    """The options of `lengen data export=`.

    Args:
        folder: the folder to create; it must not exist.
        task: the task to export.
        record: name and configuration of the task and of its training lengths, and the chosen options, for the card.
        lengths: the training lengths; the ID split has each of them as well.
        train_length: the longest training length.
        evaluation: lengths, number of examples and seed of the evaluation splits.
        seed: the data seed of the training split.
        examples: number of distinct examples in the training split; None for 10,000, or all if the task has fewer.
        deduplicate: whether to leave prompts of the evaluation splits out of the training split.
        format: file format.
        progress: whether to show a progress bar.
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
        """How the symbols of the task are written as text."""
        return Spelling(self.task.vocabulary)

    def write(self) -> dict[str, Any]:
        """Draw the examples and write the folder, completely or not at all.

        Returns:
            The content of `lengen.json`.

        Raises:
            UsageError: the task has no examples of a length, or fewer than `examples`.
        """
        screen = Console(stderr=True)
        with Progress(
            console=screen, transient=True, disable=not (self.progress and screen.is_terminal)
        ) as bar:
            splits = _with_result({name: columns for name, columns in self._splits(bar) if columns["prompt"]})
        files = {name: f"{name}.{self.format}" for name in splits}
        facts = self._facts(splits, files)
        with whole_folder(self.folder) as work, quiet():
            for name, columns in splits.items():
                kinds = {column: datasets.Value(KINDS[column]) for column in columns}
                rows = datasets.Dataset.from_dict(columns, features=datasets.Features(kinds))
                if self.format == "parquet":
                    rows.to_parquet(work / files[name])
                else:
                    rows.to_json(work / files[name], force_ascii=False)
            text = json.dumps(facts, indent=1, ensure_ascii=False) + "\n"
            (work / RECORD).write_text(text, encoding="utf-8")
            example = {column: values[0] for column, values in splits["id"].items()}
            (work / "README.md").write_text(card(facts, example), encoding="utf-8")
        return facts

    def _splits(self, bar: Progress) -> Iterator[tuple[str, Columns]]:
        """Yield the columns of each split; the evaluation splits are exactly the test sets of a sweep."""
        evaluated = self.evaluation.at(self.train_length)
        id_lengths = sorted(
            {*self.lengths.support, *(length for length in evaluated if length <= self.train_length)}
        )
        ood_lengths = [length for length in evaluated if length > self.train_length]
        support = len(self.lengths.support)
        task = self.task
        if self.deduplicate:
            task = Deduplicated(task, prompt_fingerprints(task, self.evaluation, [*id_lengths, *ood_lengths]))
        train = self._train(task)
        yield "train", self._columns(bar.track(train, support, description="train lengths"))
        for name, lengths in (("id", id_lengths), ("ood", ood_lengths)):
            parts = bar.track(lengths, description=f"{name} lengths")
            yield name, self._columns(self._examples(length) for length in parts)

    def _examples(self, length: int) -> Batch:
        """Return the test set of a sweep at a length."""
        with length_needed("eval.lengths"):
            return examples(self.evaluation, self.task, length)

    def _train(self, task: Task) -> Iterator[Batch]:
        """Yield distinct training examples, as in a fixed training set of this size and seed."""
        requested, total = self.examples or DEFAULT_EXAMPLES, 0
        with length_needed("lengths"):
            for part in shares(task, self.lengths, requested, self.seed):
                total += len(part)
                yield part
        require(
            total == requested or self.examples is None,
            f"examples={requested}: the task has only {total} distinct examples at its training lengths",
        )

    @property
    def _delimiter(self) -> list[str]:
        """The delimiter of the scratchpad (see `Batch`), as its symbols are written."""
        task, longest = self.task.evaluation_task(), max(self.evaluation.at(self.train_length))
        spelled = dict(zip(self.task.vocabulary.symbols, self.spelling.symbols, strict=True))
        return [
            spelled.get(symbol, symbol)
            for symbol in task.sample(longest, 1, generator("delimiter")).delimiter
        ]

    def _columns(self, parts: Iterable[Batch]) -> Columns:
        """Return batches as columns of text."""
        columns: Columns = {name: [] for name in KINDS}
        for batch in parts:
            symbols = (batch.tokens != PAD) & (batch.tokens != SPECIAL.index("<eos>"))
            columns["prompt"] += self._text(batch, symbols & ~batch.answer)
            columns["answer"] += self._text(batch, symbols & batch.answer)
            columns["result"] += self._text(batch, symbols & batch.result)
            columns["length"] += batch.length.tolist()
        return columns

    def _text(self, batch: Batch, mask: torch.Tensor) -> list[str]:
        """Return the masked tokens of each row as text."""
        return self.spelling.write(batch.tokens[mask].numpy(), mask.sum(1).numpy())

    def _facts(self, splits: Mapping[str, Columns], files: Mapping[str, str]) -> dict[str, Any]:
        """Return the content of `lengen.json`; it depends on neither the machine nor the date."""
        trained_prompts = set(splits["train"]["prompt"])
        longest = {length: self.task.longest(length) for length in self.lengths.support}
        has_result = "result" in splits["train"]
        supervision = category(
            aligned=self.task.aligned,
            traced=has_result,
            longer=max(longest.values()) > self.train_length,
            looped=False,
        )
        return {
            "lengen": VERSION,
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
            "result": "result" if has_result else None,
            "delimiter": self._delimiter,
            "category": supervision,
            "aligned": self.task.aligned,
            "longest": {str(length): size for length, size in longest.items()},
            "splits": {
                name: {
                    "file": files[name],
                    "sha256": digest(columns),
                    "lengths": counted(columns, None if name == "train" else trained_prompts),
                }
                for name, columns in splits.items()
            },
        }


def _with_result(splits: dict[str, Columns]) -> dict[str, Columns]:
    """Drop the column `result` from all splits unless some answer has a scratchpad."""
    if all(columns["result"] == columns["answer"] for columns in splits.values()):
        for columns in splits.values():
            del columns["result"]
    return splits


def digest(columns: Mapping[str, list[Any]]) -> str:
    """Return the SHA-256 of the rows, the same on every machine and for every file format."""
    rows_hash = hashlib.sha256()
    for row in zip(*columns.values(), strict=True):
        rows_hash.update(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    return rows_hash.hexdigest()


def counted(columns: Mapping[str, list[Any]], trained_prompts: set[str] | None) -> dict[str, dict[str, int]]:
    """Count rows, distinct prompts and, if training prompts are given, rows with one of them, for each length."""
    pairs = list(zip(columns["length"], columns["prompt"], strict=True))
    counters = {"rows": Counter(columns["length"]), "distinct": Counter(length for length, _ in set(pairs))}
    if trained_prompts is not None:
        counters["in_training"] = Counter(length for length, prompt in pairs if prompt in trained_prompts)
    return {
        str(length): {name: counts[length] for name, counts in counters.items()}
        for length in sorted(counters["rows"])
    }
