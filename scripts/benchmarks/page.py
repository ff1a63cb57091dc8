"""The tables of `docs/speed.md`, from the files of the measures; no number in them is typed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import Figure, described
from benchmarks.record import RESULTS, ROOT, loaded

PAGE = ROOT / "docs" / "speed.md"
BEGIN = "<!-- from here on written by python scripts/bench.py page -->"
END = "<!-- to here -->"
EMPTY = "—"
UNTRIED = "None of this was measured on a GPU: `make gpu` has not been run on one."


def number(value: float) -> str:
    """Write a number with three digits, and thousands with commas."""
    if value == 0 or 0.001 <= abs(value) < 1000:
        digits = 2 if abs(value) >= 1 or value == 0 else 3
        return f"{value:.{digits}f}" if abs(value) < 100 else f"{value:.1f}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2e}"


def row(figure: Figure) -> str:
    """Return the row of a figure."""
    spread = (
        f"{number(figure.low)} to {number(figure.high)} ({figure.rounds})" if figure.rounds > 1 else EMPTY
    )
    mark = (
        EMPTY if figure.mark is None else f"{number(figure.mark)}: {'met' if figure.met else '**not met**'}"
    )
    values = ", ".join(f"{name.replace('_', ' ')} {number(value)}" for name, value in figure.values.items())
    rest = "; ".join(filter(None, (values, figure.note))) or EMPTY
    return f"| {figure.what} | {number(figure.median)} {figure.unit} | {spread} | {mark} | {rest} |"


def table(record: Mapping[str, Any], *, whole: bool, level: str = "###") -> str:
    """Return the section of a measure: its head, its table, and what was not measured.

    Args:
        record: the content of its JSON, with entries as objects.
        whole: whether it has the details, which are not on the page.
        level: the mark of its heading.
    """
    machine = record["machine"]
    versions = "".join(f", {name} {version}" for name, version in record["libraries"].items())
    device = "" if machine["device"] == "cpu" else f" and {machine['device']}"
    lines = [
        f"{level} {record['name']}: {record['title']}",
        "",
        *([about, ""] if (about := described().get(record["name"], ("", ""))[1]) else []),
        f"`{record['command']}` at commit {record['commit']}, {record['date']}: {machine['cpu']}{device}, {machine['cores']} "
        f"cores (load {machine['load']}), threads: {machine['threads']}; torch {record['torch']}{versions}."
        + (" Of toy size: these numbers mean nothing." if record["toy"] else ""),
    ]
    shown = [figure for figure in record["figures"] if whole or not figure.detail]
    if shown:
        lines += [
            "",
            "| what | median | quartiles (rounds) | mark | more |",
            "|---|---|---|---|---|",
            *map(row, shown),
        ]
    if len(shown) < len(record["figures"]):
        name = record["name"]
        lines += ["", f"All {len(record['figures'])} rows: `results/bench/{name}.md`."]
    lines += profiles(shown)
    for word in ("skipped", "failed"):
        for entry in record[word]:
            lines += ["", f"{word.capitalize()}: {entry.what} ({entry.reason})."]
    return "\n".join(lines)


def profiles(figures: Sequence[Figure]) -> list[str]:
    """Return the lines of a table of where the time goes, of figures that have profiles."""
    found = [(figure.what, profile) for figure in figures for profile in figure.profiles]
    if not found:
        return []
    kinds = list(dict.fromkeys(kind for _, profile in found for kind in profile.shares))
    head = ["missed its mark", "where the time of a step goes", "ms", *kinds]
    lines = ["", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for what, profile in found:
        shares = [f"{profile.shares[kind]:.0%}" if kind in profile.shares else EMPTY for kind in kinds]
        lines.append(f"| {' | '.join([what, profile.side, number(profile.milliseconds), *shares])} |")
    return lines


def sections(folder: Path = RESULTS) -> str:
    """Return the sections of all measures that have a file, by name."""
    return "\n\n".join(table(loaded(path), whole=False) for path in sorted(folder.glob("*.json")))


def marks(folder: Path = RESULTS) -> str:
    """Return the table of all marks, but for those of details that are met."""
    lines = ["| measure | what | median | mark |", "|---|---|---|---|"]
    for path in sorted(folder.glob("*.json")):
        record = loaded(path)
        lines += [
            f"| {record['name']} | {figure.what} | {number(figure.median)} {figure.unit} | "
            f"{number(figure.mark)}: {'met' if figure.met else '**not met**'} |"
            for figure in record["figures"]
            if figure.mark is not None and not (figure.detail and figure.met)
        ]
    return "\n".join(lines)


def between(text: str, new: str) -> str:
    """Return a page with something new between the two marks."""
    pattern = re.compile(rf"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    if not pattern.search(text):
        raise SystemExit(f"{PAGE}: lacks the lines {BEGIN} and {END}")
    return pattern.sub(lambda _: f"{BEGIN}\n\n{new}\n\n{END}", text)


def page(text: str, folder: Path = RESULTS) -> str:
    """Return the page with the tables of the files in a folder."""
    untried = "" if (folder / "gpu.json").exists() else f"{UNTRIED}\n\n"
    return between(text, f"## Marks\n\n{untried}{marks(folder)}\n\n## Measures\n\n{sections(folder)}")
