"""Every optimizer in configs/optimizer: what decays, what is resumed, and torch's own step beside it."""

import copy
import io
from functools import partial
from inspect import signature

import pytest
import torch
from tests.options import files, read
from torch import nn, optim

from conftest import TINY
from lengen.attention.softmax import Softmax
from lengen.decoder import Architecture, Decoder
from lengen.optimizer import OptimizerRule, Schedule, split
from lengen.optimizer.adamw import AdamW
from lengen.optimizer.muon import Muon, Orthogonalised, Together, orthogonal
from lengen.pe.learned import Learned
from lengen.pe.nope import NoPE
from lengen.pe.t5 import T5

VOCABULARY, TIME = 11, 6
every_yaml = pytest.mark.parametrize("path", files("optimizer"), ids=lambda path: path.stem)


def load(path, **changes):
    """The class that a YAML names, and its options."""
    kind, options = read(path)
    return kind, options | {"schedule": Schedule(**options["schedule"])} | changes


def decoder(pe=NoPE, seed=0, **architecture):
    torch.manual_seed(seed)
    return Decoder(
        Architecture(**{"layers": 2, "dim": 16, "heads": 2} | architecture), VOCABULARY, pe, Softmax
    )


def train(model, optimizer, steps, schedule=None):
    """Some steps of training: the data of each is keyed by its number."""
    for step in steps:
        tokens = torch.randint(VOCABULARY, (4, TIME + 1), generator=torch.Generator().manual_seed(step))
        logits = model(tokens[:, :-1], torch.arange(TIME).unsqueeze(0))
        optimizer.zero_grad()
        nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten()).backward()
        optimizer.step()
        if schedule is not None:
            schedule.step()


def parameters(model):
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def scheduled(rule, optimizer):
    return optim.lr_scheduler.LambdaLR(optimizer, lambda step: rule.schedule.factor(step, 20))


def test_there_are_optimizers():
    assert {"adamw", "muon"} <= {path.stem for path in files("optimizer")}


@every_yaml
def test_yaml_names_every_option(path):
    kind, options = load(path)
    assert list(options) == list(signature(kind).parameters)
    assert isinstance(kind(**options), OptimizerRule)


@pytest.mark.parametrize("pe", [NoPE, partial(Learned, maximum=20), T5], ids=["nope", "learned", "t5"])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("activation", ["gelu", "swiglu"])
def test_split(pe, tied, activation):
    model = decoder(pe, tied=tied, activation=activation)
    names = {weight: name for name, weight in model.named_parameters()}
    matrices, others = ({names[weight] for weight in part} for part in split(model))
    assert matrices | others == set(names.values())
    assert matrices.isdisjoint(others)
    assert {name.split(".", 2)[2] for name in matrices} == {
        *(f"attention.{name}.weight" for name in ("query", "key", "value", "out")),
        *(f"feed.{name}.weight" for name in ("up", "down", *(["gate"] if activation == "swiglu" else []))),
    }
    assert {
        "embedding.weight",
        "norm.weight",
        "blocks.0.feed_norm.weight",
        "blocks.1.attention_norm.weight",
    } <= others
    assert ("head.weight" in others) != tied  # a tied head is the embedding, which must be there once
    assert {name for name, _ in model.named_parameters() if name.startswith("pe.")} <= others


def test_split_leaves_frozen_parameters_out():
    model = decoder(partial(Learned, maximum=20))
    model.pe.requires_grad_(requires_grad=False)
    model.blocks[0].requires_grad_(requires_grad=False)
    chosen = {id(weight) for part in split(model) for weight in part}
    assert chosen == {id(weight) for weight in model.parameters() if weight.requires_grad}


@every_yaml
def test_only_matrices_decay(path):
    # one step with zero gradients: what moves is what decays
    kind, options = load(path, weight_decay=0.5)
    model = decoder(partial(Learned, maximum=20))
    before = parameters(model)
    for weight in model.parameters():
        weight.grad = torch.zeros_like(weight)
    kind(**options).make(model).step()
    moved = {name for name, weight in model.named_parameters() if not torch.equal(weight, before[name])}
    assert moved == {name for name in before if name.startswith("blocks.") and before[name].ndim == 2}


@every_yaml
def test_every_parameter_is_trained_once(path):
    kind, options = load(path)
    model = decoder(partial(Learned, maximum=20))
    optimizer = kind(**options).make(model)
    weights = [id(weight) for group in optimizer.param_groups for weight in group["params"]]
    assert sorted(weights) == sorted(id(weight) for weight in model.parameters())


@every_yaml
def test_continues_as_if_never_interrupted(path):
    kind, options = load(path, schedule=Schedule(warmup=4, final=0.1))
    rule = kind(**options)
    whole = decoder(partial(Learned, maximum=20))
    optimizer = rule.make(whole)
    train(whole, optimizer, range(12), scheduled(rule, optimizer))

    first = decoder(partial(Learned, maximum=20))
    optimizer = rule.make(first)
    schedule = scheduled(rule, optimizer)
    train(first, optimizer, range(7), schedule)
    file = io.BytesIO()  # through a file, as a checkpoint goes
    torch.save([first.state_dict(), optimizer.state_dict(), schedule.state_dict()], file)
    file.seek(0)
    weights, state, clock = torch.load(file, weights_only=True)

    second = decoder(partial(Learned, maximum=20), seed=1)
    optimizer = rule.make(second)
    schedule = scheduled(rule, optimizer)
    second.load_state_dict(weights)
    optimizer.load_state_dict(state)
    schedule.load_state_dict(clock)
    train(second, optimizer, range(7, 12), schedule)
    assert same(parameters(second), parameters(whole))
    # without the optimizer's state it would be another run: the test can fail
    forgetful = decoder(partial(Learned, maximum=20), seed=1)
    forgetful.load_state_dict(weights)
    train(forgetful, rule.make(forgetful), range(7, 12))
    assert not same(parameters(forgetful), parameters(whole))


@every_yaml
def test_schedule_reaches_every_group(path):
    kind, options = load(path, schedule=Schedule(warmup=4, final=0.1))
    rule = kind(**options)
    model = decoder()
    optimizer = rule.make(model)
    peaks = [group["lr"] for group in optimizer.param_groups]
    schedule = scheduled(rule, optimizer)
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))  # the groups are new ones now
    for step in range(20):
        factor = rule.schedule.factor(step, 20)
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx(
            [peak * factor for peak in peaks]
        )
        before = parameters(model)
        train(model, optimizer, [step])
        assert not same(before, parameters(model))
        schedule.step()
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    before = parameters(model)
    train(model, optimizer, [20])
    assert same(before, parameters(model))  # the rates in the groups are those that are used


@pytest.mark.parametrize("iteration", ["torchs", "ours"])
def test_muon_is_torchs(iteration, monkeypatch):
    """Up to bfloat16, in which torch orthogonalises: small singular values are noise. With our iteration inside it, exactly."""
    if iteration == "ours":
        monkeypatch.setattr(
            "torch.optim._muon._zeropower_via_newtonschulz", lambda grad, *_: orthogonal(grad.unsqueeze(0))[0]
        )
    rule = Muon(lr=0.03, weight_decay=0.2, momentum=0.9, rest_lr=0.004)
    model, plain = decoder(), decoder()
    ours = rule.make(model)
    matrices = [
        weight for name, weight in plain.named_parameters() if weight.ndim == 2 and name.startswith("blocks")
    ]
    others = [
        weight
        for name, weight in plain.named_parameters()
        if weight.ndim != 2 or not name.startswith("blocks")
    ]
    theirs = [
        optim.Muon(matrices, lr=0.03, weight_decay=0.2, momentum=0.9),
        optim.AdamW(others, lr=0.004, weight_decay=0.0, betas=(0.9, 0.98)),
    ]
    for step in range(3):
        train(model, ours, [step])
        plain.zero_grad()
        train(plain, Both(theirs), [step])
    before = parameters(decoder())
    for name, weight in parameters(model).items():
        there = parameters(plain)[name]
        assert (weight - there).norm() < {"torchs": 0.15, "ours": 1e-4}[iteration] * (
            there - before[name]
        ).norm(), name


@pytest.mark.parametrize("shape", [(4, 6, 6), (3, 12, 5), (2, 5, 12), (1, 1, 7)])
def test_orthogonal_is_a_polynomial_of_singular_values(shape):
    """By the singular value decomposition, in float64."""
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    left, values, right = torch.linalg.svd(matrices, full_matrices=False)
    values = values / values.square().sum(1, keepdim=True).sqrt()
    for _ in range(5):
        values = 3.4445 * values - 4.775 * values**3 + 2.0315 * values**5
    expected = left @ values.diag_embed() @ right
    torch.testing.assert_close(orthogonal(matrices), expected, rtol=0, atol=1e-5)


class Both:
    """Two optimizers, one after the other."""

    def __init__(self, parts):
        self.parts = parts

    def zero_grad(self):
        for part in self.parts:
            part.zero_grad()

    def step(self):
        for part in self.parts:
            part.step()


def test_muon_on_one_small_matrix():
    # one step from Jordan et al. 2024: five Newton-Schulz steps on the momentum, then decay and move
    class Tiny(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([nn.Linear(3, 5)])

    model = Tiny()
    weight = model.blocks[0].weight
    gradient = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    bias, before = model.blocks[0].bias.detach().clone(), weight.detach().clone()
    weight.grad, model.blocks[0].bias.grad = gradient.clone(), torch.zeros(5)
    Muon(lr=0.1, weight_decay=0.5, momentum=0.9).make(model).step()

    momentum = 0.1 * gradient
    x = torch.lerp(gradient, momentum, 0.9).T  # Nesterov; wide rather than tall
    x = x / x.norm()
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.775 * square + 2.0315 * square @ square) @ x
    expected = before * (1 - 0.1 * 0.5) - 0.1 * max(1, 5 / 3) ** 0.5 * x.T
    torch.testing.assert_close(weight.detach(), expected, atol=1e-6, rtol=0)
    assert torch.equal(model.blocks[0].bias, bias)


@pytest.mark.parametrize(("fused", "tolerance"), [(True, 0.0), (False, 1e-6)])
def test_adamw_is_torchs(fused, tolerance):
    """To the last bit the fused one; the others sum in another order."""
    rule = AdamW(lr=0.01, weight_decay=0.3, betas=[0.8, 0.9])
    model, plain = decoder(), decoder()
    train(model, rule.make(model), range(3))
    groups = [
        {
            "params": [
                w for n, w in plain.named_parameters() if (w.ndim == 2 and n.startswith("blocks")) == inside
            ],
            "weight_decay": d,
        }
        for inside, d in ((True, 0.3), (False, 0.0))
    ]
    train(plain, optim.AdamW(groups, lr=0.01, betas=(0.8, 0.9), fused=fused), range(3))
    for name, weight in parameters(plain).items():
        torch.testing.assert_close(parameters(model)[name], weight, atol=tolerance, rtol=0)


def test_together_calls_the_closure_once():
    weights = [nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))]
    together = Together(
        [optim.SGD([weight], lr=rate) for weight, rate in zip(weights, (0.1, 0.2), strict=True)]
    )
    calls = []

    def closure():
        calls.append(torch.is_grad_enabled())
        together.zero_grad()
        loss = sum(weight.sum() for weight in weights)
        loss.backward()
        return loss

    assert together.step(closure).item() == 4.0
    assert calls == [True]
    assert [weight.tolist() for weight in weights] == [pytest.approx([0.9, 0.9]), pytest.approx([0.8, 0.8])]


def test_schedule():
    schedule = Schedule(warmup=10, final=0.02)
    assert schedule.factor(0, 100) == pytest.approx(0.1)  # the first step moves already
    assert schedule.factor(4, 100) == pytest.approx(0.5)
    assert schedule.factor(9, 100) == schedule.factor(10, 100) == 1.0
    assert schedule.factor(55, 100) == pytest.approx(0.51)
    assert schedule.factor(100, 100) == pytest.approx(0.02)
    assert schedule.factor(150, 100) == pytest.approx(0.02)
    factors = [schedule.factor(step, 100) for step in range(101)]
    assert factors[:11] == sorted(factors[:11])
    assert factors[10:] == sorted(factors[10:], reverse=True)


def test_schedule_at_its_edges():
    assert Schedule(warmup=0, final=1.0).factor(0, 1) == 1.0
    assert [Schedule(warmup=0, final=0.5).factor(step, 2) for step in range(3)] == pytest.approx(
        [1.0, 0.75, 0.5]
    )
    assert Schedule(warmup=10).factor(4, 5) == pytest.approx(0.5)  # a run shorter than its warm-up
    assert Schedule(warmup=10).factor(10, 10) == 1.0


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        (Schedule, {"warmup": -1}, ["optimizer.schedule.warmup=-1", "must be at least 0"]),
        (Schedule, {"final": 1.1}, ["optimizer.schedule.final=1.1", "must be in [0, 1]"]),
        (AdamW, {"lr": 0.0}, ["optimizer.lr=0.0", "must be above 0"]),
        (AdamW, {"weight_decay": -0.1}, ["optimizer.weight_decay=-0.1", "must be at least 0"]),
        (AdamW, {"betas": [0.9]}, ["optimizer.betas=[0.9]", "must be two numbers in [0, 1)"]),
        (AdamW, {"betas": [0.9, 1.0]}, ["optimizer.betas=[0.9, 1.0]", "must be two numbers in [0, 1)"]),
        (Muon, {"lr": -1.0}, ["optimizer.lr=-1.0", "must be above 0"]),
        (Muon, {"rest_lr": 0.0}, ["optimizer.rest_lr=0.0", "must be above 0"]),
        (Muon, {"weight_decay": -0.1}, ["optimizer.weight_decay=-0.1", "must be at least 0"]),
        (Muon, {"momentum": 1.0}, ["optimizer.momentum=1.0", "must be in [0, 1)"]),
    ],
)
def test_refusals(kind, options, words):
    with pytest.raises(ValueError) as refusal:
        kind(**options)
    assert all(word in str(refusal.value) for word in words)


def test_adamw_clips_in_bf16(lengen, tmp_path):
    """Lightning clips no optimizer that says it unscales losses; torch's fused one says so, and bf16 has no scale."""
    words = ("task=copy", *TINY, "steps=3", "optimizer=adamw", "trainer.precision=bf16")
    assert lengen("train", *words).code == 0


def test_muon_updates_a_stack_as_it_updates_each():
    draws = torch.Generator().manual_seed(0)
    values, gradients = (torch.randn(3, 6, 4, generator=draws) for _ in range(2))
    together = torch.nn.Parameter(values.clone())
    alone = [torch.nn.Parameter(value.clone()) for value in values]
    optimizers = [Orthogonalised(weights, 0.02, 0.1, 0.95) for weights in ([together], alone)]
    for _ in range(3):
        together.grad = gradients.clone()
        for weight, gradient in zip(alone, gradients, strict=True):
            weight.grad = gradient.clone()
        for optimizer in optimizers:
            optimizer.step()
    torch.testing.assert_close(together.detach(), torch.stack([weight.detach() for weight in alone]))
