"""Lines and tables on terminals that are narrow, or print ASCII alone."""

import io
from unittest.mock import Mock

import pytest
from rich.console import Console

from lengen.comparison.cell_summary import CellSummary
from lengen.report import theory
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


def lines(rows, width, **options):
    """Lines of a printed table, without the empty ones."""
    text = printed(lambda console: console.print(table(console, rows, **options)), width=width)
    return [line for line in text.splitlines() if line.strip()]


TOLD = [
    {"cell": f"nope (mixer={name})", "success": "0/13 [0.00, 0.24]", "predicted": text, "others": others}
    for name, text, others in (
        ("gla", "no (finite precision, at any depth)", "gru; lstm; mamba; mamba2; retnet; rwkv7"),
        ("gru", "yes (one layer)", "gla"),
    )
]


@pytest.mark.parametrize("width", range(44, 140, 3))
def test_no_word_is_broken_where_there_is_room_for_words_and_no_number_where_there_is_for_numbers(width):
    found = lines(TOLD, width, dispensable=(), wide=("others",), left=("cell", "predicted", "others"))
    assert max(map(len, found)) <= width
    words = {word for line in found for word in line.split()}
    whole = {word for row in TOLD for text in (*row, *row.values()) for word in text.split()}
    assert words - {line.strip() for line in found} <= whole
    if width >= 60:
        assert sum("[0.00, 0.24]" in line for line in found) == len(TOLD)


def test_a_long_text_beside_the_first_column_is_broken_before_a_column_is_omitted():
    found = lines(TOLD, 110, dispensable=("success",), left=("cell", "predicted", "others"))
    assert "success" in found[0]
    assert len(found) == 2 + 2 + 1


def test_what_theory_says_is_short_on_a_terminal():
    said = ["finite precision, at any depth", "one layer"]
    row = Mock(CellSummary, predicted="no", predicted_if=said[0], seen="no", seen_far=0, trained=6)
    other = Mock(
        CellSummary, predicted="yes", predicted_if=said[1], seen="undecided", seen_far=None, trained=6
    )
    silent = Mock(CellSummary, predicted="", predicted_if="", seen="", seen_far=None, trained=6)
    found = theory.conditions([row, other, row, silent])
    assert found == said
    assert [theory.briefly_predicted(each, found) for each in (row, other, silent)] == [
        "no [1]",
        "yes [2]",
        NONE,
    ]
    assert [theory.briefly_seen(each) for each in (row, other, silent)] == ["no 0/6", "undecided", NONE]
