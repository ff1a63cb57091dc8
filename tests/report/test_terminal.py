"""What a run says at its end: the numbers of the curve, on terminals of every width and encoding."""

import io
import math
import re
from dataclasses import replace
from pathlib import Path

import plotext
import pytest
from rich.console import Console

from lengen.records.curve import Curve
from lengen.records.error_law import ErrorLaw
from lengen.report.terminal import (
    error_law,
    files,
    plot,
    reached,
    show,
    show_briefly,
    summary,
    table,
    verdict,
)
from lengen.statistics.estimates import Estimate
from lengen.statistics.formats import floored
from lengen.statistics.intervals import clopper_pearson, examples_needed
from report.curves import curve

CURVE = curve({5: 1.0, 10: 0.999, 20: 0.953, 40: 0.0})
FORTY = curve({length: 1 / (1 + 1.6 ** (length - 26)) for length in range(1, 41)})
CURVES = {
    "four": CURVE,
    "forty": FORTY,
    "one": curve({20: 1.0}, examples=50),
    "linear": curve({5: 1.0, 6: 0.5, 7: 0.0}),
}


class Page(io.TextIOWrapper):
    """A terminal's memory, in some encoding; raises where it cannot print a character."""

    def __init__(self, encoding: str) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, errors="strict", newline="")

    def read_all(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


def shown(
    curve: Curve, folder: Path, *, width: int = 100, encoding: str = "utf-8", exact: float = 0.998
) -> str:
    page = Page(encoding)
    show(curve, id_exact_match=exact, folder=folder, console=Console(file=page, width=width))
    return page.read_all()


def rows(text: str) -> list[list[str]]:
    """Rows of the table, as words."""
    found = [re.sub(r"[|│]", " ", line).split() for line in text.splitlines()]
    return [words for words in found if len(words) > 2 and words[1] in ("id", "ood")]


@pytest.fixture(autouse=True)
def _run_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "wandb").mkdir()
    for name in ("curve.csv", "run.json", ".hidden.part", "checkpoints/last.ckpt", "wandb/identity"):
        (tmp_path / "run" / name).touch()


def test_the_table_has_every_number_of_every_length():
    assert rows(shown(CURVE, Path("run"), width=110)) == [
        line.split()
        for line in (
            "5 id 1.000 0.001 0.996 to 1.000 1.000 0.0000 — 0.12 —",
            "10 id 0.999 0.001 0.994 to 1.000 0.999 0.0003 1.4 0.12 wrong token 100%",
            "20 ood 0.953 0.001 0.937 to 0.966 0.976 0.0157 2.9 0.12 wrong token 100%",
            "40 ood 0.000 0.001 0.000 to 0.004 0.500 0.3333 5.7 0.12 wrong token 100%",
        )
    ]
    assert len(rows(shown(FORTY, Path("run")))) == 40


def test_the_most_frequent_failure_is_told():
    ended = curve({10: 1.0, 20: 0.9}, stopped_early=0, ran_on=0, never_ended=0, wrong_token=0)
    row = replace(ended.rows[1], stopped_early=24, ran_on=76)
    text = shown(Curve((ended.rows[0], row)), Path("run"), width=120)
    assert [words[-3:] for words in rows(text)] == [["—", "0.12", "—"], ["runs", "on", "76%"]]
    earlier = curve({10: 1.0, 20: 0.9}, stopped_early=None, ran_on=None, never_ended=None, wrong_token=None)
    assert "fails" not in shown(earlier, Path("run"), width=120)


def test_a_curve_of_an_earlier_version_has_no_column_of_chance():
    levels = curve({10: 1.0, 20: 0.9}, chance_exact_match=0.125)
    assert [words[3] for words in rows(shown(levels, Path("run"), width=120))] == ["0.125", "0.125"]
    earlier = curve({10: 1.0, 20: 0.9}, chance_exact_match=None)
    assert "chance" not in shown(earlier, Path("run"), width=120)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252"])
@pytest.mark.parametrize("width", [10, 30, 40, 80])
@pytest.mark.parametrize("name", CURVES)
def test_it_prints_on_every_terminal_and_breaks_no_number(name, width, encoding):
    curve = CURVES[name]
    text = shown(curve, Path("run"), width=width, encoding=encoding)
    assert "trained: ID exact match 0.998" in text.splitlines()
    assert ("exact match over length" in text) is (width >= 40)
    assert text.isascii() or encoding == "utf-8"
    if width < 24:
        return
    found = rows(text)
    assert [words[0] for words in found] == [str(length) for length in curve.lengths]
    assert [words[2] for words in found] == [floored(row.exact_match) for row in curve.rows]
    assert all(len(line) <= width for line in text.splitlines() if not re.match("reach|trained|run", line))
    assert "…" not in text
    if "to" in found[0]:
        assert [words[words.index("to") + 1] for words in found] == [
            f"{math.ceil(1000 * row.ci_high) / 1000:.3f}" for row in curve.rows
        ]


def test_a_narrow_terminal_goes_without_the_least_columns_first():
    headers = {
        width: [column.header for column in table(CURVE, Console(width=width)).columns]
        for width in range(20, 121)
    }
    everything = headers[120]
    assert len(headers[100]) == len(everything) - 1
    assert len(headers[80]) == len(everything) - 3
    assert len(everything) == 10
    gone = ["seconds", "first\nerror", "loss", "how it fails", "token\naccuracy", "chance", "95% interval"]
    for width in range(20, 121):
        assert headers[width] in [
            [name for name in everything if name not in gone[:count]] for count in range(len(gone) + 1)
        ]
        assert len(headers[width]) >= len(headers[max(20, width - 1)])
    assert headers[20] == ["length", "split", "exact\nmatch"]


def test_the_plot_goes_from_one_to_zero_and_leaves_nothing_behind():
    console = Console(file=Page("utf-8"), width=80)
    lines = plot(CURVE, console)
    assert max(map(len, lines)) <= 80
    assert "log scale" in lines[0]
    assert lines[-1].split() == ["5", "10", "20", "40"]
    upper, lower = (next(line for line in lines if line.startswith(at)) for at in ("1.0", "0.0"))
    assert re.search("[▀▄▖▗▘▝▚▞]", upper[:30])
    assert re.search("[▀▄▖▗▘▝▚▞]", lower[-12:])
    assert plot(CURVE, console) == lines
    plotext.limitsize(False, False)
    plotext.plotsize(30, 5)
    plotext.scatter([0], [0])
    assert "exact" not in plotext.build()
    plotext.clear_figure()


@pytest.mark.parametrize(
    ("threshold", "line"),
    [
        (0.90, "reach 0.90: 20 (2x the train length 10)"),
        (0.95, "reach 0.95: 10 (1x the train length 10)"),
        (0.99, "reach 0.99: 10 (1x the train length 10)"),
    ],
)
def test_reaches_are_told_with_their_factor(threshold, line):
    assert reached(CURVE, threshold) == line
    assert line in shown(CURVE, Path("run")).splitlines()


def test_reaches_tell_none_everything_and_too_few_examples():
    assert reached(curve({5: 0.2}), 0.90) == "reach 0.90: none"
    assert (
        reached(curve({5: 1.0, 25: 1.0}), 0.90)
        == "reach 0.90: >= 25 (2.5x the train length 10), every length of the sweep"
    )
    few = curve({5: 1.0, 10: 1.0}, examples=100)
    assert reached(few, 0.95) == "reach 0.95: >= 10 (1x the train length 10), every length of the sweep"
    assert reached(few, 0.99) == "reach 0.99: not measurable with 100 examples per length (needs 368)"
    assert summary(few).endswith("reach 0.90: >= 10, 0.95: >= 10, 0.99: not measurable")
    assert summary(curve({5: 0.2})).endswith("reach 0.90: none, 0.95: none, 0.99: none")
    mixed = few.add(curve({20: 1.0}, examples=20).rows[0])
    assert (
        reached(mixed, 0.95)
        == "reach 0.95: 10 (1x the train length 10); needs at least 72 examples per length"
    )
    assert "reach 0.99: not measurable" in shown(few, Path("run"), encoding="ascii")


@pytest.mark.parametrize("threshold", [0.5, 0.9, 0.95, 0.99, 0.995])
def test_examples_needed_are_enough_and_one_fewer_are_not(threshold):
    needed = examples_needed(threshold)
    assert clopper_pearson(needed, needed)[0] >= threshold
    assert needed == 1 or clopper_pearson(needed - 1, needed - 1)[0] < threshold


@pytest.mark.parametrize(
    ("exact", "line"),
    [
        (1.0, "trained: ID exact match 1.000"),
        (0.99, "trained: ID exact match 0.990"),
        (0.998, "trained: ID exact match 0.998"),
        (
            0.98999999,
            "NOT TRAINED: ID exact match 0.989 is below 0.99; OOD results of an untrained run say nothing about extrapolation",
        ),
        (
            0.83,
            "NOT TRAINED: ID exact match 0.830 is below 0.99; OOD results of an untrained run say nothing about extrapolation",
        ),
        (
            0.0,
            "NOT TRAINED: ID exact match 0.000 is below 0.99; OOD results of an untrained run say nothing about extrapolation",
        ),
        (
            math.nan,
            "NOT TRAINED: ID exact match nan is below 0.99; OOD results of an untrained run say nothing about extrapolation",
        ),
    ],
)
def test_the_verdict_is_one_line_however_narrow(exact, line):
    assert verdict(exact) == line
    assert line in shown(CURVE, Path("run"), width=30, exact=exact).splitlines()


def test_the_verdict_says_on_how_many_strings():
    assert (
        verdict(0.97, 200)
        == "NOT TRAINED: ID exact match 0.970 of 200 strings (95% interval 0.935 to 0.989) is below 0.99; "
        "OOD results of an untrained run say nothing about extrapolation"
    )


def test_files_are_those_that_are_there_from_here_or_absolute(tmp_path, monkeypatch):
    expected = ["run/checkpoints/last.ckpt", "run/curve.csv", "run/run.json"]
    assert files(Path("run")) == files(tmp_path / "run") == expected
    assert shown(CURVE, Path("run"), width=20).splitlines()[-3:] == expected
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert files(tmp_path / "run") == [str(tmp_path / path) for path in expected]
    assert files(tmp_path / "nowhere") == []


def test_names_of_files_are_not_markup_and_print_anywhere(tmp_path):
    folder = tmp_path / "seed=[bold]3[/bold] :smile: größer"
    folder.mkdir(parents=True)
    (folder / "curve.csv").touch()
    assert shown(CURVE, folder).splitlines()[-1] == "seed=[bold]3[/bold] :smile: größer/curve.csv"
    assert (
        shown(CURVE, folder, encoding="ascii").splitlines()[-1]
        == "seed=[bold]3[/bold] :smile: gr??er/curve.csv"
    )


def test_a_curve_without_rows_still_has_a_verdict_and_files():
    lines = shown(Curve(), Path("run"), exact=0.5).splitlines()
    assert lines[0].startswith("NOT TRAINED")
    assert lines[1:] == ["run/checkpoints/last.ckpt", "run/curve.csv", "run/run.json"]


@pytest.mark.parametrize(
    ("exact", "line"),
    [
        (0.998, "trained: ID exact match 0.998; reach 0.90: 20, 0.95: 10, 0.99: 10"),
        (
            0.5,
            "NOT TRAINED: ID exact match 0.500 is below 0.99; OOD results of an untrained run say nothing about extrapolation",
        ),
    ],
)
def test_in_brief_two_lines_follow_the_curve(exact, line):
    full, page = shown(CURVE, Path("run"), exact=exact).splitlines(), Page("utf-8")
    show_briefly(CURVE, id_exact_match=exact, folder=Path("run"), console=Console(file=page, width=100))
    brief = page.read_all().splitlines()
    assert brief[-2:] == [line, "files: run (-v says more)"]
    assert brief[:-2] == full[: len(brief) - 2]  # the same table and plot


def test_the_default_is_standard_output(capsys):
    show(CURVE, id_exact_match=1.0, folder=Path("run"))
    assert "trained: ID exact match 1.000" in capsys.readouterr().out


def test_an_error_law_is_told_in_a_line():
    power = ErrorLaw(
        "power",
        "",
        error_rate=Estimate(0.001, 0.0005, 0.002),
        growth=Estimate(2.0, 1.5, 2.5),
        half_length=Estimate(30.0, 28.0, 33.0),
        errors_follow="place",
        by_bic="power",
    )
    line = (
        "error law: power, error rate per token at the train length 0.0010 [0.00050, 0.0020], "
        "growth exponent 2.00 [1.50, 2.50], exact match 1/2 at 30.0 [28.0, 33.0]"
    )
    assert error_law(power) == f"{line}, errors follow the place in the answer"
    other = replace(power, errors_follow="undecided", by_bic="floor and power")
    assert error_law(other) == f"{line}, BIC prefers: floor and power"
    assert error_law(ErrorLaw(None, "curve is a step")) == "error law: none (curve is a step)"
    page = Page("utf-8")
    console = Console(file=page, width=300)
    show(CURVE, id_exact_match=1.0, folder=Path("run"), law=power, console=console)
    assert line in page.read_all()
    assert "error law" not in shown(CURVE, Path("run"))
