"""The tests check shapes: a wrong one is refused, and after a function's first calls in a test the others are let through."""

import pytest
import torch
from jaxtyping import TypeCheckError

import typecheck
from lengen.evaluation.metrics import exact_match


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
