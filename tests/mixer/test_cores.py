"""The recurrences of all tokens at once, against loops over time in float64, the worked example, and identities."""

import pytest
import torch
from tests.mixer.vectors import (
    BETA,
    GATE,
    GATES,
    KEY,
    QUERY,
    UNIT,
    VALUE,
    draw,
    rows,
    slow_decayed,
    slow_delta,
    slow_rank_one,
    slow_scan,
)
from torch.nn.functional import logsigmoid, normalize
from torch.testing import assert_close

from lengen.mixer.decayed import decayed, signed
from lengen.mixer.delta import delta_rule, rank_one
from lengen.mixer.scan import scan

LENGTHS = pytest.mark.parametrize("time", [1, 2, 13, 32, 33, 100])
CHUNKS = pytest.mark.parametrize("chunk", [1, 2, 5, 16, 64, None])


def same(got, expected, leaves, tolerance=1e-9):
    """Equal values and equal gradients."""
    for one, other in zip(got, expected, strict=True):
        assert_close(one, other, rtol=0, atol=tolerance)
    weights = [draw(*part.shape, seed=9) for part in got]
    pair = [
        torch.autograd.grad(
            sum((w * part).real.sum() for w, part in zip(weights, parts, strict=True)),
            leaves,
            retain_graph=True,
        )
        for parts in (got, expected)
    ]
    for one, other in zip(*pair, strict=True):
        assert one.isfinite().all()
        assert_close(one, other, rtol=1e-9, atol=tolerance)


def leaves_of(*parts):
    return [part.detach().clone().requires_grad_() for part in parts]


def heads(time, widths, seed=0):
    return [draw(2, time, 3, width, seed=seed + index) for index, width in enumerate(widths)]


@LENGTHS
@pytest.mark.parametrize("chunk", [2, 3, 32])
@pytest.mark.parametrize("kind", [torch.float64, torch.complex128])
def test_scan(time, chunk, kind):
    decay, write, start = leaves_of(
        draw(2, time, 3, dtype=kind) * 0.7,
        draw(2, time, 3, dtype=kind, seed=1),
        draw(2, 3, dtype=kind, seed=2),
    )
    same([scan(decay, write, start, chunk)], [slow_scan(decay, write, start)], [decay, write, start])
    assert_close(scan(decay, write), slow_scan(decay, write, torch.zeros_like(start)))


def test_scan_of_decays_that_many_channels_share():
    decay, write = draw(1, 40, 1), draw(2, 40, 3, seed=1)
    assert_close(scan(decay, write), slow_scan(decay.expand(2, 40, 3), write, torch.zeros(2, 3).double()))


@pytest.mark.parametrize("kind", [torch.float64, torch.complex128])
def test_gradients_of_a_scan_have_gradients(kind):
    decay, write, start = leaves_of(
        draw(1, 7, 1, dtype=kind), draw(2, 7, 2, dtype=kind, seed=1), draw(2, 2, dtype=kind, seed=2)
    )
    assert torch.autograd.gradcheck(lambda *parts: scan(*parts, 3), (decay, write, start))
    assert torch.autograd.gradgradcheck(lambda *parts: scan(*parts, 3), (decay, write, start))


def test_scans_of_several_models():
    """As stacked seeds are computed: also where all have the same decays."""
    decay, write, start = leaves_of(draw(3, 1, 40, 2), draw(3, 2, 40, 2, seed=1), draw(3, 2, 2, seed=2))
    for place, given in ((0, decay), (None, decay[0])):
        got = torch.vmap(scan, (place, 0, 0))(given, write, start)
        each = [given if place is None else given[model] for model in range(3)]
        expected = [
            slow_scan(part.expand(2, 40, 2), write[model], start[model]) for model, part in enumerate(each)
        ]
        same([got], [torch.stack(expected)], [decay, write, start])


@LENGTHS
@CHUNKS
@pytest.mark.parametrize("decays", [1, 4])
def test_decayed(time, chunk, decays):
    query, key, value, gate = leaves_of(*heads(time, (4, 4, 5, decays)))
    (state,) = leaves_of(draw(2, 3, 4, 5, seed=8))
    leaves = [query, key, value, gate, state]
    got = decayed(query, key, value, logsigmoid(gate), state, chunk)
    same(got, slow_decayed(query, key, value, gate.sigmoid(), state), leaves)


@LENGTHS
@CHUNKS
def test_decayed_with_values_that_tokens_read_of_themselves(time, chunk):
    query, key, value, gate, own = leaves_of(*heads(time, (4, 4, 5, 1, 5)))
    (state,) = leaves_of(draw(2, 3, 4, 5, seed=8))
    mixed, after = slow_decayed(query, key, value, gate.sigmoid(), state)
    mixed = mixed + (query * key).sum(-1, keepdim=True) * (own - value)
    got = decayed(query, key, value, logsigmoid(gate), state, chunk, own)
    same(got, (mixed, after), [query, key, value, gate, own, state])


@LENGTHS
@CHUNKS
def test_signed(time, chunk):
    query, key, value, gate = leaves_of(*heads(time, (4, 4, 5, 1)))
    (state,) = leaves_of(draw(2, 3, 4, 5, seed=8))
    got = signed(query, key, value, gate.tanh(), state, chunk)
    same(got, slow_decayed(query, key, value, gate.tanh(), state), [query, key, value, gate, state])


@LENGTHS
@CHUNKS
def test_delta_rule(time, chunk):
    query, key, value, beta, gate = leaves_of(*heads(time, (4, 4, 5, 1, 1)))
    (state,) = leaves_of(draw(2, 3, 4, 5, seed=8))
    unit, part = normalize(key, dim=-1), 2 * beta.sigmoid()
    got = delta_rule(query, unit, value, part, logsigmoid(gate), state, chunk)
    leaves = [query, key, value, beta, gate, state]
    same(got, slow_delta(query, unit, value, part, gate.sigmoid(), state), leaves)
    plain = delta_rule(query, unit, value, part, None, state, chunk)
    same(plain, slow_delta(query, unit, value, part, torch.ones_like(gate), state), leaves[:4])


@LENGTHS
@CHUNKS
@pytest.mark.parametrize(("decays", "least"), [(1, None), (4, None), (1, -0.6), (4, -0.6)])
def test_rank_one(time, chunk, decays, least):
    query, key, value, gate, read, write = leaves_of(*heads(time, (4, 4, 5, decays, 4, 4)))
    (state,) = leaves_of(draw(2, 3, 4, 5, seed=8))
    unit, back = normalize(read, dim=-1), -0.9 * normalize(write, dim=-1)
    log_decay = logsigmoid(gate) if least is None else least * gate.sigmoid()
    got = rank_one(query, key, value, log_decay, unit, back, state, chunk, least)
    leaves = [query, key, value, gate, read, write, state]
    same(got, slow_rank_one(query, key, value, log_decay.exp(), unit, back, state), leaves)
    same(
        rank_one(query, None, value, log_decay, unit, back, state, chunk, least),
        slow_rank_one(query, back, value, log_decay.exp(), unit, back, state),
        [query, value, gate, read, write, state],
    )


def test_bounded_decays_in_float32():
    """All decays as strong as they can be, and mixed, in the chunks that are taken for them."""
    for time, gate in ((200, torch.ones(2, 200, 3, 4)), (200, draw(2, 200, 3, 4).sigmoid())):
        query, key, value, read = heads(time, (4, 4, 5, 4))
        unit = normalize(read, dim=-1)
        parts = [query, key, value, -0.6 * gate.double(), unit, -0.9 * unit]
        mixed, _ = rank_one(*(part.float() for part in parts), least=-0.6)
        expected, _ = slow_rank_one(*parts[:3], parts[3].exp(), *parts[4:], torch.zeros(2, 3, 4, 5).double())
        assert_close(mixed.double(), expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("split", range(1, 13))
def test_any_split(split):
    """The state after the first part is all that the second needs."""
    query, key, value, gate, beta = heads(13, (4, 4, 5, 1, 1))
    unit = normalize(key, dim=-1)
    for core in (
        lambda s, state: decayed(query[s], key[s], value[s], logsigmoid(gate[s]), state, 4),
        lambda s, state: signed(query[s], key[s], value[s], gate[s].tanh(), state, 4),
        lambda s, state: delta_rule(query[s], unit[s], value[s], beta[s], logsigmoid(gate[s]), state, 4),
    ):
        full, last = core((slice(None), slice(None)), None)
        early, middle = core((slice(None), slice(split)), None)
        late, end = core((slice(None), slice(split, None)), middle)
        assert_close(torch.cat([early, late], 1), full)
        assert_close(end, last)


VECTORS = {
    "linear": ".12609 -.67618 | -.59046 -.18922 | -1.02603 .49556 | 2.23289 -.26773",
    "one gate": ".12609 -.67618 | -.59106 -.18596 | -.68358 .27537 | 1.23706 -.31628",
    "gates": ".12609 -.67618 | -.58986 -.19242 | -.4397 .19026 | .63923 -.51179",
    "delta": ".06851 -.36742 | -.458 -.29086 | -.76548 .03356 | .48335 -.32209",
    "gated delta": ".06851 -.36742 | -.46357 -.261 | -.49805 .06081 | .79401 -.5835",
    "rank one": ".12609 -.67618 | -.56576 -.32165 | -.46706 .05526 | .09963 -.52043",
}


@pytest.mark.parametrize("name", VECTORS)
@pytest.mark.parametrize("chunk", [1, 2, 3, None])
def test_worked_example(name, chunk):
    turned = -UNIT, UNIT * BETA / 2
    got = {
        "linear": lambda: decayed(QUERY, KEY, VALUE, None, None, chunk),
        "one gate": lambda: decayed(QUERY, KEY, VALUE, GATE.log(), None, chunk),
        "gates": lambda: decayed(QUERY, KEY, VALUE, GATES.log(), None, chunk),
        "delta": lambda: delta_rule(QUERY, UNIT, VALUE, BETA, None, None, chunk),
        "gated delta": lambda: delta_rule(QUERY, UNIT, VALUE, BETA, GATE.log(), None, chunk),
        "rank one": lambda: rank_one(QUERY, KEY, VALUE, GATES.log(), *turned, None, chunk),
    }[name]()[0]
    assert_close(got[0, :, 0], rows(VECTORS[name]), rtol=0, atol=1e-5)


def test_two_steps_per_token():
    """The delta rule on two slots a token, of which the first decays and the last is read."""
    slot, channel = torch.arange(8.0).double().unsqueeze(1), torch.arange(2.0).double()
    key, value = ((2 * slot + channel + shift).sin()[None, :, None] for shift in (2, 3))
    key, log_decay = normalize(key, dim=-1), torch.zeros(1, 8, 1, 1).double()
    log_decay[:, ::2] = GATE.log()
    mixed, _ = delta_rule(
        QUERY.repeat_interleave(2, 1), key, value, torch.full_like(log_decay, 1.5), log_decay
    )
    expected = "1.69478 .95611 | -.6076 -.64028 | -.79017 .00581 | 1.22973 .9813"
    assert_close(mixed[0, 1::2, 0], rows(expected), rtol=0, atol=1e-5)


def test_equal_gates_of_all_channels_are_one_gate():
    query, key, value, gate = heads(40, (4, 4, 5, 1))
    one, many = (decayed(query, key, value, logsigmoid(gate).expand(-1, -1, -1, n)) for n in (1, 4))
    assert_close(one, many)


def test_orthonormal_keys_are_a_dictionary():
    """With beta 1 the last value of a key is read, and none of the others."""
    keys, value = torch.eye(4).double()[[0, 1, 0, 2, 1]].view(1, 5, 1, 4), draw(1, 5, 1, 3)
    query = torch.eye(4).double()[[0, 0, 0, 1, 1]].view(1, 5, 1, 4)
    mixed, _ = delta_rule(query, keys, value, torch.ones(1, 5, 1, 1).double())
    assert_close(mixed[0, :, 0], value[0, [0, 0, 2, 1, 4], 0])


def test_parity_by_a_reflection():
    """Beta 2 at every one flips the sign, for ever and exactly."""
    bits = (draw(1, 20_000, 1, 1) > 0).float()
    one = torch.ones_like(bits)
    start = torch.ones(1, 1, 1, 1)
    mixed, _ = delta_rule(one, one, 0 * one, 2 * bits, None, start)
    assert torch.equal(mixed, 1 - 2 * (bits.cumsum(1) % 2))


@pytest.mark.parametrize("strength", [-1e-6, -1.0, -10.0, -1e3, -torch.inf])
def test_strong_decays_in_float32(strength):
    """No overflow, no loss of the small decays behind a large one, and finite gradients."""
    query, key, value, gate = (part.float() for part in heads(200, (4, 4, 5, 4)))
    log_decay = logsigmoid(gate)
    log_decay[:, ::7] = strength
    (leaf,) = leaves_of(log_decay)
    mixed, state = decayed(query, key, value, leaf)
    expected, end = slow_decayed(
        *(part.double() for part in (query, key, value, log_decay.exp())), torch.zeros(2, 3, 4, 5).double()
    )
    assert_close(mixed.double(), expected, rtol=0, atol=1e-5)
    assert_close(state.double(), end, rtol=0, atol=1e-5)
    mixed.square().sum().backward()
    assert leaf.grad.isfinite().all()


@pytest.mark.parametrize(("time", "tolerance"), [(64, 2e-5), (1024, 4e-4)])
def test_float32_reflections(time, tolerance):
    query, key, value = heads(time, (16, 16, 16))
    key, beta = normalize(key, dim=-1), torch.full((2, time, 3, 1), 1.99).double()
    query = query / 4  # the usual factor, key channels ** -0.5
    args = [part.float() for part in (query, key, value, beta)]
    expected, _ = slow_delta(
        query, key, value, beta, torch.ones_like(beta), torch.zeros(2, 3, 16, 16).double()
    )
    assert_close(delta_rule(*args)[0].double(), expected, rtol=0, atol=tolerance)
