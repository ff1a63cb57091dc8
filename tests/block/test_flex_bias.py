"""A bias by distance looked up by FlexAttention gives what the same bias gives as a mask.

The kernel trains on CUDA alone. On a CPU, traced as on CUDA, it runs as plain torch operations once its own check of the
device is set aside: that is how values and gradients are held here against those of the mask.
"""

import pytest
import torch
from tests.options import made, named, variations
from tests.scenes import several
from torch._dynamo.utils import counters
from torch.nn.attention import flex_attention
from torch.testing import assert_close

from lengen.attention import AttentionRule
from lengen.attention.softmax import Softmax
from lengen.block.flex_bias import DistanceBias, kernel
from lengen.block.shared import DecoderCache
from lengen.decoder import Architecture, Decoder
from lengen.pe.alibi import ALiBi

ARCHITECTURE = Architecture(layers=2, dim=64, heads=4)
ROWS, TIME, VOCABULARY = 3, 40, 7
pytestmark = [  # of torch's own tracing, which takes seconds
    pytest.mark.whole_run,
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf"),
    pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning"),
]
PLAIN = {"softmax", "log_n", "ssmax", "temperature"}


@pytest.fixture
def looks(monkeypatch):
    """FlexAttention on every device; the tables that were looked up."""
    found, mix = [], DistanceBias.mix

    def counted(table, *inputs):
        found.append(table)
        return mix(table, *inputs)

    monkeypatch.setattr(flex_attention, "_validate_device", lambda *_: None)
    traced = kernel("aot_eager")
    monkeypatch.setattr("lengen.block.flex_bias.kernel", lambda: traced)
    monkeypatch.setattr("lengen.decoder.supports", lambda _: True)
    monkeypatch.setattr(DistanceBias, "mix", counted)
    return found


def decoder(pe, attention=Softmax, **options):
    torch.manual_seed(0)
    model = Decoder(ARCHITECTURE, VOCABULARY, pe, attention, **options).double().eval()
    with torch.no_grad():  # away from where they start, which is at times to do nothing
        for weight in (*model.pe.parameters(), *(w for rule in model.rules for w in rule.parameters())):
            weight.add_(torch.randn_like(weight), alpha=0.3)
    return model


def read(model, spread):
    """Logits and the gradients of everything learned, at positions with gaps that are each example's own."""
    chance = torch.Generator().manual_seed(0)
    tokens = torch.randint(VOCABULARY, (ROWS, TIME), generator=chance)
    drawn = torch.rand((ROWS, spread), generator=chance).topk(TIME).indices.sort(1).values
    logits = model(tokens, several(model.pe, drawn))
    weights = dict(model.named_parameters())
    gradients = torch.autograd.grad(logits.square().sum(), list(weights.values()), allow_unused=True)
    return logits, dict(zip(weights, gradients, strict=True))


def assert_same(first, second):
    assert_close(first[0], second[0], rtol=0, atol=1e-5)  # tables are float32
    assert_close(first[1], second[1], rtol=1e-4, atol=1e-4)


def by_distance(pe):
    """Whether a bias of positions alone has the same values along every diagonal, and not only zeros."""
    line = several(pe, torch.arange(30).unsqueeze(0))
    bias = pe.logit_bias(line, line)
    if bias is None:
        return False
    diagonals = [bias[0].diagonal(-back, 1, 2) for back in range(30)]
    return all(torch.allclose(each, each[:, :1], atol=1e-4) for each in diagonals)


@pytest.mark.parametrize("pe", list(variations("pe")))
def test_every_encoding_gives_what_its_mask_gives(pe, looks):
    masked = decoder(pe)
    expected = read(masked, 90)
    assert not looks
    assert_same(read(decoder(pe, flex=True), 90), expected)
    assert len(looks) == (len(masked.blocks) if by_distance(masked.pe) else 0)


@pytest.mark.parametrize("pe", ["t5", "alibi"])
@pytest.mark.parametrize("attention", list(named("attention")))
def test_every_attention_gives_what_it_gives_over_a_mask(pe, attention, looks, request):
    kind = lambda shape: made("pe", pe, shape=shape)  # noqa: E731
    expected = read(decoder(kind, attention), TIME)
    assert_same(read(decoder(kind, attention, flex=True), TIME), expected)
    assert bool(looks) == any(f"[{name}-{pe}]" in request.node.name for name in PLAIN)


def test_no_mask_is_made(looks, monkeypatch):
    asked, bias = [], ALiBi.logit_bias

    def noted(pe, query, key):
        asked.append((query.shape[1], key.shape[1]))
        return bias(pe, query, key)

    monkeypatch.setattr(ALiBi, "logit_bias", noted)
    monkeypatch.setattr(AttentionRule, "_masked", lambda _rule, bias, _scene: bias)
    read(decoder(ALiBi, flex=True), 90)
    assert looks
    assert all(queries == 1 for queries, _ in asked)


def test_positions_that_do_not_increase_count_without_sign(looks):
    tokens = torch.randint(VOCABULARY, (ROWS, 12), generator=torch.Generator().manual_seed(0))
    positions = torch.tensor([[0, 1, 2, 3, 4, 5, 5, 4, 3, 2, 1, 0]])
    expected = decoder(ALiBi)(tokens, positions)
    assert_close(decoder(ALiBi, flex=True)(tokens, positions), expected, rtol=0, atol=1e-5)
    assert looks


@torch.no_grad()
def test_cached_steps_follow_what_was_looked_up(looks):
    model = decoder(ALiBi, flex=True)
    tokens = torch.randint(VOCABULARY, (ROWS, TIME), generator=torch.Generator().manual_seed(0))
    positions, cache = torch.arange(TIME).unsqueeze(0), DecoderCache()
    parts = zip(tokens.split([30, 1, 9], 1), positions.split([30, 1, 9], 1), strict=True)
    steps = torch.cat([model(part, place, cache) for part, place in parts], 1)
    assert len(looks) == len(model.blocks)  # by the first part alone
    assert_close(steps, model(tokens, positions), rtol=0, atol=1e-5)


def test_positions_between_integers_and_narrow_heads_keep_the_mask(looks):
    tokens = torch.zeros(1, 5, dtype=torch.long)
    decoder(ALiBi, flex=True)(tokens, torch.arange(5).unsqueeze(0) * 0.5)
    Decoder(Architecture(dim=32), VOCABULARY, ALiBi, Softmax, flex=True)(tokens, torch.arange(5).unsqueeze(0))
    assert not looks


def test_without_the_device_nothing_changes():
    torch.manual_seed(0)
    tokens, positions = torch.randint(VOCABULARY, (ROWS, TIME)), torch.arange(TIME).unsqueeze(0)
    assert torch.equal(decoder(ALiBi, flex=True)(tokens, positions), decoder(ALiBi)(tokens, positions))


def test_lengths_do_not_each_compile_anew(looks):
    before = counters["stats"]["unique_graphs"]
    with torch.no_grad():
        model = decoder(ALiBi, flex=True).float()
        for time in (2, 3, 7, 20, 31, 64, 90, 128):
            model(torch.zeros(ROWS, time, dtype=torch.long), torch.arange(time).unsqueeze(0))
    assert counters["stats"]["unique_graphs"] - before <= 2
