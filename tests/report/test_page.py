"""The page of a study: its numbers, its size, and how it behaves in a browser, with hostile names too."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from statistics import median

import numpy as np
import pytest
import yaml
from scipy.stats import binomtest
from tests.report.browser import choose, drawn, marks
from tests.report.curves import curve

from lengen.comparison.grouping import Cell, Panel, Study, assemble
from lengen.comparison.run_record import Excluded, RunRecord
from lengen.records.curve import Curve
from lengen.report import page
from lengen.report.colour import colour
from lengen.report.content import content
from lengen.report.dodge import dodged
from lengen.report.page import inert, write
from lengen.statistics.formats import floored, short

METRICS = ("exact_match", "token_accuracy", "loss", "first_error", "seconds", "memory_bytes")
HOSTILE = (
    "<script>window.hacked=1</script>",
    '</script><img src=x onerror="window.hacked=2"><!--',
    "quotes \" ' ` \\ and ${window.hacked=3} {{window.hacked=4}} %s &lt;b&gt;",
    "lines\u2028and\u2029apart",
    "datum.x'];window.hacked=5;//",
)
LENGTHS = (5, 10, 20, 40, 80)


def run(seed, shares, *, pe="nope", cell="c0", task="addition", status="finished", **facts):
    """A run whose sweep has some shares of right answers."""
    found = curve(dict(zip(LENGTHS, shares, strict=False)), pe=pe, seed=seed, cell=cell)
    config = {
        "train_length": 10,
        "seed": seed,
        "eval": {"lengths": list(LENGTHS)},
        "labels": {"task": task, "pe": pe},
        "task": {"_target_": f"lengen.task.{task}"},
        "pe": {"_target_": f"lengen.pe.{pe}", "cell": cell},
    }
    told = {
        "status": status,
        "id_exact_match": shares[:2][-1] if shares else None,
        "command": f"lengen train task={task} pe={pe} seed={seed}",
        "git": {"commit": "abc123", "dirty": True},
        "protocol": {"examples": 1000, "eval_seed": 0, "bos": True},
        **facts,
    }
    return RunRecord(f"runs/{task}/{cell}/seed={seed}", cell, str(seed), config, told, found)


SHARES = {0: (1, 1, 0.97, 0.91, 0.2), 1: (1, 0.995, 0.9, 0.3, 0), 2: (0.9, 0.5, 0.1, 0, 0)}


def small() -> Study:
    """Two tasks; two cells of one encoding; a run that is not trained, one that diverged, one left out."""
    nope = [run(seed, shares) for seed, shares in SHARES.items()]
    nope.append(run(3, (), status="diverged"))
    rope = [run(seed, (1, 1, 1, 0.99, 0.95), pe="rope", cell="c1") for seed in range(2)]
    other = [run(0, (1, 1, 1, 1, 1), pe="nope", cell="c2"), run(1, (1, 1, 0.6, 0.2, 0), cell="c2")]
    second = [run(0, (1, 1, 0.5, 0.4, 0), task="copy", cell="c3")]
    left = Excluded("runs/gone", "unfinished (status running)")
    return assemble([*nope, *rope, *other, *second, left])


def hostile() -> Study:
    """Everything that comes from outside is an attack."""
    lines = []
    for index, text in enumerate(HOSTILE):
        one = run(0, (1, 1, 0.9, 0.5, 0.1), pe=text, cell=f"c{index}", command=f"lengen train name={text}")
        config = {**one.config, "name": text, text: text}
        lines.append(
            Cell(text, (RunRecord(text, text, text, config, {**one.facts, "device": text}, one.curve),))
        )
    panel = Panel(HOSTILE[1], tuple(lines), notes=HOSTILE)
    return Study(
        (panel,), tuple(Excluded(text, text) for text in (*HOSTILE, "half \ud800")), by=(HOSTILE[0],)
    )


def large() -> Study:
    """500 runs: 5 tasks, 10 encodings, 10 seeds, 14 lengths."""
    lengths = [8, 15, 22, 30, 38, 45, 52, 60, 90, 120, 180, 240, 360, 480]
    generator = np.random.default_rng(0)
    curves = [
        curve(dict(zip(lengths, np.sort(generator.random(14))[::-1], strict=True)), train_length=30)
        for _ in range(10)
    ]

    def noisy(one):
        rows = [
            replace(row, loss=loss, seconds=seconds, token_accuracy=accuracy)
            for row, loss, seconds, accuracy in zip(one.rows, *generator.random((3, 14)), strict=True)
        ]
        return Curve(tuple(rows))

    def line(task, index):
        runs = [
            run(seed, (1, 1), pe=f"encoding{index}", cell=f"{task}{index}", task=task) for seed in range(10)
        ]
        return Cell(
            f"encoding{index}",
            tuple(
                replace(one, config={**one.config, "train_length": 30}, curve=noisy(curves[seed]))
                for seed, one in enumerate(runs)
            ),
        )

    tasks = ("addition", "copy", "parity", "passkey", "sort")
    return Study(tuple(Panel(task, tuple(line(task, index) for index in range(10))) for task in tasks))


def data(path: Path) -> dict:
    """What is embedded in a page."""
    return json.loads(
        re.search(r'<script type="application/json" id="study">(.*?)</script>', path.read_text())[1]
    )


def test_medians_quartiles_rates_and_profiles_are_those_of_the_seeds(tmp_path):
    write(small(), tmp_path / "page.html", title="small")
    panel = next(panel for panel in data(tmp_path / "page.html")["panels"] if panel["name"] == "addition")
    line = next(line for line in panel["cells"] if line["digest"] == "c0")
    for name, seeds in (("all", [*SHARES.values(), (0,) * 5]), ("trained", [SHARES[0], SHARES[1]])):
        found, columns = line["gates"][name], list(zip(*seeds, strict=True))
        assert found["tried"] == len(seeds)
        low, middle, high = found["quartiles"]["exact_match"]
        assert middle == pytest.approx([median(column) for column in columns])
        assert low == pytest.approx([np.quantile(column, 0.25) for column in columns])
        assert high == pytest.approx([np.quantile(column, 0.75) for column in columns])
        successes = [sum(share >= 0.9 for share in column) for column in columns]
        assert found["successes"] == successes
        exact = [binomtest(count, len(seeds)).proportion_ci(method="exact") for count in successes]
        assert found["low"] == pytest.approx([each.low for each in exact], abs=1e-4)
        assert found["high"] == pytest.approx([each.high for each in exact], abs=1e-4)
    assert [each["reach"] for each in line["runs"]] == [20, 10, None, None]
    assert panel["factors"] == [0.5, 1, 2, 4, 8]
    for name, successes in (("all", [2, 2, 1, 0, 0]), ("trained", [2, 2, 1, 0, 0])):
        profile = line["gates"][name]["profile"]
        exact = [binomtest(count, profile["tried"]).proportion_ci(method="exact") for count in successes]
        assert (profile["tried"], profile["successes"]) == ({"all": 4, "trained": 2}[name], successes)
        assert profile["low"] == pytest.approx([each.low for each in exact], abs=1e-4)
        assert profile["high"] == pytest.approx([each.high for each in exact], abs=1e-4)
    assert [each["state"] for each in line["runs"]] == ["trained", "trained", "not trained", "diverged"]
    assert line["gates"]["all"]["milliseconds"] == pytest.approx([0.12345] * 5)
    assert line["gates"]["all"]["mebibytes"] == pytest.approx([123_456_789 / 2**20] * 5, rel=1e-4)


def test_values_of_runs_are_those_of_their_curves():
    study = small()
    found = content(study, threshold=0.9, tables=(), title="")
    for panel, told in zip(study.panels, found["panels"], strict=True):
        for line, cell in zip(panel.cells, told["cells"], strict=True):
            assert cell["colour"] == colour(line.pe)
            assert "seed" not in yaml.safe_load(cell["config"])
            assert yaml.safe_load(cell["config"])["pe"] == line.runs[0].config["pe"]
            for one, shown in zip(line.runs, cell["runs"], strict=True):
                assert found["origins"][shown["origin"]]["command"] == one.facts["command"]
                for metric in METRICS:
                    wanted = [getattr(row, metric) for row in one.curve.rows]
                    for value, number in zip(wanted, shown[metric], strict=False):
                        assert number == (None if value is None else pytest.approx(value, rel=1e-4))


def test_cells_of_one_encoding_share_its_colour_and_differ_in_their_dashes():
    lines = content(small(), threshold=0.9, tables=(), title="")["panels"][0]["cells"]
    nope = [line for line in lines if line["colour"] == colour("nope")]
    assert len(nope) == len({str(line["dashes"]) for line in nope}) == 2


def test_no_json_can_close_its_element_or_break_a_line():
    text = inert({text: [text, 1.5, None] for text in HOSTILE})
    assert not set(text) & set("<>&\u2028\u2029\n")
    assert json.loads(text) == {text: [text, 1.5, None] for text in HOSTILE}


@pytest.mark.whole_run
def test_a_study_gives_the_same_bytes_in_every_process(tmp_path):
    write(small(), tmp_path / "page.html", title="small")
    again = (
        "import sys; from pathlib import Path; from tests.report.test_page import small;"
        "from lengen.report.page import write; write(small(), Path(sys.argv[1]), title='small');"
        "assert 'torch' not in sys.modules"
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root / 'src'}:{root}", "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", again, str(tmp_path / "again.html")], env=environment, check=True)
    assert (tmp_path / "page.html").read_bytes() == (tmp_path / "again.html").read_bytes()


def test_a_study_without_runs_has_no_page(tmp_path):
    with pytest.raises(ValueError, match="at least one run"):
        write(Study(()), tmp_path / "page.html", title="none")
    assert not list(tmp_path.iterdir())


def test_nothing_in_a_page_names_an_address_that_it_would_load(tmp_path):
    write(small(), tmp_path / "page.html", title="small")
    page = (tmp_path / "page.html").read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    assert "http" not in policy
    markup = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r'(src|href)="(?!data:)', markup)


FIGURES = (
    "curves",
    "rates",
    "profile",
    "profile-all",
    "heat",
    "time",
    "memory",
    "multiples-0",
    "multiples-1",
)


@pytest.mark.parametrize("size", [(1280, 900), pytest.param((400, 800), marks=pytest.mark.long)])
def test_a_page_is_drawn_without_a_word_in_the_console(visit, tmp_path, size):
    from matplotlib.image import imread

    page = visit(small(), size=size)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    for figure in FIGURES:
        node = page.locator(f"#{figure}")
        node.screenshot(path=tmp_path / "figure.png")
        pixels = np.round(imread(tmp_path / "figure.png")[..., :3] * 255) @ (1, 256, 65536)
        assert len(np.unique(pixels)) > 50, f"{figure} is blank"
        inside, around = node.locator("svg.marks").bounding_box(), node.bounding_box()
        assert inside["x"] + inside["width"] <= around["x"] + around["width"] + 1, f"{figure} is cut off"


def test_every_choice_draws_its_marks(visit):
    page = visit(small())
    for metric in METRICS:
        choose(page, metric=metric)
        assert all(marks(page, figure) for figure in FIGURES), metric
        assert page.locator("#curves-title").inner_text().startswith("addition")
    choose(page, task="1")
    assert all(marks(page, figure) for figure in FIGURES)
    assert page.locator("#curves-title").inner_text().startswith("copy")
    choose(page, task="0", metric="exact_match", x="factor")
    assert all(marks(page, figure) for figure in FIGURES)
    assert "length / train length" in page.locator("#curves").text_content()
    assert "&x=factor" in page.url


def test_chance_is_dotted_where_it_is_above_a_hundredth(visit):
    page = visit(small())

    def lines(figure):
        return page.locator(f'#{figure} path[stroke="#222222"]').count()

    choose(page, metric="exact_match")  # 0.001
    assert (lines("curves"), lines("multiples-0")) == (0, 0)
    assert "dots" not in page.locator("#curves-note").inner_text()
    choose(page, metric="token_accuracy")  # 0.325
    assert lines("curves") == 1
    assert lines("multiples-0") == len(small().panels[0].cells)
    assert "Black dots: chance" in page.locator("#curves-note").inner_text()


def test_the_gate_leaves_trained_runs_alone(visit):
    page = visit(small())
    lines = "#curves svg.marks .mark-line.role-mark path[stroke-dasharray='1.5,2.5']"
    assert page.locator(lines).count() == 2, "not trained, and diverged"
    before = {figure: page.locator(f"#{figure} svg.marks").inner_html() for figure in FIGURES[:5]}
    page.check("#trained")
    drawn(page)
    assert page.locator(lines).count() == 0
    for figure, markup in before.items():
        assert marks(page, figure)
        assert page.locator(f"#{figure} svg.marks").inner_html() != markup, figure


def test_hidden_cells_are_not_drawn_and_a_view_can_be_linked_to(visit):
    page = visit(small(), view="#task=0&metric=loss&x=factor&trained=1&hidden=0&run=1.0")
    assert page.input_value("#metric") == "loss"
    assert page.is_checked("#trained")
    assert page.locator("#detail h2").inner_text().endswith("seed 0")
    some = marks(page, "curves")
    page.locator("#cells input").first.check()
    drawn(page)
    assert marks(page, "curves") > some
    for box in page.locator("#cells input").all():
        box.uncheck()
    drawn(page)
    assert "Nothing to draw" in page.locator("#curves").inner_text()


def test_pointing_names_a_run_and_clicking_shows_where_it_comes_from(visit):
    page = visit(small())
    page.locator("#curves svg path[aria-roledescription='point'][opacity='0']").last.hover(force=True)
    tip = page.locator("#tip").inner_text()
    assert re.search(r"seed \d", tip)
    assert "length 80 (8 x)" in tip
    assert re.search(r"\d+ of 1000 right", tip)
    assert "runs/addition/" in tip
    page.mouse.down()
    page.mouse.up()
    shown = page.locator("#detail").inner_text()
    place = tip.splitlines()[-1]
    assert place in shown
    assert f"seed={place[-1]}" in page.locator("#detail pre.command").inner_text()
    assert "train_length: 10" in page.locator("#detail pre.config").inner_text()
    assert "abc123 with uncommitted changes" in shown
    assert page.locator("#runs tr.chosen").inner_text().strip().endswith(place)
    page.locator("#runs tbody button").first.click()
    assert page.locator("#runs td").nth(7).inner_text() in page.locator("#detail").inner_text()


@pytest.mark.long
def test_studies_of_the_rarest_kind_are_drawn(visit):
    diverged = [run(seed, (), status="diverged") for seed in range(2)]
    page = visit(assemble(diverged))
    assert "Nothing to draw" in page.locator("#curves").inner_text()
    assert page.locator("#cells tbody tr", has_text="0 of 2").count() == 1
    page = visit(assemble([run(0, (1,) * 5)]), view="#metric=first_error")
    assert "Nothing to draw" in page.locator("#heat").inner_text()
    page.select_option("#metric", "exact_match")
    drawn(page)
    assert marks(page, "heat")
    page = visit(assemble([run(0, (1,))]))
    assert marks(page, "curves")


def test_left_out_runs_tables_and_protocol_are_told(visit):
    table = ("Summary", ("cell", "rate"), (("nope", "2 of 4"), ("rope", "2 of 2")))
    page = visit(small(), tables=[table], title="Encodings & friends")
    assert page.title() == "Encodings & friends"
    text = page.locator("body").inner_text()
    for words in (
        "unfinished (status running)",
        "runs/gone",
        "2 of 4",
        "eval_seed",
        "1 diverged",
        "1 excluded",
    ):
        assert words in text
    assert page.locator("#cells tbody tr", has_text="2 of 4").count() == 1, "trained of tried"


def test_hostile_names_stay_text(visit):
    tables = [(text, [text], [[text]]) for text in HOSTILE]
    page = visit(hostile(), tables=tables, title=HOSTILE[1])
    assert page.title() == HOSTILE[1]
    for index, text in enumerate(HOSTILE):
        page.locator("#cells tbody button").nth(index).click()
        for place in (
            "#cells",
            "#detail h2",
            "#detail pre.command",
            "#detail dl >> nth=0",
            "#runs",
            "#left-out",
            "#tables",
        ):
            assert text in page.locator(place).text_content(), (place, text)
        config = page.locator("#detail pre.config").text_content()
        assert yaml.safe_load(config)[text] == yaml.safe_load(config)["name"] == text
        assert page.locator("#heat svg.marks").text_content()
    for point in page.locator("#curves svg path[opacity='0']").all()[:3]:
        point.hover(force=True)
        assert page.locator("#tip").is_visible()
    assert page.evaluate("window.hacked") is None
    assert page.locator("img, iframe, object, b").count() == 0
    assert page.locator("script").count() == 3


@pytest.mark.long
def test_five_hundred_runs_fit_and_are_drawn(visit, tmp_path):
    page = visit(large())
    assert (tmp_path / "page.html").stat().st_size < 6_000_000
    assert marks(page, "curves") > 100
    assert marks(page, "multiples-4") > 100


@pytest.mark.whole_run
def test_the_bundle_is_kept_and_a_cache_that_cannot_be_written_is_no_harm(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    page._library.cache_clear()
    made = page._library()
    (kept,) = tmp_path.glob("lengen/vega-*.js")
    whole = kept.read_text()
    monkeypatch.setattr(page.vl_convert, "javascript_bundle", lambda snippet: "made again")
    page._library.cache_clear()
    assert page._library() == made
    for damaged in ("", whole[:1000], whole.replace("vega", "Vega", 1)):
        kept.write_text(damaged)
        page._library.cache_clear()
        assert page._library() == "made again"
        page._library.cache_clear()
        assert page._library() == "made again"
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    page._library.cache_clear()
    assert page._library() == "made again"
    page._library.cache_clear()


def test_the_page_rounds_dodges_and_labels_by_the_rules_of_the_figures(visit):
    page = visit(small())
    shares = [
        0,
        1,
        0.9996,
        0.29,
        0.0004,
        0.004,
        0.57,
        1 - 1e-6,
        *np.random.default_rng(0).random(200).round(4),
    ]
    written = page.evaluate(
        "shares => shares.map((s) => [floored(s), floored(s, 2), short(s)])", list(map(float, shares))
    )
    assert written == [[floored(share), floored(share, 2), short(share)] for share in shares]
    places = [0.1, 0.2, 0.21, 0.5, 0.9]
    for index in range(6):
        moved = page.evaluate("([p, i]) => dodged(p, 0.21, i, 6)", [places, index])
        assert moved == pytest.approx(dodged(places, 0.21, index, 6))


@pytest.mark.parametrize("x", ["length", "factor"])
def test_first_train_and_last_lengths_are_labelled_without_overlap(visit, x):
    close = curve(dict.fromkeys((28, 30, 60, 470, 480), 1.0), train_length=30)
    one = run(0, (1,))
    one = replace(one, config={**one.config, "train_length": 30}, curve=close)
    page = visit(assemble([one]), view=f"#x={x}")
    for figure in ("curves", "rates", "heat", "time", "multiples-0"):
        texts = page.locator(f"#{figure} svg.marks .role-axis-label text").all()
        boxes = {}
        for text in texts:
            for line in text.locator("tspan").all() or [text]:
                if (word := line.text_content().strip()) and re.fullmatch(r"[\d.]+", word):
                    boxes.setdefault(word, line.bounding_box())
        wanted = {"28", "30", "480"} if x == "length" else {"0.933", "1", "16"}
        assert wanted <= set(boxes), figure
        for one_box, other in combinations([boxes[word] for word in sorted(wanted)], 2):
            apart = (
                one_box["x"] + one_box["width"] <= other["x"]
                or other["x"] + other["width"] <= one_box["x"]
                or one_box["y"] + one_box["height"] <= other["y"] + 2
                or other["y"] + other["height"] <= one_box["y"] + 2
            )
            assert apart, figure


@pytest.mark.parametrize(("x", "said"), [("length", ["10", ">= 80", "40"]), ("factor", ["1", ">= 8", "4"])])
def test_the_strip_says_the_reach_of_every_cell_as_the_printed_figure_does(visit, x, said):
    falls = [run(seed, (1, 1, 0.5, 0, 0)) for seed in range(2)]
    right = [run(seed, (1,) * 5, pe="rope", cell="c1") for seed in range(2)]
    late = [run(seed, (1, 1, 1, 1, 0.2), pe="alibi", cell="c2") for seed in range(2)]
    page = visit(assemble([*falls, *right, *late]))
    choose(page, x=x)
    names = page.locator("#cells tbody tr td:nth-child(3)").all_inner_texts()
    expected = dict(zip(("nope", "rope", "alibi"), said, strict=True))
    # each value is drawn twice, the first time as its own halo; all strips stand above the axes of the metric
    texts = page.locator("#curves svg.marks .role-mark.mark-text text").all_text_contents()
    assert sorted(texts) == sorted([expected[name] for name in names] * 2)
    assert page.locator("#curves svg.marks .role-axis-title").all_text_contents().count("reach0.90") == 1


def test_the_profile_ends_with_the_sweep_and_reaches_are_words(visit):
    right = [run(seed, (1,) * 5) for seed in range(3)]
    wrong = [run(seed, (0.5, 0.4, 0, 0, 0), pe="rope", cell="c1") for seed in range(3)]
    page = visit(assemble([*right, *wrong]))
    assert "sweep ends" in page.locator("#profile").text_content()
    cells = page.locator("#cells tbody tr")
    assert [cells.nth(index).locator("td").nth(4).inner_text() for index in range(2)] == [">= 80", "none"]
    strip = page.locator("#curves svg.marks").text_content()
    assert ">= 80" in strip
    assert "none" in strip
    runs = page.locator("#runs tbody tr")
    assert [runs.nth(index).locator("td").nth(4).inner_text() for index in (0, 3)] == [">= 80", "none"]
    page.locator("#runs tbody button").first.click()
    assert ">= 80" in page.locator("#detail").inner_text()
