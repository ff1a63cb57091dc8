"""Names of cells: the values of given options, and of further options that differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from lengen.comparison.run_record import MISSING, RunRecord
from lengen.config.identity import BASE, NON_IDENTITY_KEYS
from lengen.config.option_names import option_of_target
from lengen.config.pattern_words import GROUP, PARTS, part_group
from lengen.records.plain_text import visible

LONG = 8
"""Most characters of a number in the name of a cell."""


def distinguishing_names(
    runs: Sequence[RunRecord], keys: Sequence[str], among: str, besides: Sequence[str] = ()
) -> list[str]:
    """Name each cell by its values of the given options, and how it was tuned; cells with equal names also by what else differs.

    Args:
        runs: one run of each cell.
        keys: the given options.
        among: start of the names of the options that are compared, which is left out of the names.
        besides: options that no cell is named by.
    """
    names = [", ".join([*given(run, keys), *tuned(run, keys)]) for run in runs]
    for name, count in Counter(names).items():
        if count == 1:
            continue
        namesakes = [index for index, each in enumerate(names) if each == name]
        texts = [
            ", ".join(
                f"{key.removeprefix(among)}={value}"
                for key, value in each.items()
                if not any(within(key, other) for other in besides)
            )
            for each in differences([runs[index] for index in namesakes], among)
        ]
        for index, text in zip(namesakes, texts, strict=True):
            tail = [text] if texts.count(text) == 1 else [text, runs[index].cell]
            names[index] = f"{name} ({', '.join(filter(None, tail))})"
    return names


def given(run: RunRecord, keys: Sequence[str]) -> list[str]:
    """Return the values of some options of a run, of true and false also which option it is; without those that it has not, unless it has none."""
    found = [
        f"{key.rpartition('.')[2]}={run.value(key)}" if isinstance(run.option(key), bool) else run.value(key)
        for key in keys
        if run.option(key) != MISSING
    ]
    return found or [MISSING]


def tuned(run: RunRecord, keys: Sequence[str]) -> list[str]:
    """Return how a run was tuned, for its name; nothing if it was not, or if the name says so anyway."""
    label = run.config["labels"].get("tune")
    return [f"tuned: {label}"] if label and "tune" not in keys else []


def within(key: str, other: str) -> bool:
    """Whether an option is another one, or belongs to it.

    >>> within("optimizer.lr", "optimizer"), within("pe_scale", "pe")
    (True, False)
    """
    return f"{key}.".startswith(f"{other}.")


def differences(runs: Sequence[RunRecord], among: str = "") -> list[dict[str, str]]:
    """For each cell, return the groups and options in which the cells differ, with its values.

    Options of a group, or of a part of a pattern, are compared only among cells with the same choice in it: `attention=ssmax` is named,
    not each of its options.

    Args:
        runs: one run of each cell.
        among: start of the names of the options that are compared.
    """
    options = [
        {
            key: value
            for key, value in with_part_names(flat(run.config)).items()
            if key.startswith(among)
            and not (key == "lengths.maximum" and value == run.config.get("train_length"))  # said once
        }
        for run in runs
    ]
    chosen = {
        group: labels
        for group in dict.fromkeys(label for run in runs for label in run.config["labels"])
        if group.startswith(among) and len(set(labels := [run.value(group) for run in runs])) > 1
    }
    parts = {key for each in options for key, value in each.items() if isinstance(value, PartName)}
    found = [{group: labels[index] for group, labels in chosen.items()} for index in range(len(runs))]
    for key in dict.fromkeys(key for each in options for key in each):
        labels = chosen.get(key.partition(".")[0], [""] * len(runs))
        around = sorted(part for part in parts if part != key and within(key, part))
        choices = [(label, *map(each.get, around)) for label, each in zip(labels, options, strict=True)]
        values = shown([each.get(key, MISSING) for each in options])
        of_choice: dict[Any, set[str]] = {}
        for choice, value in zip(choices, values, strict=True):
            of_choice.setdefault(choice, set()).add(value)
        for index, choice in enumerate(choices):
            if len(of_choice[choice]) > 1:
                found[index][key] = values[index]
    return found


class PartName(str):
    """The name of the option that a part of a pattern is, such as the encoding of one of its mixers."""

    __slots__ = ()


def with_part_names(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options by the names that those of a pattern have on the command line, and its parts by those of their options.

    >>> with_part_names({"mixer.parts.near.pe._target_": "lengen.pe.alibi.ALiBi", "mixer.parts.near.size": 8, "steps": 5})
    {'mixer.near.pe': 'alibi', 'mixer.near.size': 8, 'steps': 5}
    """
    inside = f"{GROUP}.{PARTS}."
    found: dict[str, Any] = {}
    for key, value in options.items():
        if not key.startswith(inside):
            found[key] = value
            continue
        written = f"{GROUP}.{key.removeprefix(inside)}"
        part = written.removesuffix("._target_")
        found[part] = value if part == written else PartName(option_of_target(value, part_group(part)))
    return found


def shown(values: Sequence[Any]) -> list[str]:
    """Return values as text; long numbers, as a search draws them, with four digits if that tells them apart.

    >>> shown([0.0072729596622822972, 0.003]), shown([0.00727295, 0.00727296123456])
    (['0.007273', '0.003'], ['0.00727295', '0.00727296123456'])
    """
    full = [visible(str(value)) for value in values]
    short = [
        f"{value:.4g}" if isinstance(value, float) and len(text) > LONG else text
        for value, text in zip(values, full, strict=True)
    ]
    return short if len(set(short)) == len(set(full)) else full


def flat(node: Mapping[str, Any], head: str = "") -> dict[str, Any]:
    """Return the options by dotted name, without those that cannot distinguish cells."""
    options: dict[str, Any] = {}
    for key, value in node.items():
        if not head and key in (
            *NON_IDENTITY_KEYS,
            BASE,
        ):  # bases of other cells differ in what else is named
            continue
        if isinstance(value, Mapping):
            options.update(flat(value, f"{head}{key}."))
        else:
            options[f"{head}{key}"] = value
    return options
