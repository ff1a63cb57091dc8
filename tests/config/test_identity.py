"""What a cell is: what its hash takes from a configuration, and what it does not."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from config.test_builder import composed
from lengen.config import identity
from lengen.config.identity import cell, completed, differences, record_key
from lengen.optimizer import Schedule
from lengen.records.eval_options import cell_identity
from lengen.task.copy import Copy


def test_defaults_do_not_count():
    found = cell_identity(composed("task=copy", "pe=rope"))
    assert found["pe"] == {"class": "RoPE", "revision": 1}
    changed = cell_identity(composed("task=copy", "pe=rope", "pe.base=500", "optimizer.schedule.warmup=7"))
    assert changed["pe"]["options"] == {"base": 500.0}
    assert changed["optimizer"]["options"]["schedule"] == {"warmup": 7}
    assert set(differences(found, changed)) == {
        "pe.options.base is 500.0, was None",
        "optimizer.options.schedule.warmup is 7, was None",
    }


def test_an_option_with_a_default_may_be_added_and_a_class_may_move():
    record = composed("task=copy")
    older = {**record, "task": {key: value for key, value in record["task"].items() if key != "scratchpad"}}
    assert cell_identity(older) == cell_identity(record)
    assert completed(older)["task"] == record["task"]
    moved = {**record, "trainer": {**record["trainer"], "_target_": "lengen.training.TrainerOptions"}}
    assert cell_identity(moved) == cell_identity(record)


@pytest.mark.parametrize(
    "words",
    [
        ["pe=nope"],
        ["seed=4"],
        ["data_seed=4"],
        ["name=x"],
        ["trainer.threads=2"],
        ["logger=wandb"],
        ["eval.lengths=[2,5,8,10,12,15,18,20,30,40]"],
    ],
)
def test_what_changes_no_number_does_not_count(words):
    plain = cell_identity(composed("task=copy"))
    assert cell_identity(composed("task=copy", *words)) == plain


@pytest.mark.parametrize(
    "words",
    [
        ["pe=rope"],
        ["steps=4"],
        ["train_length=9"],
        ["eval.lengths=[1x]"],
        ["eval.seed=1"],
        ["task.alphabet=3"],
        ["trainer.clip=2"],
        ["format=hints"],
        ["decoder.layers=7"],
        ["optimizer.lr=1"],
        ["lengths.per_batch=3"],
    ],
)
def test_what_may_change_one_does(words):
    plain = cell(cell_identity(composed("task=copy")))
    assert cell(cell_identity(composed("task=copy", *words))) != plain


def test_names_of_options_are_labels():
    named = composed("task=a5")
    spelled = composed("task=word_problem", "task.generators=['12340','12034']", "task.symbols=generators")
    assert named["labels"] != spelled["labels"]
    spelled = {**spelled, **{key: named[key] for key in ("train_length", "steps", "decoder", "eval")}}
    assert cell_identity(named) == cell_identity(spelled)


def test_a_revision_counts(monkeypatch):
    before = cell_identity(composed("task=copy", "pe=rope"))
    monkeypatch.setattr(Copy, "revision", 2, raising=False)
    after = cell_identity(composed("task=copy", "pe=rope"))
    assert differences(before, after) == ["task: Copy is at revision 2, was at 1"]


def test_data_count_by_their_fingerprint_and_not_by_their_place():
    record = composed("task=dataset", "task.path=here.jsonl", "task.tokens=words")
    elsewhere = {**record, "task": {**record["task"], "path": "there.jsonl"}}
    assert cell_identity(record) != cell_identity(elsewhere)  # nothing is known of the data
    assert cell_identity(record, {"rows": "1"}) == cell_identity(elsewhere, {"rows": "1"})
    told = differences(cell_identity(record, {"rows": "1"}), cell_identity(record, {"rows": "2"}))
    assert told == ["the data of rows changed"]


@dataclass(frozen=True)
class Mine:
    """A class from outside."""

    schedule: Schedule = field(default_factory=lambda: Schedule(warmup=5))
    share: float = 1.0


def test_defaults_of_parts_are_those_of_the_constructor():
    target = f"{__name__}.Mine"
    nodes = [
        {"_target_": target},
        {"_target_": target, "share": 1},
        {"_target_": target, "schedule": {"warmup": 5, "final": 0.02}},
        {"_target_": target, "schedule": {"warmup": 5}},
    ]
    record = composed("task=copy")
    found = [cell_identity({**record, "optimizer": node})["optimizer"] for node in nodes]
    assert found == [found[0]] * 4
    assert "options" not in found[0]
    assert "config/test_identity.py" in found[0]["source"]
    other = cell_identity({**record, "optimizer": {"_target_": target, "schedule": {"warmup": 100}}})
    assert other["optimizer"]["options"] == {"schedule": {}}


def test_code_that_nobody_imported_is_not_run(tmp_path, monkeypatch):
    (tmp_path / "strange_code.py").write_text("raise SystemExit\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    record = {**composed("task=copy"), "pe": {"_target_": "strange_code.Mine", "size": 3}}
    assert cell_identity(record)["pe"] == {"class": "Mine", "options": {"size": 3}}


def test_the_key_of_a_record_is_that_of_the_command(monkeypatch):
    record = composed("task=copy", "seed=1")
    assert record_key(record) == record_key({**record, "results_dir": "elsewhere", "force": True})
    assert record_key(record) != record_key(composed("task=copy", "seed=2"))
    before = record_key(record)
    monkeypatch.setattr(identity, "revisions", lambda: {"task/copy.py": ["2"]})
    assert record_key(record) != before


def test_revisions_are_read_from_the_files(tmp_path, monkeypatch):
    package = Path(identity.__file__).parents[1]
    assert identity.REVISION.findall((package / "task" / "__init__.py").read_text()) == ["1"]
    (tmp_path / "config").mkdir()
    (tmp_path / "one.py").write_text("class A:\n    revision: ClassVar[int] = 1\n")
    (tmp_path / "two.py").write_text("class A:\n    revision: ClassVar[int] = 12\n")
    monkeypatch.setattr(identity, "__file__", str(tmp_path / "config" / "identity.py"))
    identity.revisions.cache_clear()
    assert identity.revisions() == {"two.py": ["12"]}
    identity.revisions.cache_clear()
