"""The longest answer of every task: no draw exceeds it, and where answers have one size it is that size."""

from dataclasses import dataclass, replace

import pytest
import torch
from tests.options import built, files, read

from lengen.format import Formatted
from lengen.format.interleaved import Interleaved
from lengen.task import SEP, Batch, Span, Task, Vocabulary, assemble
from lengen.task.addition import Addition
from lengen.task.copy import Copy
from lengen.task.count import Count
from lengen.task.dyck import Dyck
from lengen.task.inverse_permutation import InversePermutation
from lengen.task.lego import Lego
from lengen.task.lookup import Lookup
from lengen.task.many_addition import ManyAddition
from lengen.task.mixture import Aid, Mixture
from lengen.task.modular_sum import ModularSum
from lengen.task.multiplication import Multiplication
from lengen.task.parity import Parity
from lengen.task.pcfg import Pcfg
from lengen.task.poly import Poly
from lengen.task.reverse import Reverse
from lengen.task.scan import Scan
from lengen.task.sort import Sort
from lengen.task.unique_set import UniqueSet

REACHED = (Addition, Copy, InversePermutation, Lego, Lookup, ModularSum, Parity, Poly, Reverse, UniqueSet)
LENGTHS, DRAWS = (1, 2, 3, 5, 10, 21), 2000
TEXT = "text"
OTHERS = [
    *(Addition(order=order, pad=pad) for order in ("plain", "reversed") for pad in ("zero", "none")),
    Addition(hints=True, blanks=True, operands="uneven", pad="none"),
    *(
        Addition(scratchpad=scratchpad, hints=hints)
        for scratchpad in ("columns", "tail")
        for hints in (False, True)
    ),
    Addition(style=TEXT, order="plain", pad="none"),
    *(Copy(scratchpad="tail", times=times) for times in (1, 2)),
    *(
        Copy(style=style, times=times, repeats=repeats, alphabet=70)
        for style in (TEXT, "words")
        for times in (1, 2)
        for repeats in ("one", "allowed")
    ),
    *(Count(digits=digits) for digits in (None, 3)),
    *(Dyck(depth=depth, opened=opened) for depth in (None, 3) for opened in ("uniform", "most")),
    *(InversePermutation(scratchpad=scratchpad) for scratchpad in ("blanks", "pairs")),
    Lego(scratchpad="chain"),
    Lego(scratchpad="chain", asked="any"),
    Lego(style=TEXT),
    Lookup(scratchpad="running"),
    *(
        ManyAddition(length_of=unit, other=other, pad=pad, scratchpad=scratchpad, sizes="uneven")
        for unit in ("operands", "digits")
        for other in (1, 3)
        for pad in ("zero", "none")
        for scratchpad in ("none", "running")
    ),
    ModularSum(scratchpad="running"),
    ModularSum(style=TEXT),
    *(
        Multiplication(second=second, pad=pad, scratchpad=scratchpad, digits=digits)
        for second in (None, 1, 2, 3)
        for pad in ("zero", "none")
        for scratchpad in ("none", "partial_products")
        for digits in ("uniform", "nines")
    ),
    *(Parity(scratchpad=scratchpad) for scratchpad in ("running", "interleaved", "tail")),
    Parity(style=TEXT),
    *(
        Pcfg(functions=functions, limit=limit)
        for functions in ("all", "unary", "binary")
        for limit in (10, 40)
    ),
    Poly(scratchpad="terms"),
    Poly(style=TEXT),
    *(Reverse(then=then) for then in ("reverse", "copy")),
    Reverse(style=TEXT, alphabet=70),
    Scan(style=TEXT),
    *(Sort(digits=digits, duplicates=True, scratchpad="selection") for digits in (1, 3)),
    Sort(digits=2, hint="successor", duplicates=True),
    *(Sort(digits=digits, duplicates=True, style=TEXT) for digits in (1, 3)),
    *(UniqueSet(alphabet=4, repeats=repeats) for repeats in ("allowed", "few", "late")),
    Mixture(Addition(), {"copy": Aid(Copy(), 0.5, lengths=[2, 7]), "long": Aid(weight=0.2, factor=2)}),
    Interleaved(hints=True, spacing=2, blanks="aligned").applied(Addition()),
    Interleaved(hints=True).applied(Mixture(Addition(), {"copy": Aid(Copy(), 0.5)})),
]
"""Options that change the size of answers, and whose size has a closed form."""
ESTIMATED = [
    Addition(style=TEXT, order="plain", pad="none", scratchpad="steps"),
    Sort(style=TEXT, scratchpad="steps"),
]


def drawn(task, length):
    return task.sample(length, DRAWS, torch.Generator().manual_seed(length))


def every(task):
    """A task, what it evaluates, and its stress sets."""
    return task, task.evaluation_task(), *task.stress_sets().values()


@pytest.mark.parametrize(
    "task",
    [
        *(pytest.param(built(*read(path)), id=path.stem) for path in files("task")),
        *(pytest.param(task, id=repr(task)[:80]) for task in OTHERS + ESTIMATED),
    ],
)
@pytest.mark.sampled(3)
def test_no_draw_is_longer(task):
    for length in filter(task.has, LENGTHS):
        for each in every(task):
            batch, longest = drawn(each, length), each.longest_answer(length)
            assert (batch.answer.sum(1) <= batch.longest_answer).all()
            assert batch.longest_answer.max() <= longest


@pytest.mark.parametrize(
    "task", [pytest.param(built(*read(path)), id=path.stem) for path in files("task")] + OTHERS
)
def test_a_fixed_size_is_known(task):
    if isinstance(task, (Mixture, Formatted)):
        return  # of several tasks, and at most a bound
    for length in filter(task.has, LENGTHS):
        sizes = drawn(task, length).answer.sum(1)
        if sizes.min() == sizes.max():
            assert task.longest_answer(length) == sizes.max()


@pytest.mark.parametrize("task", OTHERS, ids=lambda task: repr(task)[:80])
def test_the_longest_answer_is_reached(task):
    if isinstance(task, REACHED):
        for length in filter(task.has, (2, 3, 5)):
            assert drawn(task, length).answer.sum(1).max() == task.longest_answer(length)


@dataclass(frozen=True)
class Shouted(Copy):
    """A copy that ends in a sign, by a class that inherits a size which is no longer true."""

    def sample(self, length, count, generator):
        batch = super().sample(length, count, generator)
        last = batch.vocabulary.span(">")
        items = batch.tokens[:, :length]
        spans = [Span(items), Span(torch.full((1, 1), SEP))]
        return assemble(length, count, self.vocabulary, spans, [Span(items), last])


@dataclass(frozen=True)
class Ragged(Task):
    """As many symbols as a draw says."""

    vocabulary = Vocabulary(("a",))

    def sample(self, length, count, generator):
        sizes = torch.randint(1, length + 1, (count, 1), generator=generator)
        answer = torch.where(torch.arange(length) < sizes, 4, 0)
        return assemble(length, count, self.vocabulary, [Span(torch.full((1, 1), SEP))], [Span(answer)])


def test_a_task_that_says_nothing_is_estimated():
    assert Shouted().longest_answer(6) == 8  # not the 7 of its parent
    assert drawn(Shouted(), 6).longest_answer.tolist() == [8] * DRAWS
    assert Ragged().longest_answer(20) == 32 + 8  # 21 tokens and a half, and some
    assert Ragged().longest_answer(1) == 2


def test_batches_keep_it():
    short, long = (Copy().sample(length, 2, torch.Generator()) for length in (3, 5))
    joined = Batch.join([short, long]).begin()
    assert joined.longest_answer.tolist() == [4, 4, 6, 6]
    assert joined.rows(slice(1, 3)).room(4).longest_answer.tolist() == [4, 6]
    assert joined.prompt_size.flatten().tolist() == [5, 5, 7, 7]
    assert joined.extent.flatten().tolist() == [9, 9, 13, 13]
    unknown = replace(short, longest_answer=None)
    assert Batch.join([long, unknown]).longest_answer is None
    with pytest.raises(ValueError, match="longest_answer"):
        _ = unknown.extent


def test_parts_of_a_mixture_know_their_own():
    mixture = Mixture(Addition(), {"copy": Aid(Copy(), 0.5, lengths=[7])})
    batch = Interleaved(hints=True).applied(mixture).sample(3, 200, torch.Generator())
    copied = batch.tokens[:, 0] == batch.vocabulary["<copy>"]
    assert 0 < copied.sum() < 200
    assert (batch.longest_answer == torch.where(copied, 8 + 7, 5 + 4)).all()
    assert mixture.evaluation_task().longest_answer(3) == 5
    assert mixture.longest_answer(3) == 8
