"""Exported folders: what they hold, who can read them, that the same seed gives the same rows, that nothing is lost."""

from __future__ import annotations

import hashlib
import json
import sys

import datasets
import pandas
import pytest
import yaml

from lengen.lengths.uniform import Uniform
from lengen.sampling import generator
from lengen.task import EOS, PAD
from lengen.task.addition import Addition
from lengen.task.copy import Copy
from lengen.task.dataset import Dataset
from lengen.task.parity import Parity
from lengen.training.batch_stream import fixed_set

SMALL = ("examples=40", "train_length=3", "eval.examples=8", "eval.lengths=[1,3,5]", "trainer.progress=false")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def texts(batch, gap=""):
    """Prompts and answers, symbol by symbol."""
    rows = []
    for tokens, answer in zip(batch.tokens, batch.answer, strict=True):
        full = (tokens != PAD) & (tokens != EOS)
        rows.append(
            tuple(
                gap.join(batch.vocabulary.decode(tokens[full & part].tolist())) for part in (~answer, answer)
            )
        )
    return rows


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_load_dataset_and_pandas_give_the_rows_of_training_and_sweep(lengen, tmp_path, kind):
    ran = lengen("data", "task=addition", "export=out", f"files={kind}", *SMALL)
    assert ran.code == 0, ran.err
    assert ran.out.startswith("out: 40 train, 24 id, 8 ood rows")
    splits = datasets.load_dataset(str(tmp_path / "out"))
    assert isinstance(splits, datasets.DatasetDict)
    assert list(splits) == ["train", "id", "ood"]
    assert splits["train"].column_names == ["prompt", "answer", "length"]
    found = {name: list(zip(rows["prompt"], rows["answer"], strict=True)) for name, rows in splits.items()}
    assert found["train"] == texts(fixed_set(Addition(), Uniform(maximum=3), 40, seed=0))
    for name, lengths in (("id", (1, 2, 3)), ("ood", (5,))):
        drawn = [Addition().sample(length, 8, generator("eval", 0, length)) for length in lengths]
        assert found[name] == [row for batch in drawn for row in texts(batch)]
        assert list(splits[name]["length"]) == [length for length in lengths for _ in range(8)]
    file = tmp_path / "out" / f"train.{kind}"
    text = {"prompt": str, "answer": str}
    frame = pandas.read_parquet(file) if kind == "parquet" else pandas.read_json(file, lines=True, dtype=text)
    assert list(zip(frame["prompt"], frame["answer"], strict=True)) == found["train"]


def test_a_scratchpad_is_part_of_the_answer_and_the_result_is_told(lengen, tmp_path):
    assert lengen("data", "task=parity", "export=out", *SMALL, "examples=10").code == 0
    for row in datasets.load_dataset(str(tmp_path / "out"))["ood"]:
        bits = row["prompt"].strip("=#")
        assert row["result"] == str(bits.count("1") % 2)
        assert row["answer"].endswith(row["result"])
        assert len(row["answer"]) > len(row["result"])


AID = "{task: {_target_: lengen.task.parity.Parity, scratchpad: running}, weight: 0.3}"
"""A part that writes a scratchpad, beside a task that writes none."""
AIDED = ("task=addition_primed", "task.aids.primed.weight=0", f"+task.aids.other={AID}")


def test_a_scratchpad_in_some_splits_is_a_column_of_all(lengen, tmp_path):
    assert lengen("data", *AIDED, "export=out", *SMALL).code == 0
    splits = datasets.load_dataset(str(tmp_path / "out"))
    assert splits["train"]["result"] != splits["train"]["answer"]
    assert list(splits["id"]["result"]) == list(splits["id"]["answer"])
    assert len(Dataset("out").evaluation_task().sample(5, 8, generator("test"))) == 8


def test_symbols_of_several_characters_are_words(lengen, tmp_path):
    assert lengen("data", "task=copy", "task.alphabet=60", "export=out", *SMALL).code == 0
    facts = json.loads((tmp_path / "out" / "lengen.json").read_text())
    assert facts["tokens"] == "words"
    task = Copy(alphabet=60)
    assert tuple(facts["symbols"]) == task.vocabulary.symbols
    rows = datasets.load_dataset(str(tmp_path / "out"))["train"]
    assert list(zip(rows["prompt"], rows["answer"], strict=True)) == texts(
        fixed_set(task, Uniform(maximum=3), 40, seed=0), " "
    )


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(lengen, tmp_path):
    for name, more in (("a", ()), ("b", ()), ("c", ("seed=1",)), ("d", ("seed=1", "data_seed=0"))):
        assert lengen("data", "task=copy", f"export={name}", *SMALL, *more).code == 0
    first, same, other, apart = (
        {file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} for name in "abcd"
    )
    assert first == same == apart
    assert first["train.parquet"] != other["train.parquet"]
    assert first["ood.parquet"] == other["ood.parquet"]  # the test set depends on eval.seed alone
    assert not any(str(tmp_path).encode() in content for content in first.values())


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("addition", "93997c27ad4d0968"),
        ("copy", "507fd35038cb2305"),
    ],
)
def test_rows_are_those_of_every_machine(lengen, tmp_path, task, expected):
    # where options of a task change what they draw, the constant GENERATOR of stream.py goes up and this hash with it
    assert lengen("data", f"task={task}", "export=out", "files=jsonl", *SMALL).code == 0
    found = hashlib.sha256()
    for name in ("train", "id", "ood"):
        for line in (tmp_path / "out" / f"{name}.jsonl").read_text().splitlines():
            row = json.loads(line)
            found.update(f"{row['prompt']}|{row['answer']}|{row['length']}\n".encode())
    assert found.hexdigest()[:16] == expected


def test_the_card_says_how_it_was_made(lengen, tmp_path):
    assert lengen("data", "task=addition", "task.pad=none", "export=out", *SMALL, "eval.seed=4").code == 0
    _, front, body = (tmp_path / "out" / "README.md").read_text().split("---\n", 2)
    (config,) = yaml.safe_load(front)["configs"]
    assert [part["split"] for part in config["data_files"]] == ["train", "id", "ood"]
    facts = json.loads((tmp_path / "out" / "lengen.json").read_text())
    assert facts["task"] == {
        "_target_": "lengen.task.addition.Addition",
        **vars(Addition(pad="none")),
    }
    assert facts["seeds"] == {"train": 0, "eval": 4}
    for word in ("pad: none", "seed 0 for training, 4 for evaluation", f"generator {facts['generator']}"):
        assert word in body
    splits = datasets.load_dataset(str(tmp_path / "out"))
    learned = set(splits["train"]["prompt"])
    for length, counts in facts["splits"]["id"]["lengths"].items():
        prompts = [row["prompt"] for row in splits["id"] if row["length"] == int(length)]
        assert counts["rows"] == len(prompts) == 8
        assert counts["distinct"] == len(set(prompts))
        assert counts["in_training"] == sum(prompt in learned for prompt in prompts)
        assert f"| id | {length} | 8 | {counts['distinct']} | {counts['in_training']} |" in body
    assert facts["splits"]["id"]["lengths"]["1"]["in_training"] > 0


@pytest.mark.parametrize(
    "task",
    [
        ("task=copy", "task.alphabet=4", "eval.examples=6"),
        ("task=addition_primed", "task.aids.primed={lengths: [1], weight: 0.5}", "eval.examples=50"),
    ],
    ids=lambda task: task[0],
)
def test_deduplicated_training_has_no_string_that_is_asked(lengen, tmp_path, task):
    usual = ("eval.lengths=[1,3,5]", "train_length=3", "trainer.progress=false")
    options = (*task, *usual, "lengths.minimum=2", "trainer.examples=40")
    found = {}
    for name in ("true", "false"):
        ran = lengen("data", f"export={name}", *options, f"trainer.deduplicate={name}")
        assert ran.code == 0, ran.err
        splits = datasets.load_dataset(str(tmp_path / name))
        assert len(splits["train"]) == 40  # trainer.examples is examples
        found[name] = set(splits["train"]["prompt"]) & {*splits["id"]["prompt"], *splits["ood"]["prompt"]}
        assert ("no prompt of `id` or `ood`" in (tmp_path / name / "README.md").read_text()) == (
            name == "true"
        )
    assert found["false"]
    assert not found["true"]


def test_without_a_number_a_small_task_is_written_whole(lengen, tmp_path):
    options = [word for word in SMALL if not word.startswith("examples")]
    assert lengen("data", "task=parity", "export=out", *options).code == 0
    rows = datasets.load_dataset(str(tmp_path / "out"))["train"]
    assert len(rows) == len(set(rows["prompt"])) == 2 + 4 + 8


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("examples=1000", "task=parity"), ["examples=1000", "14 distinct"]),
        (
            ("task=parity", "trainer.deduplicate=true", "examples=null"),
            ["length 1", "trainer.deduplicate=true"],
        ),
        (("examples=0",), ["examples=0", "at least 1"]),
        (("files=csv",), ["files=csv", "parquet, jsonl"]),
        (("lengths.maximum=2",), ["train_length=3", "must equal the longest training length of lengths, 2"]),
        (("eval.lengths=[0]",), ["eval.lengths has 0"]),
        (("task=copy", "task.repeats=unique", "eval.lengths=[30]"), ["length 30"]),
    ],
)
def test_refusals_leave_nothing(lengen, tmp_path, options, words):
    ran = lengen("data", "export=out", *SMALL, *options)
    assert ran.code == 2
    assert len(ran.err.strip().splitlines()) == 1
    assert all(word in ran.err for word in words), ran.err
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_touched(lengen, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    ran = lengen("data", "task=copy", "export=out", *SMALL)
    assert ran.code == 2
    assert "export=out: already exists" in ran.err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]


def test_a_writer_that_is_stopped_leaves_nothing(lengen, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("lengen.export.dataset.card", stop)  # what is written last
    assert lengen("data", "task=copy", "export=out", *SMALL).code == 130
    assert list(tmp_path.iterdir()) == []


def test_parity_has_all_its_strings_in_the_id_split():
    # the ground on which the card counts: 2^n strings of n bits
    batch = Parity().sample(2, 100, generator("eval", 0, 2))
    assert len(set(texts(batch))) == 4


@pytest.mark.parametrize("terminal", [False, True])
def test_bars_of_the_libraries_are_for_terminals(lengen, monkeypatch, terminal):
    monkeypatch.setattr(type(sys.stderr), "isatty", lambda stream: terminal)
    ran = lengen("data", "task=copy", "export=out", *SMALL)
    assert (ran.code, "Creating parquet" in ran.err) == (0, terminal)
    assert not datasets.are_progress_bars_disabled()
