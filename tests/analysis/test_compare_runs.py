"""`lengen compare` from run folders to files: numbers against a slow count, files, refusals."""

import csv
import json
import math
import re
import statistics
from dataclasses import replace
from functools import partial
from itertools import pairwise, product

import numpy
import pandas
import pytest
import yaml
from scipy.stats import kendalltau, norm, permutation_test

from conftest import TINY
from lengen.analysis.output_files import OutputFiles
from lengen.comparison.cell_summary import COLUMNS, SuccessCriterion
from lengen.comparison.find_runs import find
from lengen.comparison.grouping import assemble
from lengen.comparison.pairs import PairOptions
from lengen.comparison.published import PublishedCell, agreement, load, matched_cells
from lengen.comparison.summary import summarize
from lengen.config.errors import UsageError
from lengen.records.curve import Curve
from lengen.records.verdicts import StringVerdicts, write_verdicts
from lengen.report import band, medians, profile, sheet, tables
from lengen.report.content import content
from lengen.report.vertical import Vertical
from lengen.statistics.intervals import clopper_pearson
from lengen.statistics.simplex import mean_interval
from studies import LENGTHS, write_run

SHARES = {
    "nope": [[1.0, 1.0, 0.95, 0.4], [1.0, 0.999, 0.92, 0.1], [1.0, 1.0, 0.3, 0.0], [1.0, 1.0, 0.97, 0.96]],
    "rope": [[1.0, 1.0, 0.2, 0.0], [1.0, 1.0, 0.1, 0.0], [0.7, 0.6, 0.0, 0.0], None],
}


@pytest.fixture
def runs(tmp_path):
    """Two cells of four seeds: one run not trained, one diverged."""
    root = tmp_path / "runs"
    for pe, seeds in SHARES.items():
        for seed, shares in enumerate(seeds):
            status = "finished" if shares else "diverged"
            write_run(
                root,
                seed,
                shares,
                pe=pe,
                cell=f"c-{pe}",
                status=status,
                task__times=1,
                task__substitute=False,
            )
    return root


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    """Figures with few dots, drawn fast."""
    monkeypatch.setattr(sheet, "DOTS", 60)


def slow_area(shares):
    """Area over doublings by hand: lengths 10, 20 and 40 are 0, 1 and 2 doublings."""
    return sum((left + right) / 2 for left, right in pairwise(shares[1:]))


def test_the_table_says_what_a_slow_count_says(runs):
    found = summarize(assemble(find([str(runs)])), SuccessCriterion())
    by_name = {(row.line, row.runs): row for row in found.summaries}
    for pe, seeds in SHARES.items():
        trained = [shares for shares in seeds if shares and shares[0] >= 0.99]
        for gate, kept in (("all", [shares or [0.0] * 4 for shares in seeds]), ("trained", trained)):
            row = by_name[pe, gate]
            assert (row.tried, row.trained, row.diverged) == (4, len(trained), seeds.count(None))
            hits = sum(shares[2] >= 0.9 for shares in kept)
            assert (row.at, row.successes, row.success_rate) == (20, hits, hits / len(kept))
            assert (row.success_low, row.success_high) == clopper_pearson(hits, len(kept))
            reached = []
            for shares in kept:
                reach = 0
                for length, share in zip(LENGTHS, shares, strict=True):
                    if clopper_pearson(round(share * 1000), 1000)[0] < 0.9:
                        break
                    reach = length
                reached.append(reach)
            assert row.reach_90 == statistics.median(reached)
            assert row.reach_90_best == max(reached)
            assert row.factor_90 == statistics.median(reached) / 10
            pooled = sorted(share for shares in kept for share in shares[2:])
            cut = len(pooled) // 4
            assert row.iqm == pytest.approx(statistics.mean(pooled[cut : len(pooled) - cut]))
            assert (row.iqm_low, row.iqm_high) == (None, None)  # from five seeds on
            areas = list(map(slow_area, kept))
            assert row.area == pytest.approx(statistics.mean(areas))
            assert (row.area_min, row.area_max) == (pytest.approx(min(areas)), pytest.approx(max(areas)))
            assert row.area_median == pytest.approx(statistics.median(areas))
            low, high = mean_interval(numpy.array(areas) / 2)[1:3]
            assert row.area_low == (low and pytest.approx(2 * low))
            assert row.area_high == (high and pytest.approx(2 * high))
            assert row.minutes == 1.5
    assert by_name["nope", "all"].rank == 1
    assert by_name["rope", "all"].rank == 2


def test_pairs_count_seeds_that_win_on_the_same_strings(runs):
    found = summarize(assemble(find([str(runs)])), SuccessCriterion())
    pair = next(pair for pair in found.pairs if pair.runs == "all")
    areas = {pe: [slow_area(shares or [0.0] * 4) for shares in seeds] for pe, seeds in SHARES.items()}
    wins = [
        1.0 if ours > other else 0.5 if ours == other else 0.0
        for ours, other in product(areas["nope"], areas["rope"])
    ]
    assert (pair.first, pair.second, pair.first_seeds, pair.second_seeds) == ("nope", "rope", 4, 4)
    assert pair.improvement == pytest.approx(statistics.mean(wins))
    shift = statistics.mean(areas["nope"]) - statistics.mean(areas["rope"])
    assert pair.difference == pytest.approx(shift)
    exact = permutation_test(
        (areas["nope"], areas["rope"]),
        lambda ours, theirs: abs(statistics.mean(ours) - statistics.mean(theirs)),
        alternative="greater",
        n_resamples=10**6,
    )
    assert pair.p_value == pair.p_seeds == pair.p_family == pytest.approx(exact.pvalue)
    assert pair.p_strings is None  # no verdicts
    assert pair.told_apart == (pair.p_family <= 0.05)
    texts = [note.text for note in found.notes if note.runs == "all"]
    assert texts == [
        "strings as fixed: some run kept no verdicts, or those of other strings, so tests and intervals are over seeds alone"
    ]
    gated = next(pair for pair in found.pairs if pair.runs == "trained")
    assert (gated.first_seeds, gated.second_seeds) == (4, 2)
    assert not gated.told_apart  # two seeds cannot
    names = {(row.line, row.runs): row.not_told_apart for row in found.summaries}
    assert names["nope", "trained"] == "rope"


def test_over_several_tasks_ranks_are_shared(runs):
    for seed in range(2):
        write_run(runs, seed, [1.0, 1.0, 0.5, 0.5], cell="c-n", task__repeats="one", facts={"category": "C"})
        write_run(runs, seed, [1.0, 1.0, 0.5, 0.5], pe="rope", cell="c-r", task__repeats="one")
    write_run(
        runs, 0, [1.0, 1.0, 0.0, 0.0], cell="c-a", task__repeats="alone"
    )  # no rope here: no rank to compare
    found = summarize(assemble(find([str(runs)])), SuccessCriterion())
    overall = {each.line: each for each in found.overall if each.runs == "all"}
    assert (overall["nope"].mean_rank, overall["rope"].mean_rank) == (1.0, 1.5)
    assert (overall["nope"].panels, overall["nope"].tried) == (2, 6)
    assert overall["nope"].category == "C"  # others do not say


def equal_cells(root, shares, *, seeds=5, **sweeps):
    """Two cells with the same curves; each option names a cell and the longest length of its sweep."""
    for pe, longest in sweeps.items():
        kept = [length for length in LENGTHS if length <= longest]
        for seed in range(seeds):
            write_run(root, seed, shares[: len(kept)], pe=pe, cell=f"c-{pe}", eval__lengths=kept)
    return summarize(assemble(find([str(root)]), mixed=True), SuccessCriterion())


def test_cells_are_compared_on_the_lengths_that_they_share(tmp_path):
    found = equal_cells(tmp_path, [1.0, 1.0, 0.95, 0.9], nope=40, rope=20)
    (pair,) = [pair for pair in found.pairs if pair.runs == "all"]
    assert (pair.longest, pair.difference, pair.p_family, pair.told_apart) == (20, 0.0, 1.0, False)
    rows = {row.line: row for row in found.summaries if row.runs == "all"}
    assert rows["nope"].area == rows["rope"].area == pytest.approx((1.0 + 0.95) / 2)
    assert (rows["nope"].area_end, rows["nope"].longest) == (20, 40)
    assert any("areas end at 20" in note.text for note in found.notes)


def test_a_sweep_that_ends_before_the_curve_falls_is_censored(tmp_path):
    found = equal_cells(tmp_path, [1.0, 1.0, 1.0, 1.0], nope=40, rope=40)
    row = found.summaries[0]
    assert (row.reach_90, row.reach_90_at_least, row.reach_90_low, row.reach_90_high) == (40, True, 40, None)
    assert ">= 40" in tables.COLUMNS["reach 0.90"](row)
    assert tables.COLUMNS["best"](row) == ">= 40"


@pytest.mark.parametrize(
    ("examples", "measured"), [(1000, {90, 95, 99}), (100, {90, 95}), (50, {90}), (20, set())]
)
def test_a_reach_that_so_few_examples_cannot_measure_is_no_failure(tmp_path, figures, examples, measured):
    for pe in ("nope", "rope"):
        write_run(tmp_path, 0, [1.0, 1.0, 1.0, 0.0], pe=pe, cell=f"c-{pe}", protocol={"examples": examples})
    study = assemble(find([str(tmp_path)]))
    found = summarize(study, SuccessCriterion())
    for row in found.summaries:
        reached = {90: row.reach_90, 95: row.reach_95, 99: row.reach_99}
        assert reached == {level: 20 if level in measured else None for level in (90, 95, 99)}
        assert (row.factor_90, row.reach_90_best) == ((2, 20) if 90 in measured else (None, None))
    texts = [note.text for note in found.notes if note.text.startswith("not measurable")]
    needed = {90: "0.90 (needs 36)", 95: "0.95 (needs 72)", 99: "0.99 (needs 368)"}
    lacking = ", ".join(needed[level] for level in (90, 95, 99) if level not in measured)
    assert set(texts) == (
        {f"not measurable with {examples} examples per length: reach {lacking}"} if lacking else set()
    )
    (panel,) = study.panels
    assert band.draw(panel, tmp_path / "band")
    words = {text.get_text() for axes in figures[0].axes for text in axes.texts}
    assert ("not measurable" in words) is (90 not in measured)
    assert "none" not in words
    (line, _) = content(study, threshold=0.9, tables=[], title="")["panels"][0]["cells"]
    assert line["runs"][0]["reaches"] == [
        "20" if level in measured else "not measurable" for level in (90, 95, 99)
    ]
    assert line["gates"]["all"]["reach_text"] == ("20" if 90 in measured else "not measurable")
    assert (line["gates"]["all"]["profile"] is None) is (90 not in measured)
    profile.draw(study.panels, tmp_path / "profile")
    steps = [line for line in figures[-2].axes[0].lines if len(line.get_xdata()) > 2]
    assert len(steps) == (2 if 90 in measured else 0)


def test_cells_at_chance_and_cells_that_are_not_trained_have_no_rank(tmp_path):
    found = equal_cells(tmp_path / "chance", [1.0, 1.0, 0.0, 0.0], nope=40, rope=40)
    assert {row.rank for row in found.summaries} == {None}
    found = equal_cells(tmp_path / "untrained", [0.9, 0.9, 0.8, 0.7], nope=40, rope=40)
    assert {row.rank for row in found.summaries} == {None}
    found = equal_cells(tmp_path / "alike", [1.0, 1.0, 0.8, 0.7], nope=40, rope=40)
    assert {row.rank for row in found.summaries} == {1.0}


def test_a_control_is_compared_with_all_others_alone(tmp_path):
    for number, pe in enumerate(("nope", "rope", "t5", "alibi")):
        for seed in range(5):
            shares = [1.0, 1.0, 0.2 * number + 0.01 * seed, 0.0]
            write_run(tmp_path, seed, shares, pe=pe, cell=f"c-{pe}")
    study = assemble(find([str(tmp_path)]))
    found = summarize(study, SuccessCriterion(), PairOptions(control="nope"))
    pairs = [pair for pair in found.pairs if pair.runs == "all"]
    assert {(pair.first, pair.second) for pair in pairs} == {("nope", pe) for pe in ("rope", "t5", "alibi")}
    assert all(
        pair.p_family == pytest.approx(3 / 126) and pair.told_apart for pair in pairs
    )  # 2 / C(10, 5), Holm
    assert {row.rank for row in found.summaries} == {None}
    with pytest.raises(UsageError, match="control=noep: no cell has this name; did you mean 'nope'"):
        summarize(study, SuccessCriterion(), PairOptions(control="noep"))
    with pytest.raises(UsageError, match="margin=0: must be above 0"):
        summarize(study, SuccessCriterion(), PairOptions(margin=0))
    every = summarize(study, SuccessCriterion())
    order = {row.line: row.rank for row in every.summaries if row.runs == "all"}
    assert order == {"alibi": 1, "t5": 2, "rope": 3, "nope": 4}


def test_what_is_to_be_known_stands_on_the_terminal_in_the_table_and_on_the_page(lengen, runs):
    ran = lengen("compare", f"runs={runs}", "out=out")
    text = "strings as fixed: some run kept no verdicts"
    assert text in " ".join(ran.out.split())
    for name in ("table.md", "page.html"):
        assert text in (runs.parent / "out" / name).read_text()


def test_the_command_takes_the_control_and_the_margin(lengen, runs):
    write_run(runs, 0, [1.0, 1.0, 0.5, 0.5], pe="t5", cell="c-t5", task__times=1, task__substitute=False)
    assert lengen("compare", f"runs={runs}", "out=out", "control=rope", "margin=0.5").code == 0
    pairs = pandas.read_csv(runs.parent / "out" / "pairs.csv")
    assert set(zip(pairs["first"], pairs["second"], strict=True)) == {("rope", "nope"), ("rope", "t5")}
    assert set(pairs.margin) == {0.5}


def test_too_few_seeds_are_said(tmp_path):
    for pe, share in (("nope", 1.0), ("rope", 0.0)):
        for seed in range(3):
            write_run(tmp_path, seed, [1.0, 1.0, share, share], pe=pe, cell=f"c-{pe}")
    found = summarize(assemble(find([str(tmp_path)])), SuccessCriterion())
    (pair,) = [pair for pair in found.pairs if pair.runs == "all"]
    assert (pair.told_apart, pair.p_family, pair.typical_seeds) == (False, pytest.approx(0.1), 4)
    assert pair.p_success == pytest.approx(0.03125)  # Boschloo's test of 3 of 3 and 0 of 3
    assert any("least possible p 0.1, needed 0.05); 4 seeds" in note.text for note in found.notes)


def test_a_difference_must_also_hold_over_strings(tmp_path):
    """Seeds that differ by one string of a thousand, always the same way, are beyond seeds and not beyond strings."""
    for pe, correct in (("nope", 500), ("rope", 499)):
        for seed in range(5):
            folder = write_run(
                tmp_path, seed, [1.0, 1.0, correct / 1000, correct / 1000], pe=pe, cell=f"c-{pe}"
            )
            verdicts = {}
            for length, right in zip(LENGTHS, (1000, 1000, correct, correct), strict=True):
                exact = numpy.arange(1000) < right
                wrong = (~exact).astype(int)
                verdicts[length] = StringVerdicts(exact, wrong - 1, wrong, 4 * wrong, wrong * 0 + length + 1)
            write_verdicts(folder / "verdicts.parquet", verdicts)
            rows = Curve.load(folder / "curve.csv").rows
            Curve(tuple(replace(row, first_error=0.0 if row.wrong_token else None) for row in rows)).save(
                folder / "curve.csv"
            )
    study = assemble(find([str(tmp_path)]))
    assert not study.left_out, study.left_out
    found = summarize(study, SuccessCriterion())
    (pair,) = [pair for pair in found.pairs if pair.runs == "all"]
    assert pair.p_seeds == pytest.approx(2 / 252)
    paired = numpy.zeros(1000)
    paired[499] = 1.0
    error = numpy.sqrt((0.5**2 + 0.25**2) * paired.var(ddof=1) / 1000)  # at 20 and 40; all agree at 10
    assert pair.p_strings == pytest.approx(2 * norm.sf(0.75 * 0.001 / error))
    assert pair.p_family == pair.p_strings
    assert not pair.told_apart


def test_success_is_asked_at_the_next_longer_length_or_not_at_all(runs):
    study = assemble(find([str(runs)]))
    for at, length in (("2x", 20), ("15", 20), ("4x", 40), ("41", None)):
        assert summarize(study, SuccessCriterion(at=at)).summaries[0].at == length


def test_a_length_beyond_every_sweep_is_said_once(lengen, runs):
    said = ": no run is evaluated at this length, or at a longer one"
    assert lengen("compare", f"runs={runs}", "at=10000").out.count(f"at=10000{said}") == 1
    assert said not in lengen("compare", f"runs={runs}").out


def test_labels_in_latex_are_of_the_comparison(lengen, runs):
    labels = {}
    for name, words in {
        "all": [], "again": [], "fewer": ["where=pe=nope"], "other": ["at=4x"], "titled": ["title=Main result"],
    }.items():  # fmt: skip
        assert lengen("compare", f"runs={runs}", f"out={name}", *words).code == 0
        labels[name] = set(re.findall(r"\\label\{(.+)\}", (runs.parent / name / "table.tex").read_text()))
    assert labels["all"] == labels["again"]
    assert not labels["all"] & labels["fewer"] | labels["all"] & labels["other"]
    assert labels["titled"] == {"tab:main-result-copy", "tab:main-result-copy-trained"}
    for label in labels["all"]:
        assert re.fullmatch(r"tab:lengen-[0-9a-f]{6}-copy(-trained)?", label)


def test_there_is_no_table_of_trained_seeds_where_none_is_trained(lengen, tmp_path):
    assert lengen("train", "-m", "task=copy", "seed=0,1", *TINY, "steps=5").code == 0
    ran = lengen("compare", "out=out", "formats=[png]")
    assert ran.code == 0, ran.err
    texts = [ran.out, *((tmp_path / "out" / name).read_text() for name in ("table.md", "table.tex"))]
    for text in texts:
        assert "all seeds (none is trained)" in text
        assert "trained seeds only" not in text


def test_the_command_leaves_tables_figures_and_a_page(lengen, runs):
    ran = lengen("compare", f"runs={runs}/*/*/*/seed=*", "out=out", "title=My <study>")
    assert ran.code == 0, ran.err
    assert "all seeds" in ran.out
    assert "trained seeds only" in ran.out
    out = runs.parent / "out"
    stems = ["curves-copy", "success-copy", "heat-copy", "cost-copy", "profile", "multiples"]
    figures = {f"{stem}.{kind}" for stem in stems for kind in ("png", "svg")}
    tables = {"table.csv", "table.md", "table.tex", "pairs.csv", "curves.csv", "compare.json", "page.html"}
    assert {path.name for path in out.iterdir()} == figures | tables
    table = pandas.read_csv(out / "table.csv")
    assert tuple(table.columns) == (*COLUMNS, "pe")
    assert list(table.pe) == list(table.line)
    assert list(table[table.runs == "all"].line) == ["nope", "rope"]
    assert list(table.tried) == [4] * 4
    curves = pandas.read_csv(out / "curves.csv")
    assert len(curves) == 7 * len(LENGTHS)
    assert set(curves.line) == {"nope", "rope"}
    text = (out / "table.md").read_text()
    assert "# My &lt;study>" in text
    assert "| nope | 4 | 4 |" in text
    for name in figures:
        data = (out / name).read_bytes()
        assert data.startswith(b"\x89PNG") if name.endswith("png") else b"<svg" in data


def test_the_same_runs_give_the_same_bytes_and_what_is_no_longer_written_goes(lengen, runs):
    out = runs.parent / "out"
    assert lengen("compare", f"runs={runs}", "out=out").code == 0
    (out / "README.md").write_text("mine")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert lengen("compare", f"runs={runs}", "out=out").code == 0
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert lengen("compare", f"runs={runs}", "out=out", "where=pe=nope").code == 0
    assert not (out / "pairs.csv").exists()  # one cell makes no pair
    assert (out / "README.md").read_text() == "mine"


def test_a_note_from_elsewhere_removes_nothing_outside(tmp_path):
    outside = tmp_path / "precious.txt"
    outside.write_text("mine")
    out = tmp_path / "out"
    out.mkdir()
    (out / "compare.json").write_text(json.dumps({"files": ["../precious.txt", "", ".", "gone.csv"]}))
    files = OutputFiles(out)
    files.remove_earlier()
    assert outside.exists()
    (out / "compare.json").write_text("{")
    files.remove_earlier()


@pytest.mark.parametrize(
    ("metric", "x"),
    [("token_accuracy", "factor"), ("loss", "length"), ("first_error", "factor"), ("seconds", "length")],
)
def test_every_metric_is_drawn(runs, tmp_path, metric, x):
    (panel,) = assemble(find([str(runs)])).panels
    curves = partial(band.draw, x=x, vertical=Vertical(metric))
    for draw in (curves, partial(medians.draw, metric=metric)):
        for path in draw(panel, tmp_path / "figure"):
            assert path.stat().st_size > 2000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["runs=nowhere"], "no run found that can be compared; nowhere: nothing matches"),
        (["by=pee"], "did you mean 'pe'"),
        (["where=pe"], "must be key=value"),
        (["metric=accuracy"], "metric=accuracy: must be one of exact_match, token_accuracy"),
        (["x=log"], "x=log: must be one of length, factor"),
        (["threshold=2"], "threshold=2.0: must be in (0, 1]"),
        (["title=[1,2]"], "title=[1,2]: must be text"),
        (["at=2y"], "at=2y: must be a length"),
        (["margin=0"], "margin=0: must be above 0"),
        (["margin=wide"], "margin=wide: must be a number"),
        (["margin=inf"], "margin=inf: must be finite"),
        (["margin=5"], "margin=5: must be below the "),
        (["out="], "out=: has no value"),
        (["out=out/here", "by=seed"], "by=seed: seeds are pooled in a cell"),
        (
            ["control=noep"],
            "control=noep: no cell has this name; did you mean 'nope'? (allowed: nope, rope)",
        ),
        (["against=kazemnejad"], "did you mean 'kazemnejad2023'"),
        (
            ["against=kazemnejad2023"],
            "none of these runs was evaluated on a test set of the published curves",
        ),
        (["against=mine.yaml"], "there is no such file"),
        (["thresold=0.5"], "did you mean 'threshold'"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(lengen, runs, words, said):
    given = words if words[0].startswith("runs=") else [f"runs={runs}", *words]
    ran = lengen("compare", "out=out", *given)
    assert ran.code == 2
    assert said in ran.err
    assert ran.err.count("\n") == 1
    assert not (runs.parent / "out").exists()


def test_what_is_left_out_is_said(lengen, runs):
    (runs / "copy" / "nope" / "c-nope" / "seed=3" / "curve.csv").write_text("task\n")
    ran = lengen("compare", f"runs=[{runs},nowhere]", "out=out")
    assert ran.code == 0
    assert "excluded: nowhere: nothing matches" in ran.out
    assert "seed=3: curve.csv: missing column pe" in ran.out
    left = pandas.read_csv(runs.parent / "out" / "left_out.csv")
    assert len(left) == 2


PAPER = {"nope": [0.9, 0.5], "rope": [0.3, 0.0], "alibi": [1.0, 1.0]}


@pytest.fixture
def paper(tmp_path):
    """A paper of one's own: a CSV and a YAML."""
    with (tmp_path / "mine.csv").open("w") as file:
        writer = csv.writer(file)
        writer.writerow(["split", "encoding", "seed", "length", "exact_match"])
        for name, values in PAPER.items():
            for seed, shift in enumerate((0.0, 0.0, 0.1)):
                for length, value in zip((20, 40), values, strict=True):
                    writer.writerow(["easy", name.upper(), seed, length, min(value + shift, 1.0)])
    node = {
        "data": "mine.csv",
        "scored": "by hand",
        "encodings": {name.upper(): name for name in PAPER},
        "splits": {"easy": {"task": "copy", "task.repeats": "allowed", "train_length": 10}},
    }
    (tmp_path / "mine.yaml").write_text("# Mine\n# paper: Somebody 2020\n" + yaml.safe_dump(node))
    return tmp_path / "mine.yaml"


def test_ours_beside_a_paper(lengen, runs, paper):
    published = load(str(paper))
    (panel,) = assemble(find([str(runs)])).panels
    rows = matched_cells(published, panel)
    assert {(row.line, row.length) for row in rows} == set(product(("nope", "rope"), (20, 40)))
    for row in rows:
        column = LENGTHS.index(row.length)
        ours = statistics.median([(shares or [0.0] * 4)[column] for shares in SHARES[row.line]])
        theirs = PAPER[row.line][(20, 40).index(row.length)]  # the median of three seeds
        assert (row.ours, row.theirs) == (pytest.approx(ours), pytest.approx(theirs))
        assert row.difference == pytest.approx(ours - theirs)
    found = agreement(rows)
    assert (found.tau, found.our_order, found.their_order) == (1.0, ("nope", "rope"), ("nope", "rope"))
    ran = lengen("compare", f"runs={runs}", "out=out", f"against={paper}")
    assert ran.code == 0, ran.err
    assert "Somebody 2020" in ran.out
    out = runs.parent / "out"
    assert (out / "against-copy.png").exists()
    assert len(pandas.read_csv(out / "against.csv")) == 4
    assert "Kendall's tau between the orders: 1.00" in (out / "against.md").read_text()


def test_differences_from_a_paper_are_those_of_the_numbers_beside_them(paper):
    given = [("a", 0.6669, 0.3331), ("b", 0.0004, 0.5), ("c", 1.0, 0.9996), ("d", 0.25, 0.25)]
    cells = [
        PublishedCell("copy", "easy", line, line.upper(), 20, ours, 1, theirs, 1, ours - theirs, ordered=True)
        for line, ours, theirs in given
    ]
    rows = [line.strip("| ").split(" | ") for line in tables.against(load(str(paper)), [cells]).splitlines()]
    shown = {row[0]: row[2:] for row in rows if len(row) == 5 and row[0] in "abcd"}
    assert shown == {
        "a": ["0.666", "0.333", "+0.333"],
        "b": ["&lt;0.001", "0.500", "-0.500"],
        "c": ["1.000", "0.999", "+0.001"],
        "d": ["0.250", "0.250", "+0.000"],
    }


def test_without_a_trained_run_there_are_no_areas_of_trained_ones(tmp_path):
    for pe in ("nope", "rope"):
        write_run(
            tmp_path, 0, [0.5] * 4, pe=pe, cell=f"c-{pe}", facts={"id_exact_match": 0.5, "trained": False}
        )
    notes = {
        (note.runs, note.text)
        for note in summarize(assemble(find([str(tmp_path)])), SuccessCriterion(0.9, "2x")).notes
    }
    assert ("trained", "no areas: no run is trained") in notes
    assert not any("share no length" in text for _, text in notes)


def test_tau_is_that_of_the_means(runs, paper):
    for seed in range(2):
        write_run(
            runs, seed, [1, 1, 0.05, 0], pe="alibi", cell="c-alibi", task__times=1, task__substitute=False
        )
    (panel,) = assemble(find([str(runs)])).panels
    rows = matched_cells(load(str(paper)), panel)
    found = agreement(rows)
    mean = {
        side: [
            statistics.mean(getattr(row, side) for row in rows if row.line == name)
            for name in ("alibi", "nope", "rope")
        ]
        for side in ("ours", "theirs")
    }
    expected = kendalltau(mean["ours"], mean["theirs"])
    assert found.tau == pytest.approx(expected.statistic)
    assert found.tau < 1
    assert found.their_order == ("alibi", "nope", "rope")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("data: x.csv\nscored: a\n", "lacks splits"),
        ("[", "not a YAML file"),
        ("data: gone.csv\nscored: a\nsplits: {}\n", "gone.csv: No such file"),
        ("data: bad.csv\nscored: a\nsplits: {}\n", "missing column split"),
        (
            "data: worse.csv\nscored: a\nsplits: {}\n",
            "worse.csv, line 2: length and exact_match must be numbers",
        ),
    ],
)
def test_a_paper_that_cannot_be_read_is_refused(tmp_path, text, said):
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    (tmp_path / "worse.csv").write_text("split,encoding,seed,length,exact_match\na,b,0,ten,1\n")
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ValueError, match=said):
        load(str(tmp_path / "mine.yaml"))


def test_the_shipped_numbers_are_whole():
    published = load("kazemnejad2023")
    assert published.paper.startswith("Kazemnejad et al. 2023")
    assert {split for split, _ in published.curves} == set(published.splits)
    assert {encoding for _, encoding in published.curves} == {"nope", "t5", "alibi", "rope", "sinusoidal"}
    for (split, _), seeds in published.curves.items():
        assert len(seeds) == 3
        for curve in seeds.values():
            assert min(curve) > published.splits[split]["train_length"]
            assert all(0 <= value <= 1 and not math.isnan(value) for value in curve.values())


def test_the_seeds_that_would_do_are_more_than_those_that_did_not(tmp_path):
    """Of a pair that is significant alone, and not among the pairs of its task, since a third cell has any result."""
    shares = {
        "nope": (0.28, 0.30, 0.31, 0.33, 0.29),
        "rope": (0.05, 0.90, 0.40, 0.20, 0.70),
        "alibi": (0.45, 0.47, 0.44, 0.49, 0.50),
    }
    for pe, each in shares.items():
        for seed, far in enumerate(each):
            write_run(tmp_path, seed, [1.0, 1.0, far, far / 2], pe=pe, cell=f"c-{pe}")
    found = summarize(assemble(find([str(tmp_path)])), SuccessCriterion())
    pairs = {(pair.first, pair.second): pair for pair in found.pairs if pair.runs == "all"}
    pair = pairs["alibi", "nope"]
    assert pair.p_value == pytest.approx(2 / 252)
    assert not pair.told_apart
    assert pair.typical_seeds > 5


def test_what_is_removed_of_an_earlier_comparison_is_said(lengen, runs):
    first = lengen("compare", f"runs={runs}", "out=out", "formats=[png,pdf]")
    assert first.code == 0
    assert "removed there" not in first.out
    second = lengen("compare", f"runs={runs}", "out=out", "formats=[png]")
    gone = sorted(path.name for path in (runs.parent / "out").glob("*.pdf"))
    assert gone == []
    assert "removed there, of the comparison before: " in " ".join(second.out.split())
    assert "curves-copy.pdf" in second.out
