"""Folders and names that come from others: links are not followed, names are written so that they do nothing."""

from __future__ import annotations

import csv
import json
import time

import pytest
from rich.console import Console

from lengen.analysis.compare_runs import Comparison
from lengen.comparison.find_runs import find, run_folders
from lengen.comparison.run_record import Excluded
from lengen.records.plain_text import harmless, visible
from lengen.report.figure_style import FigureStyle
from studies import write_run

GOOD = [1.0, 1.0, 0.6, 0.1]

pytestmark = pytest.mark.whole_run  # seconds each


def test_links_to_parents_are_not_followed(tmp_path):
    folder = write_run(tmp_path / "runs", 0, GOOD)
    for name in ("a", "b"):
        (tmp_path / "runs" / name).symlink_to(tmp_path / "runs")
        (folder.parent / name).symlink_to("..")
    start = time.perf_counter()
    for pattern in (tmp_path, tmp_path / "**", tmp_path / "**" / "seed=*"):
        assert set(run_folders(str(pattern))) == {folder}
    assert time.perf_counter() - start < 1


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    inside, outside = write_run(tmp_path / "runs", 0, GOOD), write_run(tmp_path / "elsewhere", 1, GOOD)
    (tmp_path / "runs" / "theirs").symlink_to(tmp_path / "elsewhere")
    assert run_folders(str(tmp_path / "runs")) == [inside]
    (tmp_path / "mine").symlink_to(tmp_path / "elsewhere")
    assert [path.resolve() for path in run_folders(str(tmp_path / "mine"))] == [outside]


def test_a_long_name_is_a_line_and_the_rest_is_still_read(tmp_path):
    good = write_run(tmp_path, 0, GOOD)
    left, run = find(["x" * 5000, str(tmp_path)])
    assert isinstance(left, Excluded)
    assert left.reason == "File name too long"
    assert run.place == str(good)


def test_names_of_others_do_nothing_in_terminal_spreadsheet_markdown_and_page(tmp_path, coarse):
    formula, red = '=HYPERLINK("http://x") $\\frac{$', "\x1b[31mred\x07"
    write_run(tmp_path / "a", 0, GOOD, cell="c000000001", task__style=formula)
    write_run(tmp_path / "b", 0, GOOD, cell="c000000002", task__style=f"[a](javascript:x)<b>{red}")
    (tmp_path / red / "run.json").parent.mkdir()
    (tmp_path / red / "run.json").write_text("{")
    console = Console(width=200, record=True)
    options = {"where": [], "by": ["task.style"], "best": [], "metric": "exact_match", "x": "length"}
    options |= {"threshold": 0.9, "at": "2x", "mixed": False, "margin": 0.25, "control": None}
    options |= {
        "variance": False,
        "against": None,
        "title": "names",
        "wandb": False,
        "project": "",
        "entity": None,
        "formats": ["png"],
        "style": FigureStyle(),
    }
    Comparison(runs=[str(tmp_path)], out=str(tmp_path / "out"), **options).run(console)
    for file in tmp_path.glob("out/*.csv"):
        with file.open(newline="") as opened:
            cells = [cell for row in csv.reader(opened) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "@")) or "\x1b" in cell]
    texts = [(tmp_path / "out" / name).read_text() for name in ("table.md", "page.html")]
    assert "'=HYPERLINK" in (tmp_path / "out" / "table.csv").read_text()
    for text in (console.export_text(), *texts):
        assert "\x1b" not in text
        assert "\x07" not in text
    assert "](javascript" not in texts[0]
    assert "<b>" not in texts[0]
    assert "<b>\\u001b" not in texts[1]
    assert json.loads((tmp_path / "out" / "compare.json").read_text())["files"]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"), ("+a", "'+a"), ("-a", "'-a"), ("@a", "'@a"), (" =a", "' =a"), ("\t=a", "'\t=a"),
        ("-1", "-1"), ("+1.5e-3", "+1.5e-3"), ("-.5", "-.5"), ("a=b", "a=b"), ("nope", "nope"), ("-1+A1", "'-1+A1"),
        ("\x1b[2J", "\\x1b[2J"), ("\r=a", "\\r=a"), ("a\nb", "a\nb"), (-1, -1), (None, None), ("größer ≥", "größer ≥"),
    ],
)  # fmt: skip
def test_a_text_that_a_spreadsheet_would_compute_has_an_apostrophe(text, written):
    assert harmless([{"a": text}]) == [{"a": written}]


def test_what_turns_the_direction_of_writing_is_an_escape():
    assert visible("a\u202eb\x9bc") == "a\\u202eb\\x9bc"
