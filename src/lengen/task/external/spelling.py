"""Conversion between text and symbols: characters, words separated by spaces, or the tokens of a tokenizer."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int

from lengen.config.errors import UsageError, require
from lengen.task import SPECIAL, Vocabulary

BLANK = "␣"
"""Written in place of a space inside a word."""


class Pieces(NamedTuple):
    """Texts cut into symbols, concatenated.

    Args:
        codes: index of each symbol in `names`.
        names: the distinct symbols.
        sizes: number of symbols of each text.
    """

    codes: Int[np.ndarray, " symbols"]
    names: Sequence[str]
    sizes: Int[np.ndarray, " texts"]


class Text(ABC):
    """Base class of the ways to read text as symbols."""

    gap = ""
    """Separator between two symbols."""

    @abstractmethod
    def cut(self, texts: Sequence[str]) -> Pieces:
        """Cut texts, none of them empty, into symbols."""

    @property
    def alphabet(self) -> tuple[str, ...] | None:
        """All symbols in the order of their ids; None if they are taken from the texts."""
        return None


@dataclass(frozen=True)
class Characters(Text):
    """Every character is a symbol."""

    def cut(self, texts: Sequence[str]) -> Pieces:
        """See `Text`."""
        points = np.frombuffer("".join(texts).encode("utf-32-le"), dtype=np.uint32)
        used = np.flatnonzero(np.bincount(points))
        rank = np.zeros(used[-1] + 1, dtype=np.int64)
        rank[used] = np.arange(len(used))
        sizes = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
        return Pieces(rank[points], [chr(point) for point in used], sizes)


@dataclass(frozen=True)
class Words(Text):
    """Every word between spaces is a symbol."""

    gap = " "

    def cut(self, texts: Sequence[str]) -> Pieces:
        """See `Text`."""
        lists = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(pa.array(texts, pa.large_string())))
        coded = lists.flatten().dictionary_encode()
        sizes = pc.list_value_length(lists).to_numpy().astype(np.int64)
        return Pieces(coded.indices.to_numpy().astype(np.int64), coded.dictionary.to_pylist(), sizes)


@dataclass(frozen=True)
class Tokens(Text):
    """The tokens of a Hugging Face tokenizer, without the special tokens that it adds.

    Args:
        file: path of its `tokenizer.json`.
    """

    file: str

    @cached_property
    def tokenizer(self) -> Any:
        """The loaded tokenizer."""
        try:
            from tokenizers import Tokenizer
        except ImportError:
            raise UsageError(
                f"task.tokens={self.file}: a tokenizer needs `pip install lengen[tokenizers]`"
            ) from None
        try:
            return Tokenizer.from_file(self.file)
        except Exception as error:  # noqa: BLE001  # the library raises nothing narrower
            raise UsageError(f"task.tokens={self.file}: is not a valid tokenizer.json ({error})") from None

    @cached_property
    def alphabet(self) -> tuple[str, ...]:
        """See `Text`."""
        known = {index: name for name, index in self.tokenizer.get_vocab().items()}
        return tuple(known.get(index, f"<unused {index}>") for index in range(max(known) + 1))

    def cut(self, texts: Sequence[str]) -> Pieces:
        """See `Text`."""
        ids = [each.ids for each in self.tokenizer.encode_batch(list(texts), add_special_tokens=False)]
        used, codes = np.unique(np.concatenate(ids), return_inverse=True)
        sizes = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
        return Pieces(codes, [self.alphabet[index] for index in used], sizes)


def text_of(tokens: str) -> Text:
    """Select the way to read text by the value of `task.tokens`.

    Raises:
        UsageError: the value is neither a known way nor a file.
    """
    if tokens in ("characters", "words"):
        return Characters() if tokens == "characters" else Words()
    require(
        Path(tokens).is_file(),
        f"task.tokens={tokens}: must be characters, words, or the path of a tokenizer.json",
    )
    return Tokens(tokens)


@dataclass(frozen=True)
class Spelling:
    """How the symbols of a vocabulary are written: side by side if each is one character, else separated by spaces.

    Args:
        vocabulary: the symbols; a space inside one of several characters is written as `␣`.
    """

    vocabulary: Vocabulary

    def __post_init__(self) -> None:
        names = [SPECIAL[2], *self.symbols]
        duplicates = [name for name in names if names.count(name) > 1]
        require(not duplicates, f"two symbols of the task are both written as {next(iter(duplicates), '')!r}")

    @property
    def tokens(self) -> str:
        """Value of `task.tokens` that reads the text."""
        return "characters" if all(len(symbol) == 1 for symbol in self.vocabulary.symbols) else "words"

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """The symbols as written, in the order of their ids."""
        if self.tokens == "characters":
            return self.vocabulary.symbols
        return tuple(re.sub(r"\s", BLANK, symbol) for symbol in self.vocabulary.symbols)

    def write(self, ids: Int[np.ndarray, " symbols"], sizes: Int[np.ndarray, " texts"]) -> list[str]:
        """Convert ids to texts.

        Args:
            ids: ids of all texts, concatenated.
            sizes: number of symbols of each text.
        """
        names = pa.array([*SPECIAL, *self.symbols])
        ends = np.concatenate([[0], np.cumsum(sizes)])
        lists = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), names.take(pa.array(ids)))
        texts: list[str] = pc.binary_join(lists, text_of(self.tokens).gap).to_pylist()
        return texts
