"""LightNet against a softmax over time of all pairs of tokens, and against turned queries and keys in a plain loop."""

import pytest
import torch
from tests.mixer.test_formulas import heads_of, made, normed
from tests.mixer.vectors import KEY, QUERY, VALUE, draw, rows
from torch import nn
from torch.testing import assert_close

from lengen.mixer.decayed import decayed
from lengen.mixer.lightnet import running_softmax


def test_worked_example():
    key, log_decay, _ = running_softmax(KEY, None)
    mixed, _ = decayed(QUERY, key, VALUE, log_decay)
    expected = ".24707 -1.32499 | .09635 .38643 | -.18843 .25129 | .4897 -.25828"
    assert_close(mixed[0, :, 0], rows(expected), rtol=0, atol=1e-5)


def test_weights_are_a_softmax():
    """In float32, of 3000 tokens, with logits that fall, and their sum is 1."""
    logit = (draw(1, 3000, 1, 2) * 3).float() - 0.001 * torch.arange(3000.0).view(1, -1, 1, 1)
    key, log_decay, last = running_softmax(logit, None)
    after = log_decay.double().flip(1).cumsum(1).flip(1)
    weights = key.double() * (after - log_decay.double()).exp()
    assert_close(weights, logit.double().softmax(1), rtol=0, atol=1e-5)
    assert_close(weights.sum(1), torch.ones(1, 1, 2).double(), rtol=0, atol=1e-5)
    assert_close(last.double(), logit.double().logsumexp(1), rtol=0, atol=1e-5)


def turn(x, rotation, width=8, heads=2):
    """RoPE of neighbouring channels, with frequencies that go on from head to head."""
    pairs = width // (2 if rotation == "full" else 4)
    angle = torch.arange(x.shape[1]).double()[:, None] * 10_000.0 ** (
        -2 * torch.arange(heads * pairs).double() / (width * heads)
    )
    phase = torch.polar(torch.ones_like(angle), angle).unflatten(-1, (heads, pairs))
    pairs_of = torch.view_as_complex(x[..., : 2 * pairs].unflatten(-1, (-1, 2)).contiguous()) * phase
    return torch.cat([torch.view_as_real(pairs_of).flatten(-2), x[..., 2 * pairs :]], -1)


@pytest.mark.parametrize("start", ["none", "zero"])
@pytest.mark.parametrize("rotation", ["none", "full", "half"])
@pytest.mark.parametrize("time", [9, 40])
def test_all_pairs(start, rotation, time):
    """What token s wrote, exp(u_s - z_s), is turned, and counts exp(z_s - z_t) at token t, channel by channel."""
    mixer, x = made("lightnet", start=start, rotation=rotation), draw(2, time, 16).requires_grad_()
    query, logit, value = (heads_of(part(x)) for part in (mixer.query, mixer.key, mixer.value))
    phantom = start == "zero"
    z = torch.stack([logit[:, : t + 1].exp().sum(1) + phantom for t in range(time)], 1).log()
    query, written = nn.functional.silu(query), (logit - z).exp()
    if rotation != "none":
        query, written = turn(query, rotation), turn(written, rotation)
    found = [
        torch.einsum(
            "bhk,bshk,bshv->bhv",
            query[:, t],
            written[:, : t + 1] * (z[:, : t + 1] - z[:, t : t + 1]).exp(),
            value[:, : t + 1],
        )
        for t in range(time)
    ]
    mixed = normed((torch.stack(found, 1) * 8**-0.5).flatten(2), mixer.norm.weight)
    down, up = mixer.gate
    expected = mixer.out(mixed * nn.functional.silu(x @ down.weight.T @ up.weight.T))
    got, leaves = mixer.mix(x, None)[0], [x, *mixer.parameters()]
    assert_close(got, expected)
    weight = draw(*got.shape, seed=3)
    for one, other in zip(
        torch.autograd.grad((got * weight).sum(), leaves),
        torch.autograd.grad((expected * weight).sum(), leaves),
        strict=True,
    ):
        assert_close(one, other)


def test_places_far_away():
    """The count in the state keeps angles at a place of ten million."""
    mixer, x = made("lightnet", rotation="full").float(), draw(1, 1, 16).float()
    angle = mixer._angles(torch.tensor([[1e7]]), 2)
    expected = torch.tensor([1e7, 1e7 + 1]).double()
    assert_close(angle[0, :, 0, 0].double().cos(), expected.cos(), rtol=0, atol=1e-6)
    _, (_, _, count) = mixer.mix(x, (*mixer.mix(x, None)[1][:2], torch.tensor([[1e7]])))
    assert count.item() == 1e7 + 1
