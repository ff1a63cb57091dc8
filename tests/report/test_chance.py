"""Chance in a comparison: in its tables and figures, where the runs say it and it is above 0.01."""

from dataclasses import replace

import pytest
from matplotlib.colors import to_hex

from lengen.comparison.cell_summary import SuccessCriterion
from lengen.comparison.find_runs import find
from lengen.comparison.grouping import assemble
from lengen.comparison.summary import summarize
from lengen.records.curve import Curve
from lengen.report import band, multiples
from lengen.report.content import content
from lengen.report.sheet import Sheet
from lengen.report.tables import blocks
from lengen.report.vertical import Vertical
from studies import write_run

LEVELS = {5: 0.5, 10: 0.25, 20: 0.125, 40: 0.0625}
DARK = "#222222"


def study(root, levels, tokens=0.325):
    """Two cells of copy, with chance at each length; None is unknown, as in runs of earlier versions."""
    for index, pe in enumerate(("nope", "rope")):
        for seed in range(2):
            folder = write_run(root, seed, [1.0, 1.0, 0.6, 0.1], pe=pe, cell=f"c{index}")
            rows = Curve.load(folder / "curve.csv").rows
            known = [
                replace(row, chance_exact_match=levels[row.length], chance_token_accuracy=tokens)
                for row in rows
            ]
            Curve(tuple(known)).save(folder / "curve.csv")
    return assemble(find([str(root)]))


@pytest.fixture
def sheets(monkeypatch):
    """The sheets that are written."""
    kept, write = [], Sheet.write
    monkeypatch.setattr(Sheet, "write", lambda sheet, stem: kept.append(sheet) or write(sheet, stem))
    return kept


def dotted(axes):
    return [line for line in axes.lines if line.get_linestyle() == ":" and to_hex(line.get_color()) == DARK]


def test_figures_have_a_dotted_line(tmp_path, sheets):
    (panel,) = study(tmp_path, LEVELS).panels
    band.draw(panel, tmp_path / "one", vertical=Vertical("exact_match"))
    band.draw(panel, tmp_path / "two", vertical=Vertical("token_accuracy"), x="factor")
    band.draw(panel, tmp_path / "three", vertical=Vertical("loss"))
    multiples.draw([panel], tmp_path / "all")
    exact, tokens, loss, small = sheets
    (line,) = dotted(exact.axes)  # once for both cells
    assert line.get_xydata().tolist() == [[length, level] for length, level in LEVELS.items()]
    (line,) = dotted(tokens.axes)
    assert line.get_xydata().tolist() == [[length / 10, 0.325] for length in LEVELS]
    assert not dotted(loss.axes)
    assert [len(dotted(axes)) for axes in small.grid[0]] == [1, 1]
    told = ["Black dots" in sheet.footnote for sheet in (exact, tokens, loss, small)]
    assert told == [True, True, False, True]


def test_the_line_of_one_untrained_seed_is_dotted(tmp_path, sheets):
    for pe, share in (("nope", 1.0), ("rope", 0.6)):
        facts = {"id_exact_match": share, "trained": share == 1}
        write_run(tmp_path, 0, [share, 0.5, 0.2, 0.1], pe=pe, cell=f"c-{pe}", facts=facts)
    (panel,) = assemble(find([str(tmp_path)])).panels
    band.draw(panel, tmp_path / "one")
    medians = [line for line in sheets[0].axes.lines if len(line.get_xdata()) == len(LEVELS)]
    assert [line.get_linestyle() for line in medians] == ["-", ":"]


@pytest.mark.parametrize("level", [0.01, None])
def test_little_or_unknown_chance_is_not_drawn(tmp_path, sheets, level):
    (panel,) = study(tmp_path, dict.fromkeys(LEVELS, level), None).panels
    band.draw(panel, tmp_path / "one")
    assert not dotted(sheets[0].axes)
    assert "dots" not in sheets[0].footnote


def test_tables_have_chance_at_the_success_length(tmp_path):
    made = study(tmp_path, LEVELS)
    for at, chance in (("2x", "0.125"), ("40", "0.062")):
        criterion = SuccessCriterion(0.9, at)
        summary = summarize(made, criterion)
        assert {row.chance for row in summary.summaries} == {LEVELS[20 if at == "2x" else 40]}
        (_, header, rows), *_ = blocks(made, summary)
        assert [row[header.index("chance")] for row in rows] == [chance, chance]


def test_a_table_has_no_chance_if_no_run_says_it(tmp_path):
    made = study(tmp_path, dict.fromkeys(LEVELS), None)
    summary = summarize(made, SuccessCriterion())
    assert {row.chance for row in summary.summaries} == {None}
    assert "chance" not in blocks(made, summary)[0][1]


def test_runs_of_earlier_versions_beside_others(tmp_path):
    study(tmp_path / "new", LEVELS)
    old = study(tmp_path / "old", dict.fromkeys(LEVELS), None)
    assert old.panels
    mixed = assemble(find([str(tmp_path)]))
    assert {row.chance for row in summarize(mixed, SuccessCriterion()).summaries} == {0.125}


def test_the_page_has_chance_where_it_is_drawn(tmp_path):
    made = study(tmp_path, LEVELS, 0.005)
    data = content(made, threshold=0.9, tables=[], title="made up")
    lines = data["panels"][0]["cells"]
    assert [line["chance"] for line in lines] == [{"exact_match": list(LEVELS.values())}] * 2
    unknown = study(tmp_path / "old", dict.fromkeys(LEVELS), None)
    data = content(unknown, threshold=0.9, tables=[], title="made up")
    assert [line["chance"] for line in data["panels"][0]["cells"]] == [{}, {}]
