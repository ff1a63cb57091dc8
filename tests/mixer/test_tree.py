"""Products along trees against recursion, words and associative operators."""

import pytest
import torch
from tests.mixer.test_cores import leaves_of, same
from tests.mixer.test_formulas import made
from tests.mixer.vectors import draw
from torch import nn
from torch.testing import assert_close

from lengen.mixer.tree import prefixes


def slow_tree(leaves, operator):
    """The product of a perfect tree."""
    half = len(leaves) // 2
    return (
        leaves[0]
        if not half
        else operator(slow_tree(leaves[:half], operator), slow_tree(leaves[half:], operator))
    )


def slow_prefix(leaves, operator):
    """Perfect trees of the binary digits of the number of tokens, the longest first, from left to right."""
    found, at = None, 0
    for digit in reversed(range(len(leaves).bit_length())):
        if len(leaves) >> digit & 1:
            node = slow_tree(leaves[at : at + 2**digit], operator)
            found, at = node if found is None else operator(found, node), at + 2**digit
    return found


def halved(first, second):
    """Neither associative nor commutative."""
    return torch.sin(first) + first * second.flip(-1) / 2 - second / 3


@pytest.mark.parametrize("time", [1, 2, 3, 4, 7, 8, 13, 33])
def test_prefixes(time):
    (leaves,) = leaves_of(draw(2, time, 4))
    products, left = prefixes(leaves, halved, {})
    expected = torch.stack([slow_prefix(leaves[:, :end].unbind(1), halved) for end in range(1, time + 1)], 1)
    same([products], [expected], [leaves])
    assert [*left] == [digit for digit in range(6) if time >> digit & 1]


@pytest.mark.parametrize("parts", [(1,) * 13, (5, 8), (8, 5), (3, 1, 9), (7, 6), (12, 1), (4, 4, 5)])
def test_prefixes_of_parts(parts):
    leaves, left, found = draw(2, 13, 4), {}, []
    for part in leaves.split(parts, 1):
        products, left = prefixes(part, halved, left)
        found.append(products)
    whole, open_ = prefixes(leaves, halved, {})
    assert_close(torch.cat(found, 1), whole, rtol=0, atol=1e-12)
    assert left.keys() == open_.keys()
    for place, node in open_.items():
        assert_close(left[place], node, rtol=0, atol=1e-12)


def test_number_of_operators():
    """Fewer than two for a token, and their calls are levels."""
    counts = []

    def counted(first, second):
        counts.append(first.shape[1])
        return first + second

    for time in (5, 64, 1000):
        counts.clear()
        prefixes(torch.ones(1, time, 1), counted, {})
        assert sum(counts) < 2 * time
        assert len(counts) <= 2 * time.bit_length()


def affine(first, second):
    """First a x + b, then c x + d, of pairs (a - 1, b): associative, not commutative."""
    a, b = first.chunk(2, -1)
    c, d = second.chunk(2, -1)
    return torch.cat([(1 + c) * (1 + a) - 1, (1 + c) * b + d], -1)


def test_an_associative_operator_gives_what_a_loop_gives():
    leaves = draw(2, 50, 6)
    expected, found = leaves[:, 0], []
    for time in range(50):
        expected = affine(expected, leaves[:, time]) if time else expected
        found.append(expected)
    assert_close(prefixes(leaves, affine, {})[0], torch.stack(found, 1), rtol=1e-9, atol=1e-9)


def test_ldru():
    """The operator from its formula, along the tree of every prefix."""
    mixer, x = made("ldru", size=6), draw(2, 11, 16)
    assert_close(mixer.scale.weight, torch.eye(6).double())
    with torch.no_grad():
        for weight in mixer.parameters():
            weight.add_(0.1 * torch.randn_like(weight))

    def perceptron(maps, x):
        first, _, second = maps
        return second.weight @ nn.functional.gelu(first.weight @ x + first.bias) + second.bias

    def operator(h, other):
        g = perceptron(mixer.pair, torch.cat([h, other]))
        f = [
            mixer.scale.weight @ (gate * node) + mixer.scale.bias
            for gate, node in zip((g[:6], g[6:]), (h, other), strict=True)
        ]
        y = mixer.join.weight @ (f[0] + f[1]) + mixer.join.bias
        y = y + perceptron(mixer.feed, y)
        y = (y - y.mean()) / (y.var(unbiased=False) + 1e-5).sqrt()
        return y * mixer.norm.weight + mixer.norm.bias

    mixed = torch.zeros_like(x)
    for row in range(2):
        leaves = [mixer.into.weight @ token for token in x[row]]
        for time in range(11):
            mixed[row, time] = mixer.out.weight @ slow_prefix(leaves[: time + 1], operator)
    assert_close(mixer.mix(x, None)[0], mixed)


@pytest.mark.parametrize("tokens", [1, 2, 3, 7, 8, 100])
def test_state_is_a_binary_counter(tokens):
    mixer = made("ldru", size=6)
    nodes, places = mixer.mix(draw(3, tokens, 16), None)[1]
    assert sum(2 ** int(place) for place in places[1]) == tokens
    assert nodes.shape == (3, tokens.bit_count(), 6)
    assert nodes.shape[1] <= tokens.bit_length()
