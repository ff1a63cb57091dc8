"""Lines and tables on terminals that are narrow, or print ASCII alone."""

import io

import pytest
from rich.console import Console

from lengen.report.console import NONE, say, table

ROWS = [
    {"cell": "größer, [bold]rope[/bold]", "reach 0.90": "20", "not as good as": NONE},
    {"cell": "nope", "reach 0.90": NONE, "not as good as": "rope"},
]


def printed(draw, *, width=100, encoding="utf-8"):
    """What a terminal shows; it raises where it cannot print a character."""
    page = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict", newline="")
    draw(Console(file=page, width=width))
    page.flush()
    return page.buffer.getvalue().decode(encoding)


def shown(**options):
    return printed(lambda console: console.print(table(console, ROWS, left=("cell",))), **options)


def test_cells_are_no_markup_and_print_anywhere():
    assert "größer, [bold]rope[/bold]" in shown()
    text = shown(encoding="ascii")
    assert "gr??er, [bold]rope[/bold]" in text
    assert "-" in next(line for line in text.splitlines() if "nope" in line)
    say_all = [f"[bold]a line {NONE}[/bold]", "another that is wider than the terminal"]
    lines = printed(lambda console: say(console, *say_all), width=20, encoding="ascii").splitlines()
    assert lines == ["[bold]a line -[/bold]", "another that is wider than the terminal"]


@pytest.mark.parametrize(("width", "names"), [(80, 3), (40, 2), (25, 1)])
def test_a_narrow_terminal_goes_without_dispensable_columns(width, names):
    console = Console(width=width)
    drawn = table(console, ROWS, dispensable=("not as good as", "reach 0.90"))
    headers = ["cell", "reach\n0.90", "not\nas\ngood\nas"]
    assert [column.header for column in drawn.columns] == headers[:names]


def test_a_rule_follows_the_last_row_of_a_section():
    console = Console(width=80)
    drawn = table(console, ROWS, sections=[0])
    assert [row.end_section for row in drawn.rows] == [True, False]
