"""Whether an option can have a value, from what its type, its choices and its range say. Imports no torch."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from lengen.config.annotation_words import ANY
from lengen.config.option_page import Argument

NUMBER = r"(-?\d+(?:\.\d+)?(?:e-?\d+)?)"
SIDES = rf"(?:(at least|above) {NUMBER}(?:, which is none,?)?)?(?: ?(?:and )?(at most|below) {NUMBER})?"
BETWEEN = rf"(from|in [\[(])\s?{NUMBER}(?: to |, ){NUMBER}([\])]?)"
OR_NULL = r"(?:null(?: \([^)]*\))?,? or )?"
ORDER: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
"""The signs that compare numbers."""
WORDS = {"null": ("null", "None"), "bool": ("true", "false", "True", "False")}
"""How null and truth values are written, in YAML and in Python."""


@dataclass(frozen=True)
class Interval:
    """The numbers from `low` to `high`; an open end is none of them."""

    low: float = -inf
    high: float = inf
    low_open: bool = False
    high_open: bool = False

    @classmethod
    def read(cls, text: str) -> Interval:
        """Read a range in words; all numbers if it is none of these forms.

        >>> Interval.read("at least 1"), Interval.read("in (0, 1]")
        (Interval(low=1.0, high=inf, low_open=False, high_open=False), Interval(low=0.0, high=1.0, low_open=True, high_open=False))
        """
        if found := re.fullmatch(rf"{OR_NULL}{BETWEEN}", text):
            start, low, high, end = found.groups()
            return cls(float(low), float(high), start.endswith("("), end == ")")
        if found := re.fullmatch(rf"{OR_NULL}{SIDES}", text):
            start, low, end, high = found.groups()
            return cls(float(low or -inf), float(high or inf), start == "above", end == "below")
        return cls()

    def meets(self, sign: str, number: float) -> bool:
        """Whether one of the numbers is equal to another, or compares to it in this way."""
        if sign not in ORDER:
            above = number > self.low or (number == self.low and not self.low_open)
            return above and (number < self.high or (number == self.high and not self.high_open))
        end, is_open = (self.low, self.low_open) if sign.startswith("<") else (self.high, self.high_open)
        return ORDER[sign](end, number) and not (is_open and end == number)


def can_be(argument: Argument, sign: str, text: str) -> bool:
    """Whether an option can have a value, or one that compares to it.

    Args:
        argument: the option.
        sign: `=`, `!=`, `<`, `<=`, `>` or `>=`.
        text: the value, as in a condition on runs.

    >>> from lengen.config.option_page import option_page
    >>> layers = option_page("decoder", "tiny").arguments[0]
    >>> [can_be(layers, "=", text) for text in ("2", "0", "2.5", "two")], can_be(layers, "<", "1")
    ([True, False, False, False], False)
    """
    kinds, number = argument.kinds, _number(text)
    if {ANY, "str"} & {*kinds} and sign not in ORDER:
        return True
    if number is not None:
        named = [float(each) for each in argument.choices if _number(each) is not None]
        interval = Interval.read(argument.bound)
        if sign in ORDER:
            meeting = any(ORDER[sign](each, number) for each in named)
            return meeting or bool({"int", "float", ANY} & {*kinds} and interval.meets(sign, number))
        whole = "float" in kinds or ("int" in kinds and number.is_integer())
        return number in named or (whole and interval.meets(sign, number))
    if any(kind in kinds and text in words for kind, words in WORDS.items()):
        return True
    return text in argument.choices or ("list" in kinds and text.startswith("["))


def _number(text: str) -> float | None:
    """Return the number that a text writes; None if it writes none."""
    try:
        return float(text)
    except ValueError:
        return None
