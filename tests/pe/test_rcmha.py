"""RCMHA against NoPE, torch's convolution and the formula."""

import pytest
import torch
from tests.scenes import inputs
from torch.nn.functional import conv1d
from torch.testing import assert_close

from lengen.attention.softmax import Softmax
from lengen.block.inputs import DecodingCache, Shape
from lengen.decoder import Architecture, Decoder
from lengen.pe.nope import NoPE
from lengen.pe.rcmha import RCMHA
from lengen.testing import encoding as contract

SHAPE = Shape(32, 4, 2)
SIZES = pytest.mark.parametrize(("queries", "keys"), [(12, 12), (1, 9), (4, 11)])


def trained(shape=SHAPE, **options):
    """With tables, and a bias of queries, that matter."""
    torch.manual_seed(0)
    pe = RCMHA(shape, **{"maximum": 64, "std": 0.5} | options)
    torch.nn.init.normal_(pe.query_biases)
    return pe


def draw(time):
    return torch.randn(3, 2, 4, time, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("layer", [0, 1])
def test_convolution_of_torch(kernel, layer):
    pe, projected = trained(kernel=kernel).double(), draw(9)
    ours = pe.transform(*projected, None, inputs(9, layer=layer))
    for index, (x, got) in enumerate(zip(projected, ours, strict=True)):
        # torch's kernel has the newest token last, one channel a group; heads share it
        weight = pe.taps[layer, :, index].flip(0).T.unsqueeze(1)
        line = torch.nn.functional.pad(x.flatten(0, 1).mT, (kernel - 1, 0))
        expected = conv1d(line, weight, pe.offsets[layer, index], groups=8)
        assert_close(got.flatten(0, 1).mT, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("chunks", [[1] * 9, [2, 5, 1, 1]])
def test_convolution_by_loops_and_chunks(chunks):
    pe, projected, memory, end = trained().double(), draw(9), DecodingCache(), 0
    for chunk in chunks:
        start, end = end, end + chunk
        view = inputs(chunk, end, memory=memory)
        ours = pe.transform(*projected[:, :, :, start:end], None, view)
        for index in range(3):
            for t in range(start, end):
                expected = pe.offsets[0, index].clone()
                for back in range(min(3, t + 1)):
                    expected += pe.taps[0, back, index] * projected[index, 1, 2, t - back]
                assert_close(ours[index][1, 2, t - start], expected, rtol=0, atol=1e-12)


@SIZES
@pytest.mark.parametrize("gaps", [False, True])
def test_formula(queries, keys, gaps):
    pe, (query, key, _) = trained().double(), draw(keys)
    positions = torch.stack([torch.arange(keys), torch.arange(keys) * (1 + 2 * gaps) + gaps])
    query = query[:, :, keys - queries :]
    ours = pe.context(query, key, inputs(queries, keys, positions=positions, layer=1))
    for row, head in ((0, 0), (1, 3)):
        for i in range(queries):
            for j in range(keys - queries + i + 1):
                distance = int(positions[row, keys - queries + i] - positions[row, j])
                expected = pe.query_biases[1, head] @ key[row, head, j]
                expected = expected + query[row, head, i] @ pe.distance_keys[1, head, distance]
                expected = (expected + pe.distance_biases[1, head, distance]) / 8**0.5
                assert_close(ours[row, head, i, j], expected, rtol=0, atol=1e-12)
    assert ours.isfinite().all()


def test_identity_and_zeros_are_nope():
    tokens, positions = torch.arange(20).view(1, 20) % 7, torch.arange(20).view(1, 20)

    def encoding(shape):
        pe = RCMHA(shape, std=0.0)
        with torch.no_grad():
            pe.taps.zero_()
            pe.taps[:, 0] = 1
            pe.offsets.zero_()
        return pe

    logits = []
    for made in (NoPE, encoding):
        torch.manual_seed(0)
        logits.append(Decoder(Architecture(), 7, made, Softmax)(tokens, positions))
    assert_close(*logits, rtol=0, atol=1e-5)


def test_contract_where_tables_matter():
    contract.causality(trained, far=True)
    contract.cached(trained, looped=True)
    contract.padding(trained)


def test_terms_are_float32_under_autocast():
    pe, (query, key, _) = trained(maximum=300), draw(300).float()
    plain = pe.context(query, key, inputs(300))
    with torch.autocast("cpu", torch.bfloat16):
        cast = pe.context(query, key, inputs(300))
    assert cast.dtype == torch.float32
    assert torch.equal(plain, cast)


def test_unseen_distances_stay():
    pe, (query, key, _) = trained(), draw(10).float()
    view = inputs(10)
    (pe.context(query, key, view) * ~view.later).sum().backward()
    assert pe.distance_biases.grad[0, :, :10].all()
    assert not pe.distance_biases.grad[0, :, 10:].any()
    assert not pe.distance_keys.grad[0, :, 10:].any()


def test_sharing():
    pe, (query, key, _) = trained(share_layers=True), draw(9).float()
    assert pe.distance_biases.shape == (1, 4, 64)
    assert torch.equal(pe.context(query, key, inputs(9)), pe.context(query, key, inputs(9, layer=1)))
    assert pe.taps.shape[0] == 2
    pe = trained()
    assert not torch.equal(pe.context(query, key, inputs(9)), pe.context(query, key, inputs(9, layer=1)))


def test_start_of_convolutions():
    pe = RCMHA(Shape(512, 4))
    torch.manual_seed(0)
    reference = torch.nn.Conv1d(128, 128, 3, groups=128)
    for ours, theirs in ((pe.taps, reference.weight), (pe.offsets, reference.bias)):
        assert ours.abs().max().item() == pytest.approx(3**-0.5, rel=0.05)
        assert theirs.abs().max().item() == pytest.approx(3**-0.5, rel=0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"maximum": 0}, "pe.maximum=0"),
        ({"kernel": 0}, "pe.kernel=0"),
        ({"std": -1.0}, "pe.std=-1.0"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        RCMHA(SHAPE, **options)
