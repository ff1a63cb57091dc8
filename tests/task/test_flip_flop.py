"""Flip-flops one instruction after the other, written from the specification."""

import pytest
from scipy.stats import chisquare

from lengen.task.flip_flop import FlipFlop

from .reading import draw

LENGTHS = (1, 2, 3, 10, 41)
COUNT = 80
UNLIKELY = 1e-3


def split(read):
    """Instructions and their bits, without the question."""
    assert read[-1] == "r"
    return list(zip(read[:-1:2], read[1:-1:2], strict=True))


@pytest.mark.parametrize("ignore", [0, 0.1, 0.8, 0.98, 1])
@pytest.mark.parametrize("length", LENGTHS)
def test_answers(length, ignore):
    batch, pairs = draw(FlipFlop(ignore=ignore), length, COUNT, seed=length)
    assert batch.places is None  # they would tell which write was the last
    for read, written in pairs:
        instructions, memory = split(read), None
        assert len(instructions) == length
        assert instructions[0][0] == "w"
        for kind, bit in instructions:
            assert kind in ("w", "r", "i")
            assert bit in ("0", "1")
            if kind == "w":
                memory = bit
            if kind == "r":
                assert bit == memory
        assert written == [memory]


@pytest.mark.parametrize("ignore", [0.1, 0.8])
def test_instructions_come_by_their_chances(ignore):
    _, pairs = draw(FlipFlop(ignore=ignore), 11, 400)
    kinds = [kind for read, _ in pairs for kind, _ in split(read)[1:]]
    share = (1 - ignore) / 2
    expected = [4000 * ignore, 4000 * share, 4000 * share]
    assert chisquare([kinds.count(kind) for kind in "iwr"], expected).pvalue > UNLIKELY
    bits = [bit for read, _ in pairs for kind, bit in split(read) if kind != "r"]
    assert chisquare([bits.count("0"), bits.count("1")]).pvalue > UNLIKELY


def test_stress_sets():
    assert FlipFlop().stress_sets() == {"sparse": FlipFlop(ignore=0.98), "dense": FlipFlop(ignore=0.1)}


@pytest.mark.parametrize("ignore", [-0.1, 1.1])
def test_refusals(ignore):
    with pytest.raises(ValueError, match=rf"task\.ignore={ignore}: must be in \[0, 1\]"):
        FlipFlop(ignore=ignore)
