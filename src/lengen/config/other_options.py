"""An argument that the chosen option of a group lacks, and another option of this group has. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import yaml

from lengen.config.allowed_values import can_be
from lengen.config.command_page import command_page
from lengen.config.errors import UsageError, nearest
from lengen.config.extend_words import UNDER_THEIR_NAMES
from lengen.config.foreign import foreign_word
from lengen.config.option_page import Argument, class_arguments, option_page
from lengen.config.pattern_words import GROUP, INSIDE, PARTS
from lengen.config.search import choices, groups

ABBREVIATED = 3
"""Fewest letters of an abbreviation."""
RUN, EVALUATION = "lengen.experiment.config.RunConfig", "lengen.records.eval_options.EvalOptions"
"""The classes that check the options of a run that are in no group, and those of its evaluation."""
CHECKED_BY = {
    "compare": "lengen.analysis.compare_runs.Comparison",
    "eval": "lengen.analysis.eval_request.EvalRequest",
    "plan": "lengen.analysis.plan_study.StudyPlan",
    "tune": "lengen.experiment.tune_request.TuneRequest",
}
"""The classes that check the options of commands that do not train from a configuration."""
KINDS = {bool: "true or false", int: "whole number", float: "number", str: "text", list: "list"}
"""What an option can be whose default is of a type."""
NAMED = 4
"""Most options that are named."""


def belongs(key: str, folders: Sequence[Path] = ()) -> str:
    """Say which options of its group have an argument; an empty text if none has.

    Args:
        key: the argument, with its group.
        folders: the user's own configuration folders.

    >>> belongs("head.epsilon"), belongs("head.zz")
    ('; head.epsilon belongs to head=nmst, st', '')
    """
    group, name = _parted(key)
    having = _having(group, folders).get(name, ()) if name else ()
    return f"; {group}.{name} belongs to {_listed(group, having)}" if having else ""


def similar(key: str, folders: Sequence[Path] = ()) -> str:
    """Suggest arguments with a name like this one that other options of its group have; an empty text if there are none.

    Args:
        key: the argument, with its group.
        folders: the user's own configuration folders.

    >>> similar("head.epsilo")
    "; did you mean 'head.epsilon' of head=nmst, st?"
    """
    group, name = _parted(key)
    known = _having(group, folders) if name else {}
    close = nearest(name, known)
    return re.sub(
        r"'([\w.]+)'", lambda found: f"'{group}.{found[1]}' of {_listed(group, known[found[1]])}", close
    )


def begun(key: str, folders: Sequence[Path] = ()) -> str:
    """Suggest the one argument of other options of its group that an abbreviation begins; an empty text if there is none.

    >>> begun("head.eps")
    "; did you mean 'head.epsilon' of head=nmst, st?"
    """
    group, name = _parted(key)
    known = _having(group, folders) if len(name) >= ABBREVIATED else {}
    found = [each for each in known if each.startswith(name) and each != name]
    return (
        f"; did you mean '{group}.{found[0]}' of {_listed(group, known[found[0]])}?"
        if len(found) == 1
        else ""
    )


def in_lengen(option: str, value: str, known: Collection[str] = (), folders: Sequence[Path] = ()) -> str:
    """Explain an unknown option that other libraries have, and what it can be, if the value is none of that.

    >>> in_lengen("precision", "16")
    "; in lengen this is 'trainer.precision' (allowed: auto, float32, or bf16)"
    >>> in_lengen("max_steps", "10"), in_lengen("optim", "sgd")
    ("; in lengen this is 'steps'", "; in lengen this is 'optimizer' (allowed: adamw, muon)")

    Args:
        option: the option, such as `max_steps`.
        value: what it was set to; empty if that is not known.
        known: the options of the command.
        folders: the user's own configuration folders.
    """
    said = foreign_word(option, known, value)
    found = re.search(r"; in lengen this is '([\w.]+)'$", said)
    allowed = _allowed(found[1], value, folders) if found and value else ""
    return f"{said} (allowed: {allowed})" if allowed else said


def _allowed(option: str, value: str, folders: Sequence[Path]) -> str:
    """Say what an option can be, if a value is none of that; else, and if that is not known, an empty text."""
    if named := choices(option, folders) if "." not in option else ():
        return "" if value in named else ", ".join(named)
    argument = _argument(option, "train", (), folders)
    each = [value] if value.startswith("[") else value.split(",")  # of a study
    if argument is None or all(can_be(argument, "=", part) for part in each):
        return ""
    return argument.allowed


def values_of(option: str, command: str, words: Sequence[str] = (), folders: Sequence[Path] = ()) -> str:
    """Say which values an option of a command can have; an empty text if that is not known.

    >>> values_of("steps", "train"), values_of("name", "train"), values_of("count", "data")
    ('whole number: at least 1', 'text or null', 'whole number')

    Args:
        option: such as `steps` or `optimizer.lr`.
        command: name of the command, whose default of the option may be null.
        words: overrides, which choose options of groups.
        folders: the user's own configuration folders.
    """
    if named := choices(option, folders) if "." not in option else ():
        return ", ".join(named)
    argument = _argument(option, command, words, folders)
    default = next((each.default for each in command_page(command).options if each.name == option), "")
    said = argument.allowed if argument else KINDS.get(type(yaml.safe_load(default)), "")
    own = argument is not None and (
        "." not in option or "null" in argument.kinds
    )  # it says all there is to know
    if own or default != "null":
        return said
    return f"{said}, or null" if said else "null, or a value"


def _argument(option: str, command: str, words: Sequence[str], folders: Sequence[Path]) -> Argument | None:
    """Return what is known of an option of a command; of a group, first that of the options that words choose."""
    head, _, _ = option.partition(".")
    if head == "eval":
        found = class_arguments(EVALUATION, [option.removeprefix("eval.")], "eval.")
        return next(iter(found), None)
    if head == option:
        return next(iter(class_arguments(CHECKED_BY.get(command, RUN), [option])), None)
    group, name = _parted(option)
    chosen = [word.partition("=")[2] for word in words if word.partition("=")[0] in (head, group)]
    names = choices(group, folders) if group in groups(folders) else ()
    for each in (*(name for name in chosen if name in names), *names):
        with suppress(UsageError, OSError, SyntaxError):  # a file of the user's own that cannot be read
            for argument in option_page(group, each, folders).arguments:
                start = f"{group}.{each}." if group in UNDER_THEIR_NAMES else f"{group}."
                if argument.name in (option, f"{start}{name}"):
                    return argument
    return None


def _parted(key: str) -> tuple[str, str]:
    """Return the group of an argument and its name in there, also of a part of a pattern of mixers.

    >>> _parted("mixer.parts.near.pe.base"), _parted("optimizer.schedule.warmup"), _parted("steps")
    (('pe', 'base'), ('optimizer', 'schedule.warmup'), ('steps', ''))
    """
    if found := re.fullmatch(rf"{GROUP}\.{PARTS}\.\w+\.(?:({'|'.join(INSIDE)})\.)?(.+)", key):
        return found[1] or GROUP, found[2]
    group, _, name = key.partition(".")
    return group, name.partition(".")[2] if group in UNDER_THEIR_NAMES else name


def _having(group: str, folders: Sequence[Path]) -> Mapping[str, list[str]]:
    """Return the options of a group by the names of their arguments; of no group, none."""
    found = dict[str, list[str]]()
    for option in choices(group, folders) if group in groups(folders) else ():
        try:
            page = option_page(group, option, folders)
        except (UsageError, OSError, SyntaxError):  # a file of the user's own that cannot be read
            continue
        start = f"{group}.{option}." if group in UNDER_THEIR_NAMES else f"{group}."
        for argument in page.arguments:
            found.setdefault(argument.name.removeprefix(start), []).append(option)
    return found


def _listed(group: str, options: Collection[str]) -> str:
    """Return options of a group as text.

    >>> _listed("pe", ["alibi", "rope"]), _listed("pe", ["a", "b", "c", "d", "e", "f"])
    ('pe=alibi, rope', 'pe=a, b, c, d and 2 others')
    """
    named, more = [*options][:NAMED], len(options) - NAMED
    return f"{group}={', '.join(named)}" + (f" and {more} other{'s' * (more > 1)}" if more > 0 else "")
