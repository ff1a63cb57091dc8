"""Check whether an encoding, an attention, a mixer, a head, positions, a task or an extension meets its contract: one line per check."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import Any

from lengen.cli.hydra_app import HydraApp
from lengen.config.compose import CHECK
from lengen.launcher.job import FAILED


def main(arguments: list[str]) -> int:
    """Run the command."""
    groups = [
        match[1]
        for word in arguments
        if (match := re.match(r"(pe|attention|mixer|head|positions|task)[.=]", word))
    ]
    return HydraApp(
        CHECK, lambda config, allowed: check(config, allowed, dict.fromkeys(groups)), arguments
    ).enter()


def check(config: dict[str, Any], allowed: set[str], groups: dict[str, None]) -> int:
    """Check the chosen options of some groups against their contracts."""
    from lengen.config.builder import Builder, leaf
    from lengen.config.errors import require
    from lengen.config.limits import MOST_LENGTHS
    from lengen.extend import Extension
    from lengen.testing.extension import check_extension
    from lengen.testing.parts import Parts

    extensions = config.pop("extend") or {}
    require(
        bool(groups or extensions),
        "nothing to check: name an option with pe=, attention=, mixer=, head=, positions=, task= or extend=",
    )
    names = ("pe", "attention", "mixer", "head", "positions", "task")
    parts = Builder(allowed).build(Parts, {name: config[name] for name in names})
    length = leaf(int, config["train_length"], "train_length")
    require(1 <= length <= MOST_LENGTHS, f"train_length={length}: must be 1 to {MOST_LENGTHS}")
    reports = [
        parts.check(group, config["labels"][group], length, shown="task" in groups) for group in groups
    ]
    for name, node in extensions.items():
        make = partial(Builder(allowed).build, Extension, node, f"extend.{name}")  # type: ignore[type-abstract]
        make()
        report = check_extension(make, raise_on_failure=False)
        reports.append(replace(report, subject=f"extend={name}"))
    print("\n\n".join(map(repr, reports)))
    return 0 if all(report.passed for report in reports) else FAILED
