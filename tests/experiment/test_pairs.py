"""Every positional encoding under every attention rule: no pair looks ahead, and every way to read gives the same."""

import pytest
import torch
from tests.options import named
from tests.scenes import several
from torch.testing import assert_close

from lengen.block.shared import DecoderCache
from lengen.decoder import Architecture, Decoder

ARCHITECTURE = Architecture(layers=2, dim=32, heads=4)
ROWS, TIME, VOCABULARY = 3, 70, 7  # more tokens than any rule's window, blocks or trained tokens
CHUNKS = [1, 17, 45, 1, 1, 5]  # token by token, and several behind what is cached, below, at and above 64


@pytest.mark.parametrize("pe", list(named("pe")))
@pytest.mark.parametrize("attention", list(named("attention")))
@pytest.mark.sampled(3)
def test_pair(pe, attention):
    torch.manual_seed(0)
    decoder = Decoder(ARCHITECTURE, VOCABULARY, pe, attention).double().eval()
    if decoder.pe.streams and decoder.rules[0].reads:
        pytest.skip("refused: which of several positions should the rule read?")
    if decoder.pe.stretches and decoder.rules[0].directions:
        pytest.skip("refused: the rule does not read what the encoding writes")
    with torch.no_grad():  # away from where they start, which is at times to do nothing
        for weight in (*decoder.pe.parameters(), *(w for rule in decoder.rules for w in rule.parameters())):
            weight.add_(torch.randn_like(weight), alpha=0.3)
    chance = torch.Generator().manual_seed(0)
    tokens = torch.randint(VOCABULARY, (ROWS, TIME), generator=chance)
    drawn = torch.rand((ROWS, 90), generator=chance).topk(TIME).indices.sort(1).values
    positions = several(decoder.pe, drawn)
    embedded = []

    def cut(module, inputs, output):
        embedded.append(output.detach().requires_grad_())
        return embedded[-1]

    handle = decoder.embedding.register_forward_hook(cut)
    full = decoder(tokens, positions)
    handle.remove()
    middle = TIME // 2
    (gradient,) = torch.autograd.grad(full[:, middle].sum(), embedded[0])
    assert gradient.isfinite().all()
    assert gradient[:, middle].any(-1).all()
    assert not gradient[:, middle + 1 :].any()
    with torch.no_grad():
        cache = DecoderCache()
        pairs = zip(tokens.split(CHUNKS, 1), positions.split(CHUNKS, 1), strict=True)
        steps = [decoder(part, place, cache) for part, place in pairs]
        assert_close(torch.cat(steps, 1), full, rtol=0, atol=1e-8)
        if decoder.pe.relative:
            assert_close(decoder(tokens, positions + 100), full, rtol=0, atol=1e-3)
        alone = decoder(tokens[1:2, :middle], positions[1:2, :middle])
        assert_close(alone[0], full[1, :middle], rtol=0, atol=1e-8)
