"""Lines of a figure are told apart: by encoding, by dashes, and where that is not enough each by its own colour."""

import pytest

from lengen.comparison.find_runs import find
from lengen.comparison.grouping import assemble
from lengen.report import band, multiples, profile
from lengen.report.colour import colour
from lengen.report.content import content
from lengen.report.figure_style import FigureStyle
from lengen.report.styles import DASHES, MOST, styles
from studies import write_run


def looks(root, pes):
    for index, pe in enumerate(pes):
        write_run(root, 0, [1.0, 1.0, 0.6, 0.1], pe=pe, cell=f"c{index}", steps=100 + index)
    (panel,) = assemble(find([str(root)])).panels
    found = styles([panel])
    return [cell.pe for cell in panel.cells], [found[cell.name] for cell in panel.cells]


@pytest.mark.parametrize(
    "pes", [["nope"], ["nope", "rope", "alibi"], ["nope"] * len(DASHES) + ["rope"] * len(DASHES)]
)
def test_the_colour_is_that_of_the_encoding(tmp_path, pes):
    drawn, found = looks(tmp_path, pes)
    assert [look.colour for look in found] == [colour(pe) for pe in drawn]
    assert len({(look.colour, str(look.dashes)) for look in found}) == len(pes)


@pytest.mark.parametrize("pes", [["nope"] * MOST, ["nope"] * (len(DASHES) + 1) + ["rope"]])
def test_many_cells_of_one_encoding_have_colours_of_their_own(tmp_path, pes):
    _, found = looks(tmp_path, pes)
    assert len({look.colour for look in found}) == len({look.marker for look in found}) == len(pes)


def test_mixers_of_one_encoding_have_colours_and_markers_of_their_own(tmp_path):
    """Two cells of a mixer differ in dashes; a run of an earlier version, which has no mixer, attends."""
    labels = {"task": "copy", "pe": "nope", "positions": "contiguous"}
    for index, name in enumerate([None, "attention", "gru", "gru", "mamba"]):
        node = {} if name is None else {"mixer": {"_target_": f"lengen.mixer.{name}.M"}}
        named = labels if name is None else {**labels, "mixer": name}
        write_run(
            tmp_path, 0, [1.0, 1.0, 0.6, 0.1], cell=f"c{index}", steps=100 + index, labels=dict(named), **node
        )
    (panel,) = assemble(find([str(tmp_path)])).panels
    found = styles([panel])
    by_mixer = {}
    for cell in panel.cells:
        by_mixer.setdefault(cell.runs[0].config["labels"].get("mixer", "attention"), []).append(
            found[cell.name]
        )
    assert {name: len(looks) for name, looks in by_mixer.items()} == {"attention": 2, "gru": 2, "mamba": 1}
    for looks in by_mixer.values():
        assert len({(look.colour, look.marker) for look in looks}) == 1
        assert len({str(look.dashes) for look in looks}) == len(looks)
    assert len({looks[0].colour for looks in by_mixer.values()}) == 3
    assert len({looks[0].marker for looks in by_mixer.values()}) == 3


def test_mixers_that_go_with_an_encoding_keep_its_colour(tmp_path):
    for index, (pe, name) in enumerate([("nope", "gru"), ("rope", "attention")]):
        labels = {"task": "copy", "pe": pe, "positions": "contiguous", "mixer": name}
        node = {"_target_": f"lengen.mixer.{name}.M"}
        write_run(tmp_path, 0, [1.0, 1.0, 0.6, 0.1], pe=pe, cell=f"c{index}", labels=labels, mixer=node)
    (panel,) = assemble(find([str(tmp_path)])).panels
    assert {cell.pe: styles([panel])[cell.name].colour for cell in panel.cells} == {
        pe: colour(pe) for pe in ("nope", "rope")
    }


def test_a_line_looks_alike_in_every_figure(tmp_path, monkeypatch):
    for index in range(MOST):
        write_run(tmp_path, 0, [1.0, 1.0, 0.6, 0.1], cell=f"c{index:02}", steps=100 + index)
    panels = assemble(find([str(tmp_path)])).panels
    drawn = {}

    def fill(axes, panel, cells, looks, **_):
        for cell in cells:
            drawn.setdefault(cell.name, set()).add(looks[cell.name])

    for module in (band, multiples):
        monkeypatch.setattr(module, "fill", fill)
    band.draw(panels[0], tmp_path / "band")
    multiples.draw(panels, tmp_path / "multiples")
    assert len(drawn) == MOST
    assert len(set.union(*drawn.values())) == MOST


def test_more_lines_than_colours_differ_in_their_dashes(tmp_path):
    _, found = looks(tmp_path, ["nope"] * 40)
    assert len({(look.colour, look.marker, str(look.dashes)) for look in found}) == 40


def two_tasks(root):
    """Two tasks that share one of three mixers each; one of the second would come first in the first's order."""
    for task, names in (("copy", ["gru", "mamba"]), ("sort", ["attention", "mamba", "retnet"])):
        for index, name in enumerate(names):
            labels = {"task": task, "pe": "nope", "positions": "contiguous", "mixer": name}
            nodes = {part: {"_target_": f"lengen.{part}.{labels[part]}.M"} for part in ("task", "mixer")}
            write_run(root, 0, [1.0, 1.0, 0.6, 0.1], cell=f"{task}{index}", labels=labels, **nodes)
    return assemble(find([str(root)]), ["mixer"])


@pytest.mark.parametrize("order", [None, ["retnet", "mamba"]])
def test_a_cell_has_one_look_in_all_figures_of_a_comparison_and_in_the_page(tmp_path, monkeypatch, order):
    study = FigureStyle(order=order, colours={"gru": "#123456"}, names={"gru": "GRU"}).dress(
        two_tasks(tmp_path)
    )
    drawn, made = {}, []

    def fill(axes, panel, cells, looks, **_):
        for cell in cells:
            drawn.setdefault(cell.name, set()).add(looks[cell.name])

    def step(axes, cell, look, *_, **__):
        drawn.setdefault(cell.name, set()).add(look)

    for module in (band, multiples):
        monkeypatch.setattr(module, "fill", fill)
    monkeypatch.setattr(profile, "_profile", step)
    for panel in study.panels:
        band.draw(panel, tmp_path / f"band-{panel.name}")
    multiples.draw(study.panels, tmp_path / "multiples")
    profile.draw(study.panels, tmp_path / "profile")
    assert {name: len(looks) for name, looks in drawn.items()} == dict.fromkeys(
        ("GRU", "mamba", "attention", "retnet"), 1
    )
    looks = {name: only for name, (only,) in drawn.items()}
    assert len({look.marker for look in looks.values()}) == len({look.colour for look in looks.values()}) == 4
    assert looks["GRU"].colour == "#123456"
    page = content(study, threshold=0.9, tables=[], title="")
    for cells in (*(panel["cells"] for panel in page["panels"]), page["profile"]["cells"]):
        made += [cell["name"] for cell in cells]
        assert {cell["name"]: (cell["colour"], cell["marker"]) for cell in cells} == {
            cell["name"]: (looks[cell["name"]].colour, looks[cell["name"]].marker) for cell in cells
        }
    expected = (
        ["attention", "GRU", "mamba", "retnet"] if order is None else ["retnet", "mamba", "attention", "GRU"]
    )
    assert made[-4:] == expected


def test_cells_of_one_encoding_alone_have_colours_of_their_own(tmp_path):
    """Where every cell has the same encoding, its colour would say nothing."""
    _, found = looks(tmp_path, ["nope"] * len(DASHES))
    assert len({look.colour for look in found}) == len({look.marker for look in found}) == len(DASHES)
    assert len({str(look.dashes) for look in found}) == 1
