"""LongLoRA: groups against a slow loop, one group and the start against full attention, low-rank matrices against their product."""

import pytest
import torch
from torch import nn

from lengen.attention.softmax import Softmax
from lengen.block.inputs import BlockCache, BlockInputs, Shape
from lengen.block.shared import DecoderCache
from lengen.decoder import Architecture, Decoder
from lengen.pe.rope import RoPE
from lengen.task.copy import Copy
from lengen.tuning import Base
from lengen.tuning.longlora import LongLoRA, LowRank, ShiftedGroups

BASE = Base("run", "cell", 1, "digest", 3, 9, 9)


@pytest.mark.parametrize(
    ("time", "group", "heads"), [(16, 4, 4), (13, 4, 2), (10, 3, 3), (7, 1, 2), (5, 9, 1)]
)
def test_groups_are_those_of_a_slow_loop(time, group, heads):
    """Groups as lists of tokens: whole ones from the start, and for the second half of the heads a half one before them."""
    index = torch.arange(time).unsqueeze(0)
    inputs = BlockInputs(torch.zeros(1, time, 8 * heads), 0, index, index, BlockCache())
    found = ShiftedGroups(Softmax(Shape(8 * heads, heads)), group).outside(inputs)
    for head in range(heads):
        half = [list(range(group - group // 2))] if 2 * head >= heads else []
        start = len(half[0]) if half else 0
        groups = half + [list(range(at, at + group)) for at in range(start, time, group)]
        for row in range(time):
            for key in range(time):
                together = any(row in each and key in each for each in groups)
                assert bool(found[0, head, row, key]) is not together


def made(**options):
    torch.manual_seed(0)
    plain = Decoder(Architecture(layers=2, dim=16, heads=2), 8, RoPE, Softmax)
    changed = LongLoRA(**options).changed(plain, BASE)
    for module in changed.modules():
        if isinstance(module, LowRank):
            nn.init.normal_(module.second, std=0.2)
    return changed


def read():
    batch = Copy(alphabet=4).sample(6, 4, torch.Generator().manual_seed(0)).begin()
    return batch.tokens, torch.arange(batch.time).unsqueeze(0)


def test_one_group_is_full_attention_and_several_are_not():
    tokens, positions = read()
    one, several = made(group=100), made()
    with torch.no_grad():
        full = one.eval()(tokens, positions)
        torch.testing.assert_close(one.train()(tokens, positions), full, rtol=0, atol=1e-5)
        torch.testing.assert_close(several.eval()(tokens, positions), full, rtol=0, atol=1e-5)
        assert not torch.allclose(several.train()(tokens, positions), full, atol=1e-2)


def test_decoding_token_by_token_is_the_full_pass():
    decoder, (tokens, positions), cache = made().eval(), read(), DecoderCache()
    with torch.no_grad():
        steps = [decoder(tokens[:, [at]], positions[:, [at]], cache) for at in range(tokens.shape[1])]
        torch.testing.assert_close(torch.cat(steps, 1), decoder(tokens, positions), rtol=0, atol=1e-5)


def test_low_rank_is_a_matrix_plus_a_product():
    torch.manual_seed(0)
    layer = nn.Linear(6, 5, bias=False)
    low = LowRank(layer, 2, 3.0)
    x = torch.randn(2, 4, 6)
    assert torch.equal(low(x), layer(x))
    nn.init.normal_(low.second)
    torch.testing.assert_close(low(x), x @ (layer.weight + 3 * low.second @ low.first).T)
