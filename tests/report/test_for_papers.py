"""Figures for papers: formats, width, font, labels, colours and order as given, and one line where they cannot be."""

import re
import shutil
import subprocess
from itertools import combinations
from unicodedata import normalize

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from conftest import TINY, run_folders
from lengen.comparison.find_runs import find
from lengen.comparison.grouping import Study, assemble
from lengen.comparison.run_record import Excluded
from lengen.config.errors import UsageError
from lengen.report import band, cost, medians, multiples, profile, success, together
from lengen.report.axes import columns
from lengen.report.figure_style import FigureStyle, _check_names
from lengen.report.latex import escaped
from lengen.report.lines import DOTS, width, wrap
from lengen.report.paper import HEIGHT, Paper
from lengen.report.vertical import Vertical
from studies import write_run

SHARES = [1.0, 1.0, 0.6, 0.0]


@pytest.fixture
def runs(tmp_path):
    for index, pe in enumerate(("alibi", "nope", "rope")):
        write_run(tmp_path / "runs", 0, SHARES, pe=pe, cell=f"c{index}")
    return tmp_path / "runs"


@pytest.mark.long
def test_a_command_says_it_in_figures_tables_and_page(lengen, runs, tmp_path):
    ran = lengen(
        "compare",
        f"runs={runs}",
        "out=out",
        "formats=[pdf,svg]",
        "style.width=3.25",
        "style.font=serif",
        "style.names={nope: No PE, copy: Copying_it}",
        "style.colours={nope: #123456}",
        "style.order=[rope]",
        "style.together=true",
        "control=nope",
    )
    assert ran.code == 0, ran.err
    out = tmp_path / "out"
    assert not list(out.glob("*.png"))
    for name in ("curves-Copying_it", "success-Copying_it", "profile", "multiples", "together"):
        svg, pdf = (out / f"{name}.svg").read_text(), (out / f"{name}.pdf").read_bytes()
        assert "No PE</text>" in svg or "No PE (1" in svg  # text, not outlines
        assert "#123456" in svg
        size = re.search(rb"/MediaBox \[ 0 0 ([\d.]+)", pdf)
        assert float(size[1]) == pytest.approx(3.25 * 72, abs=0.1)
        assert b"DejaVuSerif" in pdf
        assert b"/FontFile2" in pdf  # TrueType, which publishers take
    table = (out / "table.md").read_text()
    assert re.findall(r"^\| (\S+(?: PE)?) \| 1 ", table, re.MULTILINE) == ["rope", "alibi", "No PE"]
    latex = (out / "table.tex").read_text()
    assert r"Copying\_it" in latex
    assert "log2(" not in latex
    assert latex.count(r"over $\log_2(\mathrm{length} / ") == latex.count(r"\caption{") > 0
    assert re.findall(r"^    (.+?) & 1 &", latex, re.MULTILINE) == ["rope", "alibi", "No PE"]
    page = (out / "page.html").read_text()
    assert '"name":"No PE","colour":"#123456"' in page
    pairs = (out / "pairs.csv").read_text().splitlines()
    assert (
        len(pairs[1:]) == 4
    )  # of all runs and of trained ones, against the control alone, by its former name
    assert all("No PE" in line for line in pairs[1:])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["style.names={nop: x}"],
            "style.names: nop: there is no such cell or task; did you mean 'nope'? (allowed: alibi, nope, rope, copy)",
        ),
        (["style.hight=3"], "style.hight"),
        (["formats=[jpg]"], "formats=[jpg]: must be one or more of png, svg, pdf"),
        (
            ["style.scale=logit", "metric=loss"],
            "style.scale=logit: needs a share, got metric=loss (allowed: exact_match or token_accuracy)",
        ),
    ],
)
def test_what_cannot_be_is_refused_on_one_line(lengen, runs, tmp_path, words, said):
    ran = lengen("compare", f"runs={runs}", "out=out", *words)
    assert ran.code == 2
    assert said in " ".join(ran.err.split())
    assert not (tmp_path / "out").exists()


def test_a_name_of_excluded_runs_is_known_and_no_other_part_of_their_folder():
    study = Study((), (Excluded("results/runs/copy/alibi/0123/seed=0", "unfinished"),))
    assert not FigureStyle(order=["alibi", "copy"], names={"alibi (steps=9)": "ALiBi"}).dress(study).panels
    for name in ("runs", "seed=0", "0123", "rope"):
        with pytest.raises(UsageError, match=f"style.order: {name}: there is no such cell"):
            FigureStyle(order=[name]).dress(study)


def test_of_many_cells_those_that_begin_with_a_name_are_named_first_and_whole():
    known = [
        f"{pe} (optimizer.lr={rate})" for pe in ("alibi", "nope", "rope") for rate in (0.01, 0.02, 0.03, 0.1)
    ]
    known = [*known, "rope"]
    with pytest.raises(UsageError) as error:
        _check_names("style.names", ["nope"], known, ())
    head, _, allowed = str(error.value).partition(" (allowed: ")
    assert head == (
        "style.names: nope: there is no such cell or task; "
        "did you mean 'nope (optimizer.lr=0.01)' or 'nope (optimizer.lr=0.02)'?"
    )
    listed, _, more = allowed.removesuffix(" more)").partition(" and ")
    assert listed.split(", ")[:4] == known[4:8]
    assert set(listed.split(", ")) <= set(known)
    assert len(listed.split(", ")) + int(more) == len(known)
    with pytest.raises(UsageError, match=r"did you mean 'rope'\? \(allowed: rope, alibi \(optimizer"):
        _check_names("style.names", ["rpoe"], known, ())


@pytest.mark.parametrize("command", ["train", "eval"])
@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("formats=[jpg]", "formats=[jpg]: must be one or more of png, svg, pdf"),
        ("style.width=99", "style.width=99: must be from 2.5 to 12 inches"),
        ("style.names={nope: x}", "style.names"),
    ],
)
def test_the_figure_of_one_run_is_refused_by_name(lengen, tmp_path, command, word, said):
    ran = lengen(command, word, *(["run=nowhere"] if command == "eval" else []))
    assert ran.code == 2
    assert said in ran.err
    assert not any(tmp_path.iterdir())


@pytest.mark.long
def test_a_run_is_drawn_as_the_command_says_and_drawn_again_without_training(lengen, tmp_path):
    def widths(folder):
        files = folder.glob("*.pdf")
        return {
            path.stem: float(re.search(rb"/MediaBox \[ 0 0 ([\d.]+)", path.read_bytes())[1]) / 72
            for path in files
        }

    lengen("train", *TINY, "task=passkey")
    (run,) = run_folders(tmp_path)
    first = {
        name: (run / name).read_bytes() for name in ("run.json", "curve.csv", "config.yaml", "figure.png")
    }
    ran = lengen("train", *TINY, "task=passkey", "formats=[svg,pdf]", "style.width=5")
    assert ran.code == 0, ran.err
    assert run_folders(tmp_path) == [run]  # the same cell
    assert widths(run) == {"figure": pytest.approx(5)}
    assert "<text" in (run / "figure.svg").read_text()
    assert {name for name, before in first.items() if (run / name).read_bytes() != before} == {"figure.png"}
    for words in (["inspect=attention"], ["stress=depth"]):
        said = [f"run={run}", "examples=4", "lengths=[3]", *words]
        assert lengen("eval", *said).code == 0
        assert lengen("eval", *said, "formats=[pdf]", "style.width=3").code == 0
    drawn = {name: inches for folder in run.glob("eval/*") for name, inches in widths(folder).items()}
    assert {"attention", "map-3", "grid", "figure"} == set(drawn)
    assert all(inches in (pytest.approx(3), pytest.approx(6.2)) for inches in drawn.values())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"width": 1.0}, "style.width=1: must be from 2.5 to 12 inches"),
        ({"font": "Foo"}, "style.font=Foo: must be serif, sans-serif, monospace, or one of"),
        ({"colours": {"nope": "blurple"}}, "style.colours: nope: blurple: must be an opaque colour"),
        ({"colours": {"nope": "#00000000"}}, "style.colours: nope: #00000000: must be an opaque colour"),
        ({"colours": {"copy": "red"}}, "style.colours: copy: there is no such cell"),
        ({"names": {"nope": " "}}, "style.names: nope: ' ': must be a text"),
        ({"names": {"nope": "rope"}}, "style.names: nope and rope: must not both be 'rope'"),
        ({"order": ["nope", "nope"]}, "style.order: nope: must be named once"),
        ({"order": ["fire"]}, "style.order: fire: there is no such cell or task"),
    ],
)
def test_a_style_is_checked(runs, options, said):
    with pytest.raises(UsageError, match=re.escape(said)):
        FigureStyle(**options).dress(assemble(find([str(runs)])))


def overlaps(figure):
    """Pairs of words of a figure that are on each other by more than a point."""
    figure.canvas.draw()
    renderer, boxes = figure.canvas.get_renderer(), []
    least = figure.dpi / 72
    shown = [*figure.texts, *(entry for legend in figure.legends for entry in legend.get_texts())]
    for axes in filter(lambda each: each.get_visible(), figure.axes):
        shown += [*axes.texts]
        if axes.axison:
            shown += [axes.title, axes._left_title, axes._right_title, axes.xaxis.label, axes.yaxis.label]
            for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
                for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                    if min(low, high) <= tick.get_loc() <= max(low, high):
                        shown += [label for label in (tick.label1, tick.label2) if label.get_visible()]
    for text in shown:
        if text.get_visible() and text.get_text().strip():
            box = Text.get_window_extent(text, renderer)  # of the words of a note, not of its arrow
            boxes.append((text.get_text(), box))
    return [
        (first, second)
        for (first, one), (second, other) in combinations(boxes, 2)
        if min(one.x1, other.x1) - max(one.x0, other.x0) > least
        and min(one.y1, other.y1) - max(one.y0, other.y0) > least
    ]


def test_words_on_each_other_are_found():
    figure = Figure(figsize=(3, 2))
    FigureCanvasAgg(figure)
    figure.text(0.1, 0.5, "one")
    figure.text(0.12, 0.5, "two")
    figure.text(0.6, 0.5, "three")
    assert overlaps(figure) == [("one", "two")]


NAMES = ["nope", "rope (attention.window=16, decoder.heads=4)", "an_encoding_with_a_long_name"]


@pytest.mark.long
@pytest.mark.parametrize("inches", [3.25, 5.5])
@pytest.mark.parametrize("count", [1, 20])
def test_every_word_is_large_enough_inside_and_on_no_other(tmp_path, figures, inches, count):
    for index in range(count):
        write_run(tmp_path, 0, SHARES, pe=f"{NAMES[index % 3]} {index}", cell=f"c{index:02}")
    panels, paper = assemble(find([str(tmp_path)])).panels, Paper(inches, formats=("pdf",))
    band.draw(panels[0], tmp_path / "a", paper=paper)
    band.draw(panels[0], tmp_path / "b", paper=paper, vertical=Vertical(y="error", scale="log"))
    band.draw(panels[0], tmp_path / "c", paper=paper, vertical=Vertical(scale="logit"))
    success.draw(panels[0], tmp_path / "d", threshold=0.9, paper=paper)
    medians.draw(panels[0], tmp_path / "e", paper=paper)
    cost.draw(panels[0], tmp_path / "f", paper=paper)
    profile.draw(panels, tmp_path / "g", paper=paper)
    multiples.draw(panels, tmp_path / "h", paper=paper)
    together.draw(panels, tmp_path / "i", paper=paper)
    assert len(figures) >= 9
    for figure in figures:
        assert figure.get_figwidth() <= paper.double + 1e-9
        assert figure.get_figheight() <= HEIGHT + 1.5
        figure.canvas.draw()
        renderer = figure.canvas.get_renderer()
        texts = [each for each in figure.findobj(Text) if each.get_visible() and each.get_text().strip()]
        for text in texts:
            assert text.get_fontsize() >= 6, text
        for text in (*figure.texts, *(entry for legend in figure.legends for entry in legend.get_texts())):
            box = text.get_window_extent(renderer)
            assert box.x0 >= 0, text
            assert box.x1 <= figure.bbox.x1, text
        for axes in figure.axes:
            for label in (*axes.get_yticklabels(), axes.yaxis.label, *axes.get_xticklabels()):
                assert not label.get_text() or label.get_window_extent(renderer).x0 >= 0, label
        assert not overlaps(figure), figure.texts[0].get_text()


def test_small_multiples_are_paged(tmp_path, figures, monkeypatch):
    monkeypatch.setattr(multiples, "HEIGHT", 3.0)
    for index in range(20):
        write_run(tmp_path, 0, SHARES, pe=f"e{index:02}", cell=f"c{index:02}")
    panels = assemble(find([str(tmp_path)])).panels
    paths = multiples.draw(panels, tmp_path / "all", paper=Paper(3.4, formats=("svg",)))
    assert [path.name for path in paths] == ["all.svg", "all-2.svg"]
    titles = [axes.get_title() for figure in figures for axes in figure.axes if axes.axison]
    assert [title.split()[0] for title in titles] == [f"e{index:02}" for index in range(20)]
    assert all(figure.get_figheight() <= 3.0 for figure in figures)


def test_a_long_name_is_broken_after_a_sign():
    inches = width("attention.windo", 6, "normal") / DOTS
    assert wrap("attention.window=16", inches, 6) == ["attention.", "window=16"]


@pytest.mark.parametrize(("side", "rotation"), [(0.3, 0), (0.12, 90)])
def test_every_column_of_a_heat_map_is_labelled(side, rotation):
    axes, lengths = Figure().add_subplot(), list(range(10, 150, 10))
    columns(axes, lengths, 30, side)
    assert [label.get_text() for label in axes.get_xticklabels()] == [str(length) for length in lengths]
    assert {label.get_rotation() for label in axes.get_xticklabels()} == {rotation}


def test_a_logit_axis_tells_nearly_right_from_right():
    shares = np.array([0.0, 0.5, 0.999, 1.0])
    assert Vertical(scale="logit", edge=0.0005).values(shares).tolist() == [0.0005, 0.5, 0.999, 0.9995]
    assert Vertical(y="error").values(shares).tolist() == pytest.approx([1.0, 0.5, 0.001, 0.0])
    assert Vertical(y="error", scale="log", edge=0.1).values(shares).tolist() == [1.0, 0.5, 0.1, 0.1]


def test_latex_prints_what_it_reads():
    """Every special character is escaped: what a reader of LaTeX prints is the text."""
    text = r"a_b & 50% #1 {x} ~ ^ \cmd < >"
    printed = escaped(text)
    for command, char in (("textbackslash", "\\"), ("textasciitilde", "~"), ("textasciicircum", "^")):
        printed = printed.replace(rf"\{command}{{}}", char if char != "\\" else "\0")
    printed = printed.replace(r"\textless{}", "<").replace(r"\textgreater{}", ">")
    assert re.sub(r"\\([&%$#_{}])", r"\1", printed).replace("\0", "\\") == text


@pytest.mark.long
def test_latex_compiles_the_table_and_prints_its_names(lengen, runs, tmp_path):
    compiler, reader = shutil.which("pdflatex"), shutil.which("pdftotext")
    if not compiler or not reader:
        pytest.skip("needs pdflatex with booktabs, and pdftotext")
    names = {"nope": "No_PE & 5% #1 ~^ ≥ 2", "rope": "<RoPE> θ {3} größer", "copy": "a_b"}
    said = ", ".join(f"{name}: '{label}'" for name, label in names.items())
    ran = lengen("compare", f"runs={runs}", "out=out", "formats=[png]", f"style.names={{{said}}}")
    assert ran.code == 0, ran.err
    document = r"\documentclass{article}\usepackage{booktabs,graphicx}\begin{document}\input{out/table.tex}\end{document}"
    (tmp_path / "paper.tex").write_text(document)
    made = subprocess.run(
        [compiler, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert made.returncode == 0, made.stdout[-2000:]
    assert "Overfull" not in made.stdout
    printed = subprocess.run(
        [reader, "-layout", "paper.pdf", "-"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    for part in ("5%", "#1", "≥ 2", "<RoPE>", "θ", "{3}", "größer"):
        assert part in normalize("NFC", printed), printed
