"""Words of the command line that are refused before Hydra composes them. Imports no torch."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from lengen.config.bounded_yaml import read_yaml
from lengen.config.errors import UsageError, nearest, require
from lengen.config.limits import MOST_JOBS, require_count
from lengen.config.own_experiments import GROUP as EXPERIMENTS
from lengen.config.own_experiments import check_experiments
from lengen.config.search import choices, config_dir, groups
from lengen.config.short_words import SHORT

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

PLACES = {
    "hydra.run.dir": "results_dir",
    "hydra.sweep.dir": "results_dir",
    "hydra.sweep.subdir": "results_dir",
    "hydra.output_subdir": "results_dir",
    "hydra.job.chdir": "results_dir",
    "hydra.searchpath": "--config-dir",
}
"""Options of Hydra that say where files are read or written, and what lengen has for them."""

FUNCTION = re.compile(r"(range|glob|choice|interval|tag|shuffle|sort)\(")
"""Start of a value that is one of Hydra's functions."""


def check_words(words: Iterable[str], folders: Sequence[Path], known: Collection[str], command: str) -> None:
    """Refuse what cannot be parsed, empty values, options that do not exist, and sweeps without or with too many values.

    Args:
        words: overrides, as they are given to Hydra.
        folders: the user's own configuration folders.
        known: the groups of the command.
        command: its name.

    Raises:
        UsageError: names the word and what it must be.
    """
    for folder in folders:
        require(folder.is_dir(), f"--config-dir={folder}: no such folder")
    words = [*words]
    jobs, named = 1, groups(folders)
    search = any(word.startswith("hydra/sweeper=") for word in words)
    for word in words:
        override = parsed(word)
        _check_key(override, word, known)
        if not search and not any(other.startswith("experiment=") for other in words):
            _refuse_parameter(word)
        if override.is_sweep_override():
            count = _count(override, word, folders)
            jobs *= 1 if search else count
            require_count(jobs, MOST_JOBS, word, "jobs")
        elif override.key_or_group in known:
            _check_choice(override, word, folders)
        else:
            name, value = override.key_or_group, override.value()
            if value == "":
                _refuse_empty(word, name, command, words, folders)
            if name in named and not isinstance(value, str):
                _refuse_no_choice(word, name, value, choices(name, folders))


def _refuse_parameter(word: str) -> None:
    """Refuse a parameter of Hydra's own sweeper, which has none: they are of a search, or of the file of an experiment.

    Raises:
        UsageError: says how options are varied.
    """
    start = "hydra.sweeper.params."
    name = word.lstrip("+").removeprefix(start)
    require(
        not word.lstrip("+").startswith(start),
        f"{word}: is of a search (hydra/sweeper=optuna) or of an experiment's file; on the command line write -m {name}",
    )


def _refuse_empty(
    word: str, name: str, command: str, words: Sequence[str], folders: Sequence[Path]
) -> NoReturn:
    """Refuse an option without a value, and say which it can have.

    Raises:
        UsageError: always.
    """
    from lengen.config.other_options import values_of

    allowed = values_of(name, command, words, folders)
    raise UsageError(f"{word}: has no value" + (f" (allowed: {allowed})" if allowed else ""))


def parsed(word: str) -> Override:
    """Parse an override.

    Raises:
        UsageError: it cannot be parsed.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        return OverridesParser.create().parse_override(word)
    except (HydraException, ValueError) as error:
        key, equals, value = word.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"cannot parse {word!r}: must be option=value") from None
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = next((line for line in lines if " while evaluating " in line), "")
        quoted = "a value with other characters than letters, digits and ./:_- needs two pairs of quotes"
        for pair in ("[]", "{}", "()"):
            opened, closed = sorted(pair, key=value.count, reverse=True)
            begun = value.startswith(pair[0]) or (pair == "()" and FUNCTION.match(value))
            if not reason and begun and value.count(opened) > value.count(closed):
                raise UsageError(f"cannot parse {word}: {opened} without {closed}") from None
        if is_list(key) and not value.startswith("["):
            value = f"[{value}]"
        raise UsageError(f"cannot parse {word}: {reason or quoted}, as in {advised(key, value)}") from None


def is_list(key: str) -> bool:
    """Whether the options of a group have an argument that is a list.

    >>> is_list("launcher.extra"), is_list("launcher.time"), is_list("seed")
    (True, False, False)
    """
    group, _, name = key.lstrip("+").partition(".")
    files = (config_dir() / group).glob("*.yaml") if group.isidentifier() else ()
    return any(isinstance(held, dict) and isinstance(held.get(name), list) for held in map(read_yaml, files))


def advised(key: str, value: str) -> str:
    """Return a word of a shell by which an option has a text as its value, or texts in a list, whatever their characters are.

    >>> print(advised("launcher.extra", "[--bogus=1, a]"))
    'launcher.extra=["--bogus=1","a"]'
    """
    if value.startswith("[") and value.endswith("]"):
        texts = [part.strip().strip("'\"") for part in value[1:-1].split(",")]
        inside = ",".join('"' + text.replace('"', '\\"') + '"' for text in texts)
        return shlex.quote(f"{key}=[{inside}]")
    escaped = value.replace('"', '\\"')  # Hydra reads other backslashes as they are
    return shlex.quote(f'{key}="{escaped}"')


def _check_key(override: Override, word: str, known: Collection[str]) -> None:
    """Refuse keys that would remove an option, choose a group twice, or set where Hydra writes."""
    name = override.key_or_group
    require(
        not override.is_delete(),
        f"{word}: an option cannot be removed; "
        + (f"choose another with {name}=OPTION" if name in known else f"set {name or 'it'} to another value"),
    )
    require(bool(name), f"cannot parse {word!r}: must be option=value")
    require(override.package is None, f"{word}: @ is not supported; choose an option with {name}=OPTION")
    require(
        name not in known or not (override.is_add() or override.is_force_add()),
        f"{word}: {name} has an option already; choose another with {name}=OPTION",
    )
    require(name not in PLACES, f"{word}: lengen sets this; use {PLACES.get(name)}")


def _check_choice(override: Override, word: str, folders: Sequence[Path]) -> None:
    """Refuse what is not the name of one option of a group."""
    group, value = override.key_or_group, override.value()
    allowed = choices(group, folders)
    if not isinstance(value, str):
        _refuse_no_choice(word, group, value, allowed)
    if "$" not in str(value):
        require_choice(group, str(value), allowed)
    if group == EXPERIMENTS:
        check_experiments([str(value)], folders)


def _refuse_no_choice(word: str, group: str, value: Any, allowed: Sequence[str]) -> NoReturn:
    """Refuse a list, a number or the like in the place of the name of an option.

    Raises:
        UsageError: always.
    """
    known = [str(name) for name in value if str(name) in allowed] if isinstance(value, list) else []
    example = f", as in {group}={known[0]}" if known else ""
    several = f" (-m {group}={','.join(known)} does one after the other)" if len(known) > 1 else ""
    listed = f"(allowed: {', '.join(allowed)})"
    wrong = [str(name) for name in value if str(name) not in allowed] if isinstance(value, list) else []
    if group in SHORT["eval"]:
        several = f"; the {group} of the evaluation are eval.{group}"
    example += f"; there is no {wrong[0]!r}{nearest(wrong[0], allowed)}" if known and wrong else ""
    raise UsageError(f"{word}: must be the name of one option of {group}{example}{several} {listed}")


def require_choice(group: str, value: str, allowed: Sequence[str]) -> None:
    """Refuse an option that a group does not have.

    Raises:
        UsageError: names the options that it has.
    """
    from lengen.config.explain import forgotten_folder

    if value not in allowed:
        hint = forgotten_folder(group, value) or nearest(value, allowed)
        raise UsageError(f"unknown option {group}={value}{hint} (allowed: {', '.join(allowed)})")


def _count(override: Override, word: str, folders: Sequence[Path]) -> int:
    """Number of values of a sweep, without making them.

    Raises:
        UsageError: it has none, or is not a list of values.
    """
    from hydra.core.override_parser.types import ChoiceSweep, Glob, IntervalSweep, RangeSweep

    name, sweep = override.key_or_group, override.value()
    allowed = choices(name, folders)
    if isinstance(sweep, ChoiceSweep):
        count = len(sweep.list)
        for value in sweep.list:
            require(value != "", f"{word}: has an empty value")
            if allowed:
                require_choice(name, str(value), allowed)
        if name == EXPERIMENTS:
            check_experiments(map(str, sweep.list), folders)
    elif isinstance(sweep, RangeSweep):
        require(not allowed, f"{word}: range is for numbers; list the options of {name}")
        count = _range_size(word, sweep)
    elif isinstance(sweep, Glob):
        require(bool(allowed), f"{word}: glob is for groups; list the values of {name}")
        count = sum(
            any(fnmatch(each, text) for text in sweep.include)
            and not any(fnmatch(each, text) for text in sweep.exclude)
            for each in allowed
        )
    else:
        assert isinstance(sweep, IntervalSweep)
        count = 1  # a search tries values of it; Hydra refuses it in a study
        require(
            (sweep.start or 0) < (sweep.end or 0), f"{word}: an interval goes from a number to a larger one"
        )
    require(count > 0, f"{word}: has no value" + (f" (allowed: {', '.join(allowed)})" if allowed else ""))
    return int(count)


def _range_size(word: str, sweep: Any) -> int:
    """Number of values of a range."""
    start, stop, step = sweep.start, sweep.stop, sweep.step
    if stop is None:
        start, stop = 0, start
    require(step != 0, f"{word}: a range needs a step other than 0")
    size: float = (stop - start) / step if isinstance(step, float) else -((start - stop) // step)
    require(math.isfinite(size), f"{word}: a range needs finite ends")
    return max(0, math.ceil(size))
