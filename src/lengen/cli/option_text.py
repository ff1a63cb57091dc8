"""What there is to know of an option, as text: the page of `lengen list pe=alibi`, and its entry in a list of options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lengen.cli.text import entries, wrapped
from lengen.config.option_page import Argument, OptionPage, as_yaml


def page_lines(page: OptionPage, columns: int) -> list[str]:
    """All that is known of an option, in lines of so many characters."""
    lines = wrapped(f"{page.group}={page.name}: {page.line or 'no description'}", 0, columns)
    facts = {**page.facts, **({"class": page.target} if page.target else {})}
    lines += ["", *entries(facts.items(), 2, columns)] if facts else []
    lines += ["", *wrapped(page.text, 0, columns)] if page.text else []
    if page.arguments:
        lines += ["", "Arguments"]
    for each in page.arguments:
        lines += _argument(each, columns)
    if page.sets:
        lines += ["", "Sets", *(f"  {name}={value}" for name, value in page.sets.items())]
    return [*lines, "", *held(page.holds, columns)] if page.holds else lines


def held(node: Mapping[str, Any], columns: int, indent: int = 0) -> list[str]:
    """The values of a file by name, in lines of so many characters; those within another are indented.

    >>> held({"verdict": "no", "members": [["mixer=gla"], ["mixer=mamba", "decoder.layers=1"]]}, 80)
    ['verdict: no', 'members', '  - mixer=gla', '  - mixer=mamba, decoder.layers=1']
    """
    lines = []
    for name, value in node.items():
        if isinstance(value, Mapping):
            lines += [" " * indent + str(name), *held(value, columns, indent + 2)]
        elif isinstance(value, list) and all(isinstance(part, list) for part in value):
            lines += [" " * indent + str(name)]
            for part in value:
                lines += wrapped(f"- {', '.join(map(str, part))}", indent + 2, columns)
        else:
            lines += wrapped(
                f"{name}: {value if isinstance(value, str) else as_yaml(value)}", indent, columns
            )
    return lines


def entry(name: str, line: str, facts: Mapping[str, str], *, full: bool) -> list[tuple[str, str]]:
    """An option in a list: its name, its line and its paper, and below these its further facts if they are asked for."""
    others = dict(facts)
    paper = others.pop("paper", "none")
    shown = [(name, line + (f"  [{paper}]" if paper != "none" else ""))]
    if full and others:
        shown.append(("", " · ".join(f"{fact}: {text}" for fact, text in others.items())))
    return shown


def _argument(argument: Argument, columns: int) -> list[str]:
    """An argument: its default and what is allowed, on one line where that fits, and below them what it means."""
    head = f"  {argument.name}={argument.default or '…'}"
    allowed = f"({argument.allowed or 'any value'}{'' if argument.default else '; must be given'})"
    beside = f"{head}   {allowed}"
    lines = [beside] if len(beside) <= columns else [head, *wrapped(allowed, 6, columns)]
    return lines + (wrapped(argument.meaning, 6, columns) if argument.meaning else [])
