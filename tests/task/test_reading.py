"""Every kind of file gives back the texts that were written to it, letter by letter."""

import bz2
import csv
import gzip
import io
import json
import os
import random
import shutil
from pathlib import Path

import datasets
import pyarrow
import pytest
from pyarrow import parquet

from lengen.config.errors import UsageError
from lengen.task.dataset import Dataset
from lengen.task.external import source
from lengen.task.external.formats import CHUNK

COLUMNS = ("prompt", "answer", "length")
WORDS = [
    "008",
    "0",
    "-0",
    "1e5",
    "0x1F",
    "3.0",
    "3.10",
    ".5",
    "1_000",
    "9007199254740993",
    "123456789012345678901234567890",
    "+7",
    "nan",
    "NaN",
    "NA",
    "N/A",
    "null",
    "None",
    "NULL",
    "true",
    "False",
    "2020-01-01",
    "2020-01-01T12:00:00Z",
    "12:30",
    "inf",
    "-Infinity",
    "#N/A",
    "[1]",
    "{}",
    "\\n",
    "\\",
    "'",
    '"',
    '""',
    ",",
    ";",
    "#",
    "<eos",
]
"""Texts that readers of tables take for something else."""
SIGNS = "abc 0123456789+=,;:|'\"\\\t\n\r#{}[]-é漢😀\u2028\u0085\ufeff\x1f"
FORMS = ("csv", "tsv", "json", "jsonl", "ndjson", "parquet")
PACKED = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress}
KINDS = [(form, packed) for form in FORMS for packed in PACKED if not (form == "parquet" and packed)]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def a_text(generator):
    while True:
        if generator.random() < 0.5:
            text = generator.choice(WORDS)
        else:
            text = "".join(generator.choices(SIGNS, k=generator.randint(1, 12)))
        if not text.isspace():
            return text


def a_table(seed, rows=60):
    generator = random.Random(seed)
    return [(a_text(generator), a_text(generator), generator.randint(1, 4)) for _ in range(rows)]


def written(rows, form, columns=COLUMNS):
    """Rows as the bytes of a file."""
    if form == "parquet":
        sink = pyarrow.BufferOutputStream()
        parquet.write_table(
            pyarrow.table([list(part) for part in zip(*rows, strict=True)], list(columns)), sink
        )
        return sink.getvalue().to_pybytes()
    if form in ("csv", "tsv"):
        text = io.StringIO(newline="")
        lines = csv.writer(text, delimiter="\t" if form == "tsv" else ",")
        lines.writerows([columns, *rows])
        return text.getvalue().encode()
    objects = [dict(zip(columns, row, strict=True)) for row in rows]
    plain = bool(rows) and len(str(rows[0][0])) % 2 == 0
    if form == "json":
        return json.dumps(objects, ensure_ascii=plain, indent=1 if plain else None).encode()
    return "".join(json.dumps(each, ensure_ascii=plain) + "\n" for each in objects).encode()


def read(path, **options):
    """The training rows of a data set, as tuples of texts."""
    corpus = Dataset(str(path), **{"evaluation": ["train"], **options})._splits[0]
    columns = [corpus.read(slice(0, len(corpus.rows)))[name] for name in ("prompt", "answer")]
    return list(zip(*columns, corpus._scan[0].tolist(), strict=True))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("form", "packed"), KINDS)
def test_texts_are_read_as_they_are_written(tmp_path, form, packed, seed):
    rows = a_table(seed)
    ending = f".{form}{packed}"
    path = tmp_path / f"rows{ending.upper() if seed % 2 else ending}"
    path.write_bytes(PACKED[packed](written(rows, form)))
    assert read(path) == rows
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(path, folder / f"train{path.name.removeprefix('rows')}")
    assert read(folder) == rows


@pytest.mark.parametrize("form", FORMS)
def test_digits_stay_digits_in_every_split(tmp_path, form):
    """A column of digits alone in one split, and of words in another."""
    for split, texts in {"train": ["008", "017"], "test": ["x", "nan"]}.items():
        rows = [(text, text, 1) for text in texts]
        (tmp_path / f"{split}.{form}").write_bytes(written(rows, form))
    task = Dataset(str(tmp_path))
    assert [corpus.read(slice(0, 2))["answer"] for corpus in task._splits] == [["008", "017"], ["x", "nan"]]


def test_a_folder_of_several_kinds(tmp_path):
    for split, form in {"train": "csv", "validation": "JSONL", "test": "parquet"}.items():
        (tmp_path / f"{split}.{form}").write_bytes(written([(split, "008", 3)], form.lower()))
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "notes.txt").write_text("nothing")
    task = Dataset(str(tmp_path))
    assert task._splits[0].read(slice(0, 1)) == {"prompt": ["train"], "answer": ["008"]}
    assert sorted(task._splits[1].read(slice(0, 2))["prompt"]) == ["test", "validation"]


def test_several_files_of_a_split_are_read_in_order(tmp_path):
    rows = a_table(9, 3 * CHUNK)
    (tmp_path / "data").mkdir()
    for number in range(3):
        part = rows[number * CHUNK : (number + 1) * CHUNK]
        (tmp_path / "data" / f"train-0000{number}-of-00003.csv").write_bytes(written(part, "csv"))
    assert read(tmp_path) == rows


def test_saved_by_datasets(tmp_path):
    rows = a_table(5)
    table = datasets.Dataset.from_dict(dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True)))
    datasets.DatasetDict({"train": table.select(range(10, 60)), "test": table}).save_to_disk(
        str(tmp_path / "a")
    )
    assert read(tmp_path / "a") == rows[10:]
    assert read(tmp_path / "a", train="test", evaluation=["train"]) == rows


def test_a_readme_names_files_and_their_separator(tmp_path):
    config = "---\nconfigs:\n- config_name: default\n  sep: '|'\n  data_files:\n  - split: train\n    path: mine.csv\n"
    (tmp_path / "README.md").write_text(config + "---\n")
    (tmp_path / "mine.csv").write_text("prompt|answer|length\n0,8|008|1\n")
    assert read(tmp_path) == [("0,8", "008", 1)]
    (tmp_path / "README.md").write_text(config.replace("sep: '|'", "skiprows: 1") + "---\n")
    with pytest.raises(UsageError, match="its README sets skiprows=1, which is not supported"):
        read(tmp_path)


def test_a_name_on_the_hub_is_read_like_a_folder(tmp_path, monkeypatch):
    (tmp_path / "train.csv").write_bytes(written([("007", "nan", 1)], "csv"))
    asked = []

    def download(name, **options):
        asked.append((name, options["repo_type"]))
        return str(tmp_path)

    monkeypatch.setattr(source.huggingface_hub, "snapshot_download", download)
    assert read("somebody/rows") == [("007", "nan", 1)]
    assert asked == [("somebody/rows", "dataset")]


def test_a_folder_that_is_gone_is_not_taken_from_a_cache(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    Path("mine").mkdir()
    (tmp_path / "mine" / "train.csv").write_bytes(written([("a", "b", 1)], "csv"))
    datasets.load_dataset("mine")  # leaves a copy under this name
    assert read("mine") == [("a", "b", 1)]
    shutil.rmtree("mine")
    with pytest.raises(UsageError, match=r"task\.path=mine: cannot be read"):
        read("mine")


def test_a_readme_of_several_configurations(tmp_path):
    (tmp_path / "README.md").write_text("---\nconfigs:\n- config_name: one\n- config_name: two\n---\n")
    (tmp_path / "train.csv").write_bytes(written([("a", "b", 1)], "csv"))
    with pytest.raises(UsageError, match=r"several configurations \(one, two\)"):
        read(tmp_path)


LENGTHS = {"1": 1, " 2 ": 2, "3.0": 3, "4.": 4, "012": 12}


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "parquet"])
def test_lengths_may_be_whole_floats_or_text(tmp_path, form):
    path = tmp_path / f"rows.{form}"
    path.write_bytes(written([("a", "b", text) for text in LENGTHS], form))
    assert [row[2] for row in read(path)] == list(LENGTHS.values())


@pytest.mark.parametrize("form", ["json", "jsonl", "parquet"])
def test_whole_numbers_and_lists_of_one_are_read_as_text(tmp_path, form):
    path = tmp_path / f"rows.{form}"
    path.write_bytes(written([(12, ["008"], 2.0), (-9007199254740993, ["b"], 3.0)], form))
    assert read(path) == [("12", "008", 2), ("-9007199254740993", "b", 3)]


def test_numbers_of_json_are_read_as_they_are_written(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": 1.50, "answer": 123456789012345678901234567890, "length": 2}\n\n'
                    '{"answer": "2020-01-01", "length": 3.0, "prompt": "2020-01-01T00:00:00"}\n')  # fmt: skip
    assert read(path) == [
        ("1.50", "123456789012345678901234567890", 2),
        ("2020-01-01T00:00:00", "2020-01-01", 3),
    ]


def test_an_object_of_columns(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps({"prompt": ["08", "9"], "answer": ["1", "2"], "length": [1, 2]}, indent=2))
    assert read(path) == [("08", "1", 1), ("9", "2", 2)]


@pytest.mark.parametrize("form", FORMS)
def test_content_decides_and_not_the_time(tmp_path, form):
    path = tmp_path / f"rows.{form}"
    path.write_bytes(written([("a", "b", 1)], form))
    stamp = path.stat()
    assert read(path) == [("a", "b", 1)]
    path.write_bytes(written([("a", "c", 1)], form))
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert read(path) == [("a", "c", 1)]
    shutil.move(path, tmp_path / f"moved.{form}")
    cached = set(Path(datasets.config.HF_DATASETS_CACHE).rglob("*.arrow"))
    assert read(tmp_path / f"moved.{form}") == [("a", "c", 1)]
    assert set(Path(datasets.config.HF_DATASETS_CACHE).rglob("*.arrow")) == cached


GOOD = '{"prompt": "a", "answer": "b", "length": 1}\n'
REFUSED = {
    "no length": (GOOD + '{"prompt": "a", "answer": "b"}\n', "row 1 (the first is 0): its length is empty"),
    "no length anywhere": ('{"prompt": "a", "answer": "b"}\n', "task.length=length: no such column"),
    "a half": (GOOD.replace("1", "1.5"), "row 0 (the first is 0; allowed: whole numbers)"),
    "a list": (GOOD.replace('"b"', '["b", "c"]'), "task.answer=answer: this column holds a list in rows.jsonl"),
    "truth": (GOOD + GOOD.replace('"b"', "true"), "holds true in rows.jsonl, split train, row 1"),
    "not a number": (GOOD.replace('"b"', "NaN"), "holds "),
    "half a pair": (GOOD.replace('"b"', r'"\ud83d"'), "half of a character"),
    "torn": (GOOD + '{"prompt": "a", "ans\n', "cannot be read: line 2: Unterminated string"),
    "no object": (GOOD + "3\n", "line 2 is not an object"),
    "empty answer": (GOOD + GOOD.replace('"b"', '""'), "row 1 (the first is 0): its answer is empty"),
    "blank prompt": (GOOD.replace('"a"', '" "'), "row 0 (the first is 0): its prompt is empty"),
    "nothing": ("", "rows.jsonl has no rows"),
    "not UTF-8": (b"\xff\xfe" + GOOD.encode(), "cannot be read: 'utf-8' codec"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_one_line(lengen, tmp_path, name):
    content, words = REFUSED[name]
    (tmp_path / "rows.jsonl").write_bytes(content if isinstance(content, bytes) else content.encode())
    line = (
        "task.path=rows.jsonl",
        "task.evaluation=[train]",
        "lengths=fixed",
        "train_length=1",
        "eval.lengths=[1]",
    )
    ran = lengen("train", "task=dataset", *line)
    assert ran.code == 2, ran.out + ran.err
    assert len(ran.err.strip().splitlines()) == 1, ran.err
    assert words in ran.err
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "has no rows"),
        ("prompt,answer,length\n", "has no rows"),
        ("prompt,answer\na,b\n", "task.length=length: no such column"),
        ("prompt,answer,length\na,b,\n", "its length is empty"),
        ("prompt,answer,length\na,,1\n", "its answer is empty"),
        ("prompt,answer,length\na,b\n", "Expected 3 columns, got 2"),
        ("prompt,answer,answer,length\na,b,c,1\n", "the header has 'answer' 2 times"),
    ],
)
def test_what_cannot_be_read_of_a_csv(tmp_path, content, words):
    path = tmp_path / "rows.csv"
    path.write_text(content)
    with pytest.raises(UsageError, match=words):
        read(path)


def test_an_archive_that_is_cut_short(tmp_path):
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(GOOD.encode() * 999)[:-20])
    with pytest.raises(UsageError, match="cannot be read"):
        read(path)
    assert not list(Path(datasets.config.HF_DATASETS_CACHE).rglob("*.arrow"))
