"""Data from outside: every kind of place it comes from, which rows are drawn and asked, and what is refused in one line."""

import json
import re
import tracemalloc
from collections import Counter
from pathlib import Path

import datasets
import pandas
import pytest
import yaml
from scipy.stats import chisquare

from conftest import TINY, run_folders
from lengen.config.errors import UsageError
from lengen.lengths.listed import Listed
from lengen.records.curve import COLUMNS
from lengen.sampling import generator
from lengen.task import PAD, SEP, SPECIAL
from lengen.task.dataset import Dataset
from lengen.task.external import source
from lengen.training.batch_stream import fixed_set

from .reading import draw

ROWS = {
    "train": [(f"{number:03d}", str(number % 7), 1 + number % 3) for number in range(60)],
    "test": [(f"{number:03d}", str(number % 7), 1 + number % 5) for number in range(100, 150)],
}
TRAINED = {prompt: answer for prompt, answer, _ in ROWS["train"]}
ASKED = {length: [(p, a) for p, a, size in ROWS["test"] if size == length] for length in range(1, 6)}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def frame(rows, names=("prompt", "answer", "length")):
    return pandas.DataFrame(rows, columns=list(names))


def both(names=("prompt", "answer", "length")):
    return datasets.DatasetDict(
        {
            split: datasets.Dataset.from_pandas(frame(rows, names), preserve_index=False)
            for split, rows in ROWS.items()
        }
    )


def lines(path, rows, **columns):
    names = ("prompt", "answer", "length")
    path.write_text("".join(json.dumps(dict(zip(names, row, strict=True)) | columns) + "\n" for row in rows))
    return str(path)


def write(kind, folder):
    """The same splits in a folder of another kind."""
    folder.mkdir()
    if kind == "saved":
        both().save_to_disk(str(folder))
    for split, rows in ROWS.items():
        if kind == "jsonl":
            lines(folder / f"{split}.jsonl", rows)
        if kind == "parquet":
            frame(rows).to_parquet(folder / f"{split}.parquet")
    return str(folder)


def pairs(task, length, count):
    _, found = draw(task, length, count)
    return [("".join(read).removesuffix("#"), "".join(written)) for read, written in found]


@pytest.mark.parametrize("kind", ["saved", "jsonl", "parquet"])
def test_folders(tmp_path, kind):
    task = Dataset(write(kind, tmp_path / "rows"))
    for length in (1, 2, 3):
        drawn = pairs(task, length, 40)
        assert all(TRAINED[prompt] == answer for prompt, answer in drawn)
        assert {int(prompt) % 3 + 1 for prompt, _ in drawn} == {length}
    for length, rows in ASKED.items():
        assert pairs(task.evaluation_task(), length, 1000) == rows
        assert pairs(task.evaluation_task(), length, 3) == rows[:3]
    assert task.vocabulary.symbols == tuple("0123456789")


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_one_file_and_slices_of_it(tmp_path, kind):
    file, rows = tmp_path / f"rows.{kind}", ROWS["train"]
    if kind == "jsonl":
        lines(file, rows)
    else:
        getattr(frame(rows), f"to_{kind}")(file, index=False)
    task = Dataset(str(file), train="train[:50%]", evaluation=["train[50%:]"])
    trained, asked = ({row[0] for row in part} for part in (rows[:30], rows[30:]))
    for length in (1, 2, 3):
        assert {prompt for prompt, _ in pairs(task, length, 200)} == {
            prompt for prompt in trained if int(prompt) % 3 + 1 == length
        }  # prompts such as 007 keep their zeros, in a CSV as well
        assert {prompt for prompt, _ in pairs(task.evaluation_task(), length, 200)} <= asked


def test_names_of_columns_and_of_splits(tmp_path):
    names = ("question", "reply", "size")
    splits = both(names)
    splits["dev"] = splits.pop("test")
    splits["other"] = splits["train"]
    splits.save_to_disk(str(tmp_path / "rows"))
    task = Dataset(str(tmp_path / "rows"), *names, evaluation=["dev"])
    assert pairs(task.evaluation_task(), 2, 100) == ASKED[2]


def test_splits_may_differ_in_columns_that_are_not_read(tmp_path):
    splits = both()
    splits["more"] = splits["test"].add_column("note", [1] * 50)
    splits["test"] = splits["test"].add_column("note", ["text"] * 50)
    splits.save_to_disk(str(tmp_path / "rows"))
    assert pairs(Dataset(str(tmp_path / "rows")).evaluation_task(), 2, 100) == 2 * ASKED[2]


def test_without_a_length_the_prompt_is_counted(tmp_path):
    rows = [("a b", "b", 9), ("c d", "d", 9), ("a b c", "c", 9)]
    path = lines(tmp_path / "rows.jsonl", rows)
    options = {"length": None, "evaluation": ["train"]}
    words = Dataset(path, tokens="words", **options)
    assert pairs(words.evaluation_task(), 2, 9) == [("ab", "b"), ("cd", "d")]
    assert words.vocabulary.symbols == ("a", "b", "c", "d")
    characters = Dataset(path, **options)
    assert pairs(characters.evaluation_task(), 5, 9) == [("a b c", "c")]
    assert characters.vocabulary.symbols == (" ", "a", "b", "c", "d")


def test_rows_are_drawn_evenly(tmp_path):
    task = Dataset(lines(tmp_path / "rows.jsonl", ROWS["train"]), evaluation=["train"])
    counts = Counter(pairs(task, 1, 4000))
    assert len(counts) == 20
    assert chisquare(list(counts.values())).pvalue > 1e-3


def test_answers_of_several_sizes_and_the_separator(tmp_path):
    rows = [("ab", "x", 1), ("abc", "xyz", 1), ("a", "xy", 1)]
    path = lines(tmp_path / "rows.jsonl", rows)
    batch = Dataset(path, evaluation=["train"]).evaluation_task().sample(1, 9, generator("test"))
    assert ["".join(batch.vocabulary.decode(row[row != PAD].tolist())) for row in batch.tokens] == [
        "ab#x<eos>",
        "abc#xyz<eos>",
        "a#xy<eos>",
    ]
    assert batch.answer.sum(1).tolist() == [2, 4, 3]
    plain = (
        Dataset(path, evaluation=["train"], separator=False).evaluation_task().sample(1, 9, generator("test"))
    )
    assert not (plain.tokens == SEP).any()


def test_result_behind_a_scratchpad(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [
        {"prompt": "p", "answer": "abcd", "length": 1, "end": "cd"},
        {"prompt": "p", "answer": "ab", "length": 1, "end": "b"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    batch = (
        Dataset(str(path), result="end", evaluation=["train"])
        .evaluation_task()
        .sample(1, 9, generator("test"))
    )
    assert batch.answer.sum(1).tolist() == [5, 3]
    assert batch.result.sum(1).tolist() == [3, 2]  # the end token is scored
    assert batch.delimiter == ()  # one scratchpad ends with b, the other with a


def test_what_all_scratchpads_end_with_is_their_delimiter(tmp_path):
    path = tmp_path / "rows.jsonl"
    texts = [("1+1=2 #### 2", "2"), ("so #### 13", "13"), ("4", "4")]
    rows = [{"prompt": "p", "answer": answer, "length": 1, "end": end} for answer, end in texts]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = Dataset(str(path), result="end", evaluation=["train"])
    assert data.evaluation_task().sample(1, 9, generator("test")).delimiter == tuple(" #### ")


def test_an_exported_folder_keeps_the_delimiter(lengen, tmp_path):
    task = ("task=sort", "task.alphabet=60", "task.scratchpad=selection")
    words = ("examples=40", "train_length=4", "eval.lengths=[1,5]", "eval.examples=20")
    assert lengen("data", *task, *words, "export=out", "trainer.progress=false").code == 0
    assert json.loads((tmp_path / "out" / "lengen.json").read_text())["delimiter"] == [";"]
    assert Dataset("out").evaluation_task().sample(5, 8, generator("test")).delimiter == (";",)


def test_a_tokenizer(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    model = tokenizers.models.WordLevel({"one": 0, "two": 1, "more": 2, "?": 3}, unk_token="?")
    made = tokenizers.Tokenizer(model)
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "tokenizer.json"))
    path = lines(tmp_path / "rows.jsonl", [("one two", "two", 1), ("two ?", "one one", 1)])
    task = Dataset(path, evaluation=["train"], tokens=str(tmp_path / "tokenizer.json"))
    assert task.vocabulary.symbols == ("one", "two", "more", "?")
    batch = task.evaluation_task().sample(1, 9, generator("test"))
    first = len(SPECIAL)
    assert batch.tokens.tolist() == [
        [first, first + 1, SEP, first + 1, 3, 0],
        [first + 1, first + 3, SEP, first, first, 3],
    ]
    lines(tmp_path / "rows.jsonl", [("one two", "two", 1), ("two never", "one one", 1)])
    with pytest.raises(
        ValueError, match=r"row 1 \(the first is 0\): its prompt has 'never', which the tokenizer does not"
    ):
        _ = Dataset(path, evaluation=["train"], tokens=str(tmp_path / "tokenizer.json")).vocabulary


def test_fixed_set_is_in_the_order_of_the_files_and_takes_what_there_is(tmp_path):
    rows = [(str(number), "0", 1) for number in range(100, 130)] + [
        ("7", "0", 2),
        ("8", "0", 2),
        ("7", "0", 2),
    ]
    task = Dataset(lines(tmp_path / "rows.jsonl", rows), evaluation=["train"], separator=False)

    def prompts(examples, lengths=(1, 2)):
        pool = fixed_set(task, Listed(list(lengths)), examples, seed=3)
        return [
            "".join(pool.vocabulary.decode(row[: (~answer & (row != PAD)).sum()].tolist()))
            for row, answer in zip(pool.tokens, pool.answer, strict=True)
        ]

    assert prompts(5, lengths=(1,)) == ["100", "101", "102", "103", "104"]
    assert prompts(4) == ["100", "101", "7", "8"]
    assert sorted(prompts(32)) == sorted({row[0] for row in rows})
    with pytest.raises(ValueError, match=r"trainer\.examples=33: the task has 32 distinct ones"):
        prompts(33)


@pytest.mark.parametrize(
    "options",
    [(90, "task=addition"), (14, "task=parity"), (60, "task=copy", "task.alphabet=60")],
    ids=lambda options: options[1],
)
def test_an_exported_folder_gives_the_curve_of_the_task(lengen, tmp_path, options):
    size, *task = options
    asked = ("eval.lengths=[1,3,5]", "eval.examples=20", "seed=4", "train_length=3")
    made = lengen("data", *task, f"examples={size}", "export=out", *asked, "trainer.progress=false")
    assert made.code == 0, made.err
    for each in (task, ["task=dataset", "task.path=out"]):
        ran = lengen("train", *each, *TINY, *asked, f"trainer.examples={size}", "decoder=tiny")
        assert ran.code == 0, ran.err
    first, second = (pandas.read_csv(folder / "curve.csv") for folder in run_folders(tmp_path))
    chance = ["chance_exact_match", "chance_token_accuracy"]  # of rows, it is estimated from these
    apart = ["task", "cell", "seconds", "peak_bytes", "memory_bytes", *chance]
    assert set(first["task"]) != set(second["task"])
    pandas.testing.assert_frame_equal(first.drop(columns=apart), second.drop(columns=apart), check_exact=True)
    assert set(COLUMNS) == set(first.columns)


@pytest.mark.parametrize(
    "options",
    [(), ("lengths.minimum=2",), ("lengths=list", "lengths.values=[1,3]"), ("lengths=growing", "lengths.start=1")],
    ids=str,
)  # fmt: skip
def test_the_line_of_the_card_trains_at_the_same_lengths(lengen, tmp_path, options):
    asked = ("eval.lengths=[3,5]", "eval.examples=4", "train_length=3", "trainer.progress=false")
    assert lengen("data", "task=copy", "examples=20", "export=out", *options, *asked).code == 0
    card = Path("out/README.md").read_text()
    (line,) = (each.split() for each in card.splitlines() if each.strip().startswith("lengen train"))
    words = [word.replace("FOLDER", "out") for word in line[1:] if not word.startswith("steps=")]
    ran = lengen(*words, *(word for word in TINY if not word.startswith(("eval", "train_length"))))
    assert ran.code == 0, ran.err
    (folder,) = run_folders(tmp_path)
    lengths = yaml.safe_load((folder / "config.yaml").read_text())["lengths"]
    assert lengths == json.loads(Path("out/lengen.json").read_text())["lengths"]


def test_what_comes_with_lengen_trains(lengen, tmp_path):
    ran = lengen("train", "task=dataset", *TINY, "train_length=10")
    assert ran.code == 0, ran.err


BROKEN = {
    "missing": {"question": "a", "answer": "b", "length": 2},
    "object": {"prompt": {"text": "a"}, "answer": "b", "length": 2},
    "text": {"prompt": "a", "answer": "b", "length": "one"},
    "zero": {"prompt": "a", "answer": "b", "length": 0},
    "empty": {"prompt": "a", "answer": "", "length": 2},
    "null": {"prompt": None, "answer": "b", "length": 2},
    "long": {"prompt": "a" * 90, "answer": "b" * 9, "length": 2},
    "kept": {"prompt": "a <eos> b", "answer": "b", "length": 2},
    "good": {"prompt": "a", "answer": "b", "length": 2},
}
UNIFORM = ("missing", "object", "text")
"""What makes a column another one: in every row."""


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("missing", (), ["task.prompt=prompt", "no such column", "question, answer, length"]),
        ("object", (), ["task.prompt=prompt", '{"text": "a"}', "row 0", "allowed: text"]),
        ("text", (), ["task.length=length", "string", "allowed: whole numbers"]),
        ("zero", (), ["row 1", "length is not at least 1"]),
        ("empty", (), ["row 1", "its answer is empty"]),
        ("null", (), ["row 1", "its prompt is empty"]),
        ("long", ("task.maximum=99",), ["task.maximum=99", "row 1 has 100 tokens"]),
        ("kept", ("task.tokens=words",), ["<eos>", "is reserved and cannot be a word"]),
        ("good", ("train_length=3",), ["train_length=3: rows.jsonl, split train has no example", "allowed: 2"]),
        ("good", ("lengths=uniform",), ["training length 1: rows.jsonl, split train has no example", "allowed: 2"]),
        ("good", ("task.evaluation=[train[:1]]", "task.length=other"), ["task.length=other", "prompt, answer, length"]),
        ("good", ("task.train=trian",), ["task.train=trian", "did you mean 'train'"]),
        ("good", ("task.evaluation=[test]",), ["task.evaluation=test", "allowed: train"]),
        ("good", ("task.evaluation=null",), ["task.evaluation", "no split other than train"]),
        ("good", ("task.train=train[:0]",), ["task.train=train[:0]", "no rows"]),
        ("good", ("task.train=train[x]",), ["task.train=train[x]", "train[90%:]"]),
        ("good", ("task.tokens=no.json",), ["task.tokens=no.json", "characters, words"]),
        ("good", ("task.tokens=rows.jsonl",), ["task.tokens=rows.jsonl", "not a valid tokenizer.json"]),
        ("good", ("eval.lengths=[2,4]",), ["eval.lengths has 4: ", "no example of this length"]),
        ("good", ("task.path=none.jsonl",), ["task.path=none.jsonl", "no such file"]),
        ("good", ("task.path=lengen:x",), ["task.path=lengen:x", "lengen:passkey"]),
        ("good", ("task.path=rows.txt",), ["task.path=rows.txt", ".jsonl, .json, .csv, .parquet"]),
        ("good", ("task.path=bad.parquet",), ["task.path=bad.parquet", "cannot be read"]),
        ("good", ("task.maximum=0",), ["task.maximum=0"]),
        ("good", ("positions=coupled", "pe=rope"), ["positions=coupled", "no places"]),
    ],
)  # fmt: skip
def test_refusals(lengen, tmp_path, name, options, words):
    good = BROKEN["good"]
    rows = [BROKEN[name]] * 2 if name in UNIFORM else [good, BROKEN[name]]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "rows.txt").write_text("a b c")
    (tmp_path / "bad.parquet").write_text("no parquet")
    usual = [
        "task.path=rows.jsonl",
        "task.evaluation=[train]",
        "lengths=fixed",
        "train_length=2",
        "eval.lengths=[2]",
    ]
    given = {word.partition("=")[0] for word in options}
    ran = lengen(
        "train", "task=dataset", *TINY, *(w for w in usual if w.partition("=")[0] not in given), *options
    )
    assert ran.code == 2, ran.out + ran.err
    assert "Traceback" not in ran.err
    assert len(ran.err.strip().splitlines()) == 1, ran.err
    for word in words:
        assert word in ran.err, ran.err
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "parquet", "saved"])
@pytest.mark.parametrize("alone", [False, True])
def test_files_without_rows(tmp_path, kind, alone):
    folder = tmp_path / "rows"
    file = folder / f"test.{kind}"
    folder.mkdir()
    if kind == "saved":
        file = folder / "test" / "state.json"
        splits = both()
        splits["test"] = splits["test"].select(range(0))
        splits.save_to_disk(str(folder))
    elif kind == "json":
        lines(folder / "train.json", ROWS["train"])
        file.write_text("[]\n")
    elif kind == "jsonl":
        lines(folder / "train.jsonl", ROWS["train"])
        file.touch()
    else:
        for part, rows in ((folder / f"train.{kind}", ROWS["train"]), (file, [])):
            getattr(frame(rows), f"to_{kind}")(part, index=False)
    path = folder / "test" if kind == "saved" else file
    with pytest.raises(ValueError, match=re.escape(f"{file} has no rows")):
        Dataset(str(path if alone else folder)).evaluation_task().has(1)


@pytest.mark.parametrize("part", ["train[60:]", "train[70:]", "train[:0]", "train[:0%]"])
def test_slices_without_rows(tmp_path, part):
    task = Dataset(lines(tmp_path / "rows.jsonl", ROWS["train"]), evaluation=[part])
    with pytest.raises(ValueError, match=re.escape(f"task.evaluation={part}: this split has no rows")):
        task.evaluation_task().has(1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("symbols", 5),
        ("symbols", [["a"]]),
        ("tokens", ["a"]),
        ("separator", "no"),
        ("result", 1),
        ("delimiter", 5),
        ("aligned", "yes"),
        ("longest", [3]),
        ("longest", {"1": "ten"}),
    ],
)
def test_a_record_that_holds_something_else(tmp_path, name, value):
    lines(tmp_path / "train.jsonl", ROWS["train"])
    (tmp_path / "lengen.json").write_text(json.dumps({name: value}))
    with pytest.raises(ValueError, match=re.escape(f"lengen.json: {name}={value!r} (allowed: ")):
        Dataset(str(tmp_path), evaluation=["train"]).evaluation_task().has(1)


def test_a_name_on_the_hub_without_a_network(lengen, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    ran = lengen("train", "task=dataset", "task.path=nobody/nothing", *TINY)
    assert ran.code == 2
    assert len(ran.err.strip().splitlines()) == 1, ran.err
    for word in ("task.path=nobody/nothing", "needs a network"):
        assert word in ran.err


def test_an_exported_folder_whose_rows_were_changed_is_refused(lengen, tmp_path):
    lengen(
        "data",
        "task=addition",
        "export=out",
        "examples=9",
        "train_length=2",
        "eval.examples=3",
        "files=jsonl",
        "trainer.progress=false",
    )
    file = Path("out/train.jsonl")
    file.write_text(file.read_text() + '{"prompt":"1*2=","answer":"2","length":1}\n')
    ran = lengen("train", "task=dataset", "task.path=out", *TINY, "train_length=2", "eval.lengths=[2]")
    assert ran.code == 2
    assert "the rows contain '*', which is not a symbol" in ran.err


@pytest.mark.whole_run
def test_surveying_holds_a_chunk_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr("lengen.task.external.corpus.CHUNK", 100)
    path = lines(tmp_path / "rows.jsonl", ((f"{number:09d}" * 50, "0", 1) for number in range(20_000)))
    Dataset(path, evaluation=["train"]).sample(1, 10, generator("test"))  # the library writes its Arrow file
    tracemalloc.start()
    Dataset(path, evaluation=["train"]).sample(1, 10, generator("test"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < Path(path).stat().st_size / 4


def test_reading_does_not_hold_all_rows(tmp_path):
    task = Dataset(write("parquet", tmp_path / "rows"))
    for corpus in task._splits:  # they lie on disk, and are mapped into memory
        assert corpus.rows.cache_files
        assert all(Path(each["filename"]).exists() for each in corpus.rows.cache_files)
        assert isinstance(
            corpus.rows.data, datasets.table.MemoryMappedTable | datasets.table.ConcatenationTable
        )


@pytest.mark.parametrize(
    "place", ["../secret.csv", "http://127.0.0.1:9/rows.csv", "/etc/passwd", "zip://rows.csv::../rows.zip", "sub/../../secret.csv", "hf://datasets/a/b/rows.csv"]
)  # fmt: skip
def test_a_readme_names_only_files_of_its_folder(tmp_path, place):
    (tmp_path / "secret.csv").write_text("prompt,answer\na,b\n")
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "README.md").write_text(
        f"---\nconfigs:\n- config_name: default\n  data_files: '{place}'\n---\n"
    )
    with pytest.raises(UsageError, match="its README names data files outside the folder"):
        source.opened(str(tmp_path / "rows"))
