"""A plan in Python is what the command prints, once."""

from __future__ import annotations

import json
from html import unescape
from pathlib import Path

import lengen
from conftest import command

NOTEBOOKS = Path(__file__).parents[2] / "docs/notebooks"


def words(text):
    """The words of a text, however its lines are broken."""
    return text.split()


def test_a_plan_is_shown_as_the_command_prints_it(monkeypatch, capsys):
    found = lengen.plan(cells=2, seeds=2)
    assert capsys.readouterr().out == ""
    assert command(monkeypatch, "plan", "cells=2", "seeds=2") == 0
    printed = words(capsys.readouterr().out)
    assert words(str(found)) == printed
    assert words(unescape(found._repr_html_()).removeprefix("<pre>").removesuffix("</pre>")) == printed


def test_cells_of_the_notebooks_show_their_results():
    books = sorted(NOTEBOOKS.glob("*.ipynb"))
    cells = [cell for book in books for cell in json.loads(book.read_text())["cells"]]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    shown = [text.splitlines()[-1] for text in code if text.splitlines()[-1].startswith("lengen.")]
    assert "lengen.plan(cells=2, seeds=5)" in shown
    assert [line for line in shown if line.endswith(";")] == []
