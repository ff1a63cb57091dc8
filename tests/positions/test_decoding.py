"""A token has the same position however it is read: in training's batch, by teacher forcing, greedily, freely."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from tests.options import named
from torch import nn

from lengen.attention import AttentionRule
from lengen.decoder import Architecture, Decoder
from lengen.evaluation.scoring import score
from lengen.pe.learned import Learned
from lengen.pe.nope import NoPE
from lengen.positions.coupled import Coupled
from lengen.positions.offset import Offset
from lengen.positions.randomized import Randomized
from lengen.sampling import generator
from lengen.task import EOS, PAD, Batch
from lengen.task.addition import Addition
from lengen.task.copy import Copy
from lengen.task.many_addition import ManyAddition

KEY = ("positions", 0)
SCHEMES = [pytest.param(case.values[0](), id=case.id) for case in named("positions")]


class Oracle(Decoder):
    """Answers as the examples do, and keeps the positions that it is shown, by row and column."""

    def __init__(self, batch, pe=NoPE, spoil=None):
        super().__init__(Architecture(layers=1, dim=8, heads=2), 60, pe, AttentionRule)
        self.tokens, self.spoil, self.seen = batch.begin().room(40).tokens, spoil, []

    def forward(self, tokens, positions, cache=None, first=0, prompt=None):
        start = 0 if cache is None else cache.tokens
        end = start + tokens.shape[1]
        rows = torch.arange(len(tokens))
        if cache is not None:
            cache.seen(positions)
            rows = cache.block((0, 0)).last.setdefault("rows", rows)  # those that are not finished
        placed = positions.new_full((len(self.tokens), *positions.shape[1:]), -1)
        placed[rows] = positions
        if start == sum(some.shape[1] for some in self.seen):  # else the loss is read, behind the prompt
            self.seen.append(placed)
        following = self.tokens[rows, start + first + 1 : end + 1].clone()
        if self.spoil is not None:  # never ends
            following[(following == PAD) | (following == EOS)] = self.spoil
        return nn.functional.one_hot(following, 60).float()

    @property
    def positions(self):
        return torch.cat(self.seen, 1)


def shown(batch, scheme, decode, **options):
    """Positions by row and column, and which columns are of the examples and not of their last token."""
    oracle = Oracle(batch, **options)
    score(oracle, batch, scheme, KEY, decode)
    return oracle.positions


def ragged():
    """Sums with and without a carry, of several lengths: rows differ in prompt and in answer."""
    task = ManyAddition(length_of="digits", other=2, sizes="uneven", pad="none")
    return Batch.join([task.sample(length, 6, torch.Generator().manual_seed(length)) for length in (2, 5)])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_teacher_greedy_and_free_show_the_same_positions(scheme):
    batch = ragged()
    teacher = shown(batch, scheme, "teacher")
    own = (batch.begin().tokens != PAD)[:, : teacher.shape[1]]
    for decode in ("greedy", "free"):
        written = shown(batch, scheme, decode)
        for row in range(len(batch)):
            last = int(own[row].sum()) - 1  # the end token is written and not read
            assert torch.equal(written[row, :last], teacher[row, :last])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_rows_are_placed_as_they_would_be_alone(scheme):
    """By the same key, the first row alone, and beside longer ones."""
    batch = ragged().begin()
    alone = batch.rows(slice(1))
    for training in (False, True):
        together, single = (
            scheme(some, generator(*KEY), training=training) for some in (batch, alone.room(9))
        )
        assert torch.equal(together[:1, : alone.time], single[:1, : alone.time])


@pytest.mark.parametrize("maximum", [40, 1024])
def test_randomized_has_one_distribution_in_training_and_sweeps(maximum):
    scheme, batch = Randomized(maximum), ragged().begin()
    trained, swept = (scheme(batch, generator(*KEY), training=training) for training in (True, False))
    own = batch.tokens != PAD
    assert torch.equal(trained[own], swept[own])


def gaps(scheme, batch, length):
    """Mean gap between neighbours in the rows of one length."""
    positions = scheme(batch, torch.Generator().manual_seed(0), training=True)
    mine = positions[batch.length == length]
    size = int((batch.tokens[batch.length == length] != PAD).sum(1).max())
    return float(mine[:, :size].diff(dim=1).double().mean())


def test_mean_gaps_do_not_depend_on_longer_rows():
    scheme, parts = (
        Randomized(1024),
        [Copy().sample(length, 2000, torch.Generator()) for length in (1, 3, 10)],
    )
    mixed = Batch.join(parts).begin()
    for part in parts:
        length = int(part.length[0])
        expected = 1025 / (2 * length + 4)  # bos, copy, sign, copy, end token
        assert abs(gaps(scheme, mixed, length) - expected) < 0.05 * expected
        assert abs(gaps(scheme, part.begin(), length) - expected) < 0.05 * expected


def test_gaps_do_not_tell_the_size_of_the_answer():
    """A sum of 3 digits and one of 4 have the same positions, up to the end of the shorter."""
    batch = Addition(pad="none").sample(3, 3000, torch.Generator()).begin()
    sizes = batch.answer.sum(1)
    for scheme in (Randomized(64), Offset(64)):
        positions = scheme(batch, generator(*KEY), training=True).double()
        short, long = (positions[sizes == size][:, :13] for size in (4, 5))
        assert (short.mean(0) - long.mean(0)).abs().max() < 1.5
        assert short.shape[0] > 500 < long.shape[0]
        assert positions[:, 13].max() == 63  # the end token of the longest answer


def test_offset_reaches_its_last_position_beside_longer_rows():
    short, long = (Copy().sample(length, 500, torch.Generator()) for length in (1, 4))
    positions = Offset(64)(Batch.join([short, long]), generator(*KEY), training=True)
    assert short.time == 4
    assert positions[:500, 3].max() == 63
    assert set(positions[:500, 0].tolist()) == set(range(61))


def test_tokens_that_run_on_continue_by_the_mean_gap():
    batch = Copy().sample(4, 3, torch.Generator()).begin()
    known = Randomized(64)(batch, generator(*KEY), training=False)
    written = replace(
        batch.room(20), tokens=batch.room(20).tokens.masked_fill(batch.room(20).tokens == PAD, 5)
    )
    more = Randomized(64)(written, generator(*KEY), training=False)
    assert torch.equal(more[:, : batch.time], known)
    first, last = known[:, :1], known[:, -1:]
    gap = (last - first) / (batch.time - 1)
    expected = (last + gap * torch.arange(1, 21)).floor().long()
    assert torch.equal(more[:, batch.time :], expected)
    assert (more.diff(dim=1) > 0).all()
    padded = Randomized(64)(batch.room(20), generator(*KEY), training=False)
    assert torch.equal(padded, more.clamp(max=63))  # a table holds the positions of padding
    assert Randomized(64).largest(batch, training=False) == 63


def test_tokens_that_run_on_share_the_last_row_of_a_table():
    batch, scheme = Copy().sample(4, 3, torch.Generator()), Randomized(64)
    placed = shown(batch, scheme, "free", pe=partial(Learned, maximum=64), spoil=5)
    free = shown(batch, scheme, "free", spoil=5)
    assert placed.shape[1] > batch.time + 2
    assert torch.equal(placed, free.clamp(max=63))
    assert (free > 63).any()


def test_only_coupled_positions_need_the_whole_row():
    needs = {case.id: case.values[0]().needs for case in named("positions")}
    assert {name for name, need in needs.items() if need == "row"} == {"coupled", "multilevel"}
    assert {name for name, need in needs.items() if need == "prompt"} == {
        "randomized",
        "offset",
        "random_steps",
    }
    batch = Addition().sample(3, 5, torch.Generator())
    assert torch.equal(Coupled(20)(batch, torch.Generator(), training=False), batch.places)
