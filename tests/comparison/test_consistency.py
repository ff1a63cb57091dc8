"""A run whose files disagree is left out, by name and with the reason; one whose files agree is not."""

import csv
import json
import shutil
import time

import numpy as np
import pytest
import yaml

from lengen.comparison.cell_summary import SuccessCriterion
from lengen.comparison.find_runs import find
from lengen.comparison.grouping import assemble
from lengen.comparison.run_record import Excluded, RunRecord
from lengen.comparison.summary import summarize
from lengen.records.curve import Curve
from lengen.records.verdicts import ENDINGS, FAILURES, StringVerdicts, write_verdicts
from lengen.report.tables import COLUMNS
from studies import write_run

GOOD = [1.0, 1.0, 0.6, 0.1]


def rewritten(folder, change):
    """Change the rows of a run's curve: a function of a row as a dictionary of texts."""
    path = folder / "curve.csv"
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        rows, names = list(reader), reader.fieldnames
    for index, row in enumerate(rows):
        change(index, row)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def column(name, value, only=None):
    """Write another value into a column, of one row or of all."""

    def change(folder):
        def put(index, row):
            if only is None or index == only:
                row[name] = value

        rewritten(folder, put)

    return change


def without_endings(change):
    """The same in a curve of an earlier version, which does not count endings."""

    def both(folder):
        for name in FAILURES:
            column(name, "")(folder)
        change(folder)

    return both


def facts(**changed):
    """Change entries of `run.json`."""

    def change(folder):
        path = folder / "run.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))

    return change


def config(**changed):
    """Change top-level entries of `config.yaml`."""

    def change(folder):
        path = folder / "config.yaml"
        path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changed}))

    return change


def renamed(name):
    return lambda folder: folder.rename(folder.with_name(name))


def moved_to(cell):
    return lambda folder: shutil.move(folder.parent, folder.parent.with_name(cell))


WRONG = {
    "more right than there are": (without_endings(column("correct", "1001", 2)), "length 20: 1001 correct of 1000 examples"),
    "fewer than none": (without_endings(column("correct", "-1", 2)), "length 20: -1 correct of 1000 examples"),
    "no examples": (without_endings(column("examples", "0", 2)), "length 20: 600 correct of 0 examples"),
    "another share": (column("exact_match", "0.9", 2), "length 20: exact_match 0.9 is not 600 / 1000"),
    "another interval": (column("ci_low", "0.59", 2), "length 20: its interval 0.5900 to 0.6305 is not 0.5689 to 0.6305"),
    "no interval": (column("ci_high", "nan", 2), "length 20: its interval"),
    "trained lengths called OOD": (column("split", "ood", 0), "length 5: split ood, train length 10"),
    "OOD called trained": (column("split", "id", 3), "length 40: split id, train length 10"),
    "impossible accuracy": (column("token_accuracy", "1.2", 0), "length 5: token_accuracy 1.2"),
    "impossible loss": (column("loss", "-0.1", 0), "length 5: loss -0.1"),
    "another train length": (column("train_length", "20"), "curve.csv has train_length 20, the run 10"),
    "a row of another seed": (column("seed", "4", 1), "curve.csv is of seed 4, config.yaml of seed 0"),
    "a curve of another seed": (column("seed", "4"), "curve.csv is of seed 4, config.yaml of seed 0"),
    "another encoding": (column("pe", "rope"), "curve.csv has pe rope, the run nope"),
    "another way of decoding": (column("decode", "free", 1), "curve.csv has decode free, the run teacher"),
    "a row of another step": (column("step", "50", 1), "curve.csv has step 50, the run 100"),
    "another step": (column("step", "50"), "curve.csv is of step 50, the run has 100 steps"),
    "a row of another cell": (column("cell", "c000000002", 1), "rows of the cells c000000001 and c000000002"),
    "a curve of another cell": (facts(cell="c000000002"), "curve.csv is of cell c000000001, run.json of cell c000000002"),
    "another configuration": (facts(identity={"steps": 900}), "config.yaml has steps=100, run.json steps=900"),
    "impossible ID accuracy": (facts(id_exact_match=1.5), "id_exact_match=1.5 is not in [0, 1]"),
    "a copy under another seed": (renamed("seed=3"), "the folder is named seed=3, config.yaml is of seed=0"),
    "a copy under a seed set separately": (renamed("seed=0,init_seed=1"), "config.yaml is of seed=0"),
    "a copy in another cell": (moved_to("c000000009"), "the folder is of cell c000000009, the run of cell c000000001"),
    "another seed of data": (config(data_seed=8), "the folder is named seed=0, config.yaml is of seed=0,data_seed=8"),
    "lengths that were not asked for": (config(eval={"lengths": [5, 10, 20], "examples": 1000}), "lengths [40], which are not in eval.lengths"),
    "fewer examples": (config(eval={"lengths": [5, 10, 20, 40], "examples": 500}), "length 5: 1000 examples, the run has 500"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_run_whose_files_disagree_is_left_out_by_name(tmp_path, name):
    change, reason = WRONG[name]
    bad, good = write_run(tmp_path / "bad", 0, GOOD), write_run(tmp_path / "good", 1, GOOD)
    change(bad)
    found = list(find([str(tmp_path)]))
    (excluded,) = [each for each in found if isinstance(each, Excluded)]
    assert excluded.place.startswith(str(tmp_path / "bad"))
    assert reason in excluded.reason
    assert "\n" not in excluded.reason
    assert [each.place for each in found if isinstance(each, RunRecord)] == [str(good)]


def judged(folder, spoil=lambda verdicts: None):
    """Write the verdicts that belong to a run's curve, with something changed."""
    verdicts = {}
    for row in Curve.load(folder / "curve.csv").rows:
        exact = np.arange(row.examples) < row.correct
        error = 0 if row.first_error is None else row.first_error
        verdicts[row.length] = StringVerdicts(
            exact.copy(),
            np.where(exact, -1, round(error)).astype(np.int32),
            (~exact).astype(np.int32),
            np.where(exact, 0, ENDINGS.index("wrong_token")).astype(np.int8),
            np.full(row.examples, row.length + 1, dtype=np.int32),
        )
    spoil(verdicts)
    write_verdicts(folder / "verdicts.parquet", verdicts)


def whole_errors(folder):
    rewritten(folder, lambda index, row: row.update(first_error=row["first_error"] and "3.0"))


def one_more(verdicts):
    for part, value in zip(verdicts[20], (True, -1, 0, 0, 21), strict=True):
        part[-1] = value


UNLIKE = {
    "another string right": (one_more, "length 20: 601 right, curve.csv has 600"),
    "a length less": (lambda verdicts: verdicts.pop(40), "verdicts.parquet has no length 40"),
    "a string less": (lambda verdicts: verdicts.update({5: StringVerdicts(*(part[1:] for part in verdicts[5]))}), "length 5: 999 strings, curve.csv has 1000"),
    "right with an error": (lambda verdicts: np.put(verdicts[20].first_error, 7, 2), "length 20: string 7 is right and wrong at once"),
    "an error beyond the answer": (lambda verdicts: np.put(verdicts[20].answer_tokens, 999, 3), "length 20: string 999 has errors beyond its answer"),
    "another ending": (lambda verdicts: np.put(verdicts[20].ending, 999, 1), "length 20: 1 stopped early, curve.csv has 0"),
    "another first error": (lambda verdicts: np.put(verdicts[20].first_error, 999, 9), "length 20: first_error"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNLIKE)
def test_a_curve_is_that_of_its_verdicts(tmp_path, name):
    spoil, reason = UNLIKE[name]
    bad, good = write_run(tmp_path / "bad", 0, GOOD), write_run(tmp_path / "good", 1, GOOD)
    for folder in (bad, good):
        whole_errors(folder)
        judged(folder)
    judged(bad, spoil)
    found = list(find([str(tmp_path)]))
    (excluded,) = [each for each in found if isinstance(each, Excluded)]
    assert excluded.place == str(bad)
    assert reason in excluded.reason
    assert [each.place for each in found if isinstance(each, RunRecord)] == [str(good)]


RIGHT = {
    "as it is": lambda folder: None,
    "under a name of one's own": renamed("mine"),
    "in a folder of one's own": moved_to("favourites"),
    "rows of data may be fewer": facts(cell="c000000001", identity={"data": {"vocabulary": "1"}}),
    "a loss that is not finite": column("loss", "nan", 3),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_run_whose_files_agree_is_read(tmp_path, name):
    folder = write_run(tmp_path, 0, GOOD)
    RIGHT[name](folder)
    (run,) = find([str(tmp_path)])
    assert isinstance(run, RunRecord), run
    assert run.seed == "0"


def test_every_seed_has_its_own_configuration(tmp_path):
    for seed in range(3):
        write_run(tmp_path, seed, GOOD)
    assert [run.config["seed"] for run in find([str(tmp_path)])] == [0, 1, 2]


def test_reading_many_runs_is_fast(tmp_path):
    """Each configuration is parsed once a cell, each interval computed once."""
    for seed in range(200):
        write_run(tmp_path, seed, [1.0, 1.0, seed / 200, 0.1])
    started = time.process_time()
    found = list(find([str(tmp_path)]))
    assert len(found) == 200
    assert time.process_time() - started < 2


def test_copies_are_named_and_counted_once(tmp_path):
    """Seed 0 under the names 3 and 4, in every file; equal verdicts alone make no copy."""
    originals = [
        write_run(tmp_path, seed, GOOD, facts={"parameters_digest": f"digest{seed}"}) for seed in (0, 1)
    ]
    for seed in (3, 4):
        write_run(tmp_path, seed, GOOD, facts={"parameters_digest": "digest0"})
    study = assemble(find([str(tmp_path)]))
    ((cell,),) = [panel.cells for panel in study.panels]
    assert [run.place for run in cell.runs] == list(map(str, originals))
    assert [each.reason for each in study.left_out] == [
        f"seed {seed} of cell c000000001 is a copy of {originals[0]}: equal final parameters"
        for seed in (3, 4)
    ]


def test_other_cells_are_no_copies(tmp_path):
    for cell, steps in (("c000000001", 100), ("c000000002", 200)):
        write_run(tmp_path, 0, GOOD, cell=cell, steps=steps, facts={"parameters_digest": "equal"})
    study = assemble(find([str(tmp_path)]))
    assert len(study.runs) == 2
    assert not study.left_out


def test_runs_that_share_a_seed_of_data_are_told(tmp_path):
    for init in range(3):
        folder = write_run(tmp_path, 0, GOOD, init_seed=init)
        folder.rename(folder.with_name(f"seed=0,init_seed={init}"))
    write_run(tmp_path / "other", 0, GOOD, pe="rope", cell="c000000002")
    write_run(tmp_path / "other", 1, GOOD, pe="rope", cell="c000000002")
    study = assemble(find([str(tmp_path)]))
    shared, independent = summarize(study, SuccessCriterion()).summaries[:2]
    assert (shared.tried, shared.data_seeds, shared.init_seeds) == (3, 1, 3)
    assert (independent.tried, independent.data_seeds, independent.init_seeds) == (2, 2, 2)
    assert [COLUMNS["seeds"](row) for row in (shared, independent)] == ["3 (1 data)", "2"]
