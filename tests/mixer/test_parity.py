"""One layer learns parity beyond its trained length only if eigenvalues may be negative (Grazzi et al. 2024)."""

import pytest
import torch
from tests.options import CONFIGS, read
from torch.nn.functional import cross_entropy

from lengen.attention.softmax import Softmax
from lengen.decoder import Architecture, Decoder
from lengen.pe.nope import NoPE

pytestmark = pytest.mark.long  # ten seconds each


def bits(rows, time):
    """Bits, and the parity of those so far."""
    drawn = torch.randint(2, (rows, time))
    return drawn, drawn.cumsum(1) % 2


def share(name, **changes):
    """The share of rows of twice the trained length whose parity a decoder of one layer knows after 400 steps."""
    torch.manual_seed(0)
    cls, options = read(CONFIGS / "mixer" / f"{name}.yaml")
    options |= changes
    shape = Architecture(layers=1, dim=32, heads=4)
    made = Decoder(shape, 2, NoPE, Softmax, mixer=lambda layer: cls(layer, **options))
    optimizer = torch.optim.AdamW(made.parameters(), lr=3e-3, weight_decay=0)
    for _ in range(400):
        drawn, parity = bits(64, 20)
        loss = cross_entropy(made(drawn, torch.arange(20)[None]).flatten(0, 1), parity.flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(made.parameters(), 1.0)
        optimizer.step()
    drawn, parity = bits(200, 40)
    with torch.no_grad():
        right = made(drawn, torch.arange(40)[None])[:, -1].argmax(-1) == parity[:, -1]
    return float(right.float().mean())


@pytest.mark.parametrize("name", ["deltanet", "mamba2"])
@pytest.mark.parametrize("negative", [False, True])
def test_parity(name, negative):
    found = share(name, conv=0, negative_eigenvalues=negative)
    assert found > 0.95 if negative else found < 0.7


def test_parity_by_dense_matrices():
    assert share("sd_ssm") > 0.95
