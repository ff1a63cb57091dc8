"""The table of words of other libraries in the documentation says what the command line answers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lengen.config.foreign import VALUES, foreign_word, foreign_words, nearest_value

PAGE = Path(__file__).parents[2] / "docs/words.md"
OPTIONS, TABLE_OF_VALUES = PAGE.read_text(encoding="utf-8").split("\n## Values\n")


def rows(text: str) -> list[tuple[list[str], str]]:
    """The rows of the tables in a text: words, and what is said of them."""
    found = re.findall(r"^\| (`.+?) \| (.+) \|$", text, re.MULTILINE)
    return [(re.findall(r"`([^`]+)`", words), said) for words, said in found]


@pytest.mark.parametrize(("words", "said"), rows(OPTIONS), ids=lambda each: each[0])
def test_a_row_says_what_is_answered(words, said):
    for word in words:
        meant = f"in lengen this is '{said.strip('`')}'"
        reason = f"lengen has no such option, because {said}"
        assert foreign_word(word) == f"; {meant if said.startswith('`') else reason}"


@pytest.mark.parametrize(("words", "said"), rows(TABLE_OF_VALUES), ids=lambda each: each[0])
def test_a_value_is_called_so(words, said):
    known = ["bf16", "float32", "cuda", "cpu", "mps", "greedy", "free", "teacher"]
    for word in words:
        answer = f"; did you mean '{said.strip('`')}'?"
        assert nearest_value(word, known) == (answer if said.startswith("`") else "")


def test_every_word_is_in_the_tables():
    assert sorted(word for words, _ in rows(OPTIONS) for word in words) == sorted(foreign_words())
    assert sorted(word for words, _ in rows(TABLE_OF_VALUES) for word in words) == sorted(VALUES)
