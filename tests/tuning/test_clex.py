"""CLEX: frequencies against a slow loop from the equation, the start, positions, and decoding token by token."""

import math

import pytest
import torch

from lengen.attention.softmax import Softmax
from lengen.block.inputs import Shape
from lengen.block.shared import DecoderCache
from lengen.decoder import Architecture, Decoder
from lengen.extend import Sizes
from lengen.extend.chosen import Chosen
from lengen.extend.ntk import NTK
from lengen.pe.rope import RoPE
from lengen.positions.contiguous import Contiguous
from lengen.task.copy import Copy
from lengen.testing import check_positions
from lengen.tuning import Base
from lengen.tuning.clex import CLEX, ContinuousRoPE, EnlargedPositions

TRAINED = 9
"""Tokens of copying three symbols."""
BASE = Base("run", "cell", 1, "digest", 3, TRAINED, TRAINED)


def encoding(scales=3, activation="silu", size=0.4):
    torch.manual_seed(0)
    made = ContinuousRoPE(RoPE(Shape(16, 2)), scales, 2, activation)
    torch.nn.init.normal_(made.second, std=size)
    return made


def decoder():
    torch.manual_seed(1)
    return Decoder(Architecture(layers=2, dim=16, heads=2), 8, RoPE, Softmax).eval()


@pytest.mark.parametrize(("activation", "act"), [("silu", torch.nn.functional.silu), ("tanh", torch.tanh)])
def test_frequencies_are_those_of_euler_steps(activation, act):
    """The equation as it is written, in small first-order steps, with the derivative of ln NTK by differences."""
    made = encoding(3, activation)
    first, second = made.first.detach().double(), made.second.detach().double()

    def ntk(time):
        base = 10000.0 * (2 * time - 1) ** (8 / 6)
        return torch.tensor([math.log(base ** (-2 * pair / 8)) for pair in range(4)], dtype=torch.float64)

    value, step, found = ntk(1), 1e-4, [ntk(1)]
    for index in range(20_000):
        time = 1 + index * step
        slope = act((value + ntk(time)) @ first) @ second + (ntk(time + 1e-6) - ntk(time - 1e-6)) / 2e-6
        value = value + step * slope
        if index in (9_999, 19_999):
            found.append(value)
    assert not torch.allclose(value, ntk(3), atol=0.1)  # the net does something
    torch.testing.assert_close(made.solved(3), torch.stack(found), rtol=0, atol=2e-3)


def test_the_step_is_small_enough(monkeypatch):
    made = encoding()
    found = made.solved(3)
    monkeypatch.setattr("lengen.tuning.clex.STEPS", 100)  # that of the source
    torch.testing.assert_close(found, made.solved(3), rtol=0, atol=1e-6)


@pytest.mark.parametrize("length", [2, 3, 4, 5, 9])
def test_the_start_is_ntk_of_twice_the_stretch_less_one(length):
    plain, tuning = decoder(), CLEX(scales=3)
    batch = Copy(alphabet=4).sample(length, 4, torch.Generator().manual_seed(0)).begin()
    positions = EnlargedPositions(3, TRAINED)(batch, torch.Generator(), training=False)
    stretch = min(math.ceil((2 * length + 3) / TRAINED), 3)
    expected, scheme = Chosen({"ntk": NTK(2.0 * stretch - 1)}).of(plain, Contiguous(), Sizes(9, 9, 9))
    with torch.no_grad():
        found = tuning.changed(plain, BASE)(batch.tokens, positions)
        wanted = expected(batch.tokens, scheme(batch, torch.Generator(), training=False))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("length", [3, 6, 12])
def test_decoding_token_by_token_is_the_full_pass(length):
    made = CLEX(scales=3).changed(decoder(), BASE)
    torch.nn.init.normal_(made.pe.second, std=0.4)
    batch = Copy(alphabet=4).sample(length, 4, torch.Generator().manual_seed(0)).begin()
    positions = EnlargedPositions(3, TRAINED)(batch, torch.Generator(), training=False)
    cache = DecoderCache()
    with torch.no_grad():
        full = made(batch.tokens, positions)
        steps = [made(batch.tokens[:, [at]], positions[:, [at]], cache) for at in range(batch.time)]
    torch.testing.assert_close(torch.cat(steps, 1), full, rtol=0, atol=1e-5)


def test_gradients_reach_the_net_and_the_run():
    made = CLEX(scales=3).changed(decoder(), BASE).train()
    torch.nn.init.normal_(made.pe.second, std=0.1)
    batch = Copy(alphabet=4).sample(3, 4, torch.Generator().manual_seed(0)).begin()
    positions = EnlargedPositions(3, TRAINED)(batch, torch.Generator(), training=False)
    positions[..., 1] = 2
    made(batch.tokens, positions).square().sum().backward()
    assert all(weight.grad is not None and bool(weight.grad.any()) for weight in made.parameters())
    net = CLEX(moves_only="net")
    assert [name for name, _ in made.named_parameters() if net.moves(name)] == ["pe.first", "pe.second"]


def test_positions_keep_the_contract_and_are_sorted_draws():
    scheme = EnlargedPositions(3, 60)
    check_positions(scheme)
    batch = Copy(alphabet=4).sample(3, 300, torch.Generator().manual_seed(0)).begin()
    positions, stretch = EnlargedPositions(3, TRAINED)(
        batch, torch.Generator().manual_seed(1), training=True
    ).unbind(-1)
    assert (stretch == stretch[:, :1]).all()
    counts = stretch[:, 0].bincount(minlength=4).tolist()
    assert counts[0] == 0
    assert all(60 < count < 140 for count in counts[1:])
    assert (positions.diff(dim=1) > 0).all()
    assert (positions[:, 0] == 0).all()
    assert torch.equal(positions[:, TRAINED - 1], stretch[:, 0] * TRAINED - 1)
    inner = positions[stretch[:, 0] == 3, 1 : TRAINED - 1]
    assert abs(float(inner.float().mean()) - (3 * TRAINED - 1) / 2) < 0.6
    assert set(inner.flatten().tolist()) == set(range(1, 3 * TRAINED - 1))


def test_longer_examples_are_refused(lengen, tmp_path):
    from tests.conftest import TINY, train

    train(tmp_path, ("task=copy", "pe=rope", *TINY))
    ran = lengen("tune", "run=results", "tune=clex", "train_length=2x", "steps=2")
    assert ran.code == 2
    assert "tune=clex: trains on trained lengths, of up to 9 tokens" in ran.err
