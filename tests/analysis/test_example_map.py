"""Attention maps of an example: the weights that the decoder has for it, and blocks of them where it is long."""

import numpy as np
import pytest
import torch

from lengen.analysis import example_map as module
from lengen.analysis.example_map import example_map
from lengen.attention.softmax import Softmax
from lengen.decoder import Architecture, Decoder
from lengen.evaluation.attention_weights import weights
from lengen.pe.rope import RoPE
from lengen.positions.contiguous import Contiguous
from lengen.report.attention_map import pages
from lengen.report.paper import HEIGHT, Paper
from lengen.sampling import generator
from options import made


@pytest.fixture
def parts():
    task = made("task", "copy")
    torch.manual_seed(0)
    decoder = Decoder(Architecture(layers=2, dim=16, heads=2), len(task.vocabulary), RoPE, Softmax).eval()
    return decoder, task.sample(5, 3, generator("map"))


@pytest.mark.parametrize("dots", [256, 4])
def test_a_map_has_the_weights_of_the_first_example(parts, monkeypatch, dots):
    decoder, batch = parts
    monkeypatch.setattr(module, "DOTS", dots)
    found = example_map(decoder, batch, Contiguous(), ("key",))
    tokens = batch.begin().tokens[:1]
    slots = weights(decoder, tokens, torch.arange(tokens.shape[1])[None])
    full = torch.stack([slots[slot][0] for slot in sorted(slots)])[..., :-1, :-1].numpy()
    assert found.block == (1 if dots == 256 else 3)
    blocks = range(0, full.shape[-1], found.block)
    wanted = [
        [full[..., row : row + found.block, column : column + found.block].max((2, 3)) for column in blocks]
        for row in blocks
    ]
    np.testing.assert_allclose(
        found.weights.numpy(), np.moveaxis(np.array(wanted), (0, 1), (2, 3)), atol=1e-6
    )
    assert (
        found.symbols[found.answer :] == found.symbols[1 : found.answer - 1]
    )  # copied, after bos and before the separator


@pytest.mark.parametrize(("layers", "heads"), [(1, 1), (2, 4), (6, 8), (12, 12), (48, 25)])
@pytest.mark.parametrize("inches", [2.5, 3.25, 5.5])
def test_pages_hold_every_head_once(layers, heads, inches):
    found = pages(layers, heads, Paper(inches))
    drawn = [(layer, head) for down, across in found for layer in down for head in across]
    assert sorted(drawn) == [(layer, head) for layer in range(layers) for head in range(heads)]
    assert all(
        0.6 * len(down) < HEIGHT and 0.6 * len(across) < Paper(inches).double for down, across in found
    )
