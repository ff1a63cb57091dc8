"""How a page is used: sorted, searched, linked to, downloaded, printed, by keys, in the dark, and by a screen reader."""

import csv
from pathlib import Path

import axe_playwright_python
import pandas
import pytest
from tests.report.browser import choose, drawn, marks
from tests.report.test_page import SHARES, small

AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
PAIRS = ("first", "second", "seeds", "difference", "p adjusted", "significantly different")
TABLES = [
    (
        "Pairs",
        PAIRS,
        [["nope", "rope", "4 4", "-1.5", "0.01", "yes"], ["rope", "=1+1", "2 2", "—", "1", "no"]],
    )
]


def column(page, table: str, index: int) -> list[str]:
    """The texts of a column, of the rows that are shown."""
    cells = page.locator(f"{table} tbody tr:visible td:nth-child({index + 1})")
    return cells.all_inner_texts()


def test_tables_are_sorted_by_a_click_and_by_a_key_and_stay_sorted(visit):
    page = visit(small(), tables=TABLES)
    head = page.locator("#runs thead th", has_text="ID")
    assert head.get_attribute("aria-sort") is None
    head.locator("button").click()
    expected = ["0.500", "0.995", *["1.000"] * 5]
    assert column(page, "#runs", 3) == [*expected, "—"]
    head.locator("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert column(page, "#runs", 3) == [*reversed(expected), "—"]
    choose(page, metric="loss")
    assert column(page, "#runs", 3) == [*reversed(expected), "—"]
    page.locator("#runs tbody button").first.click()
    assert page.locator("#runs tr.chosen td").nth(7).inner_text() in page.locator("#detail").inner_text()
    page.locator("#tables th button", has_text="difference").click()
    assert column(page, "#tables", 3) == ["-1.5", "—"]


def test_cells_are_searched_in_figures_and_tables_and_the_view_is_a_link(visit):
    page = visit(small(), tables=TABLES)
    every = marks(page, "curves")
    page.fill("#find", "ROPE")
    drawn(page)
    assert 0 < marks(page, "curves") < every
    assert column(page, "#cells", 2) == ["rope"]
    assert {*column(page, "#runs", 0)} == {"rope"}
    assert len(column(page, "#tables", 0)) == 2, "a pair with the cell in either place"
    choose(page, x="factor", metric="token_accuracy")
    other = visit(small(), view=page.url.partition(".html")[2])
    assert other.input_value("#find") == "ROPE"
    assert (other.input_value("#x"), other.input_value("#metric")) == ("factor", "token_accuracy")
    assert {*column(other, "#runs", 0)} == {"rope"}
    other.evaluate("location.hash = '#task=copy&metric=loss'")
    other.wait_for_function("document.querySelector('#metric').value === 'loss'")
    drawn(other)
    assert other.locator("#curves-title").inner_text() == "copy: loss over length"
    assert other.input_value("#find") == ""


def saved(page, button) -> list[list[str]]:
    """The rows that a button downloads."""
    with page.expect_download() as waiting:
        button.click()
    with Path(waiting.value.path()).open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_what_is_shown_is_downloaded_as_csv(visit):
    page = visit(small(), tables=TABLES)
    page.check("#trained")
    page.fill("#find", "c0")
    drawn(page)
    header, *rows = saved(page, page.get_by_role("button", name="Download CSV: curves"))
    assert header[-3:] == ["length", "length / train length", "exact match"]
    assert [float(row[-1]) for row in rows] == [*SHARES[0], *SHARES[1]], "the seeds that are trained"
    assert [row[4] for row in rows[:5]] == ["5", "10", "20", "40", "80"]
    header, *rows = saved(page, page.get_by_role("button", name="Download CSV: runs"))
    assert header[0] == "cell"
    assert len(rows) == 4
    page.fill("#find", "")
    rows = saved(page, page.get_by_role("button", name="Download CSV: Pairs"))
    assert rows == [[*PAIRS], TABLES[0][2][0], ["rope", "'=1+1", "2 2", "", "1", "no"]]


def test_numbers_with_intervals_are_downloaded_as_numbers(visit, tmp_path):
    """As the table of pairs has them; an interval is there from three seeds on."""
    header = ("first", "difference", "P(first beats second)", "p", "seeds")
    rows = [
        ["nope", "+0.12 [-0.30, +0.54]", "0.50 [0.11, 0.89]", "1e-05", "4, 4"],
        ["rope", "-0.25", "0.40", "0.33", "2, 2"],
        ["=1+1", "—", "—", "—", "1, 1"],
    ]
    page = visit(small(), tables=[("Pairs", header, rows)])
    (tmp_path / "pairs.csv").write_text(
        "\n".join(
            ",".join(f'"{each}"' for each in row)
            for row in saved(page, page.get_by_role("button", name="Download CSV: Pairs"))
        )
    )
    read = pandas.read_csv(tmp_path / "pairs.csv")
    assert list(read) == [
        "first",
        *(f"{name}{end}" for name in header[1:3] for end in ("", " low", " high")),
        *header[3:],
    ]
    assert list(read["first"]) == ["nope", "rope", "'=1+1"]
    assert read["difference"].tolist()[:2] == [0.12, -0.25]
    assert (read["difference low"][0], read["difference high"][0]) == (-0.30, 0.54)
    for name in list(read)[1:8]:
        assert read[name].dtype == float, name
        assert read[name].isna()[2]


def test_a_run_is_shown_and_left_by_keys(visit):
    page = visit(small())
    name = page.locator("#runs tbody button").first
    name.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "detail"
    page.keyboard.press("Escape")
    assert page.locator("#detail").is_hidden()
    assert name.evaluate("node => node === document.activeElement")
    assert "run=" not in page.url


def test_tables_are_whole_at_1280_pixels_and_on_paper(visit):
    page = visit(small(), tables=TABLES)
    whole = "() => [...document.querySelectorAll('.wide')].every((box) => box.scrollWidth <= box.clientWidth + 1 && box.scrollHeight <= box.clientHeight + 1)"
    assert page.evaluate(whole)
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 700, "height": 900})
    assert page.evaluate(whole)
    assert page.locator("button.csv:visible").count() == 0


def test_a_row_keeps_its_name_where_a_narrow_table_is_moved(visit):
    page = visit(small(), tables=TABLES, size=(390, 800))
    moved = """() => {
        const box = [...document.querySelectorAll('.wide')].find((each) => each.scrollWidth > each.clientWidth + 100);
        const names = [box.querySelector('th'), box.querySelector('td')];
        const places = () => names.map((name) => name.getBoundingClientRect().left);
        const before = places();
        box.scrollLeft = 100;
        return [before, places(), names.map((name) => name.getBoundingClientRect().width / box.clientWidth)];
    }"""
    before, after, widths = page.evaluate(moved)
    assert before == after
    assert max(widths) < 0.5


def test_tables_are_low_on_a_telephone(visit):
    """Names may take a few lines; numbers, intervals and captions do not make a row higher."""
    long = "nope, tuned: head_scale (steps=20, optimizer.schedule.warmup=2)"
    tables = [
        (
            "All. Captions say: much; more.",
            ("cell", "success", "area"),
            [[long, "0/2 [0.00, 0.84]", "1.25 [0.10, 2.40]"]] * 3,
        ),
        ("Columns", [], [["area: under exact match. " * 60]]),
    ]
    page = visit(small(), tables=tables, size=(390, 800))
    rows = page.locator("#tables tbody tr")
    line = (
        page.locator("#runs tbody tr").last.locator("td").nth(1).evaluate("td => td.firstChild.offsetHeight")
    )
    assert max(rows.nth(index).evaluate("row => row.offsetHeight") for index in range(3)) < 5 * line
    assert [page.locator("#tables h2").nth(index).inner_text() for index in range(2)] == ["All", "Columns"]
    assert page.locator("#tables .note").first.inner_text() == "Captions say: much; more."
    legend = page.locator("#tables details p")
    assert not legend.is_visible()
    page.locator("#tables summary").click()
    assert legend.is_visible()
    assert visit(small(), tables=tables).locator("#tables details p").is_visible()


def test_the_page_and_its_figures_are_dark_where_the_system_is(visit):
    page = visit(small())
    brightness = """([selector, property]) => {
        const rgb = getComputedStyle(document.querySelector(selector))[property].match(/[0-9]+/g).map(Number);
        return rgb[0] + rgb[1] + rgb[2];
    }"""
    back, label = ["#curves svg.marks", "backgroundColor"], ["#curves .role-axis-label text", "fill"]
    assert page.evaluate(brightness, ["body", "backgroundColor"]) > 700
    assert page.evaluate(brightness, back) > 700
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"place => ({brightness})(place) < 120", arg=back)
    drawn(page)
    assert page.evaluate(brightness, ["body", "backgroundColor"]) < 120
    assert page.evaluate(brightness, label) > 600


@pytest.mark.parametrize(
    ("size", "scheme"),
    [
        ((1440, 900), "light"),
        pytest.param((1440, 900), "dark", marks=pytest.mark.long),
        pytest.param((390, 800), "light", marks=pytest.mark.long),
        pytest.param((390, 800), "dark", marks=pytest.mark.long),
    ],
)
def test_axe_finds_nothing(visit, size, scheme):
    page = visit(
        small(),
        tables=TABLES,
        size=size,
        context={"color_scheme": scheme, "bypass_csp": True},
        view="#run=0.0",
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run()")
    assert [(each["id"], each["nodes"][0]["html"][:200]) for each in found["violations"]] == []
    assert len(found["passes"]) > 15
