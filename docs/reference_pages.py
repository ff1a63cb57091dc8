"""A Sphinx extension that writes the pages of docs/reference: every option of every group, from its YAML and its class.

A new option has its page by being there: `lengen.config.option_page` reads it, as `lengen list` does.
"""

from __future__ import annotations

import ast
import inspect
import io
import re
from collections.abc import Iterable
from contextlib import redirect_stdout
from pathlib import Path

from sphinx.application import Sphinx

from lengen.cli.main import commands, run
from lengen.cli.option_text import held
from lengen.config.command_page import command_page, group_meanings
from lengen.config.option_page import OptionPage, option_pages
from lengen.config.search import config_dir, groups
from lengen.config.source import module_file

FOLDER = Path(__file__).parent / "reference"
PLACES = {
    "trainer": "lengen.training.options",
    **dict.fromkeys(("experiment", "size", "published", "theory", "family"), ""),
}
"""Modules whose docstrings introduce a group, where they are not the package of its name."""
LINES = {
    "experiment": "Complete settings of papers: one word sets task, sizes, steps and lengths.",
    "size": "Decoder, optimizer and number of steps: those of a paper, or of a laptop.",
    "published": "Curves of papers, for `lengen compare against=`.",
    "theory": "What theory says of classes of decoders, with sources, for `lengen compare`.",
    "family": "Families of tasks of which theory speaks, for `lengen compare`.",
}

PYTHON = {
    "function": (
        *("lengen.train", "lengen.study", "lengen.load", "lengen.compare", "lengen.plan"),
        *(f"lengen.testing.check_{kind}" for kind in ("task", "encoding", "attention", "positions")),
    ),
    "class": (
        *("lengen.api.run.Run", "lengen.api.study.Study", "lengen.api.comparison.Comparison"),
        *("lengen.api.attention.AttentionMap", "lengen.api.picture.Picture"),
        *("lengen.Task", "lengen.PositionalEncoding", "lengen.AttentionRule", "lengen.Positions"),
    ),
    "exception": ("lengen.UsageError", "lengen.LengthUnavailable"),
}
"""What the page of the Python API describes, from docstrings."""


def introduction(group: str) -> tuple[str, str]:
    """Return the first sentence of a group's contract, and the rest of it up to its first code."""
    path = module_file(PLACES.get(group, f"lengen.{group}") or "lengen")
    text = (
        inspect.cleandoc(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "") if path else ""
    )
    line, _, rest = LINES.get(group, text or group_meanings().get(group, "")).partition("\n")
    return line, re.split(r"\n *(?:>>>|\|)", rest)[0].strip() if group not in LINES else ""


def cell(text: str) -> str:
    """Return a text as a cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ")


def code(text: str) -> str:
    """Return a text as code in a line, also if it has backticks."""
    return f"`{text}`" if text else ""


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Return the lines of a table."""
    lines = [[*head], ["---" for _ in head], *map(list, rows)]
    return ["| " + " | ".join(map(cell, row)) + " |" for row in lines]


def examples(page: OptionPage) -> list[str]:
    """Return what `lengen data` prints of a task, with the command."""
    command = ["data", f"task={page.name}", "length=4", "count=2"]
    shown = io.StringIO()
    with redirect_stdout(shown):
        failed = run(command)
    if failed:
        raise RuntimeError(f"lengen {' '.join(command)}")
    return ["```text", f"$ lengen {' '.join(command)}", shown.getvalue().strip(), "```", ""]


def section(page: OptionPage) -> list[str]:
    """Return the section of an option."""
    lines = [f"## {page.name}", "", f"{page.line}.", ""]
    lines += [f"- *{name}*: {fact}" for name, fact in page.facts.items()]
    lines += [f"- *class*: {code(page.target)}"] if page.target else []
    lines += ["", page.text, ""]
    if page.group == "task":
        lines += examples(page)
    elif page.holds:
        lines += ["```text", *held(page.holds, 120), "```", ""]
    else:
        lines += ["```text", f"lengen train {page.group}={page.name}", "```", ""]
    if page.arguments:
        rows = (
            (code(part.name), code(part.default) or "must be given", part.allowed, part.meaning)
            for part in page.arguments
        )
        lines += [*table(("option", "default", "allowed", "meaning"), rows), ""]
    if page.sets:
        rows = ((code(name), code(value)) for name, value in page.sets.items())
        lines += [
            "It also sets:" if page.arguments else "It sets:",
            "",
            *table(("option", "value"), rows),
            "",
        ]
    return lines


def group_page(group: str) -> str:
    """Return the page of a group."""
    line, rest = introduction(group)
    pages = option_pages(group)
    rows = ((f"[{page.name}](#{page.name})", page.line, page.facts.get("paper", "none")) for page in pages)
    head = [f"# {group}", "", line, "", rest, "", *table(("option", "meaning", "paper"), rows), ""]
    return "\n".join([*head, *(text for page in pages for text in section(page))]) + "\n"


def python_page() -> str:
    """Return the page of the Python API."""
    lines = ["# Python API", "", "How to use it is on the page [Python](../python.md).", "", "```{eval-rst}"]
    for kind, names in PYTHON.items():
        for name in names:
            lines += [f".. auto{kind}:: {name}", *(["   :members:"] if kind == "class" else []), ""]
    return "\n".join([*lines, "```", ""])


def command_section(name: str) -> list[str]:
    """Return the section of a command: its forms, its options and the groups that it has."""
    page = command_page(name)
    rows = ((code(part.name), code(part.default), part.meaning) for part in page.options)
    lines = [f"## lengen {name}", "", "```text", page.header.strip(), "```", ""]
    if page.groups:
        lines += [f"Groups: {', '.join(f'[{part.name}]({part.name}.md)' for part in page.groups)}.", ""]
    return [*lines, *table(("option", "default", "meaning"), rows), ""]


def commands_page() -> str:
    """Return the page of the options of each command that are in no group."""
    names = sorted(name for name in commands() if (config_dir() / f"{name}.yaml").is_file())
    head = [
        "# Commands",
        "",
        "Options of each command outside the groups, as `lengen COMMAND --help` shows them.",
        "",
    ]
    return "\n".join([*head, *(line for name in names for line in command_section(name))]) + "\n"


def write(app: Sphinx) -> None:
    """Write all pages; one that has not changed keeps its time, so that Sphinx does not build it again."""
    FOLDER.mkdir(exist_ok=True)
    names = sorted(groups())
    texts = {f"{group}.md": group_page(group) for group in names} | {
        "python-api.md": python_page(),
        "commands.md": commands_page(),
    }
    for file in FOLDER.iterdir():
        if file.name not in texts:
            file.unlink()
    for name, text in texts.items():
        path = FOLDER / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def link(app: Sphinx, name: str, content: list[str]) -> None:
    """Let the groups in the table of options lead to their pages, which only the site has."""
    if name == "options":
        content[0] = re.sub(r"^\| `(\w+)` \|", r"| [`\1`](reference/\1.md) |", content[0], flags=re.MULTILINE)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("builder-inited", write)
    app.connect("source-read", link)
    return {"parallel_read_safe": True}
