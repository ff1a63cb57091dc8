"""Tokenizers of Hugging Face as a way to read text, and the choice between the ways."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lengen.config.errors import UsageError, require
from lengen.task.external.spelling import Characters, Lost, Pieces, Text, Words

RANDOM = ("dropout", "alpha", "nbest_size")
"""Settings of a tokenizer's model that cut one text in several ways at random."""


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
            tokenizer = Tokenizer.from_file(self.file)
        except Exception as error:  # noqa: BLE001  # the library raises nothing narrower
            raise UsageError(f"task.tokens={self.file}: is not a valid tokenizer.json ({error})") from None
        tokenizer.no_padding()  # the tokens of a text depend on this text alone, and are all of it
        tokenizer.no_truncation()
        for name in RANDOM:
            if getattr(tokenizer.model, name, None) is not None:
                setattr(tokenizer.model, name, None)
        return tokenizer

    @cached_property
    def fingerprint(self) -> str:
        """See `Text`; what is switched off does not count."""
        content = json.loads(Path(self.file).read_text(encoding="utf-8"))
        cutting = {key: value for key, value in content.items() if key not in ("padding", "truncation")}
        cutting["model"] = {key: value for key, value in cutting["model"].items() if key not in RANDOM}
        return hashlib.sha256(json.dumps(cutting, sort_keys=True).encode()).hexdigest()[:16]

    @cached_property
    def alphabet(self) -> tuple[str, ...]:
        """See `Text`."""
        known = {index: name for name, index in self.tokenizer.get_vocab().items()}
        return tuple(known.get(index, f"<unused {index}>") for index in range(max(known) + 1))

    def cut(self, texts: Sequence[str]) -> Pieces:
        """See `Text`."""
        ids = [each.ids for each in self.tokenizer.encode_batch(list(texts), add_special_tokens=False)]
        used, codes = np.unique(np.concatenate(ids).astype(np.int64), return_inverse=True)
        sizes = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
        return Pieces(codes, [self.alphabet[index] for index in used], sizes)

    def written(self, names: Sequence[str]) -> str:
        """See `Text`."""
        ids = [self.tokenizer.token_to_id(name) for name in names]
        return str(self.tokenizer.decode(ids, skip_special_tokens=False))

    def round_trip(self) -> Callable[[Sequence[str], Pieces], Lost | None]:
        """See `Text`.

        Tokenizers differ in whether spaces belong to tokens. It is enough that one way of writing tokens gives back all
        texts, since then no two texts have the same tokens.
        """
        ways: list[Callable[[Sequence[str]], str]] = [
            self.written,
            lambda names: self.written(names).removeprefix(" "),
            "".join,
            " ".join,
        ]

        def check(texts: Sequence[str], pieces: Pieces) -> Lost | None:
            symbols = np.array(pieces.names, dtype=object)[pieces.codes]
            cuts = [part.tolist() for part in np.split(symbols, np.cumsum(pieces.sizes)[:-1])]
            failed = {way: lost for way in ways if (lost := self._first_lost(texts, cuts, way))}
            if len(failed) == len(ways):
                return max(failed.values(), key=lambda lost: (lost[0], lost[1]))[2]
            ways[:] = [way for way in ways if way not in failed]
            return None

        return check

    def _first_lost(
        self, texts: Sequence[str], cuts: Sequence[Sequence[str]], way: Callable[[Sequence[str]], str]
    ) -> tuple[int, int, Lost] | None:
        """Find the first text that a way of writing does not give back: its index, the place, and what is lost there."""
        for index, (text, names) in enumerate(zip(texts, cuts, strict=True)):
            if (written := way(names)) == text:
                continue
            place = next(
                (at for at, signs in enumerate(zip(written, text, strict=False)) if signs[0] != signs[1]),
                len(written),
            )
            spans = self.tokenizer.encode(text, add_special_tokens=False).offsets
            symbol = next(
                (text[first:last] for first, last in spans if first <= place < last), text[place : place + 1]
            )
            return index, place, Lost(index, symbol, written)
        return None


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
