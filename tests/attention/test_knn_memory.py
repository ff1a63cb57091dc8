"""A window and the nearest earlier keys, against a loop over the formula, and by identities."""

import math
from functools import partial

import pytest
import torch
from tests.attention.loops import SHAPE, SIZES, dot, draw, slow, softmax
from tests.evaluation.test_decoding import check as check_greedy
from tests.evaluation.test_decoding import draw as draw_examples
from tests.scenes import inputs
from torch.testing import assert_close

from lengen.attention.knn_memory import KnnMemory
from lengen.attention.softmax import Softmax
from lengen.attention.window import Window
from lengen.block.shared import DecoderCache
from lengen.decoder import Architecture, Decoder
from lengen.extend.select import Selecting
from lengen.mixer.attention import Attention
from lengen.mixer.pattern import Pattern
from lengen.pe.alibi import ALiBi
from lengen.pe.rope import RoPE
from lengen.positions.contiguous import Contiguous
from lengen.task.addition import Addition
from lengen.task.passkey import Passkey
from lengen.testing.attention import CHECKS

SMALL = {"window": 2, "neighbours": 2}
RULE = partial(KnnMemory, **SMALL)
SCORES = pytest.mark.parametrize("score", ["logit", "cosine"])
GRADIENTS = pytest.mark.parametrize("gradient", [False, True])


LOGARITHMS = [1.5, 2.5]


def formula(window, neighbours, score):
    """Softmax over the window and the best of what was before it."""

    def logit(head, q, k, added):
        if score == "logit":
            return dot(q, k) / math.sqrt(5) + added
        return math.exp(LOGARITHMS[head]) * dot(q, k) / math.sqrt(dot(q, q) * dot(k, k)) + added

    def weigh(row, head, i, q, seen, bias):
        logits = [logit(head, q, k, added) for k, added in zip(seen, bias, strict=True)]
        near = [j for j in range(i + 1) if i - j < window]
        earlier = sorted((j for j in range(i + 1) if i - j >= window), key=lambda j: (-logits[j], -j))
        kept = {*near, *earlier[:neighbours]}
        return softmax([z if j in kept else -math.inf for j, z in enumerate(logits)])

    return weigh


@SIZES
@GRADIENTS
@SCORES
@pytest.mark.parametrize(("window", "neighbours"), [(1, 1), (2, 3), (4, 2), (3, 0), (1, 20)])
def test_formula(queries, keys, score, gradient, window, neighbours):
    parts = draw(queries, keys)
    rule = KnnMemory(SHAPE, window=window, neighbours=neighbours, score=score, gradient=gradient).double()
    if score == "cosine":
        assert_close(rule.logarithm.exp(), torch.full((2,), 20.0).double(), rtol=1e-6, atol=0)
        rule.load_state_dict({"logarithm": torch.tensor(LOGARITHMS)})
    expected = slow(*parts, formula(window, neighbours, score))
    assert_close(rule(*parts, inputs(queries, keys)), expected, rtol=0, atol=1e-10)
    with torch.no_grad():
        assert_close(rule(*parts, inputs(queries, keys)), expected, rtol=0, atol=1e-10)


def test_the_later_of_two_equal_keys():
    query, _, value, bias = draw(9, 9)
    bias = bias.masked_fill(bias.isfinite(), 0)
    mixed = KnnMemory(SHAPE, **SMALL)(query, torch.zeros_like(value), value, bias, inputs(9))
    assert_close(mixed[:, :, 8], value[:, :, 5:9].mean(2))


@GRADIENTS
@pytest.mark.parametrize(("window", "neighbours"), [(1, 8), (3, 6), (9, 0), (20, 1)])
def test_softmax_where_the_memory_is_taken_whole(gradient, window, neighbours):
    query, key, value, bias = draw(9, 9)
    rule = KnnMemory(SHAPE, window=window, neighbours=neighbours, gradient=gradient)
    for added in (bias, None):
        expected = Softmax(SHAPE)(query, key, value, added, inputs(9))
        assert_close(rule(query, key, value, added, inputs(9)), expected, rtol=0, atol=1e-12)


def test_window_without_neighbours():
    parts = draw(9, 9)
    ours = KnnMemory(SHAPE, window=3, neighbours=0)(*parts, inputs(9))
    assert_close(ours, Window(SHAPE, window=3)(*parts, inputs(9)), rtol=0, atol=1e-12)


def test_softmax_that_selects_at_evaluation():
    """What was trained with a softmax and is evaluated with `extend=select`."""
    parts = draw(12, 12)
    theirs = Selecting(Softmax(SHAPE), keys=3, first=0, recent=4, block=1)(*parts, inputs(12))
    ours = KnnMemory(SHAPE, window=4, neighbours=3)(*parts, inputs(12))
    assert_close(ours, theirs, rtol=0, atol=1e-12)


@SCORES
def test_no_gradient_through_the_memory(score):
    """Row 8 trains the keys and values of its window alone; with `gradient`, its neighbours as well, and by the same numbers in the window."""
    found = {}
    for gradient in (False, True):
        query, key, value, bias = draw(9, 9)
        leaves = [part.requires_grad_() for part in (query, key, value)]
        rule = KnnMemory(SHAPE, window=3, neighbours=2, score=score, gradient=gradient).double()
        mixed = rule(*leaves, bias, inputs(9))[:, :, 8].square().sum()
        found[gradient] = torch.autograd.grad(mixed, leaves)
    for cut, whole in zip(found[False][1:], found[True][1:], strict=True):
        assert not cut[:, :, :6].any()
        assert ((whole[:, :, :6] != 0).any(-1).sum(-1) == 2).all()
        assert_close(cut[:, :, 6:], whole[:, :, 6:], rtol=0, atol=1e-12)
        assert cut[:, :, 6:].any(-1).all()
    assert_close(found[False][0], found[True][0], rtol=0, atol=1e-12)


def test_the_memory_moves_what_is_mixed():
    query, key, value, bias = draw(9, 9)
    moved = value.clone()
    moved[:, :, :6] += 1
    rule = KnnMemory(SHAPE, window=3, neighbours=2)
    change = rule(query, key, moved, bias, inputs(9)) - rule(query, key, value, bias, inputs(9))
    assert change[:, :, 8].min() > 1e-6


@SCORES
@GRADIENTS
@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_contract_with_a_small_window(check, score, gradient):
    """The options of the YAML see all keys of the short examples of these checks."""
    check(partial(KnnMemory, **SMALL, score=score, gradient=gradient))


def decoder(vocabulary, pe=RoPE, rule=RULE, mixer=Attention, **options):
    """A small decoder in float64 in which attention matters as after training."""
    torch.manual_seed(0)
    made = Decoder(Architecture(dim=32, **options), vocabulary, pe, rule, mixer=mixer).double().eval()
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if name.endswith(("out.weight", "down.weight", "query.weight")):
                weight.mul_(3)
    return made


@GRADIENTS
@SCORES
@pytest.mark.parametrize("pe", [RoPE, ALiBi])
def test_only_the_queries_that_are_needed(pe, score, gradient):
    """What follows from column 9 on, and its gradients, without the last block's other queries; token by token as well."""
    made = decoder(11, pe, partial(KnnMemory, window=3, neighbours=2, score=score, gradient=gradient))
    tokens = torch.randint(11, (3, 14), generator=torch.Generator().manual_seed(0))
    positions, found = torch.arange(14).unsqueeze(0), []
    for first, kept in ((0, 9), (9, 0)):
        logits = made(tokens, positions, first=first)[:, kept:]
        found.append([logits, *torch.autograd.grad(logits.square().sum(), list(made.parameters()))])
    for whole, part in zip(*found, strict=True):
        assert_close(part, whole, rtol=1e-9, atol=1e-9)
    cache = DecoderCache()
    with torch.no_grad():
        steps = [made(tokens[:, [i]], positions[:, [i]], cache) for i in range(14)]
    assert_close(torch.cat(steps, 1)[:, 9:], found[0][0], rtol=0, atol=1e-9)


@SCORES
def test_greedy_verdicts_are_those_of_the_teacher(score):
    for task in (Passkey(), Addition()):
        batch = draw_examples(task)
        rule = partial(KnnMemory, **SMALL, score=score)
        check_greedy(decoder(len(batch.vocabulary), rule=rule), batch, Contiguous())


def test_far_layers_alone():
    """Token 0 reaches the last, three layers of two tokens away, through the memory of the layer that has one."""
    near, far = ({"attention": partial(kind, window=2)} for kind in (Window, KnnMemory))
    tokens = torch.randint(1, 11, (1, 9), generator=torch.Generator().manual_seed(1))
    other, positions = tokens.clone(), torch.arange(9).unsqueeze(0)
    other[:, 0] = 0
    layers = {"near": partial(Attention, **near), "far": partial(Attention, **far)}
    for names, reaches in ((("near", "near", "far"), True), (("near", "near", "near"), False)):
        mixer = partial(Pattern, pattern=list(names), parts={name: layers[name] for name in names})
        made = decoder(11, rule=Softmax, layers=3, mixer=mixer)
        change = made(tokens, positions)[:, -1] - made(other, positions)[:, -1]
        assert bool(change.abs().max() > 1e-9) == reaches


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 0}, r"attention.window=0: must be at least 1"),
        ({"neighbours": -1}, r"attention.neighbours=-1: must be at least 0"),
        ({"temperature": 0.0}, r"attention.temperature=0.0: must be above 0"),
        ({"scale": "none", "score": "cosine"}, r"attention.scale=none: .* must be head_dim"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        KnnMemory(SHAPE, **options)
