"""What free decoding scores, with a decoder that writes what it is told."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.options import built, choices, files, read
from torch import Tensor
from torch.nn.functional import one_hot

from lengen.block.shared import DecoderCache
from lengen.decoder import Architecture, Decoder
from lengen.evaluation.scoring import Verdicts, score
from lengen.format.interleaved import Interleaved
from lengen.head import Output
from lengen.head.linear import Linear
from lengen.pe.nope import NoPE
from lengen.positions.contiguous import Contiguous
from lengen.records.verdicts import ENDINGS
from lengen.sampling import generator
from lengen.task import EOS, PAD, Batch, Task

ROWS = 12


class Script(Decoder):
    """A stand-in that writes given tokens behind each prompt, whatever it has read.

    Args:
        batch: the examples.
        texts: what is written for each of them.
        after: what is written when a text is over.
    """

    def __init__(self, batch: Batch, texts: list[list[int]], after: int) -> None:
        torch.nn.Module.__init__(self)
        self.architecture = Architecture(layers=1, dim=8, heads=1, bos=False)
        self.here = torch.nn.Parameter(torch.zeros(1))
        self.pe = NoPE(self.architecture.shape)
        self.blocks, self.encoder = torch.nn.ModuleList(), torch.nn.ModuleList()
        self.symbols = len(batch.vocabulary)
        self.head = Linear(Output(8, self.symbols))
        starts = batch.answer.long().argmax(1).tolist()
        width = (
            max(start + len(text) for start, text in zip(starts, texts, strict=True)) + 2 * batch.time + 16
        )
        self.said = torch.full((len(batch), width), after)
        for row, (start, text) in enumerate(zip(starts, texts, strict=True)):
            self.said[row, start : start + len(text)] = torch.tensor(text)

    def forward(
        self,
        tokens: Tensor,
        positions: Tensor,
        cache: DecoderCache | None = None,
        first: int = 0,
        prompt: Tensor | None = None,
    ) -> Tensor:
        """Logits that are 1 for the next token of the text."""
        start = 0 if cache is None else cache.tokens
        end = start + tokens.shape[1]
        rows = torch.arange(len(tokens))
        if cache is not None:
            cache.seen(positions)
            rows = cache.block((0, 0)).last.setdefault("rows", rows)  # those that are not finished
        return one_hot(self.said[rows, start + first + 1 : end + 1], self.symbols).float()


def scored(batch: Batch, texts: list[list[int]], decode: str = "free", after: int = EOS) -> Verdicts:
    """Verdicts on what a stand-in writes."""
    return score(Script(batch, texts, after), batch, Contiguous(), ("key",), decode)


def endings(found: Verdicts) -> list[str]:
    """Names of the endings."""
    return [ENDINGS[each] for each in found.ending.tolist()]


def parts(batch: Batch, row: int) -> tuple[list[int], list[int]]:
    """True scratchpad and true result of an example."""
    tokens = batch.tokens[row]
    return tokens[batch.answer[row] & ~batch.result[row]].tolist(), tokens[batch.result[row]].tolist()


def whole(batch: Batch, row: int) -> list[int]:
    """True answer of an example."""
    return batch.tokens[row][batch.answer[row]].tolist()


def asked() -> list:
    """The evaluated task of every YAML, with every scratchpad and style that it has."""
    found = {}
    for path in files("task"):
        kind, options = read(path)
        values = choices(kind)
        for pad in values.get("scratchpad", (None,)):
            for style in values.get("style", (None,)):
                given = {
                    name: value
                    for name, value in (("scratchpad", pad), ("style", style))
                    if value is not None
                }
                try:
                    task = built(kind, options | given).evaluation_task()
                except ValueError:
                    continue  # this scratchpad is of another style
                found["-".join([path.stem, *map(str, given.values())])] = task
    return [pytest.param(task, id=name) for name, task in found.items()]


ASKED = asked()
TRACED = [case for case in ASKED if case.values[0].has_scratchpad(5)]


def drawn(task: Task, length: int = 5) -> Batch:
    """Examples of a length, or of the next one that the task has."""
    while not task.has(length):
        length += 1
    return task.sample(length, ROWS, generator("free", length))


def others(batch: Batch, *apart: int) -> list[int]:
    """A token for every row, neither the end token nor one of those given: first those of the delimiter and in use."""
    tokens = [token for token in range(len(batch.vocabulary)) if token not in (EOS, *apart)]
    ranks = [set(batch.vocabulary.encode(batch.delimiter).tolist()), set(batch.tokens.flatten().tolist())]
    tokens.sort(key=lambda token: [token not in rank for rank in ranks])
    return (tokens * ROWS)[:ROWS]


@pytest.mark.parametrize("task", ASKED)
def test_the_true_answer_is_right(task):
    batch = drawn(task)
    texts = [whole(batch, row) for row in range(ROWS)]
    for decode in ("teacher", "greedy", "free"):
        found = scored(batch, texts, decode)
        assert found.exact.all()
        assert set(endings(found)) == {"right"}
        assert found.right.sum() == found.answer.sum()


def in_front(batch: Batch) -> list[list[int]]:
    """The true scratchpad, a token of another kind in every row, and the true result."""
    pairs = [parts(batch, row) for row in range(ROWS)]
    return [[*trace, junk, *result] for (trace, result), junk in zip(pairs, others(batch), strict=True)]


@pytest.mark.parametrize("task", ASKED)
def test_junk_in_front_of_a_result_is_wrong(task):
    batch = drawn(task)
    assert not scored(batch, in_front(batch)).exact.any()


@pytest.mark.parametrize("task", ASKED)
def test_junk_in_a_result_or_behind_it_is_wrong(task):
    batch = drawn(task)
    inside, behind = [], []
    for row, junk in enumerate(others(batch)):
        trace, result = parts(batch, row)
        at = row % (len(result) - 1)
        inside.append([*trace, *result[:at], junk, *result[at:]])
        behind.append([*trace, *result[:-1], junk, EOS])
    assert not scored(batch, inside).exact.any()
    found = scored(batch, behind)
    assert set(endings(found)) == {"ran_on"}
    assert found.strings.wrong_tokens.tolist() == [1] * ROWS


@pytest.mark.parametrize("task", ASKED)
def test_a_token_exchanged_in_a_result_is_wrong(task):
    batch = drawn(task)
    texts = []
    for row in range(ROWS):
        trace, result = parts(batch, row)
        at = row % (len(result) - 1)
        other = others(batch, result[at])[row]
        texts.append([*trace, *result[:at], other, *result[at + 1 :]])
    found = scored(batch, texts)
    assert set(endings(found)) == {"wrong_token"}
    sizes = [len(parts(batch, row)[1]) - 1 for row in range(ROWS)]
    assert found.strings.first_error.tolist() == [row % size for row, size in enumerate(sizes)]
    assert found.strings.wrong_tokens.tolist() == [1] * ROWS


@pytest.mark.parametrize("task", TRACED)
def test_a_scratchpad_that_stops_before_its_result_has_no_answer(task):
    batch = drawn(task)
    traces = [parts(batch, row)[0] for row in range(ROWS)]
    longest = max(map(len, traces))
    for cut in sorted({0, 1, longest // 3, longest - 1, longest}):
        found = scored(batch, [[*trace[:cut], EOS] for trace in traces])
        assert not found.exact.any()
        assert set(endings(found)) == {"stopped_early"}
        assert set(found.strings.first_error.tolist()) == {0}


@pytest.mark.parametrize("task", TRACED)
def test_what_a_scratchpad_says_does_not_count(task):
    batch = drawn(task)
    texts = []
    delimiter = set(batch.vocabulary.encode(batch.delimiter).tolist())
    for row in range(ROWS):
        trace, result = parts(batch, row)
        said = [others(batch, *delimiter, token)[row] if token not in delimiter else token for token in trace]
        texts.append(said + result)
    assert scored(batch, texts).exact.all()
    assert not scored(batch, texts, "greedy").exact.any()


def test_steps_may_have_any_size_where_a_delimiter_ends_them():
    batch = built(*read(next(path for path in files("task") if path.stem == "many_addition")))
    task = replace(batch, scratchpad="running")
    drawn_batch = drawn(task)
    sign, digit = (drawn_batch.vocabulary[each] for each in ">7")
    steps = [parts(drawn_batch, row)[0].count(sign) for row in range(ROWS)]
    short = [[sign] * count + parts(drawn_batch, row)[1] for row, count in enumerate(steps)]
    long = [[digit, digit, sign] * count + parts(drawn_batch, row)[1] for row, count in enumerate(steps)]
    assert scored(drawn_batch, short).exact.all()
    assert scored(drawn_batch, long).exact.all()


@pytest.mark.parametrize("task", [case for case in ASKED if case not in TRACED])
def test_without_a_scratchpad_free_is_greedy(task):
    """The right answer, one that stops early, one with a fault, and one that runs on by a token or without end."""
    batch = drawn(task)
    results = [parts(batch, row)[1] for row in range(ROWS)]
    junk = others(batch)[0]
    for texts, after, ending in (
        (results, EOS, "right"),
        ([[*result[:-2], EOS] for result in results], EOS, "stopped_early"),
        ([[*result[:-2], EOS] for result in results], junk, "stopped_early"),
        ([[EOS] for _ in results], junk, "stopped_early"),
        ([[others(batch, result[0])[0], *result[1:]] for result in results], EOS, "wrong_token"),
        ([[*result[:-1], junk, EOS] for result in results], EOS, "ran_on"),
        ([[*result[:-1], junk] for result in results], junk, "never_ended"),
    ):
        teacher, greedy, free = (
            scored(batch, texts, decode, after) for decode in ("teacher", "greedy", "free")
        )
        assert set(endings(free)) == {ending}
        for other in (teacher, greedy):
            assert set(endings(other)) == {"ran_on" if ending == "never_ended" else ending}
            assert other.exact.tolist() == free.exact.tolist()
            assert other.strings.first_error.tolist() == free.strings.first_error.tolist()
        assert greedy.strings.wrong_tokens.tolist() == free.strings.wrong_tokens.tolist()
        assert int(greedy.right.sum()) == int(free.right.sum())


def test_an_answer_that_stops_one_token_early():
    """Four letters and the end token: three letters right, and the end."""
    batch = drawn(built(*read(next(path for path in files("task") if path.stem == "copy"))), 4)
    texts = [[*parts(batch, row)[1][:3], EOS] for row in range(ROWS)]
    for decode in ("teacher", "greedy", "free"):
        found = scored(batch, texts, decode)
        assert float(found.right.sum() / found.answer.sum()) == pytest.approx(0.8)
        assert found.strings.first_error.tolist() == [3] * ROWS
        assert found.strings.wrong_tokens.tolist() == [1] * ROWS


@pytest.mark.parametrize("spacing", [0, 1, 2])
@pytest.mark.parametrize("task", TRACED)
def test_blanks_between_tokens(task, spacing):
    if " " in task.vocabulary.symbols:
        return  # text has blanks of its own
    batch = drawn(Interleaved(spacing=spacing).applied(task))
    texts = [whole(batch, row) for row in range(ROWS)]
    assert scored(batch, texts).exact.all()
    assert not scored(batch, in_front(batch)).exact.any()


def test_rows_of_other_sizes():
    """Each row is scored from its own prompt on, and may write as long as its own answer allows."""
    task = built(*read(next(path for path in files("task") if path.stem == "addition")))
    task = replace(task, pad="none", operands="uneven", scratchpad="columns")
    batch = Batch.join([task.sample(length, 4, generator("mixed", length)) for length in (1, 7, 3)])
    texts = [whole(batch, row) for row in range(len(batch))]
    assert len({len(text) for text in texts}) > 2
    assert scored(batch, texts).exact.all()
    wrong = [[*text[:-1], PAD, EOS] for text in texts]
    assert not scored(batch, wrong).exact.any()


@pytest.mark.parametrize("decode", ["teacher", "greedy", "free"])
@pytest.mark.parametrize("task", ASKED)
def test_tokens_are_counted_by_hand(task, decode):
    """Of the answer with its end token, or of the result alone where only that is scored; no first error lies beyond."""
    batch = drawn(task)
    answers = [parts(batch, row)[1] if decode == "free" else whole(batch, row) for row in range(ROWS)]
    halves = [text[: len(text) // 2] for text in (whole(batch, row) for row in range(ROWS))]
    strings = scored(batch, halves, decode).strings
    assert strings.answer_tokens.tolist() == [len(answer) for answer in answers]
    assert (strings.first_error < strings.answer_tokens).all()
    assert (strings.wrong_tokens <= strings.answer_tokens).all()
    assert {answer[-1] for answer in answers} == {EOS}
