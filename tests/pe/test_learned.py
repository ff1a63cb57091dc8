"""Learned embeddings against plain look-up, GPT-2 and x-transformers."""

import pytest
import torch
from torch.testing import assert_close

from lengen.block.inputs import Shape
from lengen.pe.learned import Learned

SHAPE = Shape(32, 4)
POSITIONS = torch.tensor([[0, 1, 2, 3, 63], [9, 9, 0, 40, 7]])


def test_look_up(foreign):
    pe, x = Learned(SHAPE, 64), torch.randn(2, 5, 32)
    ours = pe.embed(x, POSITIONS)
    theirs = torch.nn.Embedding.from_pretrained(pe.rows.detach())
    assert torch.equal(ours, x + theirs(POSITIONS))
    for row in range(2):
        for time in range(5):
            assert torch.equal(ours[row, time], x[row, time] + pe.rows[int(POSITIONS[row, time])])


def test_gpt_2(foreign):
    gpt2 = foreign("transformers.models.gpt2.modeling_gpt2")
    config = gpt2.GPT2Config(vocab_size=5, n_positions=64, n_embd=32, n_head=4, n_layer=0, embd_pdrop=0.0)
    theirs = gpt2.GPT2Model(config).eval()
    theirs.ln_f = torch.nn.Identity()  # without blocks and norm, what remains is the embedding
    pe, tokens = Learned(SHAPE, 64), torch.arange(5).repeat(2, 1)
    with torch.no_grad():
        theirs.wpe.weight.copy_(pe.rows)
        expected = theirs(input_ids=tokens, position_ids=POSITIONS).last_hidden_state
        assert_close(pe.embed(theirs.wte(tokens), POSITIONS), expected, rtol=0, atol=1e-6)


def test_x_transformers(foreign):
    theirs = foreign("x_transformers.x_transformers").AbsolutePositionalEmbedding(32, 64)
    pe, x = Learned(SHAPE, 64), torch.zeros(2, 5, 32)
    with torch.no_grad():
        theirs.emb.weight.copy_(pe.rows * 32**0.5)  # it scales rows by dim^-0.5
        assert_close(pe.embed(x, POSITIONS), theirs(x, pos=POSITIONS), rtol=0, atol=1e-7)


def test_only_visited_rows_learn():
    pe = Learned(SHAPE, 64)
    pe.embed(torch.zeros(1, 4, 32), torch.tensor([[3, 4, 4, 60]])).sum().backward()
    assert pe.rows.grad.any(1).nonzero().flatten().tolist() == [3, 4, 60]


def test_initial_values():
    rows = Learned(Shape(64, 4), 2000, std=0.3).rows
    assert rows.std().item() == pytest.approx(0.3, rel=0.02)
    assert Learned(SHAPE, 7).budget == 7


@pytest.mark.parametrize(
    ("options", "message"), [({"maximum": 0}, "pe.maximum=0"), ({"std": -0.1}, "pe.std=-0.1")]
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        Learned(SHAPE, **options)
