"""Cells with stacks and tapes against slow loops from their formulas, lists of Python, and the worked example."""

import pytest
import torch
from tests.mixer.test_formulas import made
from tests.mixer.vectors import draw
from torch.testing import assert_close

from lengen.config.errors import UsageError


def one_hot(actions, chosen):
    return torch.eye(actions).double()[torch.as_tensor(chosen)][:, None]


def test_worked_example_of_a_stack():
    """Push 1; half push 2, half keep; pop: of depth 3."""
    mixer, memory = made("stack_rnn", depth=3, cell=1), torch.zeros(1, 1, 3, 1).double()
    steps = [(1.0, (1, 0, 0), (1, 0, 0)), (2.0, (0.5, 0, 0.5), (1.5, 0.5, 0)), (9.0, (0, 1, 0), (0.5, 0, 0))]
    for value, weights, expected in steps:
        action = torch.tensor(weights).double()[None, None]
        memory = mixer.written(memory, torch.full((1, 1, 1), value).double(), action)
        assert_close(memory.flatten(), torch.tensor(expected).double())


@pytest.mark.parametrize("depth", [None, 4])
def test_hard_actions_are_a_list(depth):
    """Stacks of rows that act apart, each a list; an empty one reads 0, and a full one loses its bottom."""
    mixer = made("stack_rnn", depth=depth, cell=1, stacks=1)
    chosen = torch.randint(3, (6, 40), generator=torch.Generator().manual_seed(3))
    chosen[0] = 0  # pushes alone
    values, lists = draw(6, 40, 1, 1), [[] for _ in range(6)]
    memory = torch.zeros(6, 1, mixer.places(0), 1).double()
    for time in range(40):
        memory = mixer.written(memory, values[:, time], one_hot(3, chosen[:, time]))
        for row, held in enumerate(lists):
            if chosen[row, time] == 0:
                held.insert(0, float(values[row, time]))
                del held[depth or 40 :]
            elif chosen[row, time] == 1 and held:
                del held[0]
        expected = [held + [0.0] * (memory.shape[2] - len(held)) for held in lists]
        assert_close(memory[:, 0, :, 0], torch.tensor(expected, dtype=torch.float64), rtol=0, atol=0)


def slow_cell(mixer, x, memories, write):
    """h' = tanh(W x + U [h; read] + b) row by row; `write` gives the memories of a row after a token."""
    mixed = torch.zeros_like(x)
    for row in range(len(x)):
        h, memory = torch.zeros(mixer.size).double(), memories()
        for time in range(x.shape[1]):
            read = torch.cat([held[0] for held in memory])
            h = torch.tanh(
                mixer.into.weight @ x[row, time] + mixer.back.weight @ torch.cat([h, read]) + mixer.back.bias
            )
            mixed[row, time] = mixer.out.weight @ h
            values = mixer.value(h).view(mixer.count, mixer.cell)
            logits = (mixer.action.weight @ h + mixer.action.bias).view(mixer.count, -1)
            weights = logits.exp() / logits.exp().sum(1, keepdim=True)
            memory = [write(*parts, time) for parts in zip(memory, values, weights, strict=True)]
    return mixed


@pytest.mark.parametrize("depth", [None, 3])
def test_stack_rnn(depth):
    """Two stacks, each with actions of its own that sum to 1."""
    mixer, x = made("stack_rnn", depth=depth, cell=3, stacks=2), draw(2, 9, 16)
    with torch.no_grad():
        mixer.action.weight.normal_()
    deep = depth or 9

    def write(stack, value, action, _):
        stack = [*stack, torch.zeros(3).double()]
        new = []
        for place in range(deep):
            above = value if place == 0 else stack[place - 1]
            new.append(action[0] * above + action[1] * stack[place + 1] + action[2] * stack[place])
        return new

    expected = slow_cell(mixer, x, lambda: [[torch.zeros(3).double()] * deep for _ in range(2)], write)
    mixed, (_, memory) = mixer.mix(x, None)
    assert_close(mixed, expected)
    assert memory.shape == (2, 2, deep, 3)


def shifted(tape, action, jump):
    """The mixture of five rings, by index."""
    count, shifts = len(tape), (0, 1, -1, jump, -jump)
    return [
        sum(weight * tape[(place + shift) % count] for weight, shift in zip(action, shifts, strict=True))
        for place in range(count)
    ]


@pytest.mark.parametrize("jump", [2, 5])
def test_tape_rnn_of_a_fixed_length(jump):
    mixer, x = made("tape_rnn", cell=3, tapes=2, jump=jump, length=7), draw(2, 9, 16)
    with torch.no_grad():
        mixer.action.weight.normal_()

    def write(tape, value, action, _):
        return shifted([value, *tape[1:]], action, jump)

    expected = slow_cell(mixer, x, lambda: [[torch.zeros(3).double()] * 7 for _ in range(2)], write)
    assert_close(mixer.mix(x, None)[0], expected)


@pytest.mark.parametrize("jump", [None, 2])
def test_a_tape_that_grows_is_one_without_ends_if_it_only_steps(jump):
    """A dictionary of places, which has no ends; the head moves and the places stay."""
    mixer = made("tape_rnn", cell=1, jump=jump)
    chosen = torch.randint(3, (6, 30), generator=torch.Generator().manual_seed(3))
    chosen[0], chosen[1] = 1, 2  # one way alone
    values, tapes, heads = draw(6, 30, 1, 1), [{} for _ in range(6)], [0] * 6
    memory = torch.zeros(6, 1, mixer.places(0), 1).double()
    for time in range(30):
        memory = mixer.written(memory, values[:, time], one_hot(5, chosen[:, time]))
        assert memory.shape[2] == mixer.places(time + 1)
        for row, tape in enumerate(tapes):
            tape[heads[row]] = float(values[row, time])
            heads[row] += {0: 0, 1: 1, 2: -1}[int(chosen[row, time])]
            reach = time + 1
            offsets = [*range(reach + 1), *range(-reach, 0)]
            expected = [tape.get(heads[row] + offset, 0.0) for offset in offsets]
            assert memory[row, 0, :, 0].tolist() == expected


def test_a_jump_goes_back_over_what_was_read():
    """Nine tokens are written to the right; at the tenth a jump of ten to the left, and a step: the first is under the head."""
    mixer, values = made("tape_rnn", cell=1), draw(1, 10, 1, 1)
    memory = torch.zeros(1, 1, 1, 1).double()
    for time in range(10):
        action = one_hot(
            5, [1 if time < 9 else 4]
        )  # the source calls a roll by -1 left: the next place comes under the head
        memory = mixer.written(memory, values[:, time], action)
    memory = memory.roll(-1, 2)
    assert_close(memory[0, 0, :10, 0], values[0, :, 0, 0])


def test_a_tape_of_a_fixed_length_needs_a_jump():
    with pytest.raises(UsageError, match=r"^mixer.jump=None: must be a number of tokens with mixer.length=5"):
        made("tape_rnn", length=5)
