"""Long examples read in pieces: the logits of one pass, in memory that does not hold a number for every pair of tokens."""

from functools import partial
from itertools import product

import pytest
import torch
from tests.decoder.test_decoder import Largest
from tests.options import files, named
from tests.options import read as described_by
from tests.scenes import several
from torch.testing import assert_close

from lengen.attention.softmax import Softmax
from lengen.block.shared import DecoderCache
from lengen.decoder import Architecture, Decoder
from lengen.evaluation import reading
from lengen.evaluation.reading import read
from lengen.extend.rules import Hiding, Scaled, between
from lengen.extend.view import parts_of, view
from lengen.pe.alibi import ALiBi
from lengen.pe.learned import Learned
from lengen.pe.nope import NoPE
from lengen.pe.rope import RoPE
from lengen.pe.seqpe import SeqPE
from lengen.positions.contiguous import Contiguous

PIECE, TIME, VOCABULARY = 7, 40, 11


def decoder(pe=NoPE, rule=Softmax, **options):
    """A small decoder in which encodings and rules matter as after training."""
    torch.manual_seed(0)
    made = Decoder(Architecture(**{"dim": 32} | options), VOCABULARY, pe, rule).eval()
    with torch.no_grad():
        for weight in [*made.pe.parameters(), *(each for rule in made.rules for each in rule.parameters())]:
            weight.add_(0.3 * torch.randn(weight.shape))
    return made


def draw(made, rows=3, time=TIME):
    tokens = torch.randint(VOCABULARY, (rows, time), generator=torch.Generator().manual_seed(0))
    return tokens, several(made.pe, torch.arange(time).unsqueeze(0))


def pairs():
    """Every encoding with every rule that reads the same positions (urpe reads one a token).

    Every encoding with softmax, and every rule with two encodings, are tried in every run of the tests; the others where what takes long is.
    """
    for pe, rule in product(named("pe"), named("attention")):
        if pe.id != "multilevel" or rule.id != "urpe":
            often = rule.id == "softmax" or pe.id in ("alibi", "cope")
            marks = () if often else pytest.mark.long
            yield pytest.param(pe.values[0], rule.values[0], id=f"{pe.id}-{rule.id}", marks=marks)


@pytest.mark.parametrize(("pe", "rule"), list(pairs()))
def test_pieces_give_the_logits_of_one_pass(pe, rule):
    made = decoder(pe, rule)
    tokens, positions = draw(made)
    with torch.no_grad():
        whole = made(tokens, positions)
    assert_close(read(made, tokens, positions, size=PIECE), whole, rtol=0, atol=1e-5)
    for first in (1, 20, TIME - 1):  # inside of a piece, between two, in the last
        some = read(made, tokens, positions, first=first, size=PIECE)
        assert_close(some, whole[:, first:], rtol=0, atol=1e-5)


@pytest.mark.parametrize("pe", list(named("pe")))
@pytest.mark.parametrize("options", [{"loops": 3, "inject": True}, {"layers": 1, "bos": False}], ids=str)
def test_pieces_of_loops_and_of_rows_with_positions_of_their_own(pe, options):
    made = decoder(pe, **options)
    tokens, counted = draw(made)
    positions = (counted + torch.arange(3).view(-1, 1, *[1] * (counted.ndim - 2))).contiguous()
    with torch.no_grad():
        whole = made(tokens, positions)
    assert_close(read(made, tokens, positions, first=30, size=PIECE), whole[:, 30:], rtol=0, atol=1e-5)


@pytest.mark.parametrize("pe", list(named("pe")))
def test_a_cache_is_continued_in_pieces(pe):
    """Also of encodings that make no bias: what follows a cached prompt needs a mask."""
    made, cache = decoder(pe), DecoderCache(room=TIME)
    tokens, positions = draw(made)
    with torch.no_grad():
        whole = made(tokens, positions)
    read(made, tokens[:, :10], positions[:, :10], cache, first=9)
    again = cache.fork()
    rest = read(made, tokens[:, 10:], positions[:, 10:], cache, size=PIECE)
    assert_close(rest, whole[:, 10:], rtol=0, atol=1e-5)
    assert cache.tokens == TIME
    forked = read(made, tokens[:, 10:].flip(1), positions[:, 10:], again, size=PIECE)
    with torch.no_grad():
        other = made(torch.cat([tokens[:, :10], tokens[:, 10:].flip(1)], 1), positions)
    assert_close(forked, other[:, 10:], rtol=0, atol=1e-5)


@pytest.mark.parametrize("pe", list(named("pe")))
def test_rows_that_stay_in_a_cache(pe):
    made, cache, kept = decoder(pe), DecoderCache(), torch.tensor([0, 2])
    tokens, counted = draw(made)
    for positions in (counted, counted.expand(3, *counted.shape[1:])):
        with torch.no_grad():
            whole, cache = made(tokens, positions), DecoderCache()
            made(tokens[:, :30], positions[:, :30], cache)
            cache.select(kept)
            own = positions if len(positions) == 1 else positions[kept]
            steps = [
                made(tokens[kept, time : time + 1], own[:, time : time + 1], cache)
                for time in range(30, TIME)
            ]
        assert_close(torch.cat(steps, 1), whole[kept, 30:], rtol=0, atol=1e-5)


def shapes(made, tokens, positions, **options):
    """Tokens of every pass of a decoder."""
    found = []
    handle = made.register_forward_hook(lambda _, given, __: found.append(given[0].shape[1]))
    read(made, tokens, positions, **options)
    handle.remove()
    return found


def wrapped(change):
    """A decoder whose rules are changed by an extension."""
    made = decoder()
    return view(made, parts_of(made, Contiguous()).with_rules(change))


def test_what_makes_no_square_is_read_in_one_pass():
    explicit = {"asentmax", "entmax", "knn_memory", "lssa", "lssar", "selective", "stick_breaking", "urpe"}
    hiding = {"blockwise", "hard_alibi", "window"}
    for case in named("attention"):
        made = decoder(rule=case.values[0])
        assert made.squares(torch.arange(TIME).unsqueeze(0)) == (case.id in explicit | hiding)
    for path in files("pe"):
        kind, options = described_by(path)
        made = decoder(partial(kind, **options))
        fused = "# cost: fused" in path.read_text()
        assert len(shapes(made, *draw(made), size=PIECE)) == (1 if fused else -(-TIME // PIECE)), path.stem
    assert not decoder(partial(SeqPE, use="added")).squares(torch.arange(TIME).unsqueeze(0))
    assert not wrapped(lambda rule: Scaled(rule, lambda _: 0.5)).squares(torch.arange(TIME).unsqueeze(0))
    assert wrapped(lambda rule: Hiding(rule, between(1, 3))).squares(torch.arange(TIME).unsqueeze(0))


def test_short_examples_are_read_in_one_pass_and_long_ones_in_smaller_pieces():
    made = decoder(ALiBi, layers=1)
    assert shapes(made, *draw(made, 1, 256)) == [256]
    assert shapes(made, *draw(made, 1, 600)) == [256, 256, 88]
    assert set(shapes(made, *draw(made, 1, 8192), first=8190)) == {128}
    assert set(shapes(made, *draw(made, 256, 256), first=250)) == {64}


@pytest.mark.parametrize(
    "path",
    [
        path if path.stem in ("alibi", "fire", "cope") else pytest.param(path, marks=pytest.mark.long)
        for path in files("pe")
    ],
    ids=lambda path: path.stem,
)
def test_memory_of_pieces_is_linear(path, monkeypatch):
    """No tensor with a number for every pair: the largest one grows like the tokens, for biases that are read in pieces."""
    kind, options = described_by(path)
    made = decoder(partial(kind, **options | ({"maximum": 4096} if "maximum" in options else {})), layers=1)
    monkeypatch.setattr(reading, "PAIRS", {"cpu": 1})  # pieces of the least size at all lengths
    sizes = []
    for time in (512, 2048):
        with Largest() as seen:
            read(made, *draw(made, 1, time), first=time - 2)
        sizes.append(seen.elements)
    assert sizes[1] <= 4.1 * sizes[0] or "maximum" in options  # a table has its own size
    assert sizes[1] < 4 * 2048**2 / 4


@pytest.mark.long
@pytest.mark.parametrize("rule", list(named("attention")))
def test_memory_of_pieces_is_linear_for_every_rule(rule, monkeypatch):
    made = decoder(RoPE, rule, layers=1)
    monkeypatch.setattr(reading, "PAIRS", {"cpu": 1})
    sizes = []
    for time in (512, 2048):
        with Largest() as seen:
            read(made, *draw(made, 1, time), first=time - 2)
        sizes.append(seen.elements)
    assert sizes[1] <= 4.1 * sizes[0]


def test_positions_outside_a_table_are_refused_in_every_piece():
    made = decoder(partial(Learned, maximum=20))
    with pytest.raises(IndexError):
        read(made, *draw(made), size=PIECE)
