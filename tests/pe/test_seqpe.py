"""SeqPE against torch's own transformer, and its losses against loops."""

import math
import warnings

import pytest
import torch
from torch.nn.functional import kl_div
from torch.testing import assert_close

from lengen.block.inputs import Shape
from lengen.pe.seqpe import SeqPE

SHAPE = Shape(32, 4, 2)


def make(**options):
    torch.manual_seed(0)
    return SeqPE(SHAPE, **options)


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def reference(pe):
    """The blocks of an encoder as torch's own layers."""
    layers = []
    for block in pe.encoder.blocks:
        layer = torch.nn.TransformerEncoderLayer(
            32, 4, 128, 0.0, "gelu", batch_first=True, norm_first=True, dtype=torch.float64
        )
        pairs = {
            "self_attn.in_proj_": block.projections,
            "self_attn.out_proj.": block.out,
            "linear1.": block.up,
            "linear2.": block.down,
            "norm1.": block.attention_norm,
            "norm2.": block.feed_norm,
        }
        layer.load_state_dict(
            {
                f"{name}{kind}": getattr(part, kind)
                for name, part in pairs.items()
                for kind in ("weight", "bias")
            }
        )
        layers.append(layer)
    return layers


@pytest.mark.parametrize("use", ["attn_scalar", "added"])
def test_transformer_of_torch(use):
    """Digits written with Python's own formatting, the closing token last, nothing looks ahead."""
    pe = make(use=use, maximum=5000)
    positions = [0, 7, 70, 4999, 1234, 999]
    with torch.no_grad():
        for module in pe.encoder.modules():  # norms and offsets that matter
            if isinstance(module, torch.nn.LayerNorm | torch.nn.Linear):
                module.bias.normal_()
        parts = pe.encoder.double()
        digits = torch.tensor([[int(digit) for digit in f"{position:04d}"] for position in positions])
        x = parts.values.weight[digits] + parts.places.weight
        x = torch.cat([x, parts.close.expand(6, 1, 32)], 1)
        for layer in reference(pe):
            x = layer(x, src_mask=torch.nn.Transformer.generate_square_subsequent_mask(5, dtype=x.dtype))
        expected = parts.out(parts.norm(x[:, -1]))
        assert_close(pe.encode(torch.tensor(positions)), expected, rtol=0, atol=1e-10)


def test_logits_of_the_formula():
    pe = make()
    query, key = torch.tensor([[5, 900]]), torch.tensor([[0, 3, 5], [0, 800, 900]])
    ours = pe.logit_bias(query, key)
    asking, asked = pe.pair.weight.double().chunk(2)
    for row in range(2):
        for i in range(2):
            for j in range(3):
                a = asking @ pe.encode(query[0, i])
                b = asked @ pe.encode(key[row, j])
                expected = (a * b).view(4, 8).sum(-1) / math.sqrt(8)
                assert_close(ours[row, :, i, j].double(), expected, rtol=0, atol=1e-6)


def test_added():
    pe, x = make(use="added"), torch.randn(2, 3, 32)
    positions = torch.tensor([[1, 1000, 1]])
    assert_close(pe.embed(x, positions) - x, pe.encode(positions).float().expand(2, 3, 32), rtol=0, atol=1e-6)
    assert pe.logit_bias(positions, positions) is None
    assert make().embed(x, positions) is x


def test_every_position_has_its_vector():
    """Whatever is read beside it, and none is another's."""
    pe = make()
    with torch.no_grad():
        vectors = pe.encode(torch.arange(1024))
        alone = torch.cat([pe.encode(torch.tensor([p])) for p in (0, 9, 10, 1023)])
    assert_close(vectors[[0, 9, 10, 1023]], alone, rtol=0, atol=1e-12)
    apart = torch.cdist(vectors, vectors) + torch.eye(1024) * 9
    assert apart.min() > 1e-3


def test_draws():
    pe = make(maximum=200)
    pivots, candidates, labels = pe.draw(chance())
    assert candidates.shape == (16, 32)
    for row, (pivot, choices, label) in enumerate(
        zip(pivots.tolist(), candidates.tolist(), labels.tolist(), strict=True)
    ):
        distances = [abs(choice - pivot) for choice in choices]
        assert len(set(choices)) == 32
        assert 0 < distances[label] == min(distances)
        assert row % 2 == 0 or max(distances) <= 64
    assert any(abs(a - b) > 64 for a, row in zip(pivots[::2], candidates[::2], strict=True) for b in row)
    assert 150 < max(int(pe.draw(chance(seed))[0].max()) for seed in range(5)) < 200


def test_draws_of_few_positions():
    pivots, candidates, _ = make(maximum=5, window=2).draw(chance())
    assert candidates.shape == (16, 4)
    assert all(
        {*row, pivot} == set(range(5))
        for pivot, row in zip(pivots.tolist(), candidates.tolist(), strict=True)
    )


def test_contrastive_loss():
    pe, losses = make(), []
    for pivot, choices, label in zip(*pe.draw(chance(3)), strict=True):
        own, others = pe.encode(pivot), pe.encode(choices)
        products = [(own @ other).item() / math.sqrt(32) for other in others]
        losses.append(math.log(sum(map(math.exp, products))) - products[label])
    assert pe.nearest(chance(3)).item() == pytest.approx(sum(losses) / 16, abs=1e-9)


def test_transfer_loss():
    pe, total = make(maximum=300, window=6), 0.0

    def rows(start):
        vectors = pe.encode(torch.arange(start, start + 6))
        return (vectors @ vectors.T / math.sqrt(32)).softmax(-1).tolist()

    starts = torch.randint(1, 295, (4,), generator=chance(3)).tolist()
    for start in starts:
        for p, q in zip(rows(0), rows(start), strict=True):
            total += sum(a * math.log(a / b) + b * math.log(b / a) for a, b in zip(p, q, strict=True))
    assert pe.imitation(chance(3)).item() == pytest.approx(
        total / 24 / 6, abs=1e-9
    )  # windows and rows, and keys, too


def test_beta_shares_the_gradient_between_imitators_and_the_first_window():
    """At 1 the gradient is that of imitators alone, at 0 that of the first window, between them a mean of both."""
    pe, found = make(maximum=300, window=6), dict[float, torch.Tensor]()
    for beta in (1.0, 0.0, 0.8):
        pe.beta = beta
        pe.zero_grad()
        pe.imitation(chance(3)).backward()
        found[beta] = pe.encoder.out.weight.grad.clone()
    assert (found[1.0] - found[0.0]).abs().max() > 1e-6
    assert_close(found[0.8], 0.8 * found[1.0] + 0.2 * found[0.0], rtol=1e-4, atol=1e-8)


def test_first_window_is_not_moved_by_imitation():
    """Its gradient is that of imitators alone, with the first window held."""
    pe = make(maximum=300, window=6, beta=1.0)
    pe.imitation(chance(3)).backward()
    got = pe.encoder.out.weight.grad.clone()
    pe.zero_grad()
    starts = torch.randint(1, 295, (4, 1), generator=chance(3))

    def logs(vectors):
        return (vectors @ vectors.mT / math.sqrt(32)).log_softmax(-1)

    with torch.no_grad():
        first = logs(pe.encode(torch.arange(6)))
    others = logs(pe.encode(starts + torch.arange(6)))
    ((first.exp() - others.exp()) * (first - others)).sum().div(24 * 6).backward()
    assert_close(got, pe.encoder.out.weight.grad)


def test_auxiliary_weighs():
    both = make(contrastive=0.3, transfer=0.7).auxiliary(chance())
    one, other = make(contrastive=0.3, transfer=0.0), make(contrastive=0.0, transfer=0.7)
    assert one.auxiliary(chance()).item() == pytest.approx(0.3 * one.nearest(chance()).item(), abs=1e-6)
    assert other.auxiliary(chance()).item() == pytest.approx(0.7 * other.imitation(chance()).item(), abs=1e-6)
    draw = chance()  # the second loss draws behind the first
    assert both.item() == pytest.approx(0.3 * one.nearest(draw).item() + 0.7 * other.imitation(draw).item())
    assert make(contrastive=0.0, transfer=0.0).auxiliary(chance()) is None


def test_auxiliary_is_float32_under_autocast():
    pe = make()
    with torch.autocast("cpu", torch.bfloat16):
        cast = pe.auxiliary(chance())
    assert cast.dtype == torch.float32
    assert torch.equal(cast, pe.auxiliary(chance()))
    assert not torch.equal(cast, pe.auxiliary(chance(1)))


def test_auxiliary_teaches_far_positions():
    """A few steps of the two losses alone, and far windows look more like the first; neighbours are found."""
    pe = make(maximum=300, window=8, transfer=0.8)
    rule = torch.optim.AdamW(pe.parameters(), lr=2e-3)
    before = [sum(loss(chance(seed)).item() for seed in range(90, 95)) for loss in (pe.nearest, pe.imitation)]
    for step in range(30):
        rule.zero_grad()
        pe.auxiliary(chance(step)).backward()
        rule.step()
    after = [sum(loss(chance(seed)).item() for seed in range(90, 95)) for loss in (pe.nearest, pe.imitation)]
    assert after[0] < 0.8 * before[0]
    assert after[1] < 0.8 * before[1]


def test_the_weight_of_the_transfer_loss_is_the_authors():
    """By torch's `kl_div` with its default reduction, on the same vectors."""
    pe = make(maximum=300, window=32)
    starts = torch.randint(1, 300 - 32 + 1, (4, 1), generator=chance(3))
    vectors = pe.encode(torch.cat([torch.zeros_like(starts[:1]), starts]) + torch.arange(32))
    logs = (vectors @ vectors.mT / math.sqrt(32)).log_softmax(-1)
    first, others = logs[:1].expand(4, -1, -1), logs[1:]
    with warnings.catch_warnings(action="ignore"):  # that this reduction is no divergence, which is the point
        theirs = kl_div(others, first, log_target=True) + kl_div(first, others, log_target=True)
    assert pe.imitation(chance(3)).item() == pytest.approx(theirs.item(), rel=1e-5)


def test_outside_is_refused():
    for position in (-1, 1024):
        with pytest.raises(ValueError, match=r"pe\.maximum=1024"):
            make().encode(torch.tensor([position]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"maximum": 2}, "pe.maximum=2"),
        ({"width": 30}, "pe.width=30: must be a multiple of decoder.heads=4"),
        ({"width": 0}, "pe.width=0"),
        ({"layers": 0}, "pe.layers=0"),
        ({"window": 1}, "pe.window=1"),
        ({"maximum": 20, "window": 20}, "pe.window=20: must be at least 2 and below pe.maximum=20"),
        ({"contrastive": -0.1}, "pe.contrastive=-0.1"),
        ({"transfer": -0.1}, "pe.transfer=-0.1"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


@pytest.mark.parametrize("change", ["in place", "loaded", "replaced"])
def test_kept_vectors_are_those_of_the_weights_at_hand(change):
    torch.manual_seed(0)
    encoding, other = (SeqPE(SHAPE, maximum=200).double() for _ in range(2))
    places, read = torch.arange(40, 120).unsqueeze(0), []
    encode = encoding.encoder.forward
    encoding.encoder.forward = lambda digits: read.append(len(digits)) or encode(digits)
    with torch.no_grad():
        first = encoding.encode(places)
        assert torch.equal(encoding.encode(places[:, :7]), first[:, :7])
        assert read == [128]
        if change == "in place":
            for weight, new in zip(encoding.parameters(), other.parameters(), strict=True):
                weight.copy_(new)
        elif change == "loaded":
            encoding.load_state_dict(other.state_dict())
        else:
            for weight, new in zip(encoding.parameters(), other.parameters(), strict=True):
                weight.data = new.data
        assert torch.equal(encoding.encode(places), other.encode(places))
    assert_close(encoding.encode(places), other.encode(places))  # with gradients, of distinct positions alone
    assert read == [128, 128, 80]
    with torch.no_grad():
        encoding.encode(torch.tensor([[130]]))
    assert read == [128, 128, 80, 200]
