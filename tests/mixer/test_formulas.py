"""Mixers against slow loops from their formulas, worked examples, and each other where one is a case of the other."""

import pytest
import torch
from tests.mixer.vectors import BETA, KEY, QUERY, VALUE, draw, rows, slow_decayed, slow_delta, slow_rank_one
from tests.options import made as option
from torch import nn
from torch.testing import assert_close

from lengen.attention.softmax import Softmax
from lengen.block.inputs import Shape
from lengen.mixer import Layer
from lengen.mixer.linear_attention import elu, taylor
from lengen.mixer.mingru import positive
from lengen.mixer.mlstm import stabilised
from lengen.mixer.scan import scan


def made(name, index=1, dim=16, heads=2, **options):
    """A mixer in float64."""
    torch.manual_seed(0)
    return option("mixer", name, layer=Layer(Shape(dim, heads, 3), index, Softmax), **options).double()


def heads_of(x, heads=2):
    return x.unflatten(-1, (heads, -1))


def normed(x, weight, eps=1e-5):
    return x * (x.square().mean(-1, keepdim=True) + eps).rsqrt() * weight


def test_mingru():
    gate = KEY[:, :, 0].sigmoid()
    hidden = scan(1 - gate, gate * positive(VALUE[:, :, 0]))
    expected = ".45703 .17092 | .39957 .24287 | .72571 1.06379 | .86159 .64476"
    assert_close(hidden[0], rows(expected), rtol=0, atol=1e-5)
    mixer, x = made("mingru"), draw(2, 7, 16)
    mixed, h = [], torch.zeros(2, 16).double()
    for time in range(7):
        z = mixer.gate(x[:, time]).sigmoid()
        h = (1 - z) * h + z * positive(mixer.candidate(x[:, time]))
        mixed.append(mixer.out(h))
    assert_close(mixer.mix(x, None)[0], torch.stack(mixed, 1))


def test_minlstm():
    mixer, x = made("minlstm"), draw(2, 7, 16)
    mixed, h = [], torch.zeros(2, 16).double()
    for time in range(7):
        f, i = mixer.forget(x[:, time]).sigmoid(), mixer.input(x[:, time]).sigmoid()
        h = f / (f + i) * h + i / (f + i) * positive(mixer.candidate(x[:, time]))
        mixed.append(mixer.out(h))
    assert_close(mixer.mix(x, None)[0], torch.stack(mixed, 1))


def test_linear_attention_is_a_weighted_mean():
    """With `sum`, weights are products of features over their sum; `elu` gives the worked example."""
    later = torch.ones(4, 4, dtype=torch.bool).triu(1)
    weights = (elu(QUERY[0, :, 0]) @ elu(KEY[0, :, 0]).T).masked_fill(later, 0)
    expected = ".14112 -.7568 | -.0883 -.65724 | .21853 .0522 | .27201 -.19078"
    assert_close(weights / weights.sum(-1, keepdim=True) @ VALUE[0, :, 0], rows(expected), rtol=0, atol=1e-5)
    for features, weigh in (
        ("elu", lambda q, k: elu(q) @ elu(k).mT),
        ("taylor", second_order),
    ):
        mixer, x = made("linear_attention", features=features, normalise="sum"), draw(2, 4, 16)
        query, key, value = (
            heads_of(part(x)).transpose(1, 2) for part in (mixer.query, mixer.key, mixer.value)
        )
        weights = weigh(query, key).masked_fill(later, 0)
        mixed = (weights / weights.sum(-1, keepdim=True) @ value).transpose(1, 2).flatten(2)
        assert_close(mixer.mix(x, None)[0], mixer.out(mixed))


def second_order(query, key):
    s = query @ key.mT * query.shape[-1] ** -0.5
    return 1 + s + s.square() / 2


def test_taylor_features():
    query, key = draw(5, 16), draw(7, 16, seed=1)
    assert taylor(query).shape[-1] == 153
    assert_close(taylor(query) @ taylor(key).T, second_order(query, key))


def test_retnet():
    """Weights gamma^(t - s) cos of the turned queries and keys, by absolute rotations as in RoPE, of all pairs."""
    mixer, x = made("retnet", gate="sigmoid"), draw(2, 9, 16)
    query, key, value = (heads_of(part(x)).transpose(1, 2) for part in (mixer.query, mixer.key, mixer.value))
    place = torch.arange(9).double()
    angle = place[:, None] * 10_000 ** (-torch.arange(0, 8, 2).double() / 8)
    turn = torch.polar(torch.ones_like(angle), angle)
    query, key = (torch.complex(part[..., :4], part[..., 4:]) * turn for part in (query, key))
    gamma = 1 - 2.0 ** (-5 - torch.arange(2).double())
    distance = (place[:, None] - place).clamp(min=0)
    weights = (query @ key.mH).real * gamma[:, None, None] ** distance * 8**-0.5
    mixed = weights.tril() @ value
    mixed = normed(mixed.transpose(1, 2), mixer.norm.weight).flatten(2) * mixer.gate(x).sigmoid()
    assert_close(mixer.mix(x, None)[0], mixer.out(mixed))


def test_gla():
    for decays in ("channel", "head"):
        mixer, x = made("gla", decays=decays), draw(2, 9, 16)
        query, key, value = (heads_of(part(x)) for part in (mixer.query, mixer.key, mixer.value))
        decay = heads_of(mixer.decay(x)).sigmoid() ** (1 / 16)
        mixed, _ = slow_decayed(query, key, value, decay, torch.zeros(2, 2, 4, 8).double())
        mixed = normed(mixed / 2, mixer.norm.weight).flatten(2) * nn.functional.silu(mixer.gate(x))
        assert_close(mixer.mix(x, None)[0], mixer.out(mixed))


def test_decays_at_the_start():
    """Half-lives of GLA are about 16 tokens."""
    decay = made("gla", dim=64, heads=4).decay(torch.zeros(1, 64).double()).sigmoid() ** (1 / 16)
    assert_close(decay, torch.full_like(decay, 0.9576), rtol=0, atol=1e-4)


@pytest.mark.parametrize("index", [0, 2])
def test_hgrn2(index):
    mixer, x = made("hgrn2", index), draw(2, 9, 16)
    lower = 0 if index == 0 else mixer.bound.sigmoid()
    if index:
        assert_close(lower, torch.full_like(lower, 2 / 3))
    decay = lower + (1 - lower) * mixer.forget(x).sigmoid()
    parts = nn.functional.silu(mixer.query(x)), 1 - decay, mixer.value(x), decay
    mixed, _ = slow_decayed(*(heads_of(part) for part in parts), torch.zeros(2, 2, 8, 8).double())
    assert_close(mixer.mix(x, None)[0], mixer.out(normed(mixed.flatten(2), mixer.norm.weight)))


def convolved(x, conv):
    """The short convolution of torch, and a SiLU."""
    padded = nn.functional.pad(x.mT, (conv.kernel - 1, 0))
    return nn.functional.silu(
        nn.functional.conv1d(padded, conv.weight[:, None], conv.bias, groups=x.shape[2]).mT
    )


@pytest.mark.parametrize("conv", [0, 4])
@pytest.mark.parametrize("negative", [False, True])
def test_gated_deltanet(conv, negative):
    mixer, x = made("gated_deltanet", conv=conv, negative_eigenvalues=negative), draw(2, 9, 16)
    parts = [part(x) for part in (mixer.query, mixer.key, mixer.value)]
    if conv:
        parts = [convolved(part, c) for part, c in zip(parts, mixer.convs, strict=True)]
    else:
        parts = [nn.functional.silu(part) for part in parts]
    query, key, value = (heads_of(part) for part in parts)
    query, key = (nn.functional.normalize(part, dim=-1) for part in (query, key))
    beta = (1 + negative) * mixer.beta(x).sigmoid()
    decay = (-mixer.rate.exp() * nn.functional.softplus(mixer.decay(x) + mixer.decay_bias)).exp()
    start = torch.zeros(2, 2, 8, 8).double()
    mixed, _ = slow_delta(query * 8**-0.5, key, value, beta[..., None], decay[..., None], start)
    mixed = normed(mixed, mixer.norm.weight).flatten(2) * nn.functional.silu(mixer.gate(x))
    assert_close(mixer.mix(x, None)[0], mixer.out(mixed))


def copied(source, target):
    """Give a mixer the parameters of another, where names are the same."""
    target.load_state_dict(source.state_dict(), strict=False)
    return target


def test_deltanet_does_not_decay():
    gated, plain, x = made("gated_deltanet", gate="none"), made("deltanet"), draw(2, 9, 16)
    with torch.no_grad():
        gated.rate.fill_(-100)
    assert_close(copied(gated, plain).mix(x, None)[0], gated.mix(x, None)[0])


def test_one_step_of_deltaproduct_is_gated_deltanet():
    product, gated = made("deltaproduct", steps=1), made("gated_deltanet", negative_eigenvalues=True)
    x = draw(2, 9, 16)
    assert_close(copied(gated, product).mix(x, None)[0], gated.mix(x, None)[0])


def test_steps_that_replace_nothing_change_nothing():
    """Two steps, the second with beta 0, are one."""
    two, one, x = made("deltaproduct", conv=0), made("deltaproduct", conv=0, steps=1), draw(2, 9, 16)
    with torch.no_grad():
        for name in ("query", "decay", "gate", "norm", "out"):
            getattr(one, name).load_state_dict(getattr(two, name).state_dict())
        one.rate.copy_(two.rate)
        one.decay_bias.copy_(two.decay_bias)
        for name in ("key", "value"):
            weight = getattr(two, name).weight.view(2, 2, 8, 16)  # heads, steps
            getattr(one, name).weight.copy_(weight[:, 0].reshape(16, 16))
        one.beta.weight.copy_(two.beta.weight.view(2, 2, 16)[:, 0])
    beta = two.beta.forward
    two.beta.forward = lambda x: beta(x) + torch.tensor([0, -1e4] * 2)
    assert_close(two.mix(x, None)[0], one.mix(x, None)[0])


@pytest.mark.parametrize("negative", [False, True])
def test_mamba2(negative):
    """Also with time steps so long that decays are negative."""
    mixer, x = made("mamba2", negative_eigenvalues=negative), draw(2, 9, 16)
    with torch.no_grad():
        mixer.rate.copy_(torch.tensor([2.0, -1.0]))
        mixer.step_bias.fill_(-1)
    gate, inputs, step = mixer.project(x).split([32, 64, 2], -1)
    value, key, query = convolved(inputs, mixer.conv).split([32, 16, 16], -1)
    value, step = heads_of(value), nn.functional.softplus(step + mixer.step_bias)[..., None]
    decay = (-mixer.rate.exp()[:, None] * step).exp()
    decay = 2 * decay - 1 if negative else decay
    assert (decay < 0).any() == negative
    query, key = (part[:, :, None].expand(-1, -1, 2, -1) for part in (query, key))
    mixed, _ = slow_decayed(query, key, step * value, decay, torch.zeros(2, 2, 16, 16).double())
    mixed = (mixed + mixer.skip[:, None] * value).flatten(2) * nn.functional.silu(gate)
    assert_close(mixer.mix(x, None)[0], mixer.out(normed(mixed, mixer.norm.weight)))


@pytest.mark.parametrize("negative", [False, True])
def test_mamba(negative):
    mixer, x = made("mamba", conv=0, negative_eigenvalues=negative), draw(2, 9, 16)
    with torch.no_grad():
        mixer.step_bias.fill_(-1)
    inputs, gate = mixer.project(x).chunk(2, -1)
    inputs, mixed, h = nn.functional.silu(inputs), [], torch.zeros(2, 32, 16).double()
    for time in range(9):
        u = inputs[:, time]
        low, into, read = mixer.select(u).split([1, 16, 16], -1)
        step = nn.functional.softplus(mixer.step(low) + mixer.step_bias)
        factor = (-step[..., None] * mixer.rate.exp()).exp()
        h = (2 * factor - 1 if negative else factor) * h + (step * u)[..., None] * into[:, None]
        mixed.append((h * read[:, None]).sum(-1) + mixer.skip * u)
    mixed = torch.stack(mixed, 1) * nn.functional.silu(gate)
    assert_close(mixer.mix(x, None)[0], mixer.out(mixed))


def test_scan_gives_the_worked_examples():
    """A Mamba with A = -1, dt = ln 2 and B = C = 1; an LRU with |l| = exp(-0.1), phase 0.5 and g = sqrt(1 - |l|^2)."""
    inputs = torch.tensor([1.0, 0, 2, -1]).double().view(1, 4, 1)
    step = torch.tensor(2.0).double().log()
    hidden = scan((-step).exp().expand(1, 4, 1), step * inputs)
    assert_close(hidden.flatten(), rows(".69315 .34657 1.55958 .08664")[0], rtol=0, atol=1e-5)
    mixer = made("lru", size=1)
    with torch.no_grad():
        mixer.rate.copy_(torch.tensor([0.1]).log())
        mixer.phase.copy_(torch.tensor([0.5]).log())
    factor = torch.polar((-mixer.rate.exp()).exp(), mixer.phase.exp()).detach()
    write = (1 - factor.abs() ** 2) ** 0.5 * torch.tensor([1.0, 0, 0, -1]).double().view(1, 4, 1)
    hidden = scan(factor.expand(1, 4, 1), write.to(factor.dtype)).real
    assert_close(hidden.flatten(), rows(".42576 .33808 .18834 -.40345")[0], rtol=0, atol=1e-5)


def test_lru():
    mixer, x = made("lru", least=0.5, most=0.9, phase=1.0), draw(2, 9, 16)
    factor = torch.exp(torch.complex(-mixer.rate.exp(), mixer.phase.exp()))
    assert 0.5 <= factor.abs().min() <= factor.abs().max() <= 0.9
    assert 0 <= factor.angle().min() <= factor.angle().max() <= 1
    assert_close(mixer.scale.exp(), (1 - factor.abs() ** 2).sqrt(), rtol=1e-5, atol=0)
    into, read = (torch.complex(*part) for part in (mixer.into, mixer.read))
    mixed, h = [], torch.zeros(2, 16).to(factor.dtype)
    for time in range(9):
        h = factor * h + mixer.scale.exp() * (x[:, time].to(h.dtype) @ into.T)
        mixed.append((h @ read.T).real + mixer.skip * x[:, time])
    mixed = nn.functional.gelu(torch.stack(mixed, 1))
    assert_close(mixer.mix(x, None)[0], nn.functional.glu(mixer.out(mixed), -1))


def test_s4d():
    mixer, x = made("s4d", state=8), draw(2, 70, 16)
    matrix, step = torch.complex(-mixer.rate.exp(), mixer.phase), mixer.step.exp()[:, None]
    assert_close(
        matrix[:, 3].detach(), torch.full((16,), -0.5 + 3j * torch.pi, dtype=matrix.dtype), rtol=1e-6, atol=0
    )
    factor, read = (step * matrix).exp(), torch.complex(*mixer.read.unbind(-1))
    mixed, s = [], torch.zeros(2, 16, 4).to(factor.dtype)
    for time in range(70):
        u = x[:, time]
        s = factor * s + (factor - 1) / matrix * u[..., None]
        mixed.append(2 * (read * s).sum(-1).real + mixer.skip * u)
    mixed = nn.functional.gelu(torch.stack(mixed, 1))
    assert_close(mixer.mix(x, None)[0], nn.functional.glu(mixer.out(mixed), -1))


def test_worked_example_of_mlstm():
    forget = torch.tensor([2.0, 1, 0, -1]).double().view(1, 4, 1)
    parts = QUERY, KEY * 2**-0.5, VALUE, BETA[..., 0].log(), nn.functional.logsigmoid(forget)
    hidden, _ = stabilised(*parts, None, 0)
    expected = ".04458 -.23907 | -.41888 -.12649 | -.29471 .07951 | .55327 -.43711"
    assert_close(hidden[0, :, 0], rows(expected), rtol=0, atol=1e-5)


@pytest.mark.parametrize("conv", [0, 4])
def test_mlstm(conv):
    """Without a stabiliser, from the formula."""
    mixer, x = made("mlstm", conv=conv), draw(2, 9, 16)
    with torch.no_grad():
        mixer.input.weight.normal_()
        mixer.forget.weight.normal_()
    inner, gate = mixer.up(x).chunk(2, -1)
    mixed = convolved(inner, mixer.conv) if conv else nn.functional.silu(inner)
    blocks = [
        torch.block_diag(*part.weight) @ source[..., None]
        for part, source in ((mixer.query, mixed), (mixer.key, mixed), (mixer.value, inner))
    ]
    read = torch.cat(blocks, -2)[..., 0]
    query, key, value = (heads_of(part[..., 0]) for part in blocks)
    f, i = mixer.forget(read).sigmoid()[..., None], mixer.input(read).exp()[..., None]
    wide = torch.cat([value, torch.ones_like(value[..., :1])], -1)
    found, _ = slow_decayed(query, key * i * 16**-0.5, wide, f, torch.zeros(2, 2, 16, 17).double())
    hidden = found[..., :-1] / found[..., -1:].abs().clamp(min=1)
    hidden = nn.functional.layer_norm(hidden, [16]).flatten(2)
    hidden = (hidden + mixed) * nn.functional.silu(gate)
    assert_close(mixer.mix(x, None)[0], mixer.out(hidden), rtol=0, atol=1e-4)


def test_slstm():
    """Without a stabiliser, from the formula; also that it reads its hidden state."""
    mixer, x = made("slstm", conv=0), draw(2, 9, 16)
    with torch.no_grad():
        mixer.recurrent.normal_()
        mixer.bias.normal_()
    maps = [torch.block_diag(*part.weight) for part in (mixer.input, mixer.forget, mixer.cell, mixer.output)]
    back = [torch.block_diag(*mixer.recurrent[:, gate]) for gate in range(4)]
    bias = mixer.bias.transpose(0, 1).flatten(1)
    h, c, n, found = *torch.zeros(3, 2, 16).double(), []
    for time in range(9):
        u = x[:, time]
        active = nn.functional.silu(u)
        i, f, z, o = (
            w @ source[..., None] + (r @ h[..., None]) + b[:, None]
            for w, r, b, source in zip(maps, back, bias, (active, active, u, u), strict=True)
        )
        c = f[..., 0].sigmoid() * c + i[..., 0].exp() * z[..., 0].tanh()
        n = f[..., 0].sigmoid() * n + i[..., 0].exp()
        h = o[..., 0].sigmoid() * c / n
        found.append(nn.functional.layer_norm(heads_of(h), [8]).flatten(1))
    assert_close(mixer.mix(x, None)[0], mixer.out(torch.stack(found, 1)))


def test_convolution():
    mixer, x = made("convolution", kernel=3), draw(2, 9, 16)
    past = nn.functional.pad(x, (0, 0, 2, 0))
    mixed = (
        sum(past[:, shift : shift + 9] * mixer.conv.weight[:, shift] for shift in range(3)) + mixer.conv.bias
    )
    assert_close(mixer.mix(x, None)[0], mixer.out(mixer.gate(x) * mixed))


def test_rwkv7():
    """Names and order of the published code: x_r, x_w, x_k, x_v, x_a, x_g are the mixes."""
    mixer, x = made("rwkv7"), draw(2, 9, 16)
    with torch.no_grad():
        for part in (mixer.decay, mixer.rate, mixer.gate):
            part.down.normal_()
            part.up.normal_()
    change = nn.functional.pad(x, (0, 0, 1, 0))[:, :-1] - x
    xr, xw, xk, xv, xa, xg = (x + change * mix for mix in mixer.shift)
    r, k, v = mixer.receptance(xr), mixer.key(xk), mixer.value(xv)
    w = -nn.functional.softplus(-(mixer.decay.bias + (xw @ mixer.decay.down).tanh() @ mixer.decay.up)) - 0.5
    a = (mixer.rate.bias + xa @ mixer.rate.down @ mixer.rate.up).sigmoid()
    g = (xg @ mixer.gate.down).sigmoid() @ mixer.gate.up
    kk = nn.functional.normalize(heads_of(k * mixer.direction), dim=-1)
    k = heads_of(k * (1 + (a - 1) * mixer.replace))
    r, v, w, a = (heads_of(part) for part in (r, v, w, a))
    mixed, _ = slow_rank_one(r, k, v, (-w.exp()).exp(), -kk, kk * a, torch.zeros(2, 2, 8, 8).double())
    mixed = nn.functional.group_norm(mixed.flatten(0, 1).flatten(1), 2, mixer.norm, mixer.norm_bias, 64e-5)
    mixed = mixed.view(2, 9, 16) + ((r * k * heads_of(mixer.bonus)).sum(-1, keepdim=True) * v).flatten(2)
    assert_close(mixer.mix(x, None)[0], mixer.out(mixed * g))


def test_rwkv7_without_decay_is_deltanet():
    """The step of both is one rule: w = 1, a = beta, and keys times beta."""
    query, key, value, beta = QUERY, nn.functional.normalize(KEY, dim=-1), VALUE, BETA / 2
    one, none = torch.ones_like(beta), torch.zeros(1, 1, 2, 2).double()
    delta, _ = slow_delta(query, key, value, beta, one, none)
    general, _ = slow_rank_one(query, beta * key, value, one, -key, beta * key, none)
    assert_close(general, delta)


def test_rg_lru():
    """The layer around the recurrence, and its factors at the start."""
    mixer, x = made("rg_lru"), draw(2, 9, 16)
    largest = (-8 * nn.functional.softplus(mixer.rate)).exp()
    assert 0.9 <= largest.min() <= largest.max() <= 0.999
    padded = nn.functional.pad(mixer.into(x).mT, (3, 0))
    inputs = nn.functional.conv1d(padded, mixer.conv.weight[:, None], mixer.conv.bias, groups=16).mT
    mixed = mixer.recur(inputs, None) * nn.functional.gelu(mixer.gate(x))
    assert_close(mixer.mix(x, None)[0], mixer.out(mixed))


def test_sha():
    """Weights from loops over pairs of tokens, and gates that are not those of the start."""
    mixer, x = made("sha"), draw(2, 9, 16)
    with torch.no_grad():
        for weight in (
            mixer.query_gate,
            mixer.key_gate,
            mixer.value_gate,
            mixer.values.bias,
            mixer.query.bias,
        ):
            weight.normal_()
    read = mixer.values.weight @ mixer.value_gate.sigmoid() + mixer.values.bias
    gate, mixed = read[:16].tanh() * read[16:].sigmoid(), torch.zeros_like(x)
    for row in range(2):
        for time in range(9):
            q = mixer.query.weight @ x[row, time] + mixer.query.bias
            q = (q - q.mean()) / (q.var(unbiased=False) + 1e-5).sqrt() * mixer.query_gate.sigmoid()
            logits = [q @ (x[row, key] * mixer.key_gate.sigmoid()) / 4 for key in range(time + 1)]
            weights = torch.stack(logits).exp()
            mixed[row, time] = gate * (weights / weights.sum() @ x[row, : time + 1])
    assert_close(mixer.mix(x, None)[0], mixed)
