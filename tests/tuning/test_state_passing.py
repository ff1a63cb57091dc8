"""Training from states, against single examples that are read token by token."""

from functools import partial

import pytest
import torch
from torch.testing import assert_close

from lengen.attention.softmax import Softmax
from lengen.block.shared import DecoderCache
from lengen.config.errors import UsageError
from lengen.decoder import Architecture, Decoder
from lengen.mixer.attention import Attention
from lengen.mixer.gla import GLA
from lengen.mixer.gru import GRU
from lengen.mixer.mamba import Mamba
from lengen.mixer.pattern import Pattern
from lengen.mixer.slstm import SLSTM
from lengen.mixer.stack_rnn import StackRNN
from lengen.pe.learned import Learned
from lengen.pe.nope import NoPE
from lengen.positions.contiguous import Contiguous
from lengen.tuning import Base
from lengen.tuning.state_passing import StatePassing

BASE = Base("run", "cell", 1, "digest", 5, tokens=6, positions=6)
HYBRID = partial(Pattern, pattern=["gla", "attention"], parts={"gla": GLA, "attention": Attention})
MIXERS = {"gla": GLA, "mamba": Mamba, "slstm": SLSTM, "hybrid": HYBRID}
EVERY = pytest.mark.parametrize("mixer", MIXERS)


def decoder(mixer, pe=NoPE, **options):
    torch.manual_seed(0)
    shape = Architecture(dim=16, heads=2, **options)
    return Decoder(shape, 11, pe, Softmax, mixer=MIXERS.get(mixer, mixer)).double()


def batch(sizes=(5, 9, 2, 9, 7)):
    """Examples of some tokens, with padding after them."""
    tokens = torch.randint(1, 11, (len(sizes), max(sizes)), generator=torch.Generator().manual_seed(1))
    return tokens * (torch.arange(max(sizes)) < torch.tensor(sizes)[:, None]), sizes


def counted(time):
    return torch.arange(time).unsqueeze(0)


def carried(made, tokens):
    """States of the layers that have one after a string, read token by token."""
    cache = DecoderCache()
    for time in range(tokens.shape[1]):
        made(tokens[:, time : time + 1], torch.tensor([[time]]), cache)
    for slot, block in cache.blocks.items():
        if not isinstance(made.mixers[slot[1]], Attention):
            yield slot, dict(block.last)


@EVERY
@pytest.mark.parametrize("share", [0.5, 1.0])
@pytest.mark.parametrize("loops", [1, 2])
def test_an_example_starts_from_the_state_that_another_leaves(mixer, share, loops):
    plain, (tokens, sizes) = decoder(mixer, pe=Learned, loops=loops), batch()
    made, places = StatePassing(share=share).changed(plain, BASE).train(), counted(9)
    for first in (0, 4):
        found = made(tokens, places, first=first)
        for row, size in enumerate(sizes):
            cache = DecoderCache()
            if share == 1 or row % 2:
                other = (row - 1) % len(sizes)
                for slot, parts in carried(plain, tokens[other : other + 1, : sizes[other]]):
                    for name, part in parts.items():
                        cache.block(slot).put(name, part)
            expected = plain(tokens[row : row + 1, :size], places[:, :size], cache)
            assert_close(found[row, : max(size - first, 0)], expected[0, first:], rtol=0, atol=1e-9)


@EVERY
def test_in_evaluation_and_decoding_all_start_empty(mixer):
    plain, (tokens, _) = decoder(mixer).eval(), batch()
    made, places, cache = StatePassing(share=1.0).changed(plain, BASE).eval(), counted(9), DecoderCache()
    assert_close(made(tokens, places), plain(tokens, places), rtol=0, atol=0)
    made.train()
    parts = [made(tokens[:, at : at + 1], places[:, at : at + 1], cache) for at in range(9)]
    assert_close(torch.cat(parts, 1), plain(tokens, places), rtol=0, atol=1e-9)
    assert {name for name, _ in made.named_parameters()} == {name for name, _ in plain.named_parameters()}
    assert {id(part) for part in made.parameters()} == {id(part) for part in plain.parameters()}


def test_no_gradient_passes_through_a_state():
    made, tokens = (
        StatePassing(share=1.0).changed(decoder("gla"), BASE).train(),
        torch.arange(1, 9).view(2, 4),
    )
    logits = made(tokens, counted(4))
    (gradient,) = torch.autograd.grad(logits[1].sum(), made.embedding.weight)
    assert gradient[5:9].any(1).all()
    assert not gradient[1:5].any()
    tokens[0, 2] = 9
    other = made(tokens, counted(4))[1]
    assert not torch.allclose(other, logits[1]), "the state is not read"


def test_a_single_example_starts_empty():
    plain, (tokens, _) = decoder("gla"), batch((4,))
    made = StatePassing(share=1.0).changed(plain, BASE).train()
    assert_close(made(tokens, counted(4)), plain(tokens, counted(4)))


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.75, 1.0])
def test_share(share):
    made = StatePassing(share=share).changed(decoder("gla"), BASE)
    assert made.passed(40).sum() == round(40 * share)


@pytest.mark.parametrize("mixer", ["gla", "mamba", "slstm"])
@pytest.mark.parametrize("chunk", [1, 4, 20])
def test_chunks_are_the_full_pass_with_their_own_gradients(mixer, chunk):
    plain, (tokens, _) = decoder(mixer), batch((9, 9))
    made = StatePassing("previous", chunk=chunk).changed(plain, BASE).train()
    for first in (0, 3, 6):
        found, expected = (each(tokens, counted(9), first=first) for each in (made, plain))
        assert_close(found, expected, rtol=0, atol=1e-9)
    tokens = torch.arange(1, 10).unsqueeze(0)
    (gradient,) = torch.autograd.grad(made(tokens, counted(9))[0, -1].sum(), made.embedding.weight)
    start = 8 - 8 % chunk
    assert gradient[1 + start : 10].any(1).all()
    assert not gradient[1 : 1 + start].any()


def test_chunks_have_the_longest_trained_tokens_by_default_and_longer_strings():
    assert StatePassing("previous").changed(decoder("gla"), BASE).chunk == 6
    assert (StatePassing("previous").longest(5), StatePassing().longest(5)) == (10, 5)


@pytest.mark.parametrize(
    ("mixer", "tuning", "said"),
    [
        (
            Attention,
            StatePassing(),
            r"attention \(it needs a layer with a state of constant size to pass on; layers 1 to 4 \(attention\) have none\)",
        ),
        (
            HYBRID,
            StatePassing("previous"),
            r"attention \(it needs a state of constant size in every layer, since tune.start=previous reads chunk by chunk and hands on nothing else; layers 2, 4 \(attention\) have none, and tune.start=another needs it in one layer alone\)",
        ),
        (
            StackRNN,
            StatePassing(),
            r"stack_rnn \(it needs states that do not grow with the tokens; those of layers 1 to 4 \(stack_rnn\) do\)",
        ),
    ],
)
def test_refused(mixer, tuning, said):
    with pytest.raises(UsageError, match=said):
        tuning.check(decoder(mixer, layers=4), Contiguous())
    tuning.check(decoder(GRU), Contiguous())
