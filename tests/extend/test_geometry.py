"""Changed distances against a slow loop: every pair of a query and a key is rotated by the distance of the rule."""

import math
from functools import partial

import pytest
import torch
from torch.testing import assert_close

from lengen.attention.softmax import Softmax
from lengen.block.inputs import BlockCache, BlockInputs, Shape
from lengen.extend import Parts, Sizes
from lengen.extend.dual_chunk import DualChunk
from lengen.extend.leaky_rerope import LeakyReRoPE
from lengen.extend.lm_infinite import LMInfinite
from lengen.extend.rerope import ReRoPE
from lengen.extend.self_extend import SelfExtend
from lengen.extend.streaming_cache import StreamingCache
from lengen.extend.yarn import YaRN
from lengen.pe.rope import RoPE
from lengen.pe.xpos import XPos
from lengen.positions.contiguous import Contiguous

TIME, SHAPE = 40, Shape(16, 2)


def chunked(i, j):
    """Dual chunk attention with S = 12, w = 2, so that chunks have 10 tokens."""
    if i // 10 == j // 10:
        return i - j
    return (min(i % 10 + 10, 12) if i // 10 - j // 10 == 1 else 12) - j % 10


def grouped(i, j):
    """Self-Extend with W = 6, G = 3."""
    return i - j if i - j < 6 else i // 3 + 6 - 2 - j // 3


CASES = {
    "self_extend": (SelfExtend(6, 3), grouped),
    "rerope": (ReRoPE(7), lambda i, j: min(i - j, 7)),
    "leaky": (LeakyReRoPE(7, 4), lambda i, j: i - j if i - j < 7 else 7 + (i - j - 7) / 4),
    "dual_chunk": (DualChunk(12, 2), chunked),
    "streaming_cache": (
        StreamingCache(7, 2),  # the window at its own distance, the first two right before it
        lambda i, j: i - j if i - j < 7 else min(i, 8) - j if j < 2 else None,
    ),
    "lm_infinite": (LMInfinite(7, 2), lambda i, j: i - j if i - j < 7 else 7 if j < 2 else None),
}


@pytest.mark.parametrize("pairing", ["half", "interleaved"])
@pytest.mark.parametrize("fraction", [1.0, 0.5])
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kind", [RoPE, partial(XPos, scale_base=16.0)], ids=["rope", "xpos"])
def test_slow_loop(kind, name, fraction, pairing):
    extension, distance = CASES[name]
    pe = kind(SHAPE, fraction=fraction, pairing=pairing)
    query, key, value = torch.randn(3, 1, 2, TIME, 8, generator=torch.Generator().manual_seed(0)).double()
    positions = torch.arange(TIME)[None]
    inputs = BlockInputs(torch.zeros(1, TIME, 16).double(), 0, positions, positions, BlockCache())
    parts = extension.changed(Parts(pe, (Softmax(SHAPE),), Contiguous()), Sizes(24, 24, TIME))
    raw = parts.pe.transform(query, key, value, parts.pe.make_table(positions), inputs)
    found = parts.rules[0](*raw, None, inputs)

    pairs, half = pe.channels // 2, pe.channels // 2
    for head in range(2):
        for i in range(TIME):
            logits = []
            for j in range(i + 1):
                apart = distance(i, j)
                if apart is None:
                    logits.append(-math.inf)
                    continue
                q, k = query[0, head, i], key[0, head, j]
                total = float(q[pe.channels :] @ k[pe.channels :])
                for c in range(pairs):
                    a, b = (c, c + half) if pairing == "half" else (2 * c, 2 * c + 1)
                    angle = apart * 10000 ** (-2 * c / pe.channels)
                    near = float(q[a] * k[a] + q[b] * k[b]) * math.cos(angle)
                    near += float(q[a] * k[b] - q[b] * k[a]) * math.sin(angle)
                    decay = (2 * c / pe.channels + 0.4) / 1.4 if isinstance(pe, XPos) else 1
                    total += near * decay ** (apart / 16)
                logits.append(total / math.sqrt(8))
            weights = torch.tensor(logits, dtype=torch.float64).softmax(0)
            assert_close(found[0, head, i], weights @ value[0, head, : i + 1], rtol=0, atol=1e-5)


def test_default_distances_stay_within_those_of_training():
    for trained in (10, 15, 24, 43, 100):
        for stretch in (1, 1.5, 2, 4):
            tokens = round(trained * stretch)
            sizes, positions = Sizes(trained, trained, tokens), torch.arange(tokens)[None]
            for extension in (SelfExtend(), ReRoPE(), DualChunk()):
                largest = 0.0
                left = torch.ones(1, tokens, tokens, dtype=torch.bool).tril()
                for region in extension.regions(positions, positions, sizes):
                    apart = region.query.unsqueeze(-1) - region.key.unsqueeze(-2)
                    inside = left if region.inside is None else region.inside & left
                    left = left & ~inside
                    largest = max([largest, *apart[inside].tolist()])
                assert largest < max(trained, 2), (extension, trained, tokens, largest)


def test_it_rotates_by_changed_frequencies_too():
    """YaRN before ReRoPE: near keys have the products of YaRN."""
    pe, sizes = RoPE(SHAPE), Sizes(24, 24, TIME)
    softmax, positions = Softmax(SHAPE), torch.arange(TIME)[None]
    query, key, value = torch.randn(3, 1, 2, TIME, 8, generator=torch.Generator().manual_seed(0)).double()
    inputs = BlockInputs(torch.zeros(1, TIME, 16).double(), 0, positions, positions, BlockCache())
    yarn = YaRN(2.0).changed(Parts(pe, (softmax,), Contiguous()), sizes)
    both = ReRoPE(TIME).changed(yarn, sizes)
    plain = softmax(
        *yarn.pe.transform(query, key, value, yarn.pe.make_table(positions), inputs), None, inputs
    )
    regions = both.rules[0](*both.pe.transform(query, key, value, None, inputs), None, inputs)
    assert_close(regions, plain, rtol=0, atol=1e-5)
