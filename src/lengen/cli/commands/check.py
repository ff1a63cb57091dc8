"""Check whether an encoding, an attention, a mixer, a head, positions, a task or an extension meets its contract: one line per check."""

from __future__ import annotations

import importlib
import re
import sys
import traceback
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from lengen.cli.arguments import refuse
from lengen.cli.hydra_app import HydraApp
from lengen.config.compose import CHECK
from lengen.launcher.job import FAILED, named


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
    try:
        parts = Builder(allowed).build(Parts, {name: config[name] for name in names})
        for name, node in extensions.items():
            Builder(allowed).build(Extension, node, f"extend.{name}")  # type: ignore[type-abstract]
    except (ImportError, SyntaxError) as error:
        if (told := import_failure(error)) is None:
            raise
        line, trace = told
        code = refuse(line)
        print(trace, end="", file=sys.stderr)
        return code
    length = leaf(int, config["train_length"], "train_length")
    require(1 <= length <= MOST_LENGTHS, f"train_length={length}: must be 1 to {MOST_LENGTHS}")
    reports = [
        parts.check(group, config["labels"][group], length, shown="task" in groups) for group in groups
    ]
    for name, node in extensions.items():
        make = partial(Builder(allowed).build, Extension, node, f"extend.{name}")  # type: ignore[type-abstract]
        report = check_extension(make, raise_on_failure=False)
        reports.append(replace(report, subject=f"extend={name}"))
    print("\n\n".join(map(repr, reports)))
    return 0 if all(report.passed for report in reports) else FAILED


def import_failure(error: ImportError | SyntaxError) -> tuple[str, str] | None:
    """Describe why a module of the user's cannot be imported.

    Returns:
        One line with the file and what it lacks, and the traceback from the user's code on; None if no such code was imported.
    """
    from lengen.report.terminal import from_here

    here, machinery = str(Path(__file__).parents[2]), ("<frozen", str(Path(importlib.__file__).parent))
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((f"{here}/", *machinery))
    ]
    own = [index for index, frame in enumerate(frames) if frame.name == "<module>"]
    trace = "".join(traceback.format_exception_only(error))
    if isinstance(error, SyntaxError):
        return (
            f"{from_here(Path(error.filename or ''))}, line {error.lineno}: cannot be imported: {named(error)}",
            trace,
        )
    if not own:
        return None
    frames = frames[own[0] :]
    if isinstance(error, ModuleNotFoundError) and error.name:
        reason = f"imports {error.name!r}, which is not installed here"
    else:
        reason = f"cannot be imported: {named(error)}"
    listed = "".join(traceback.format_list(frames))
    return (
        f"{from_here(Path(frames[0].filename))}, line {frames[0].lineno}: {reason}",
        f"Traceback (of your code):\n{listed}{trace}",
    )
