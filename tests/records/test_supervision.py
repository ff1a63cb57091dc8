"""Categories: read from the configuration alone, kept with the run, shown beside the numbers."""

import json
from dataclasses import asdict, fields
from io import StringIO
from pathlib import Path

import datasets
import pytest
from rich.console import Console

from config.test_builder import composed
from conftest import read_rows
from lengen.comparison.cell_summary import CellSummary, SuccessCriterion
from lengen.comparison.find_runs import find
from lengen.comparison.grouping import assemble
from lengen.comparison.summary import summarize
from lengen.config.builder import Builder
from lengen.experiment.config import RunConfig
from lengen.records.curve import write_csv
from lengen.records.supervision import MEANINGS, described
from lengen.report import tables, terminal
from report.curves import curve
from studies import write_run

COUPLED = ["task=addition", "pe=learned", "positions=coupled"]


def letters(*words):
    """The category of what a command line says."""
    config = composed(*words)
    return Builder().build(RunConfig, {**config, "record": config}).category


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["task=copy"], "A"),
        (["task=addition", "pe=rope", "positions=randomized"], "A"),
        (["task=addition", "format=random_blanks"], "A"),
        (["task=sort_with_successor"], "A"),
        (COUPLED, "B"),
        (["task=addition", "pe=learned", "positions=abacus"], "B"),
        (["task=addition", "task.hints=true"], "B"),
        (["task=copy", "format=hints"], "B"),
        (["task=copy", "format=aligned_blanks"], "B"),
        (["task=parity", "task.scratchpad=interleaved"], "C"),
        (["task=parity", "task.scratchpad=none"], "A"),
        (["task=addition_primed"], "E"),
        (["task=addition_primed", "task.aids.primed.lengths=[5]"], "A"),
        (["task=addition_primed", "task.aids.primed.weight=0"], "A"),
        (["task=copy_twice_with_copy"], "E"),
        (["task=copy_twice_with_copy", "format=hints"], "BE"),
        (["task=copy_twice_with_copy", "task.aids.once.factor=1"], "A"),
        (["task=copy", "decoder.loops=2"], "F"),
        ([*COUPLED, "task=addition_primed", "task.asked.scratchpad=columns", "decoder.loops=3"], "BCEF"),
    ],
)
def test_letters(words, expected):
    assert letters(*words) == expected


def test_a_rare_aid_counts():
    # one example in ten thousand writes a scratchpad
    aid = "{task: {_target_: lengen.task.parity.Parity, scratchpad: running}, weight: 0.0001}"
    words = ["task=addition_primed", "task.aids.primed.weight=0", f"+task.aids.rare={aid}"]
    assert letters(*words) == "C"
    assert letters(*words, "task.aids.rare.weight=0") == "A"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["task=addition"], "A"),
        (["task=addition", "format=hints"], "B"),
        (["task=parity"], "C"),
        (["task=addition_primed"], "E"),
        (["task=copy_twice_with_copy", "format=hints"], "BE"),
    ],
)
def test_an_exported_folder_keeps_it(lengen, tmp_path, monkeypatch, words, expected):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    asked = ("examples=14", "train_length=3", "eval.examples=4", "eval.lengths=[3]", "trainer.progress=false")
    assert lengen("data", *words, "export=out", *asked).code == 0
    assert described(expected) in Path("out/README.md").read_text()
    trained = ("task=dataset", "task.path=out", "train_length=3")
    assert letters(*trained) == expected == letters(*words, "train_length=3")
    record = Path("out/lengen.json")
    facts = json.loads(record.read_text())
    assert facts["category"] == expected
    for name in ("category", "aligned", "longest"):  # which older folders do not say
        del facts[name]
    record.write_text(json.dumps(facts))
    assert letters(*trained) == ("C" if expected == "C" else "A")


def test_every_letter_has_words():
    assert "".join(MEANINGS) == "ABCDEFGS"
    assert described("") == ""
    assert described("BE") == f"category BE: {MEANINGS['B']}; {MEANINGS['E']}"


@pytest.fixture
def study(tmp_path):
    """A cell that says its category, one of an older lengen, and one of which a seed is older."""
    shares = (1.0, 1.0, 0.8, 0.4)
    for seed in (0, 1):
        write_run(tmp_path, seed, shares, pe="rope", cell="c000000001", facts={"category": "BC"})
        write_run(tmp_path, seed, shares, pe="nope", cell="c000000002")
        facts = {"category": "A"} if seed else {}
        write_run(tmp_path, seed, shares, pe="alibi", cell="c000000003", facts=facts)
    return assemble(find([str(tmp_path)]))


def test_comparing_says_it_and_leaves_nothing_out(study, tmp_path):
    assert study.left_out == ()
    found = summarize(study, SuccessCriterion())
    assert {row.line: row.category for row in found.summaries} == {"rope": "BC", "nope": "", "alibi": "A"}
    text = tables.markdown(study, found, SuccessCriterion(), "t")
    header, cells = (
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in text.splitlines()
        if line.startswith(("| cell", "| rope"))
    )
    assert dict(zip(header, cells, strict=True))["category"] == "BC"
    assert all(f"{letter} {meaning}" in text for letter, meaning in MEANINGS.items())


def test_the_table_has_a_column(study, tmp_path):
    rows = summarize(study, SuccessCriterion()).summaries
    write_csv(
        tmp_path / "t.csv", [field.name for field in fields(CellSummary)], [asdict(row) for row in rows]
    )
    read = {row["line"]: row["category"] for row in read_rows(tmp_path / "t.csv")}
    assert read == {"rope": "BC", "nope": "", "alibi": "A"}


@pytest.mark.parametrize(("category", "shown"), [("C", True), ("", False)])
def test_the_terminal_says_it(tmp_path, category, shown):
    page = StringIO()
    rows, console = curve({5: 1.0, 20: 0.3}), Console(file=page, width=100)
    terminal.show(rows, id_exact_match=1.0, folder=tmp_path, category=category, console=console)
    assert ("category C: supervised scratchpad" in page.getvalue()) == shown


@pytest.mark.whole_run
def test_a_run_keeps_it(tmp_path):
    from lengen.experiment.config import RunConfig
    from lengen.experiment.run import Experiment

    words = ["task=copy", "task.alphabet=3", "train_length=2", "decoder=tiny", "steps=2", "batch_size=8"]
    config = composed(
        *words, "eval.lengths=[2]", "eval.examples=8", f"results_dir={tmp_path}", "trainer.progress=false"
    )
    outcome = Experiment(Builder().build(RunConfig, {**config, "record": config})).run()
    assert json.loads((outcome.folder.path / "run.json").read_text())["category"] == "A"
    assert "category" not in json.loads((outcome.folder.path / "run.json").read_text())["protocol"]
