"""Digit arithmetic against integers of Python."""

import pytest
import torch

from lengen.task.digits import carry, multiply, number, operand_sizes, row, size


def drawn(count, width, least, most):
    return torch.randint(least, most + 1, (count, width), generator=torch.Generator().manual_seed(width))


def value(digits, base):
    """The integer of a row of columns, least significant first."""
    return sum(digit * base**index for index, digit in enumerate(digits.tolist()))


@pytest.mark.parametrize("base", [2, 3, 10])
@pytest.mark.parametrize("most", [0, 1, 9, 17, 18, 19, 99, 3321, 100_000])
def test_carry(base, most):
    for width in (1, 2, 7, 40):
        columns = torch.cat([drawn(50, width, 0, most), torch.full((1, width), most)])
        digits = carry(columns, base)
        assert columns.max() <= most  # what was given is not changed
        assert digits.dtype == torch.long
        assert 0 <= digits.min() <= digits.max() < base
        for before, after in zip(columns, digits, strict=True):
            assert value(after, base) == value(before, base) % base**width


@pytest.mark.parametrize("base", [2, 10])
def test_carry_runs_through_all_columns(base):
    columns = torch.full((3, 50), base - 1)
    columns[0, 0], columns[1, 20] = base, 2 * base - 2
    assert carry(columns, base)[0].tolist() == [0] * 50  # 9…9 + 1
    expected = [base - 1] * 20 + [base - 2] + [0] * 29 if base > 2 else [1] * 20 + [0] * 30
    assert carry(columns, base)[1].tolist() == expected
    assert carry(columns, base)[2].tolist() == [base - 1] * 50


@pytest.mark.parametrize("base", [2, 10])
def test_multiply(base):
    for first, second in ((1, 1), (1, 9), (20, 3), (300, 300)):
        a, b = drawn(20, first, 0, base - 1), drawn(20, second + 1, 0, base - 1)[:, 1:]
        a[0], b[0] = base - 1, base - 1
        product = multiply(a, b, base)
        assert product.shape == (20, first + second)
        for x, y, z in zip(a, b, product, strict=True):
            assert value(z, base) == value(x, base) * value(y, base)


def test_size():
    digits = torch.tensor([[0, 0, 0], [5, 0, 0], [0, 5, 0], [0, 0, 1]])
    assert size(digits).tolist() == [[1], [1], [2], [3]]


def test_uneven_operands():
    sizes = operand_sizes("uneven", 5, 500, torch.Generator().manual_seed(0)).squeeze(2)
    assert (sizes.amax(0) == 5).all()
    assert {tuple(pair) for pair in sizes.T.tolist()} == {(5, n) for n in range(1, 6)} | {
        (n, 5) for n in range(1, 6)
    }


def test_number_and_row():
    digits = torch.tensor([[1, 2, 0], [3, 0, 4]])
    span = number(digits, torch.tensor([[2], [3]]), turned=True)
    assert span.tokens.tolist() == [[5, 6, 0], [7, 4, 8]]
    assert span.places.tolist() == [[2, 3, 4]]
    span = number(digits, 2, turned=False)  # sizes are the same in all rows: there is no hole
    assert span.tokens.tolist() == [[6, 5], [4, 7]]
    assert span.places.tolist() == [[3, 2]]
    signs = torch.tensor([[20, 0], [21, 22]])
    span = row(digits.unsqueeze(0), torch.tensor([[[1], [3]]]), signs, turned=True, places=9)
    assert span.tokens.tolist() == [[5, 20, 7, 4, 8, 21, 22]]
    assert span.places.tolist() == [[2, 9, 2, 3, 4, 9, 9]]
