"""Segments side by side: their order changes nothing for what follows, decoding equals a full pass, and weights are those of a slow loop."""

import math

import pytest
import torch
from tests.extend.test_contract import ENCODINGS, TRAINED, decoder, run
from torch.testing import assert_close

from lengen.attention.softmax import Softmax
from lengen.block.inputs import BlockCache, BlockInputs, Shape
from lengen.block.shared import DecoderCache
from lengen.config.errors import UsageError
from lengen.extend import Parts, Sizes
from lengen.extend.chosen import Chosen
from lengen.extend.parallel import Parallel
from lengen.pe.cable import CABLE
from lengen.pe.carope import CARoPE
from lengen.pe.nope import NoPE
from lengen.positions.contiguous import Contiguous
from lengen.task.copy import Copy

SHAPE = Shape(32, 4, 2)
SIZE, FIRST, PROMPT, TIME = 5, 1, 19, 24
"""A prompt of 19 tokens: one shared, three segments of 5, three behind; then the answer."""


def batch():
    """Examples with such a prompt, one of them with a shorter one, which has a single segment."""
    made = Copy().sample(17, 2, torch.Generator().manual_seed(0)).begin().rows(slice(0, 2))
    answer = torch.zeros(2, TIME, dtype=torch.bool)
    answer[0, PROMPT:] = answer[1, 9:] = True
    tokens = torch.randint(4, 11, (2, TIME), generator=torch.Generator().manual_seed(1))
    return made.__class__(
        tokens=tokens,
        answer=answer,
        result=answer,
        places=None,
        length=made.length,
        vocabulary=made.vocabulary,
    )


def extended(pe="rope", **options):
    chosen = Chosen({"parallel": Parallel(SIZE, FIRST, **options)})
    made, scheme = chosen.of(decoder(pe), Contiguous(), Sizes(TRAINED, TRAINED, TIME))
    return made, scheme(batch(), torch.Generator(), training=False)


@pytest.mark.parametrize("pe", [CARoPE, CABLE])
def test_sums_over_the_tokens_before_would_tell_segments_apart(pe):
    parts = Parts(pe(SHAPE), (Softmax(SHAPE),), Contiguous())
    with pytest.raises(UsageError, match="adds up nothing over the tokens before"):
        Parallel(SIZE, FIRST).fit(parts)


def test_positions():
    _, positions = extended()
    segment = [1, 2, 3, 4, 5]
    assert positions[0].tolist() == [0, *segment, *segment, *segment, *range(6, 14)]
    assert positions[1].tolist() == [*range(TIME)]


@pytest.mark.parametrize("pe", [name for name in ENCODINGS if name not in ("kerple-layers", "carope")])
def test_the_order_of_segments_changes_nothing_for_what_follows(pe):
    made, positions = extended(pe)
    tokens = batch().tokens
    swapped = tokens.clone()
    swapped[:, 1:6], swapped[:, 11:16] = tokens[:, 11:16], tokens[:, 1:6]
    before, after = run(made, tokens, positions), run(made, swapped, positions)
    assert_close(after[0, 16:], before[0, 16:], rtol=0, atol=1e-9)
    assert_close(after[0, 6:11], before[0, 6:11], rtol=0, atol=1e-9)
    assert not torch.allclose(after[1, 16:], before[1, 16:], rtol=0, atol=1e-6)


@pytest.mark.parametrize("pe", ["nope", "rope", "t5", "learned"])
def test_cached_decoding_is_the_full_pass(pe):
    made, positions = extended(pe)
    tokens, cache = batch().tokens, DecoderCache()
    full = run(made, tokens, positions)
    parts = [run(made, tokens[:, :3], positions[:, :3], cache)]
    parts += [run(made, tokens[:, at : at + 1], positions[:, at : at + 1], cache) for at in range(3, TIME)]
    assert_close(torch.cat(parts, 1), full, rtol=0, atol=1e-9)


def test_a_prompt_of_one_segment_is_read_as_it_is():
    made, positions = extended()
    tokens = batch().tokens
    assert_close(
        run(made, tokens, positions)[1], run(decoder("rope"), tokens, positions)[1], rtol=0, atol=1e-9
    )


@pytest.mark.parametrize(("temperature", "scale"), [(0.9, 0.9), (1.0, 1.0), (0.5, 1.3)])
def test_weights_row_by_row(temperature, scale):
    shape = Shape(16, 2)
    extension = Parallel(SIZE, FIRST, temperature=temperature, scale=scale)
    parts = extension.changed(Parts(NoPE(shape), (Softmax(shape),), Contiguous()), Sizes(12, 12, TIME))
    positions = parts.positions(batch(), torch.Generator(), training=False)
    query, key, value = torch.randn(3, 2, 2, TIME, 8, generator=torch.Generator().manual_seed(0)).double()
    inputs = BlockInputs(torch.zeros(2, TIME, 16).double(), 0, positions, positions, BlockCache())
    found = parts.rules[0](query, key, value, None, inputs)
    segment = [-1, *[0] * 5, *[1] * 5, *[2] * 5, *[3] * 8]
    for head in range(2):
        for i in range(TIME):
            logits = {j: float(query[0, head, i] @ key[0, head, j]) / math.sqrt(8) for j in range(i + 1)}
            if segment[i] < 3:
                seen = [j for j in logits if segment[j] in (-1, segment[i])]
                weights = torch.tensor([logits[j] for j in seen], dtype=torch.float64).softmax(0)
            else:
                seen = [*logits]
                context = [j for j in seen if 0 <= segment[j] < 3]
                z = torch.tensor([logits[j] for j in context], dtype=torch.float64) / temperature
                rest = torch.tensor([logits[j] for j in seen if j not in context], dtype=torch.float64)
                both = torch.stack([scale * temperature * z.logsumexp(0), rest.logsumexp(0)]).softmax(0)
                shares = dict(zip(context, (z.softmax(0) * both[0]).tolist(), strict=True))
                others = [j for j in seen if j not in context]
                shares |= dict(zip(others, (rest.softmax(0) * both[1]).tolist(), strict=True))
                weights = torch.tensor([shares[j] for j in seen], dtype=torch.float64)
            assert_close(found[0, head, i], weights @ value[0, head, seen], rtol=0, atol=1e-9)
