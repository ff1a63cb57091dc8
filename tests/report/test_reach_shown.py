"""A reach where it is shown: `none` and `>=` are the same words on the terminal, in tables, figures and the page."""

import pandas
import pytest

from lengen.comparison.find_runs import find
from lengen.comparison.grouping import assemble
from lengen.report import band, sheet, terminal
from report.curves import curve
from studies import write_run


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A cell whose sweep ended before the curve fell, one that falls, and one that is right nowhere."""
    monkeypatch.setattr(sheet, "DOTS", 60)
    for pe, shares in {"alibi": [1, 1, 1, 1], "nope": [1, 1, 0.95, 0.1], "rope": [0.5, 0.4, 0.1, 0]}.items():
        for seed in range(2):
            write_run(tmp_path / "runs", seed, list(map(float, shares)), pe=pe, cell=f"c-{pe}")
    return tmp_path / "runs"


def test_a_command_says_the_same_in_every_file(lengen, runs):
    ran = lengen("compare", f"runs={runs}", "out=out")
    assert ran.code == 0, ran.err
    out = runs.parent / "out"
    lines = [line.split(" | ") for line in (out / "table.md").read_text().splitlines()]
    rows = {line[0]: line for line in reversed(lines)}  # of the first table, over all seeds
    header = rows["| cell"]
    said = {pe: rows[f"| {pe}"][header.index("reach 0.90")] for pe in ("alibi", "nope", "rope")}
    assert said == {"alibi": ">= 40", "nope": "20", "rope": "none"}
    for word in (">= 40", "none"):
        assert word in ran.out
    table = pandas.read_csv(out / "table.csv").query("runs == 'all'").set_index("line")
    assert table.reach_90.to_dict() == {"alibi": 40.0, "nope": 20.0, "rope": 0.0}
    assert table.reach_90_at_least.to_dict() == {"alibi": True, "nope": False, "rope": False}
    page = (out / "page.html").read_text()
    for text in ('"reach_text":"\\u003e= 40"', '"reach_text":"20"', '"reach_text":"none"'):
        assert text in page
    assert "no reach" not in page


def test_the_strip_of_the_curves_says_it(figures, runs, tmp_path):
    (panel,) = assemble(find([str(runs)])).panels
    for x, said in (("length", [">= 40", "20", "none"]), ("factor", [">= 4", "2", "none"])):
        figures.clear()
        band.draw(panel, tmp_path / "curves", x=x)
        assert [text.get_text() for text in figures[0].axes[1].texts] == said


def test_a_curve_and_its_line_say_it():
    falls = curve({5: 1.0, 10: 0.97, 20: 0.1})
    assert [falls.reach_text(threshold) for threshold in (0.9, 0.95, 0.99)] == ["10", "10", "5"]
    right = curve({5: 1.0, 10: 1.0})
    assert terminal.summary(right) == (
        "exact match 1.000 at 5, 1.000 at 10; reach 0.90: >= 10, 0.95: >= 10, 0.99: >= 10"
    )
    assert terminal.summary(curve({5: 0.0004}, examples=10_000)) == (
        "exact match <0.001 at 5; reach 0.90: none, 0.95: none, 0.99: none"
    )
