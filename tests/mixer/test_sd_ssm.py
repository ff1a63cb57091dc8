"""The selective dense model against its formula, the worked example, and an automaton as it is written."""

import pytest
import torch
from tests.mixer.test_formulas import made
from tests.mixer.vectors import draw, rows
from torch import nn
from torch.testing import assert_close

from lengen.mixer.sd_ssm import mixed

SWAP = torch.tensor([[0.0, 1], [1, 0]]).double()


@pytest.mark.parametrize("order", [1.0, 1.2, 2.0])
@pytest.mark.parametrize("time", [7, 70])
def test_loop(order, time):
    mixer, x = made("sd_ssm", norm=order, size=6, matrices=3), draw(2, time, 16).requires_grad_()
    h, found = torch.zeros(2, 6).double(), []
    for t in range(time):
        weight = (x[:, t] @ mixer.select.weight.T + mixer.select.bias).softmax(-1)
        a = sum(w[:, None, None] * d for w, d in zip(weight.unbind(1), mixer.dictionary, strict=True))
        a = a / a.abs().pow(order).sum(1, keepdim=True).pow(1 / order)
        h = (a @ h[..., None])[..., 0] + mixer.into(x[:, t])
        found.append(mixer.out(nn.functional.layer_norm(h, [6], mixer.norm.weight, mixer.norm.bias)))
    got, expected = mixer.mix(x, None)[0], torch.stack(found, 1)
    assert_close(got, expected)
    leaves, weight = [x, *mixer.parameters()], draw(*got.shape, seed=3)
    for one, other in zip(
        torch.autograd.grad((got * weight).sum(), leaves),
        torch.autograd.grad((expected * weight).sum(), leaves),
        strict=True,
    ):
        assert_close(one, other)


def test_worked_example():
    """The identity and a swap, the latter with weights 0.1, 0.5, 0.8 and 1; the first unit vector is written first."""
    swap = torch.tensor([0.1, 0.5, 0.8, 1]).double()
    matrices = mixed(torch.stack([1 - swap, swap], -1)[None], torch.stack([torch.eye(2).double(), SWAP]), 1.2)
    h = torch.tensor([1.0, 0]).double()
    found = [h] + [h := matrix @ h for matrix in matrices[0, 1:]]
    expected = "1 0 | .56123 .56123 | .6071 .6071 | .6071 .6071"
    assert_close(torch.stack(found), rows(expected), rtol=0, atol=1e-5)


@pytest.mark.parametrize("order", [1.0, 1.2, 1.4])
def test_an_automaton(order):
    """Permutations that tokens choose by one large logit: the group S3, which no turns that commute follow, for 500 tokens."""
    generators = torch.stack([torch.eye(3), torch.eye(3)[[1, 0, 2]], torch.eye(3)[[1, 2, 0]]])
    mixer = made("sd_ssm", dim=4, heads=1, size=3, matrices=3, norm=order).float()
    with torch.no_grad():
        mixer.dictionary.copy_(generators)
        mixer.select.weight.copy_(200 * torch.eye(4)[:3])
        mixer.into.weight.copy_(torch.cat([torch.zeros(3, 3), torch.arange(3.0)[:, None]], 1))
    words = torch.randint(3, (500,), generator=torch.Generator().manual_seed(0))
    x = torch.eye(4)[words]
    x[0] = torch.eye(4)[3]
    _, state = mixer.mix(x[None, :1], None)
    h, order_of = state[0][0], torch.arange(3.0)
    assert torch.equal(h, order_of)
    for t in range(1, 500):
        _, state = mixer.mix(x[None, t : t + 1], state)
        order_of = generators[words[t]] @ order_of
    assert torch.equal(state[0][0], order_of)
    _, at_once = mixer.mix(x[None], None)
    assert torch.equal(at_once[0][0], order_of)


def test_zeros_have_gradients():
    """Of matrices with zeros, and with columns of them."""
    weights = torch.tensor([[[1.0, 0], [0, 1]]]).requires_grad_()
    dictionary = torch.tensor([[[1.0, 0], [0, 0]], [[0, 1], [1, 0]]]).requires_grad_()
    mixed(weights, dictionary, 1.2).square().sum().backward()
    assert weights.grad.isfinite().all()
    assert dictionary.grad.isfinite().all()
