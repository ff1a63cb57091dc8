"""No encoding: no hook does anything, and the causal mask alone tells order."""

import torch
from tests.scenes import inputs

from lengen.attention.softmax import Softmax
from lengen.block.inputs import Shape
from lengen.decoder import Architecture, Decoder
from lengen.pe.nope import NoPE


def test_every_hook_is_the_identity():
    pe, x, positions = NoPE(Shape(32, 4)), torch.randn(2, 5, 32), torch.arange(5).unsqueeze(0)
    assert pe.embed(x, positions) is x
    assert pe.make_table(positions) is None
    parts, view = [x.view(2, 4, 5, 8) + part for part in range(3)], inputs(5)
    for part, same in zip(parts, pe.transform(*parts, None, view), strict=True):
        assert part is same
    assert pe.logit_bias(positions, positions) is None
    assert pe.context(*parts[:2], view) is None
    assert pe.auxiliary(torch.Generator()) is None
    assert not list(pe.parameters())


def test_order_enters_through_the_mask_alone():
    """One layer does not see the order of earlier tokens; two layers do."""
    tokens, positions = torch.tensor([[1, 2, 3, 4], [3, 1, 2, 4]]), torch.arange(4).unsqueeze(0)
    with torch.no_grad():
        for layers, blind in ((1, True), (2, False)):
            torch.manual_seed(0)
            last = Decoder(Architecture(layers=layers), 5, NoPE, Softmax).double()(tokens, positions)[:, -1]
            assert torch.allclose(last[0], last[1], rtol=0, atol=1e-10) == blind
