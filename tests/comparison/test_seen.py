"""What is called seen, against the exact binomial test of scipy, and what a comparison says of it."""

import csv
import json
import re
from dataclasses import replace

import pytest
import yaml
from scipy.stats import binomtest
from tests.comparison.theory_runs import run

import lengen as lengen_package
from lengen.comparison.cell_summary import SuccessCriterion
from lengen.comparison.grouping import Cell, Panel, Study
from lengen.comparison.seen import seen
from lengen.comparison.summary import summarize
from lengen.comparison.theory_files import load_theory
from lengen.report import tables, theory

FAR, NEAR, UNTRAINED = (1.0, 1.0, 1.0, 1.0, 0.1), (1.0, 1.0, 1.0, 0.5, 0.1), (0.9, 0.8, 0.1, 0.0, 0.0)
PARITY = {"task": "parity", "task__scratchpad": "none"}


def cell(far, near, untrained=0, diverged=0, name="c0", **changes):
    """A cell with so many seeds that hold to four times the train length, or fail before, or are not trained."""
    kinds = [FAR] * far + [NEAR] * near + [UNTRAINED] * untrained + [None] * diverged
    return Cell(name, tuple(run(shares, seed, cell=name, **changes) for seed, shares in enumerate(kinds)))


@pytest.mark.parametrize("count", range(1, 13))
def test_the_verdict_is_that_of_the_exact_interval(count):
    for far in range(count + 1):
        found = seen(cell(far, count - far, **PARITY))
        low, high = binomtest(far, count).proportion_ci(0.95, method="exact")
        expected = "yes" if low > 0.5 else "no" if high < 0.5 else "undecided"
        assert (found.verdict, found.far) == (expected, far)
        assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


def test_six_seeds_of_six_are_enough_and_five_of_five_are_not():
    assert [seen(cell(count, 0, **PARITY)).verdict for count in (5, 6)] == ["undecided", "yes"]
    assert [seen(cell(0, count, **PARITY)).verdict for count in (5, 6)] == ["undecided", "no"]


def test_seeds_that_are_not_trained_count_for_nothing():
    assert seen(cell(6, 0, untrained=6, diverged=3, **PARITY)).verdict == "yes"
    assert seen(cell(0, 5, untrained=6, diverged=3, **PARITY)).verdict == "undecided"
    assert seen(cell(0, 0, untrained=9, diverged=3, **PARITY)).verdict == "not trained"


def test_a_seed_at_a_sweep_end_that_is_not_far_is_unknown():
    short = {"lengths": (5, 10, 20), **PARITY}
    held = tuple(run((1.0, 1.0, 1.0), seed, **short) for seed in range(8))
    assert seen(Cell("c0", held)).verdict == "undecided"
    fallen = tuple(run((1.0, 1.0, 0.2), seed, **short) for seed in range(8))
    assert seen(Cell("c0", fallen)).verdict == "no", "whatever is beyond"
    found = seen(Cell("c0", (*fallen[:7], replace(held[7], seed="9"))))
    bounds = binomtest(1, 8).proportion_ci(0.95, method="exact")
    assert (found.verdict, found.far, found.low) == ("undecided", 0, 0.0)
    assert found.high == pytest.approx(bounds.high)


def test_too_few_examples_leave_it_undecided():
    few = tuple(run((1.0,) * 5, seed, examples=20, **PARITY) for seed in range(8))
    assert (seen(Cell("c0", few)).verdict, seen(Cell("c0", few)).far) == ("undecided", None)


CELLS = [
    cell(0, 8, name="mamba agrees", mixer="mamba", **PARITY),
    cell(8, 0, name="gla disagrees", mixer="gla", **PARITY),
    cell(0, 7, name="gru disagrees", mixer="gru", **PARITY),
    cell(7, 0, name="lstm agrees", mixer="lstm", **PARITY),
    cell(3, 3, name="hgrn2 undecided", mixer="hgrn2", **PARITY),
    cell(0, 0, untrained=8, name="mlstm not trained", mixer="mlstm", **PARITY),
    cell(8, 0, name="rwkv7 conditional", mixer="rwkv7", **PARITY),
    cell(0, 8, name="attention open", mixer="attention", **PARITY),
    cell(8, 0, name="convolution without", mixer="convolution", **PARITY),
]


@pytest.fixture(scope="module")
def study():
    return Study((Panel("parity", tuple(CELLS)),))


def test_agreements_and_disagreements_are_counted_and_named(study):
    summary = summarize(study, SuccessCriterion(), theory=load_theory())
    rows = {row.line: row for row in summary.summaries if row.runs == "all"}
    assert {name: (row.predicted, row.seen) for name, row in rows.items()} == {
        "mamba agrees": ("no", "no"),
        "gla disagrees": ("no", "yes"),
        "gru disagrees": ("yes", "no"),
        "lstm agrees": ("yes", "yes"),
        "hgrn2 undecided": ("no", "undecided"),
        "mlstm not trained": ("no", "not trained"),
        "rwkv7 conditional": ("conditional", "yes"),
        "attention open": ("open", "no"),
        "convolution without": ("", ""),
    }
    assert theory.line([*rows.values()]) == (
        "theory: 2 of 4 verdicts agree with what was seen; not counted: 1 conditional, 1 not trained, 1 open, 1 undecided; "
        "disagree: parity, gla disagrees: predicted no (Sarrof, Veitsman and Hahn 2024; Grazzi et al. 2024, Theorem 1; proof), "
        "seen yes (8 of 8); parity, gru disagrees: predicted yes (Delétang et al. 2023 (regular languages); construction), seen no (0 of 7)"
    )

    uncounted = [row for row in rows.values() if "conditional" in row.line or "open" in row.line]
    assert theory.line(uncounted) == ""
    ((caption, _, cells),) = theory.blocks(uncounted)
    assert (caption, len(cells)) == ("theory: no verdict of these cells is counted", 2)


def test_both_tables_of_a_panel_say_the_same(study):
    summary = summarize(study, SuccessCriterion(), theory=load_theory())
    told = {runs: [] for runs in ("all", "trained")}
    for row in summary.summaries:
        told[row.runs].append((row.line, row.predicted, row.seen, row.seen_far))
    assert told["all"] == told["trained"]


def test_without_a_prediction_nothing_is_said(study):
    silent = Study((Panel("parity", (CELLS[-1],)),))
    for found in (
        summarize(study, SuccessCriterion()),
        summarize(silent, SuccessCriterion(), theory=load_theory()),
    ):
        assert theory.line(found.summaries) == ""
        assert theory.blocks(found.summaries) == []
        assert not {"predicted", "seen"} & set(tables.columns(found.summaries))


def test_markdown_has_columns_line_and_sources(study):
    summary = summarize(study, SuccessCriterion(), theory=load_theory())
    text = tables.markdown(study, summary, SuccessCriterion(), "parity")
    assert "| predicted | seen |" in text
    assert "**theory: 2 of 4 verdicts agree" in text
    assert "| yes (one layer) | no (0 of 7) |" in text
    row = next(
        line
        for line in text.splitlines()
        if line.startswith("| parity | gla disagrees | selective\\_positive | parity | no")
    )
    assert row.endswith("| Sarrof, Veitsman and Hahn 2024; Grazzi et al. 2024, Theorem 1 | proof | paper |")


def folder_of(root, each):
    """The folder of a run."""
    place = root / "parity" / "nope" / each.cell / f"seed={each.seed}"
    place.mkdir(parents=True)
    (place / "config.yaml").write_text(yaml.safe_dump({**each.config, "seed": int(each.seed)}))
    (place / "run.json").write_text(json.dumps(each.facts))
    each.curve.save(place / "curve.csv")


def test_a_comparison_writes_and_prints_it(lengen, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setattr("lengen.analysis.compare_runs.Comparison.draw", lambda *_: None)
    for number, mixer in enumerate(("mamba", "gru")):
        for seed in range(6):
            folder_of(tmp_path / "runs", run(NEAR, seed, cell=f"c{number}", mixer=mixer, **PARITY))
    (tmp_path / "conf" / "theory").mkdir(parents=True)
    own = tmp_path / "conf" / "theory" / "mine.yaml"
    own.write_text(
        "members: [[mixer=gru]]\nverdicts: {parity: {verdict: no, source: me, kind: claim, evidence: paper}}\n"
    )
    words = ("compare", "runs=runs", "out=out", "by=mixer")
    ran = lengen(*words)
    assert ran.code == 0, ran.err
    assert "theory: 1 of 2 verdicts agree with what was seen; disagree: parity" in ran.out
    assert re.search(r"yes \[\d\]", ran.out)
    assert "if: one layer" in ran.out
    with (tmp_path / "out" / "table.csv").open(newline="") as opened:
        row = next(row for row in csv.DictReader(opened) if row["line"] == "mamba")
    assert (row["predicted"], row["predicted_class"], row["predicted_family"]) == (
        "no",
        "selective_positive",
        "parity",
    )
    assert (row["predicted_kind"], row["predicted_evidence"], row["seen"], row["seen_far"]) == (
        "proof",
        "paper",
        "no",
        "0",
    )
    assert float(row["seen_high"]) == pytest.approx(binomtest(0, 6).proportion_ci(0.95, method="exact").high)
    page = (tmp_path / "out" / "page.html").read_text()
    assert "theory: 1 of 2 verdicts agree" in page
    ran = lengen(*words, "--config-dir", "conf")
    assert "theory: 2 of 2 verdicts agree with what was seen; disagree: none" in ran.out, ran.err
    own.write_text(own.read_text().replace("gru", "gruu"))
    ran = lengen(*words, "--config-dir", "conf")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "there is no mixer 'gruu'; did you mean 'gru'" in ran.err


def test_a_comparison_in_python_takes_files_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.setattr("lengen.analysis.compare_runs.Comparison.draw", lambda *_: None)
    for seed in range(6):
        folder_of(tmp_path / "runs", run(NEAR, seed, cell="c0", mixer="convolution", **PARITY))
    (tmp_path / "conf" / "theory").mkdir(parents=True)
    joined = "like: selective_positive\nmembers: [[mixer=convolution]]\n"
    (tmp_path / "conf" / "theory" / "joined.yaml").write_text(joined)
    table = lengen_package.compare(
        tmp_path / "runs", config_dir=tmp_path / "conf", out=str(tmp_path / "out")
    ).table
    assert [*table["predicted"]] == ["no", "no"]
    assert [*table["seen"]] == ["no", "no"]
    table = lengen_package.compare(tmp_path / "runs", out=str(tmp_path / "out")).table
    assert table["predicted"].isna().all()
