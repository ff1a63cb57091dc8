"""Two levels of coupled positions: each is coupled by itself, and the encoding adds one table for each."""

import pytest
import torch
from torch.testing import assert_close

from lengen.block.inputs import Shape
from lengen.pe.multilevel import Multilevel as Tables
from lengen.positions.coupled import Coupled
from lengen.positions.multilevel import Multilevel
from lengen.task.addition import Addition
from lengen.task.many_addition import ManyAddition
from lengen.testing.positions import examples as batch
from lengen.testing.positions import generator

TASK = ManyAddition(other=2, scratchpad="running")


def test_sweeps_take_places_and_groups():
    read = TASK.sample(3, 4, generator())
    positions = Multilevel(20)(read, generator(), training=False)
    assert torch.equal(positions[..., 0], Coupled(20)(read, generator(), training=False))
    assert torch.equal(positions[..., 1], read.groups)


def test_training_shifts_each_level_by_itself():
    read = TASK.sample(3, 2000, generator())
    shift = Multilevel(20)(read, generator(), training=True) - torch.stack([read.places, read.groups], -1)
    starts = []
    for level, own in enumerate((read.places, read.groups)):
        assert not shift[..., level][own == 0].any()
        here = shift[..., level].masked_fill(own == 0, -1).amax(1)
        assert torch.equal(shift[..., level], here.unsqueeze(1) * (own > 0))
        assert set(here.tolist()) == set(range(20 - int(own.max()) + 1))
        starts.append(here.double())
    assert abs(torch.corrcoef(torch.stack(starts))[0, 1]) < 0.1


def test_a_task_without_groups_is_refused():
    with pytest.raises(ValueError, match="no groups to couple"):
        Multilevel()(Addition().sample(3, 2, generator()), generator(), training=True)


def test_the_encoding_adds_a_row_of_each_table():
    pe, read = Tables(Shape(8, 2), 21), batch()
    positions = Multilevel(20)(read, generator(), training=True)
    x = torch.randn(*positions.shape[:2], 8)
    made = pe.embed(x, positions)
    first, second = (level.rows for level in pe.levels)
    for row in range(len(read)):
        for time in range(read.time):
            place, group = positions[row, time].tolist()
            assert_close(made[row, time], x[row, time] + first[place] + second[group])
