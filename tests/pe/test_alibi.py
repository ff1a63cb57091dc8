"""ALiBi against BLOOM, MPT, x-transformers and the formula."""

from functools import partial

import pytest
import torch
from omegaconf import OmegaConf
from torch.testing import assert_close

from lengen.attention.softmax import Softmax
from lengen.block.inputs import Shape
from lengen.config.builder import Builder
from lengen.config.search import config_dir
from lengen.decoder import Architecture, Decoder
from lengen.pe import PositionalEncoding
from lengen.pe.alibi import ALiBi
from lengen.pe.nope import NoPE

HEADS = pytest.mark.parametrize("heads", range(1, 21))


def bias(heads, queries, keys):
    key = torch.arange(keys).unsqueeze(0)
    return ALiBi(Shape(8 * heads, heads)).logit_bias(key[:, keys - queries :], key)[0]


def test_known_slopes():
    assert ALiBi(Shape(64, 8)).slopes == tuple(2.0**-h for h in range(1, 9))
    assert ALiBi(Shape(48, 6)).slopes == (0.25, 0.0625, 0.015625, 0.00390625, 0.5, 0.125)
    assert ALiBi(Shape(96, 12)).slopes[8:] == tuple(2 ** -(h + 0.5) for h in range(4))
    assert ALiBi(Shape(16, 2)).slopes == (1 / 16, 1 / 256)


@HEADS
def test_slopes_of_the_formula(heads):
    power = max(2**k for k in range(6) if 2**k <= heads)
    expected = [2 ** (-8 * h / power) for h in range(1, power + 1)]
    finer = [2 ** (-8 * h / (2 * power)) for h in range(1, 2 * power + 1)]
    expected += [finer[2 * i] for i in range(heads - power)]
    assert ALiBi(Shape(8 * heads, heads)).slopes == pytest.approx(expected, rel=1e-12)


@HEADS
def test_bias_of_bloom(foreign, heads):
    bloom = foreign("transformers.models.bloom.modeling_bloom")
    slopes = torch.tensor(ALiBi(Shape(8 * heads, heads)).slopes)
    assert_close(slopes, bloom._get_alibi_slopes(heads, torch.device("cpu")), rtol=1e-6, atol=0)
    rising = bloom.build_alibi_tensor(
        torch.ones(1, 30), heads, torch.float32
    )  # slope * key: equal within a row
    assert_close(bias(heads, 30, 30).tril(), (rising - rising.mT).tril(), rtol=1e-5, atol=1e-5)


@HEADS
def test_bias_of_mpt(foreign, heads):
    theirs = foreign("transformers.models.mpt.modeling_mpt").build_mpt_alibi_tensor(heads, 30)
    assert_close(bias(heads, 1, 30), theirs, rtol=1e-6, atol=0)


@HEADS
@pytest.mark.parametrize(("queries", "keys"), [(30, 30), (1, 30), (5, 17)])
def test_bias_of_x_transformers(foreign, heads, queries, keys):
    theirs = foreign("x_transformers.x_transformers").AlibiPositionalBias(heads)
    seen = torch.ones(queries, keys).tril(
        keys - queries
    )  # theirs is symmetric, ours is never seen above the diagonal
    assert_close(bias(heads, queries, keys) * seen, theirs(queries, keys) * seen, rtol=1e-6, atol=0)


def test_bias_of_the_formula_far_out():
    query, key = torch.tensor([[8191, 8192]]), torch.tensor([[0, 255, 257, 4097, 8190]])
    pe = ALiBi(Shape(48, 6))
    ours = pe.logit_bias(query, key)
    for head, slope in enumerate(pe.slopes):
        for i, p in enumerate(query[0].tolist()):
            for j, q in enumerate(key[0].tolist()):
                assert ours[0, head, i, j].item() == pytest.approx(-slope * (p - q), rel=1e-7)


def test_distances_have_no_sign():
    pe, where = ALiBi(Shape(32, 4)), torch.tensor([[3, 7, 4]])
    assert pe.logit_bias(where, where)[0, 0].tolist() == [
        [-0.25 * abs(a - b) for b in (3, 7, 4)] for a in (3, 7, 4)
    ]


def test_zero_slopes_are_nope():
    tokens, positions = torch.arange(20).view(1, 20) % 7, torch.arange(20).view(1, 20)
    logits = []
    for encoding in (NoPE, partial(ALiBi, slopes=[0.0] * 4)):
        torch.manual_seed(0)
        logits.append(Decoder(Architecture(), 7, encoding, Softmax)(tokens, positions))
    assert_close(*logits, rtol=0, atol=1e-5)


def test_own_slopes():
    pe = ALiBi(Shape(16, 2), [1.0, 0.5])
    assert pe.logit_bias(torch.tensor([[4]]), torch.tensor([[1, 4]])).flatten().tolist() == [-3, 0, -1.5, 0]
    with pytest.raises(ValueError, match=r"must have one slope per head \(4\)"):
        ALiBi(Shape(32, 4), [1.0])


def test_slopes_by_name():
    shape, position = Shape(48, 6), torch.tensor([[7, 9]])
    assert ALiBi(shape, "harmonic").slopes == pytest.approx((1, 0.5, 0.33333333, 0.25, 0.2, 0.16666667))
    falls = ALiBi(shape, "harmonic").logit_bias(position, position)[0, :, 1, 0]
    assert_close(falls, torch.tensor([-2, -1, -2 / 3, -0.5, -0.4, -1 / 3]))
    assert ALiBi(shape, "geometric").slopes == ALiBi(shape, None).slopes == ALiBi(shape).slopes


@pytest.mark.parametrize("pe", ["alibi", "rope_alibi"])
@pytest.mark.parametrize(
    ("typed", "slopes"),
    [
        ("harmonic", (1, 1 / 2, 1 / 3, 1 / 4)),
        ("geometric", (1 / 4, 1 / 16, 1 / 64, 1 / 256)),
        ("null", (1 / 4, 1 / 16, 1 / 64, 1 / 256)),  # what older runs have in their config.yaml
        ("[1,2,3,0.5]", (1, 2, 3, 0.5)),
    ],
)
def test_slopes_of_a_configuration(pe, typed, slopes):
    node = OmegaConf.merge(
        OmegaConf.load(config_dir() / "pe" / f"{pe}.yaml"), OmegaConf.from_dotlist([f"slopes={typed}"])
    )
    options = Builder()._call(PositionalEncoding, OmegaConf.to_container(node), "pe", skip=1)
    made = options(Shape(32, 4))
    assert getattr(made, "alibi", made).slopes == pytest.approx(slopes)


def test_slopes_that_are_none_of_these_are_refused_in_one_line(lengen, tmp_path):
    for typed, words in {
        "steep": "lengen: pe.slopes=steep: must be geometric or harmonic or a list or null",
        "harmonc": "did you mean 'harmonic'?",
        "[steep]": "pe.slopes=['steep']: must be geometric or harmonic or a list or null",
        "3": "pe.slopes=3: must be",
    }.items():
        ran = lengen("train", "pe=alibi", f"pe.slopes={typed}")
        assert ran.code == 2
        assert words in ran.err
        assert len(ran.err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
