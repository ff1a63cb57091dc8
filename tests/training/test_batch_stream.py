"""The stream: resumable at any step, keyed by its seed, and honest about a fixed training set."""

from collections import Counter
from itertools import islice

import pytest
import torch
from scipy.stats import chisquare

from lengen.lengths.listed import Listed
from lengen.lengths.uniform import Uniform
from lengen.positions.contiguous import Contiguous
from lengen.positions.offset import Offset
from lengen.sampling import generator
from lengen.task import EOS, PAD, SEP
from lengen.task.addition import Addition
from lengen.task.copy import Copy
from lengen.task.parity import Parity
from lengen.task.sort import Sort
from lengen.training.batch_stream import BLOCK, BatchStream, distinct, fixed_set, read


def stream(**changes):
    options = {
        "task": Copy(alphabet=6),
        "positions": Offset(maximum=64),  # its training positions are random: they must be resumable too
        "lengths": Uniform(maximum=8),
        "batch_size": 16,
        "seed": 5,
    }
    options |= changes
    if (examples := options.pop("examples", None)) is not None:
        options["pool"] = fixed_set(options["task"], options["lengths"], examples, options["seed"])
    return BatchStream(**options)


def take(count, **changes):
    return list(islice(stream(**changes), count))


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(first[:4], second[:4], strict=True))


def lengths_of(example):
    """The length of each row of a copy task: the symbols before the separator."""
    bos = int((example.tokens[:, 0] == 1).all())
    return ((example.tokens == SEP).int().argmax(1) - bos).tolist()


def rows_of(example):
    """Each row as a tuple without its padding."""
    return [tuple(row[row != PAD].tolist()) for row in example.tokens]


@pytest.mark.parametrize("examples", [None, 50])
@pytest.mark.parametrize("start", [1, 7, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK])
def test_start_anywhere(start, examples):
    whole = take(2 * BLOCK + 3, examples=examples)
    assert all(map(same, whole[start:], take(len(whole) - start, start=start, examples=examples)))


def test_a_step_far_away():
    (there,) = take(1, start=1_000_003)
    before, after = take(2, start=1_000_002)
    assert same(there, after)
    assert not same(there, before)


@pytest.mark.parametrize("examples", [None, 50])
def test_iterating_twice_starts_over(examples):
    twice = stream(examples=examples)
    assert all(map(same, islice(twice, 3), islice(twice, 3)))


def test_seeds_and_steps_differ():
    first, other = take(BLOCK + 2), take(BLOCK + 2, seed=6)
    for i, example in enumerate(first):
        assert not same(example, other[i])
        assert all(not same(example, later) for later in first[i + 1 :])
    # the fixed set is another one as well, not only its order
    sets = [
        {row for example in take(4, examples=32, seed=seed) for row in rows_of(example)} for seed in (5, 6)
    ]
    assert sets[0] != sets[1]


def test_generators_are_keyed_by_all_they_are_for():
    keys = [
        ("train", 0, 1),
        ("train", 1, 0),
        ("train", 0, 0),
        ("eval", 0, 0),
        ("train", 0, 11),
        ("train", 0),
        ("train", "0", 1),
    ]
    drawn = [int(torch.randint(2**62, (1,), generator=generator(*key))) for key in keys]
    assert len(set(drawn)) == len(keys)
    assert drawn[0] == int(torch.randint(2**62, (1,), generator=generator("train", 0, 1)))


@pytest.mark.parametrize(
    ("batch_size", "per_batch"), [(16, 4), (17, 4), (7, 3), (3, 4), (1, 4), (5, 1), (130, 4)]
)
def test_batch_size_need_not_divide(batch_size, per_batch):
    for example in take(6, batch_size=batch_size, lengths=Uniform(maximum=8, per_batch=per_batch)):
        assert len(example.tokens) == len(example.answer) == len(example.positions) == batch_size
        groups = Counter(lengths_of(example))
        assert len(groups) <= min(per_batch, batch_size)
        assert all(size >= batch_size // min(per_batch, batch_size) for size in groups.values())


def test_shares_are_as_even_as_they_can_be():
    # four lengths that differ: no two may be apart by more than one example
    apart = 0
    for example in take(20, batch_size=18, lengths=Uniform(maximum=25)):
        groups = Counter(lengths_of(example))
        if len(groups) == 4:
            apart += 1
            assert sorted(groups.values()) == [4, 4, 5, 5]
    assert apart > 10


def test_batches_are_padded_on_the_right_to_their_own_longest():
    for example in take(BLOCK):
        full = example.tokens != PAD
        sizes = full.sum(1)
        assert example.tokens.shape == example.answer.shape == example.positions.shape
        assert sizes.max() == example.tokens.shape[1]
        assert torch.equal(full, torch.arange(example.tokens.shape[1]) < sizes.unsqueeze(1))
        assert not example.answer[~full].any()
        assert (example.tokens[torch.arange(len(sizes)), sizes - 1] == EOS).all()


def test_bos_and_positions():
    for bos in (False, True):
        for example in take(3, bos=bos, positions=Contiguous()):
            assert (example.tokens[:, 0] == 1).all() == bos
            assert not example.answer[:, 0].any()
            assert example.positions.tolist() == [list(range(example.tokens.shape[1]))]
    # in a sweep nothing is random: the start of the positions is at its lowest
    batch = Copy().sample(3, 4, generator("test"))
    swept = read(batch, Offset(maximum=64), generator("test"), bos=True, training=False)
    assert swept.positions.tolist() == [list(range(9))]  # bos, 3 symbols, mark, 3 symbols, end


def test_lengths_are_those_of_the_distribution():
    drawn = [
        length for example in take(4 * BLOCK, lengths=Listed([2, 3, 9])) for length in lengths_of(example)
    ]
    assert set(drawn) == {2, 3, 9}
    drawn = [
        length
        for example in take(BLOCK, lengths=Uniform(minimum=4, maximum=6))
        for length in lengths_of(example)
    ]
    assert set(drawn) == {4, 5, 6}


def test_lengths_are_uniform():
    # one length a batch, so that draws are independent
    lengths = Uniform(maximum=8, per_batch=1)
    drawn = [lengths_of(example)[0] for example in take(12 * BLOCK, lengths=lengths, batch_size=1)]
    assert chisquare([drawn.count(length) for length in range(1, 9)]).pvalue > 1e-3
    # four lengths a batch: a quarter of the examples each
    drawn = [length for example in take(5 * BLOCK, batch_size=4) for length in lengths_of(example)]
    assert chisquare([drawn.count(length) for length in range(1, 9)]).pvalue > 1e-3


def test_examples_of_one_length_differ_from_step_to_step():
    # the examples of a block come from one call for each length: none may be handed out twice
    lengths = Listed([12])
    rows = [
        row for example in take(BLOCK, lengths=lengths, task=Copy(alphabet=50)) for row in rows_of(example)
    ]
    assert len(set(rows)) == len(rows)


@pytest.mark.parametrize(
    "task", [Copy(alphabet=6), Addition(operands="uneven", pad="none"), Sort(alphabet=9, hint="successor")]
)
@pytest.mark.parametrize("examples", [1, 2, 5, 100])
def test_fixed_set_is_of_distinct_examples(task, examples):
    pool = fixed_set(task, Uniform(maximum=5), examples, seed=3)
    assert len(pool) == examples
    assert len({tuple(row.tolist()) for row in pool.tokens}) == examples
    assert set(pool.length.tolist()) <= set(range(1, 6))
    again = fixed_set(task, Uniform(maximum=5), examples, seed=3)
    assert torch.equal(pool.tokens, again.tokens)


def test_fixed_set_is_shared_out_evenly():
    pool = fixed_set(Copy(alphabet=20), Uniform(minimum=2, maximum=5), 202, seed=0)
    assert sorted(Counter(pool.length.tolist()).values()) == [50, 50, 51, 51]


def test_short_lengths_hand_on_what_they_lack():
    # one bit has 2 strings, two bits 4, three bits 8: the rest of the 100 is of four bits up
    pool = fixed_set(Parity(), Uniform(maximum=6), 100, seed=0)
    sizes = Counter(pool.length.tolist())
    assert [sizes[length] for length in range(1, 7)] == [2, 4, 8, 16, 32, 38]


@pytest.mark.parametrize("batch_size", [8, 7, 20, 45])
def test_every_epoch_visits_each_example_once(batch_size):
    size, epochs = 20, 6
    steps = -(-size * epochs // batch_size)
    rows = [row for example in take(steps, examples=size, batch_size=batch_size) for row in rows_of(example)]
    orders = [tuple(rows[size * epoch : size * (epoch + 1)]) for epoch in range(epochs)]
    assert all(len(set(order)) == size for order in orders)
    assert len({frozenset(order) for order in orders}) == 1
    assert len(set(orders)) == epochs  # each epoch has an order of its own


@pytest.mark.parametrize("examples", [126, 125])
def test_all_that_exist_are_found(examples):
    # 2 + 4 + ... + 64 bit strings
    pool = fixed_set(Parity(), Uniform(maximum=6), examples, seed=1)
    assert len({tuple(row.tolist()) for row in pool.tokens}) == examples


def test_too_few_distinct_examples():
    with pytest.raises(
        ValueError, match=r"trainer\.examples=127: the task has 126 distinct ones at its training lengths"
    ):
        stream(task=Parity(), lengths=Uniform(maximum=6), examples=127)
    with pytest.raises(ValueError, match=r"trainer\.examples=1000: the task has 126 distinct ones"):
        stream(task=Parity(), lengths=Uniform(maximum=6), examples=1000)


@pytest.mark.parametrize("count", [1, 3, 63, 64, 65, 500])
def test_distinct_never_gives_more_than_asked_nor_any_twice(count):
    found = distinct(Parity(), 6, count, generator("test", count))
    assert len(found) == min(count, 64)
    assert len({tuple(row.tolist()) for row in found.tokens}) == len(found)
    assert (found.length == 6).all()
