"""Tokenizers of others: what they add or leave out by their settings is switched off, what they lose is refused."""

import json
import random

import datasets
import pytest

from lengen.sampling import generator
from lengen.task import PAD
from lengen.task.dataset import Dataset

tokenizers = pytest.importorskip("tokenizers")
models, decoders, normalizers, pre_tokenizers = (
    tokenizers.models,
    tokenizers.decoders,
    tokenizers.normalizers,
    tokenizers.pre_tokenizers,
)
SUMS = [("3+4=", "7", 1), ("9+9=", "18", 1), ("123456+1=", "123457", 1)]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def characters(signs="0123456789+= abcdef", **options):
    """A tokenizer of single characters that loses unknown ones, as a BPE without bytes does."""
    return tokenizers.Tokenizer(models.BPE({sign: index for index, sign in enumerate(signs)}, [], **options))


def of_bytes(text="one two three 3+4=7 ABC abc", **options):
    """A byte-level BPE such as GPT-2's."""
    made = tokenizers.Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(**{"add_prefix_space": False, **options})
    made.decoder = decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    made.train_from_iterator([text] * 9, trainer)
    return made


def words(pre_tokenizer, *names):
    made = tokenizers.Tokenizer(
        models.WordLevel({name: index for index, name in enumerate(names)}, unk_token="[UNK]")
    )
    made.pre_tokenizer = pre_tokenizer
    return made


def data(folder, tokenizer, rows, **options):
    """A data set whose rows a tokenizer reads."""
    path = folder / "tokenizer.json"
    if tokenizer is not None:
        tokenizer.save(str(path))
    (folder / "rows.jsonl").write_text(
        "".join(
            json.dumps(dict(zip(("prompt", "answer", "length"), row, strict=True))) + "\n" for row in rows
        )
    )
    return Dataset(str(folder / "rows.jsonl"), evaluation=["train"], tokens=str(path), **options)


def read(task):
    """Prompts and answers of length 1, as lists of symbols."""
    batch = task.evaluation_task().sample(1, 99, generator("test"))
    return [
        tuple(
            batch.vocabulary.decode(tokens[mask & (tokens != PAD)].tolist())[:-1]
            for mask in (~answer, answer)
        )
        for tokens, answer in zip(batch.tokens, batch.answer, strict=True)
    ]


@pytest.mark.parametrize("setting", ["padding", "truncation", "both", "dropout"])
def test_padding_truncation_and_dropout_are_switched_off(tmp_path, setting):
    plain = read(data(tmp_path, characters(), SUMS))
    assert plain[0] == (list("3+4="), ["7"])
    fingerprints = data(tmp_path, characters(), SUMS).fingerprints
    made = of_bytes() if setting == "dropout" else characters()
    if setting == "dropout":
        plain, fingerprints = read(data(tmp_path, made, SUMS)), data(tmp_path, made, SUMS).fingerprints
        made.model.dropout = 0.9
    if setting in ("padding", "both"):
        made.enable_padding(pad_id=0, pad_token="0")
    if setting in ("truncation", "both"):
        made.enable_truncation(3)
    task = data(tmp_path, made, SUMS)
    assert read(task) == plain
    assert task.fingerprints == fingerprints
    for row, expected in zip(SUMS, plain, strict=True):  # alone as among the others
        assert read(data(tmp_path, None, [row])) == [expected]


ROWS = {
    "byte level": (of_bytes, [("one two", "3+4=", 1), ("é\n x", "汉", 1)]),
    "a space in front": (lambda: of_bytes(add_prefix_space=True), [("one two", "3+4=", 1)]),
    "words": (lambda: words(pre_tokenizers.WhitespaceSplit(), "a", "b", "[UNK]"), [("a b", "b", 1)]),
    "tokens without spaces": (lambda: words(pre_tokenizers.Whitespace(), *"34+=", "[UNK]"), [("3+4=", "4", 1)]),
    "the unknown word itself": (lambda: words(pre_tokenizers.WhitespaceSplit(), "a", "?", "[UNK]"), [("a ?", "[UNK]", 1)]),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_tokenizers_that_give_back_every_row_are_accepted(tmp_path, name):
    make, rows = ROWS[name]
    task = data(tmp_path, make(), rows)
    assert len(read(task)) == len(rows)


def lower():
    made = of_bytes()
    made.normalizer = normalizers.Lowercase()
    return made


def without_spaces():
    made = characters()
    made.normalizer = normalizers.Replace(" ", "")
    return made


def accents_stripped():
    made = of_bytes()
    made.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()])
    return made


LOST = {
    "a BPE without the letter": (characters, [("12=", "3", 1), ("1x2=", "3", 1)], "row 1 (the first is 0): its prompt has 'x'"),
    "an answer of unknown letters": (characters, [("abc", "xyz", 1)], "row 0 (the first is 0): its answer has 'x'"),
    "an unknown token": (lambda: words(pre_tokenizers.WhitespaceSplit(), "a", "[UNK]"), [("a a", "a zoo", 1)], "its answer has 'zoo'"),
    "lower case": (lower, [("abc", "abc", 1), ("abc", "aBc", 1)], "row 1 (the first is 0): its answer has"),
    "accents": (accents_stripped, [("abé", "a", 1)], "its prompt has 'é'"),
    "spaces": (without_spaces, [("12", "3", 1), ("1 2", "3", 1), ("1 23", "4", 1)], "its prompt has"),
}  # fmt: skip


@pytest.mark.parametrize("name", LOST)
def test_what_a_tokenizer_loses_is_refused(tmp_path, name):
    make, rows, told = LOST[name]
    with pytest.raises(ValueError) as caught:
        _ = data(tmp_path, make(), rows).vocabulary
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "decoded: " in str(caught.value)


@pytest.mark.parametrize("tokens", ["characters", "words", "bytes"])
def test_rows_are_given_back(tmp_path, tokens):
    """Random rows, read as tokens and written again."""
    draw = random.Random(3)
    rows = [
        tuple(" ".join(draw.choices(["12", "one", "é", "+"], k=draw.randint(1, 6))) for _ in "pa")
        for _ in range(200)
    ]
    task = data(tmp_path, of_bytes(), [(*row, 1) for row in rows])
    if tokens != "bytes":
        task = Dataset(task.path, evaluation=["train"], tokens=tokens)
    batch = task.evaluation_task().sample(1, 999, generator("test"))
    for row, ids, answer in zip(rows, batch.tokens, batch.answer, strict=True):
        parts = (
            batch.vocabulary.decode(ids[mask & (ids != PAD)].tolist())[:-1] for mask in (~answer, answer)
        )
        assert tuple(map(task._text.written, parts)) == row


def test_a_result_begins_at_a_symbol(tmp_path):
    row = {"prompt": "p", "answer": "one two", "length": 1, "result": "wo"}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    options = {"result": "result", "evaluation": ["train"]}
    assert Dataset(str(tmp_path / "rows.jsonl"), **options).sample(1, 1, generator("test")).result.sum() == 3
    with pytest.raises(ValueError, match="its result begins within a symbol of its answer"):
        _ = Dataset(str(tmp_path / "rows.jsonl"), tokens="words", **options).vocabulary


def test_another_tokenizer_is_other_data(tmp_path):
    """The same symbols, joined in another order."""
    first, second = (
        tokenizers.Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2, "ba": 3}, merges))
        for merges in ([("a", "b"), ("b", "a")], [("b", "a"), ("a", "b")])
    )
    rows = [("aba", "a", 1)]
    task, other = data(tmp_path, first, rows), None
    assert read(task) == [(["ab", "a"], ["a"])]
    before = task.fingerprints
    other = data(tmp_path, second, rows)
    assert read(other) == [(["a", "ba"], ["a"])]
    assert {name for name in before if before[name] != other.fingerprints[name]} == {"tokenizer"}
