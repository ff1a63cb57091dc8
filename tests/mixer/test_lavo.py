"""The orthogonal memory against attention over its rows, made anew for every token, and against plain attention."""

import pytest
import torch
from tests.mixer.test_formulas import heads_of, made
from tests.mixer.vectors import draw
from torch import nn
from torch.testing import assert_close

from lengen.mixer.lavo import orthonormal


def gram_schmidt(rows):
    found = []
    for row in rows:
        rest = row
        for other in found:
            rest = rest - (rest @ other) * other
        found.append(rest / rest.norm())
    return torch.stack(found)


def test_basis():
    rows = draw(5, 16)
    basis = orthonormal(rows)
    assert_close(basis, gram_schmidt(rows))
    assert_close(basis @ basis.T, torch.eye(5).double())
    assert_close(orthonormal(basis), basis)


@pytest.mark.parametrize("window", [2, 3, 16])
def test_every_token(window):
    mixer, x = made("lavo", rows=5, window=window), draw(2, 9, 16).requires_grad_()
    with torch.no_grad():
        mixer.basis.add_(0.3 * draw(5, 16, seed=4))
        mixer.bias.normal_()
    query, key, value = (heads_of(part(x)) for part in (mixer.query, mixer.key, mixer.value))
    basis, found = gram_schmidt(mixer.basis), []
    for t in range(9):
        memory = mixer.into(x[:, : t + 1]).mean(1)[..., None] * basis  # batch, rows, dim
        first = max(0, t + 1 - window)
        keys, values = (torch.cat([heads_of(memory), part[:, first : t + 1]], 1) for part in (key, value))
        logits = torch.einsum("bhd,bshd->bhs", query[:, t], keys) * 8**-0.5
        bias = mixer.bias[:, window - (t + 1 - first) :]
        weights = (logits + nn.functional.pad(bias, (5, 0))).softmax(-1)
        found.append(torch.einsum("bhs,bshd->bhd", weights, values).flatten(1))
    got, expected = mixer.mix(x, None)[0], mixer.out(torch.stack(found, 1))
    assert_close(got, expected)
    leaves, weight = [x, *mixer.parameters()], draw(*got.shape, seed=3)
    for one, other in zip(
        torch.autograd.grad((got * weight).sum(), leaves),
        torch.autograd.grad((expected * weight).sum(), leaves),
        strict=True,
    ):
        assert_close(one, other)


def test_equal_tokens_are_remembered_for_ever():
    """Means of equal tokens are the token's own, after any number of them."""
    mixer, x = made("lavo", window=2), draw(1, 1, 16).expand(1, 500, 16)
    mixed = mixer.mix(x, None)[0][:, 1:]  # the first token sees no other in its window
    assert_close(mixed, mixed[:, :1].expand_as(mixed))
