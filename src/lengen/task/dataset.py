"""External data sets: any rows with a prompt, an answer and a length."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import datasets
import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from lengen.config.errors import require
from lengen.task import PAD, SEP, SPECIAL, Batch, Span, Task, Vocabulary, assemble
from lengen.task.chance import Chance, answers, counted
from lengen.task.external.corpus import Columns, Corpus
from lengen.task.external.source import opened, record
from lengen.task.external.spelling import Text
from lengen.task.external.tokenizer import text_of

COUNTED = 1000
"""Rows whose answers are counted for chance: by default all that are evaluated."""


@dataclass(frozen=True)
class Dataset(Task):
    """Rows of a file, a folder or the Hub. Length: the value of its column.

    Training draws rows of a length from the training split, with replacement; a fixed training set
    (`trainer.examples`) takes them in the order of the files. A sweep evaluates the first rows of each length in the
    evaluation splits.

    Only two numbers per row are held in memory. A data set of the Hub is downloaded first. The rows are converted once
    to an Arrow file on disk, which is memory-mapped, scanned once in chunks, and read where rows are drawn.

    >>> print(Dataset().show(length=5, count=2))
    bbb!4bb? -> 4⏎
    aaabb!4? -> 4⏎

    Args:
        path: a JSON, CSV, TSV or Parquet file, a folder of such files, a folder saved by `datasets` or exported by lengen, a
            name on the Hub, or `lengen:passkey`, which comes with lengen. Values are read as text, as they are written.
        prompt: column of the prompt.
        answer: column of the answer.
        length: column of the size of the problem; null counts the symbols of the prompt.
        result: column of the part of the answer after its scratchpad; null: as recorded in an exported folder, else none.
        train: the training split; may be a slice such as `train[:90%]`.
        evaluation: the evaluation splits; null: all others.
        tokens: `characters`, `words` separated by spaces, or the path of a `tokenizer.json`; null: as recorded in an
            exported folder, else characters.
        separator: whether to append `#` to every prompt; null: as recorded in an exported folder, else true.
        maximum: largest number of tokens in a row, end token included; a longer row is an error.
    """

    data_options: ClassVar[tuple[str, ...]] = ("path", "train", "evaluation")

    path: str = "lengen:passkey"
    prompt: str = "prompt"
    answer: str = "answer"
    length: str | None = "length"
    result: str | None = None
    train: str = "train"
    evaluation: list[str] | None = None
    tokens: str | None = None
    separator: bool | None = None
    maximum: int = 4096

    def __post_init__(self) -> None:
        require(self.maximum >= 1, f"task.maximum={self.maximum}: must be at least 1")

    @cached_property
    def _record(self) -> dict[str, Any]:
        """Facts recorded in an exported folder; empty for any other path."""
        return record(self.path)

    @property
    def _result(self) -> str | None:
        """Column of the result; None without one."""
        return self.result or self._record.get("result")

    @cached_property
    def _text(self) -> Text:
        return text_of(self.tokens or self._record.get("tokens", "characters"))

    @cached_property
    def _splits(self) -> tuple[Corpus, Corpus]:
        """The training rows and the evaluation rows.

        Raises:
            UsageError: rows or columns cannot be read, are missing, empty or too long.
        """
        columns = Columns(self.prompt, self.answer, self.length, self._result)
        source = opened(self.path)
        known = ", ".join(source.parts)
        trained = self.train.partition("[")[0]
        training_rows = source.rows(self.train, "task.train", columns.all)
        names = (
            [name for name in source.parts if name != trained] if self.evaluation is None else self.evaluation
        )
        require(
            bool(names),
            f"task.evaluation={self.evaluation}: {self.path} has no split other than {known} "
            f"(allowed: splits, or slices such as task.train={known}[:90%] task.evaluation=[{known}[90%:]])",
        )
        parts = [source.rows(name, "task.evaluation", columns.all) for name in names]
        evaluation_rows = datasets.concatenate_datasets(parts)
        corpora = (
            Corpus(training_rows, columns, self._text, f"{self.path}, split {self.train}"),
            Corpus(evaluation_rows, columns, self._text, f"{self.path}, split {' and '.join(names)}"),
        )
        for corpus in corpora:
            corpus.check_sizes(self.maximum)
        return corpora

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The symbols in the order of an exported folder or of the tokenizer, else sorted."""
        used = (self._splits[0].names | self._splits[1].names) - {SPECIAL[SEP]}
        own = (
            self._record.get("symbols")
            if self._record.get("tokens") == self.tokens or self.tokens is None
            else None
        )
        given = self._text.alphabet or own
        if given is None:
            return Vocabulary(tuple(sorted(used)))
        unknown = sorted(used - set(given))
        require(
            not unknown,
            f"task.path={self.path}: the rows contain {next(iter(unknown), '')!r}, which is not a symbol of lengen.json",
        )
        return Vocabulary(tuple(given))

    @cached_property
    def fingerprints(self) -> Mapping[str, str]:
        """Hashes of the training rows, of the evaluation rows, of the vocabulary, and of a tokenizer if there is one."""
        trained, evaluated = self._splits
        symbols = json.dumps(self.vocabulary.symbols, ensure_ascii=False)
        found = {
            "training rows": trained.fingerprint,
            "evaluation rows": evaluated.fingerprint,
            "vocabulary": hashlib.sha256(symbols.encode()).hexdigest()[:16],
        }
        return found if self._text.fingerprint is None else {**found, "tokenizer": self._text.fingerprint}

    def evaluation_task(self) -> Task:
        """The evaluation splits."""
        return EvaluationSplits(self)

    def has(self, length: int) -> bool:
        """See `Task.has`."""
        return len(self._splits[0].of(length)) > 0

    def all_examples(self, length: int) -> Batch:
        """See `Task.all_examples`."""
        return self.batch(self._splits[0], length, self._splits[0].require_rows(length))

    @property
    def aligned(self) -> bool:
        """As recorded in an exported folder."""
        return bool(self._record.get("aligned"))

    def longest(self, length: int) -> int:
        """As recorded in an exported folder; see `Task.longest`."""
        return int(self._record.get("longest", {}).get(str(length)) or length)

    def has_scratchpad(self, length: int) -> bool:
        """Whether the rows have a result."""
        return self._result is not None

    def longest_answer(self, length: int) -> int:
        """The longest answer of the rows of a length, in all splits; see `Task`."""
        return 1 + max(corpus.longest_answer(length) for corpus in self._splits)

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Draw rows of the training split, with replacement; see `Task.sample`."""
        rows = self._splits[0].require_rows(length)
        drawn = torch.randint(len(rows), (count,), generator=generator).numpy()
        return self.batch(self._splits[0], length, rows[drawn])

    @property
    def evaluation_rows(self) -> Corpus:
        """The rows of the evaluation splits."""
        return self._splits[1]

    @cached_property
    def _delimiter(self) -> tuple[str, ...]:
        """What ends the scratchpads: as recorded in an exported folder, else the symbols with which all of them end."""
        recorded = self._record.get("delimiter") if self.result is None else None
        if recorded is not None and set(recorded) <= {*SPECIAL, *self.vocabulary.symbols}:
            return tuple(recorded)
        return self.evaluation_rows.scratchpad_end

    def batch(self, corpus: Corpus, length: int, rows: Int[np.ndarray, " rows"]) -> Batch:
        """Read rows of one length as examples."""
        texts = corpus.read(rows)
        prompt = [Span(self._ids(texts["prompt"]))]
        if self._record.get("separator", True) if self.separator is None else self.separator:
            prompt.append(Span(torch.full((1, 1), SEP)))
        answer, trace = self._ids(texts["answer"]), []
        if "result" in texts:
            sizes = (answer != PAD).sum(1) - (self._ids(texts["result"]) != PAD).sum(1)
            scratchpad = torch.arange(answer.shape[1]) < sizes.unsqueeze(1)
            trace, answer = [Span(answer * scratchpad)], answer * ~scratchpad
        return assemble(
            length,
            len(rows),
            self.vocabulary,
            prompt,
            [Span(answer)],
            trace=trace,
            delimiter=self._delimiter if trace else (),
            coupled=False,
        )

    def _ids(self, texts: Sequence[str]) -> Int[Tensor, "batch span"]:
        """Convert texts to rows of ids, padded on the right."""
        pieces = self._text.cut(texts)
        known = np.array([self.vocabulary[name] for name in pieces.names])
        full = np.arange(pieces.sizes.max()) < pieces.sizes[:, None]
        ids = np.full(full.shape, PAD)
        ids[full] = known[pieces.codes]
        return torch.from_numpy(ids)


@dataclass(frozen=True)
class EvaluationSplits(Task):
    """The evaluation splits of a data set: the first rows of each length, or all if there are fewer.

    Args:
        data: the data set.
    """

    data: Dataset

    @property
    def vocabulary(self) -> Vocabulary:
        """See `Dataset`."""
        return self.data.vocabulary

    def has(self, length: int) -> bool:
        """See `Task.has`."""
        return len(self.data.evaluation_rows.of(length)) > 0

    def longest_answer(self, length: int) -> int:
        """See `Dataset`."""
        return self.data.longest_answer(length)

    def _drawn_chance(self, length: int, part: Literal["answer", "result"]) -> Chance:
        """Chance of the first rows of a length, by the shares of their answers."""
        batch = self.sample(length, COUNTED, torch.Generator())
        return counted(answers(batch.tokens, getattr(batch, part)))

    def sample(self, length: int, count: int, generator: torch.Generator) -> Batch:
        """Return the first rows of a length, each once; nothing is drawn at random."""
        corpus = self.data.evaluation_rows
        return self.data.batch(corpus, length, corpus.require_rows(length)[:count])
