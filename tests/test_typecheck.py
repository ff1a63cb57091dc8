"""The tests check shapes: a wrong one is refused, and after a function's first calls in a test the others are let through."""

import pytest
import torch
from jaxtyping import TypeCheckError

import typecheck
from lengen.block.inputs import Shape
from lengen.evaluation.metrics import exact_match
from lengen.pe.alibi import ALiBi
from lengen.pe.rope import RoPE


def test_a_wrong_shape_is_refused_in_the_first_calls_of_each_test():
    wrong = torch.zeros(2, 3, dtype=torch.bool), torch.ones(2, 4, dtype=torch.bool)
    for _ in range(typecheck.CALLS):
        with pytest.raises(TypeCheckError):
            exact_match(*wrong)
    assert typecheck.seen[exact_match.__wrapped__.__code__] == typecheck.CALLS
    with pytest.raises(RuntimeError):  # torch's own
        exact_match(*wrong)
    typecheck.seen.clear()
    with pytest.raises(TypeCheckError):
        exact_match(*wrong)


def test_shapes_behind_a_name_are_checked():
    """Names such as `Heads` for shapes of hooks hold what the shapes held."""
    heads = torch.zeros(2, 4, 3, 8)
    rope = RoPE(Shape(32, 4))
    table = rope.make_table(torch.arange(3).unsqueeze(0))
    assert rope.rotate(heads, table).shape == heads.shape
    with pytest.raises(TypeCheckError):
        rope.rotate(heads[0], table)
    with pytest.raises(TypeCheckError):
        ALiBi(Shape(32, 4)).logit_bias(torch.zeros(3), torch.zeros(1, 3))
