"""Names of cells: the values of given options, and of further options that differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from lengen.comparison.run_record import MISSING, RunRecord

NON_IDENTITY_KEYS = ("seed", "init_seed", "data_seed", "name", "results_dir", "force", "logger", "labels")
"""Keys of a configuration that cannot distinguish cells."""


def distinguishing_names(runs: Sequence[RunRecord], keys: Sequence[str], among: str) -> list[str]:
    """Name each cell by its values of the given options; cells with equal values also by what else differs."""
    names = [", ".join(run.value(key) for key in keys) for run in runs]
    for name, count in Counter(names).items():
        if count == 1:
            continue
        namesakes = [index for index, each in enumerate(names) if each == name]
        differences = _differences([runs[index] for index in namesakes], among)
        for index, text in zip(namesakes, differences, strict=True):
            tail = [text] if differences.count(text) == 1 else [text, runs[index].cell]
            names[index] = f"{name} ({', '.join(filter(None, tail))})"
    return names


def _differences(runs: Sequence[RunRecord], among: str) -> list[str]:
    """For each cell, list the groups and options in which the cells differ.

    Options of a group are compared only among cells with the same choice in it: `attention=ssmax` is named, not each of
    its options.
    """
    options = [
        {key: value for key, value in flat(run.config).items() if key.startswith(among)} for run in runs
    ]
    chosen = {
        group: labels
        for group in dict.fromkeys(label for run in runs for label in run.config["labels"])
        if group.startswith(among) and len(set(labels := [run.value(group) for run in runs])) > 1
    }
    differences = [
        [f"{group}={labels[index]}" for group, labels in chosen.items()] for index in range(len(runs))
    ]
    for key in dict.fromkeys(key for each in options for key in each):
        choices = chosen.get(key.partition(".")[0], [""] * len(runs))
        values = [str(each.get(key, MISSING)) for each in options]
        of_choice: dict[str, set[str]] = {}
        for choice, value in zip(choices, values, strict=True):
            of_choice.setdefault(choice, set()).add(value)
        for index, choice in enumerate(choices):
            if len(of_choice[choice]) > 1:
                differences[index].append(f"{key.removeprefix(among)}={values[index]}")
    return [", ".join(each) for each in differences]


def flat(node: Mapping[str, Any], head: str = "") -> dict[str, Any]:
    """Return the options by dotted name, without those that cannot distinguish cells."""
    options: dict[str, Any] = {}
    for key, value in node.items():
        if not head and key in NON_IDENTITY_KEYS:
            continue
        if isinstance(value, Mapping):
            options.update(flat(value, f"{head}{key}."))
        else:
            options[f"{head}{key}"] = value
    return options
