"""The selective state space model of all tokens at once, against a loop over time in float64, with gradients."""

import pytest
import torch
from tests.mixer.test_cores import leaves_of, same
from tests.mixer.vectors import draw
from torch.testing import assert_close

from lengen.mixer.selective import selective


def given(time, models=()):
    """Rates, steps, x, B, C and the state before, of 2 examples, 3 channels and 4 numbers of state."""
    shapes = ((3, 4), (2, time, 3), (2, time, 3), (2, time, 4), (2, time, 4), (2, 3, 4))
    drawn = [draw(*models, *shape, seed=seed) for seed, shape in enumerate(shapes)]
    return leaves_of(drawn[0].exp(), drawn[1].exp(), *drawn[2:])


def slow(rate, step, inputs, into, read, start, negative):
    found, h = [], start
    for t in range(step.shape[1]):
        factor = (-rate * step[:, t, :, None]).exp()
        factor = 2 * factor - 1 if negative else factor
        h = factor * h + (step[:, t] * inputs[:, t])[..., None] * into[:, t, None]
        found.append((h * read[:, t, None]).sum(-1))
    return torch.stack(found, 1), h


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize("time", [1, 2, 13, 32, 33, 100])
def test_loop(time, negative):
    parts = given(time)
    same(selective(*parts, negative=negative), slow(*parts, negative), parts)
    none = torch.zeros_like(parts[-1])
    same(selective(*parts[:-1], negative=negative), slow(*parts[:-1], none, negative), parts[:-1])


@pytest.mark.parametrize("which", [0, 1])
def test_gradients_of_one_result_alone(which):
    parts = given(40)
    got, expected = selective(*parts)[which], slow(*parts, False)[which]
    leaves = parts if which == 0 else [part for index, part in enumerate(parts) if index != 4]
    same([got], [expected], leaves)


def test_what_is_kept_is_not_changed():
    """Gradients can be taken twice."""
    parts = given(40)
    mixed, last = selective(*parts)
    first, second = (
        torch.autograd.grad(mixed.sum() + last.sum(), parts, retain_graph=True) for _ in range(2)
    )
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("shared", [(), (0,), (3, 5)])
def test_several_models(shared):
    """As stacked seeds are computed, also where all have the same of something."""
    parts = given(40, (3,))
    used = [part[0] if index in shared else part for index, part in enumerate(parts)]
    got = torch.vmap(selective, tuple(None if index in shared else 0 for index in range(6)))(*used)
    each = [
        slow(*(part if index in shared else part[model] for index, part in enumerate(used)), False)
        for model in range(3)
    ]
    same(got, [torch.stack(part) for part in zip(*each, strict=True)], parts)
    assert_close(got[0][1], selective(*(p if i in shared else p[1] for i, p in enumerate(used)))[0])
