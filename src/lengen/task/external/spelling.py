"""Conversion between text and symbols: characters, words separated by spaces, or the tokens of a tokenizer."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int

from lengen.config.errors import require
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


class Lost(NamedTuple):
    """A text that its symbols do not give back.

    Args:
        place: index of the text.
        symbol: the first part of it that is lost.
        written: what its symbols give.
    """

    place: int
    symbol: str
    written: str


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

    @property
    def fingerprint(self) -> str | None:
        """Hash of a file that says how text is cut; None if there is none."""
        return None

    def written(self, names: Sequence[str]) -> str:
        """Write symbols as text."""
        return self.gap.join(names)

    def round_trip(self) -> Callable[[Sequence[str], Pieces], Lost | None] | None:
        """Return a check that finds the first text that its symbols do not give back; None if none can be lost.

        It is called with one chunk of texts after the other.
        """
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
        texts: list[str] = pc.binary_join(
            lists, (Characters if self.tokens == "characters" else Words).gap
        ).to_pylist()
        return texts
