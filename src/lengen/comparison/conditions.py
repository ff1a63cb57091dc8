"""Conditions on runs: `key=value`, `key=one|other`, `key!=value`; `<`, `<=`, `>` and `>=` compare numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from lengen.comparison.cell_names import flat, within
from lengen.comparison.run_record import MISSING, RunRecord
from lengen.config.allowed_values import ORDER
from lengen.config.errors import UsageError, nearest, require
from lengen.config.foreign import foreign_word

NAMED = 8
"""Most values of an option that are named."""
FORM = re.compile(r"\s*([^=<>!]*[^=<>!\s])\s*(!=|<=|>=|=|<|>)(.*)", re.DOTALL)


@dataclass(frozen=True)
class Condition:
    """A condition on runs; numbers are compared as numbers, anything else as text and by equality only.

    Args:
        text: the condition as it was given.
        key: the option.
        sign: `=`, `!=`, `<`, `<=`, `>` or `>=`.
        values: what the option must be, or be compared with; several only for `=` and `!=`.
    """

    text: str
    key: str
    sign: str
    values: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Parse a condition.

        >>> Condition.parse("pe!=rope|nope")
        Condition(text='pe!=rope|nope', key='pe', sign='!=', values=('rope', 'nope'))

        Raises:
            UsageError: the text has no form of a condition, or compares with what is not a number.
        """
        found = FORM.fullmatch(text)
        if not found:
            raise UsageError(
                f"where={text!r}: must be key=value, key=one|other, key!=value, or key<number (also <=, > and >=)"
            )
        key, sign, right = found.groups()
        if sign in ORDER:
            require(
                _number(right) is not None,
                f"where={text!r}: {right.strip()!r} is not a number; a text is compared by = and != only",
            )
            return cls(text, key, sign, (right.strip(),))
        return cls(text, key, sign, tuple(value.strip() for value in right.split("|")))

    def holds(self, run: RunRecord) -> bool:
        """Whether a run meets the condition; a run without the option is neither less nor greater than a number.

        Raises:
            UsageError: the option of the run is compared with a number and is not one.
        """
        value = run.option(self.key)
        if self.sign not in ORDER:
            return any(_equal(value, text) for text in self.values) == (self.sign == "=")
        if value is None or value == MISSING:
            return False
        require(
            is_number(value),
            f"where={self.text!r}: {self.key} is {value!r} in {run.place}, not a number; it is compared by = and != only",
        )
        return ORDER[self.sign](float(value), float(self.values[0]))

    def check_kind(self, runs: Sequence[RunRecord]) -> None:
        """Refuse a text in the place of a number, where an option is a number in all runs that have it.

        Raises:
            UsageError: a value is none.
        """
        values = [value for run in runs if (value := run.option(self.key)) not in (None, MISSING)]
        if values and all(map(is_number, values)):
            for text in self.values:
                require(
                    _number(text) is not None or text in ("null", "None", str(MISSING)),
                    f"where={self.text}: {self.key} is a number; got {text!r} "
                    f"(allowed: a number, as in {self.key}={values[0]})",
                )


def refuse_none(conditions: Sequence[Condition], runs: Sequence[RunRecord]) -> NoReturn:
    """Refuse conditions that no run meets, with the values that an option has where none is as it is asked for.

    Raises:
        UsageError: always.
    """
    for each in conditions:
        each.check_kind(runs)
    texts = [each.text for each in conditions]
    asked = texts[0] if len(texts) == 1 else f"[{','.join(texts)}]"
    found = []
    for each in conditions:
        values = list(dict.fromkeys(str(run.option(each.key)) for run in runs))
        more = f" and {len(values) - NAMED} more" if len(values) > NAMED else ""
        if not any(each.holds(run) for run in runs):
            found.append(f"; {each.key} is {', '.join(values[:NAMED])}{more}")
    count = f"none of {len(runs)} runs matches" if len(runs) > 1 else "the one run does not match"
    raise UsageError(f"where={asked}: {count}{''.join(found)}")


def _equal(value: Any, text: str) -> bool:
    """Whether an option has the value that a text writes: a number of that size, or the same word, as in Python or YAML."""
    if is_number(value) and (number := _number(text)) is not None:
        return float(value) == number
    return text in (str(value), json.dumps(value, default=str))


def is_number(value: Any) -> bool:
    """Whether an option is a number; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(text: str) -> float | None:
    """Return the number that a text writes; None if it writes none."""
    try:
        return float(text)
    except ValueError:
        return None


def check_key(option: str, key: str, runs: Sequence[RunRecord], but: Sequence[str] = ()) -> None:
    """Refuse a key that no run has.

    Args:
        option: that names it, for the message.
        key: the key.
        runs: the runs.
        but: keys that the option does not take.

    Raises:
        UsageError: no run has an option of this name.
    """
    if not runs or any(run.option(key) != MISSING for run in runs):
        return
    known = list(dict.fromkeys(key for run in runs for key in (*run.config["labels"], *flat(run.config))))
    raise UsageError(
        f"{option}={key}: no run has this option{_meant(key, known)} (allowed: {'' if but else 'seed, cell, and '}"
        f"the options of its config.yaml{_varied(known, runs, but)})"
    )


def _meant(key: str, known: Sequence[str]) -> str:
    """Suggest the options whose last word is that of a key, else those with a name like it."""
    tail = key.rpartition(".")[2]
    last = {name.rpartition(".")[2]: name for name in reversed(known) if not name.endswith("_target_")}
    if tail in last:
        return f"; did you mean {last[tail]!r}?"
    if close := nearest(key, known) or foreign_word(key, known):
        return close
    return re.sub(r"'(\w+)'", lambda found: repr(last[found[1]]), nearest(tail, last))


def _varied(known: Sequence[str], runs: Sequence[RunRecord], but: Sequence[str]) -> str:
    """Name the options that all runs have, and in which they differ; an empty text if there are none."""
    varied = []
    for key in known:
        values = {str(run.option(key)) for run in runs}
        named = not key.endswith("_target_") and not any(within(key, other) for other in but)
        if named and len(values) > 1 and str(MISSING) not in values:
            varied.append(key)
    return f"; these differ in {', '.join(varied)}" if varied else ""
