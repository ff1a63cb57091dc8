"""docs/speed.md says what the files under results/bench say."""

import json
import re
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks import Failed, Figure, Profile, Setting, Skipped
from benchmarks.page import BEGIN, END, between, number, page, row, table
from benchmarks.record import load, loaded, save, start

ROOT = Path(__file__).parents[2]
RESULTS, PAGE = ROOT / "results" / "bench", ROOT / "docs" / "speed.md"
FILES = sorted(RESULTS.glob("*.json"))

if not RESULTS.is_dir():
    pytest.skip("an sdist has no results", allow_module_level=True)


def rows(text):
    """The cells of every row of every table."""
    found = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"
    ]
    return [cells for cells in found if set("".join(cells)) - set("-: ")]


def value(cell):
    """The number at the start of a cell."""
    return float(re.match(r"[\d.,e+-]+", cell)[0].replace(",", ""))


def test_the_page_is_made_from_the_files():
    assert FILES
    assert page(PAGE.read_text()) == PAGE.read_text()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_number_of_a_table_is_that_of_the_file(path):
    """Read without the code that writes them."""
    figures = json.loads(path.read_text())["figures"]
    written = rows(path.with_suffix(".md").read_text())[1:]
    for (what, median, spread, mark, _), figure in zip(written[: len(figures)], figures, strict=True):
        assert what == figure["what"]
        assert median.endswith(figure["unit"])
        assert value(median) == pytest.approx(figure["median"], rel=5e-3, abs=5e-4)
        if figure["rounds"] > 1:
            low, _, high = spread.partition(" to ")
            assert value(low) == pytest.approx(figure["low"], rel=5e-3, abs=5e-4)
            assert value(high) == pytest.approx(figure["high"], rel=5e-3, abs=5e-4)
        if figure["mark"] is not None:
            assert ("not met" in mark) == (figure["median"] < figure["mark"])
    profiles = [profile for figure in figures for profile in figure["profiles"]]
    rest = written[len(figures) :]
    assert len(rest) == len(profiles) + bool(profiles)
    for cells, profile in zip(rest[1:], profiles, strict=True):
        shares = dict(zip(rest[0][3:], cells[3:], strict=True))
        assert cells[1] == profile["side"]
        assert shares == {
            kind: f"{100 * profile['shares'][kind]:.0f}%" if kind in profile["shares"] else "—"
            for kind in shares
        }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_says_how_it_was_made(path):
    record = json.loads(path.read_text())
    assert not record["toy"]
    assert path.stem == "gpu" or not record["failed"]  # of a GPU's parts, one may fail
    assert record["command"].startswith(f"python scripts/bench.py {path.stem}")
    assert record["commit"]
    assert record["torch"]
    assert record["machine"]["cpu"]
    assert record["machine"]["threads"] == 1
    assert path.with_suffix(".md").read_text() == table(loaded(path), whole=True, level="#") + "\n"
    import_module(f"benchmarks.measures.{path.stem}")


def test_marks_that_are_missed_have_a_profile_beside_them():
    """Where a step is compared; what draws examples has none."""
    for name in ("overhead", "peers", "trainer", "generate"):
        missed = [figure for figure in loaded(RESULTS / f"{name}.json")["figures"] if figure.met is False]
        assert all(figure.profiles for figure in missed)
        for profile in (profile for figure in missed for profile in figure.profiles):
            assert sum(profile.shares.values()) == pytest.approx(1)


def test_a_record_is_read_as_it_was_written(tmp_path):
    profile = Profile("lengen", 2.5, {"matrix products": 0.75, "attention": 0.25})
    entries = [
        Figure(
            "a step", "times faster", 1.25, 1.0, 1.5, 9, mark=1.3, values={"own_ms": 2.0}, profiles=(profile,)
        ),
        Figure("a detail", "s", 2.0, 2.0, 2.0, 1, detail=True),
        Skipped("against a library", "it is not installed"),
        Failed("a part", "ended after 3 seconds"),
    ]
    record = save(tmp_path, start("step", "A step", Setting(), ["step"]), entries)
    again = loaded(tmp_path / "step.json")
    assert [*again["figures"], *again["skipped"], *again["failed"]] == entries
    text = table(load(record), whole=False)
    assert "| a step | 1.25 times faster | 1.00 to 1.50 (9) | 1.30: **not met** | own ms 2.00 |" in text
    assert "| a step | lengen | 2.50 | 75% | 25% |" in text
    assert "a detail" not in text
    assert "Skipped: against a library (it is not installed)." in text
    assert "Failed: a part (ended after 3 seconds)." in text
    assert "| a detail | 2.00 s |" in (tmp_path / "step.md").read_text()


def test_a_mark_is_met_by_what_is_at_least_as_much():
    figure = Figure("a step", "times faster", 1.3, 1.3, 1.3, 1, mark=1.3)
    assert figure.met
    assert row(figure).count("met") == 1
    assert Figure("a step", "times faster", 1.3, 1.3, 1.3, 1).met is None


@pytest.mark.parametrize(
    ("given", "shown"),
    [(0.0123, "0.012"), (0.9449, "0.945"), (1.256, "1.26"), (123.44, "123.4"), (12345.6, "12,346"), (0.0, "0.00"), (2e-5, "2.00e-05")],
)  # fmt: skip
def test_numbers(given, shown):
    assert number(given) == shown


def test_only_what_is_between_the_marks_is_written():
    assert between(f"before\n{BEGIN}old{END}\nafter", "new") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter"
    with pytest.raises(SystemExit, match="lacks the lines"):
        between("no marks", "new")
