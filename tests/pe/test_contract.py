"""Every encoding in configs/pe keeps the contract of `lengen.pe`, under every choice that its options name."""

from functools import partial
from inspect import signature
from itertools import cycle, pairwise

import pytest
import torch
from tests.options import files, read, variations
from tests.scenes import inputs, several
from torch.testing import assert_close

from lengen.attention.softmax import Softmax
from lengen.block.inputs import Shape
from lengen.cli.commands.list import described
from lengen.decoder import Architecture, Decoder, DecoderCache
from lengen.pe.alibi import ALiBi
from lengen.pe.sinusoidal import Sinusoidal

EVERY_YAML = pytest.mark.parametrize("path", files("pe"), ids=lambda path: path.stem)
VOCABULARY, TRAINED = 13, 12


ENCODINGS = pytest.mark.parametrize("encoding", list(variations("pe")))
LOOPED = pytest.mark.parametrize(
    ("encoding", "looped"),
    [
        pytest.param(*case.values, looped, id=f"{case.id}-looped" if looped else case.id)
        for case in variations("pe")
        for looped in (False, True)
        if not looped
        or "=" not in case.id  # loops and the variations of an option know nothing of each other
    ],
)


def decoder(encoding, looped=False):
    """A small decoder in float64, so that equal means equal to nine digits."""
    torch.manual_seed(0)
    architecture = Architecture(dim=32, heads=4, loops=1 + looped, inject=looped)
    return Decoder(architecture, VOCABULARY, encoding, Softmax).double().eval()


def draw(rows, time, seed=0):
    return torch.randint(VOCABULARY, (rows, time), generator=torch.Generator().manual_seed(seed))


def placements(pe, rows, time):
    """Positions to try: counted; increasing with gaps; any at all, unless the encoding needs them to increase."""
    chance = torch.Generator().manual_seed(time)
    limit = min(pe.budget or 3000, 3000)
    yield several(pe, torch.arange(time).unsqueeze(0))
    yield several(pe, torch.rand((rows, limit), generator=chance).topk(time).indices.sort(1).values)
    if not pe.distances:
        yield several(pe, torch.randint(limit, (rows, time), generator=chance))


def hooks(pe, positions):
    """Everything that an encoding makes of positions."""
    zeros = torch.zeros(*positions.shape, pe.shape.dim)
    positions = several(pe, positions)
    made = [pe.embed(zeros, positions), pe.make_table(positions)]
    return [x for x in (*made, pe.logit_bias(positions, positions)) if x is not None]


@EVERY_YAML
def test_options_are_the_constructors(path):
    cls, options = read(path)
    assert set(options) == set(signature(cls).parameters) - {"shape"}
    assert cls(Shape(32, 4)).shape == Shape(32, 4)  # every option has a default


@EVERY_YAML
def test_what_list_says_is_true(path):
    """What it learns, whether a block keeps more than keys and values, whether it adds a bias, where it ends."""
    cls, options = read(path)
    facts, made, cache = described(path), decoder(partial(cls, **options)), DecoderCache()
    positions = several(made.pe, torch.arange(5).unsqueeze(0))
    with torch.no_grad():
        made(draw(2, 5), positions, cache)
    names = {
        name for memory in cache.blocks.values() for held in (memory.last, memory.lines) for name in held
    }
    assert (facts["learned"] == "none") == (not list(made.pe.parameters()))
    assert facts["cache"].endswith("and state") == bool(names - {"key", "value"})
    assert ("refused" in facts["beyond"]) == (made.pe.budget is not None)
    heads = torch.randn(2, 4, 5, 8, dtype=torch.float64).requires_grad_()
    added = made.pe.logit_bias(positions, positions), made.pe.context(heads, heads, inputs(5))
    assert (facts["cost"].partition(",")[0] == "fused") == (added == (None, None))
    assert ("learned" in facts["cost"]) == any(bias is not None and bias.requires_grad for bias in added)
    key = made.pe.transform(heads, heads, heads, made.pe.make_table(positions + 1), inputs(5))[1]
    assert facts["cache"].startswith("raw") == torch.equal(key, heads)


@LOOPED
def test_causality_by_gradient(encoding, looped):
    made, leaves = decoder(encoding, looped), []

    def cut(module, inputs, output):
        leaves.append(output.detach().requires_grad_())
        return leaves[-1]

    made.embedding.register_forward_hook(cut)
    for positions in placements(made.pe, 2, 9):
        logits = made(draw(2, 9), positions)
        for time in range(9):
            (gradient,) = torch.autograd.grad(logits[:, time].sum(), leaves[-1], retain_graph=True)
            assert not gradient[:, time + 1 :].any()
            assert gradient[:, time].any(-1).all()
            assert time == 0 or gradient[:, :time].any(-1).any(-1).all()


@LOOPED
@pytest.mark.parametrize("time", [TRAINED // 2, TRAINED, 3 * TRAINED])
def test_cached_equals_full(encoding, looped, time):
    made, tokens = decoder(encoding, looped), draw(3, time)
    chunkings = cycle(
        [[1] * time, [3, 1, time - 4]]
    )  # token by token; several new tokens behind what is cached
    with torch.no_grad():
        for positions, chunks in zip(placements(made.pe, 3, time), chunkings, strict=False):
            full, cache = made(tokens, positions), DecoderCache()
            pairs = zip(tokens.split(chunks, 1), positions.split(chunks, 1), strict=True)
            parts = [made(part, place, cache) for part, place in pairs]
            assert_close(torch.cat(parts, 1), full, rtol=0, atol=1e-10)


@LOOPED
def test_padding_changes_nothing(encoding, looped):
    made, tokens = decoder(encoding, looped), draw(4, TRAINED)
    with torch.no_grad():
        for positions in placements(made.pe, 4, TRAINED):
            padded = made(tokens, positions)
            for row, time in enumerate((1, 4, 9, TRAINED)):
                own = positions[min(row, len(positions) - 1)].unsqueeze(0)[:, :time]
                alone = made(tokens[row : row + 1, :time], own)
                assert_close(padded[row, :time], alone[0], rtol=0, atol=1e-10)


@ENCODINGS
def test_one_row_of_positions_serves_all(encoding):
    made, tokens = decoder(encoding), draw(3, TRAINED)
    positions = several(made.pe, torch.arange(TRAINED).unsqueeze(0))
    with torch.no_grad():
        assert_close(
            made(tokens, positions), made(tokens, positions.repeat_interleave(3, 0)), rtol=0, atol=1e-10
        )


@ENCODINGS
def test_reads_is_true(encoding):
    """Positions change the logits if and only if the encoding says that it reads them."""
    made, tokens = decoder(encoding), draw(2, TRAINED)
    positions = several(made.pe, torch.arange(TRAINED).unsqueeze(0))
    with torch.no_grad():
        change = made(tokens, positions) - made(tokens, positions**2)
    assert (change.abs().max() > 1e-6) == made.pe.reads


@ENCODINGS
def test_whole_is_true(encoding):
    """Positions between integers are told apart, or the encoding says that it is defined at integers alone."""
    made, tokens = decoder(encoding), draw(2, TRAINED)
    if made.pe.whole or not made.pe.reads:
        return
    positions = torch.arange(TRAINED).unsqueeze(0)
    with torch.no_grad():
        for weight in made.pe.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.3)
        change = made(tokens, positions) - made(tokens, positions + torch.linspace(0, 0.9, TRAINED))
    assert change.abs().max() > 1e-6


@ENCODINGS
def test_stretches_is_true(encoding):
    """The lengths of queries and keys change with positions if and only if the encoding says so."""
    pe, place = decoder(encoding).pe, several(decoder(encoding).pe, torch.arange(9).unsqueeze(0))
    heads = torch.randn(2, 4, 9, 8, dtype=torch.float64)
    near, far = (
        torch.stack(pe.transform(heads, heads, heads, pe.make_table(place + shift), inputs(9))[:2]).norm(
            dim=-1
        )
        for shift in (0, 300)
    )
    assert ((near - far).abs().max() > 1e-3) == pe.stretches


@ENCODINGS
def test_tables_are_float32_under_autocast(encoding):
    pe = encoding(Shape(32, 4))
    last = (pe.budget or 8193) - 1
    positions = torch.tensor([[0, 1, 255, 256, 257, 1001, 2049, 4097, 8191, 8192]]).clamp(max=last)
    plain = hooks(pe, positions)
    with torch.autocast("cpu", torch.bfloat16):
        cast = hooks(pe, positions)
    for expected, got in zip(plain, cast, strict=True):
        assert got.dtype == torch.float32
        assert torch.equal(got, expected)


@ENCODINGS
def test_blocks_compute_positions_in_float32_under_autocast(encoding):
    """What a block makes of queries and keys far out is near to what it makes without autocast: angles would be lost."""
    made = encoding(Shape(32, 4))
    heads = torch.randn(2, 4, 9, 8)
    last = min(made.budget or 8193, 8193) - 1
    places = several(made, torch.arange(last - 8, last + 1).unsqueeze(0))

    def computed():
        view = inputs(9, x=torch.ones(2, 9, 32), positions=places)
        query, key, value = made.transform(heads, heads, heads, made.make_table(places), view)
        return [query, key, value, made.context(query, key, view)]

    plain = computed()
    with torch.autocast("cpu", torch.bfloat16):
        cast = computed()
    for expected, got in zip(plain, cast, strict=True):
        assert (got is None) == (expected is None)
        if got is not None:
            assert_close(got.float(), expected, rtol=0, atol=0.05)


@pytest.mark.parametrize(("time", "distinct"), [(256, 64), (512, 33), (1024, 17), (2048, 9), (8192, 3)])
def test_no_two_positions_fall_together(time, distinct):
    """Of the last 64 positions bfloat16 tells few apart; what is made of them stays apart under autocast."""
    last = torch.arange(time - 64, time).unsqueeze(0)
    assert len(last.bfloat16().unique()) == distinct
    with torch.autocast("cpu", torch.bfloat16):
        biases = ALiBi(Shape(64, 4)).logit_bias(last[:, -1:], last)[0, 0].T
        vectors = Sinusoidal(Shape(64, 4)).embed(torch.zeros(1, 64, 64), last)[0]
    assert len(biases.unique(dim=0)) == len(vectors.unique(dim=0)) == 64


@ENCODINGS
def test_no_table_is_held_in_the_module(encoding):
    """No buffers, so a module cast to bfloat16 computes the same tables (its parameters apart)."""
    pe, positions = encoding(Shape(32, 4)), torch.arange(0, 8192, 97).unsqueeze(0)
    assert not list(pe.buffers())
    if not list(pe.parameters()):
        for expected, got in zip(
            hooks(pe, positions), hooks(encoding(Shape(32, 4)).bfloat16(), positions), strict=True
        ):
            assert torch.equal(got, expected)


@ENCODINGS
def test_bfloat16_forward(encoding):
    """Autocast, full and cached, stays close to float64 far out, where positions in bfloat16 would be lost."""
    made, tokens = decoder(encoding), draw(2, 24)
    positions = several(made.pe, torch.arange(24).unsqueeze(0) + min(5000, (made.pe.budget or 5024) - 24))
    with torch.no_grad():
        exact = made(tokens, positions)
        made, cache = made.float(), DecoderCache()
        with torch.autocast("cpu", torch.bfloat16):
            rough = made(tokens, positions)
            parts = [made(tokens[:, a:b], positions[:, a:b], cache) for a, b in pairwise((0, 20, 21, 24))]
    assert rough.dtype == torch.bfloat16
    assert_close(rough.double(), exact, rtol=0, atol=0.1)
    assert_close(torch.cat(parts, 1).double(), exact, rtol=0, atol=0.1)


@ENCODINGS
@pytest.mark.parametrize(("rows", "queries", "keys"), [(1, 1, 1), (1, 1, 9), (3, 4, 9), (3, 9, 9)])
def test_bias_of_any_queries_and_keys(encoding, rows, queries, keys):
    """The bias of a pair is the same alone and in a batch: it knows two positions and nothing of the rest."""
    pe = encoding(Shape(32, 4))
    key = (
        torch.rand((rows, 300), generator=torch.Generator().manual_seed(0)).topk(keys).indices.sort(1).values
    )
    query = key[:, -queries:]
    bias = pe.logit_bias(query, key)
    if bias is None:
        return
    assert bias.dtype == torch.float32
    assert bias.shape == (rows, 4, queries, keys)
    shared = pe.logit_bias(query[:1], key)  # one row of queries, many of keys: broadcast
    assert shared.shape == (rows, 4, queries, keys)
    for row in range(rows):
        for i in range(queries):
            for j in range(keys - queries + i + 1):
                single = pe.logit_bias(query[row, i].view(1, 1), key[row, j].view(1, 1))
                assert_close(single.flatten(), bias[row, :, i, j], rtol=0, atol=2e-6)


@ENCODINGS
def test_budget_is_the_number_of_positions(encoding):
    pe = encoding(Shape(32, 4))
    if pe.budget is not None:
        hooks(pe, torch.tensor([[0, pe.budget - 1]]))
        with pytest.raises((ValueError, IndexError)):
            hooks(pe, torch.tensor([[pe.budget]]))


@ENCODINGS
@pytest.mark.parametrize("shift", [1, 500])
def test_shift_invariance(encoding, shift):
    """A common shift of all positions changes nothing if and only if the encoding says that it is relative."""
    made, tokens = decoder(encoding), draw(2, 2 * TRAINED)
    positions = several(made.pe, torch.arange(2 * TRAINED).unsqueeze(0))
    with torch.no_grad():
        change = (made(tokens, positions + shift) - made(tokens, positions)).abs().max()
    assert (change < 1e-3) == made.pe.relative
