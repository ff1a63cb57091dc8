"""Choices among equal draws, by definition: a stable sort."""

import pytest
import torch

from lengen.sampling import STEPS, largest


def test_draws_are_whole_in_steps():
    draws = torch.rand(10_000, generator=torch.Generator().manual_seed(0)) * STEPS
    assert torch.equal(draws, draws.round())


@pytest.mark.parametrize("values", [1, 3, 50, STEPS])
def test_largest_is_the_head_of_a_stable_order(values):
    chance = torch.Generator().manual_seed(0)
    draws = (torch.rand(40, 300, generator=chance) * values).floor() / values
    draws[:, ::7] = -1
    expected = torch.argsort(draws, dim=-1, descending=True, stable=True)
    for count in (1, 5, 299):
        assert torch.equal(largest(draws, count), expected[:, :count])
