"""Conditions on runs: `key=value`, `key=one|other` or `key!=value`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lengen.comparison.cell_names import flat
from lengen.comparison.run_record import MISSING, RunRecord
from lengen.config.errors import UsageError, nearest, require


def condition(text: str) -> Callable[[RunRecord], bool]:
    """Return a condition on runs, parsed from `key=value`, `key=one|other` or `key!=value`.

    Raises:
        UsageError: the text has none of these forms.
    """
    key, wanted, allowed = parts(text)
    return lambda run: (run.value(key) in allowed) == wanted


def parts(text: str) -> tuple[str, bool, list[str]]:
    """Split a condition into its key, whether it requires or excludes its values, and the values.

    >>> parts("pe!=rope|nope")
    ('pe', False, ['rope', 'nope'])
    """
    key, equals, values = text.partition("=")
    name = key.rstrip("!").strip()
    require(bool(equals and name), f"where={text!r}: must be key=value, key=one|other or key!=value")
    return name, not key.endswith("!"), [value.strip() for value in values.split("|")]


def check_key(option: str, key: str, runs: Sequence[RunRecord]) -> None:
    """Refuse a key that no run has.

    Raises:
        UsageError: no run has an option of this name.
    """
    if not runs or any(run.value(key) != MISSING for run in runs):
        return
    known = list(dict.fromkeys(key for run in runs for key in (*run.config["labels"], *flat(run.config))))
    raise UsageError(
        f"{option}={key}: no run has this option{nearest(key, known)} (allowed: seed, cell, and the options of its config.yaml)"
    )
