"""Each check fails for a part that breaks what it checks, and says so in one line."""

import random
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import nn

from lengen.attention import AttentionRule
from lengen.pe import PositionalEncoding
from lengen.pe.alibi import ALiBi
from lengen.positions import Positions
from lengen.task import Span, Task, Vocabulary, assemble
from lengen.testing import (
    Check,
    ContractError,
    Report,
    check_attention,
    check_encoding,
    check_positions,
    check_task,
)


class Learned(PositionalEncoding):
    relative = False
    whole = True

    def __init__(self, shape, rows: int = 64):
        super().__init__(shape)
        self.rows = nn.Embedding(rows, shape.dim)

    def embed(self, x, positions):
        return x + self.rows(positions)


class Budgeted(Learned):
    @property
    def budget(self):
        return self.rows.num_embeddings


class NotCausal(PositionalEncoding):
    reads, relative = False, True

    def embed(self, x, positions):
        return x + x.mean(1, keepdim=True)


class Hidden(PositionalEncoding):
    def __init__(self, shape):
        super().__init__(shape)
        self.embed = nn.Linear(shape.dim, shape.dim)


class Buffered(ALiBi):
    def __init__(self, shape):
        super().__init__(shape)
        self.register_buffer("kept", torch.ones(3))


class Absolute(ALiBi):
    relative = False


class Blind(ALiBi):
    reads = False


class Remembers(ALiBi):
    calls = 0

    def logit_bias(self, query, key):
        self.calls += 1
        return super().logit_bias(query, key) / self.calls


class Half(ALiBi):
    def logit_bias(self, query, key):
        return super().logit_bias(query, key).bfloat16()


class Global(ALiBi):
    def auxiliary(self, chance):
        return torch.rand(())


def failed(report):
    return {check.name: check.reason for check in report.failures}


@pytest.mark.parametrize(
    ("encoding", "name", "words"),
    [
        (Learned, "budget", "`budget` = N"),
        (NotCausal, "causality by gradient", "comes later"),
        (NotCausal, "padding changes nothing", "padded and alone"),
        (NotCausal, "cached decoding equals the full pass", "with a cache and without"),
        (Hidden, "is built, without buffers", "hides the hook 'embed'"),
        (Buffered, "is built, without buffers", "kept"),
        (Absolute, "relative", "relative=False"),
        (Blind, "reads", "reads=False"),
        (Remembers, "state_dict, and no state besides", "repeated after another"),
        (Half, "bias of any queries and keys", "float32"),
        (Global, "finite gradients", "global generator"),
    ],
)
def test_encodings_that_break_their_contract(encoding, name, words):
    report = check_encoding(encoding, raise_on_failure=False)
    assert words in failed(report)[name]
    assert "\n" not in failed(report)[name]
    assert not report.passed
    with pytest.raises(ContractError) as raised:
        check_encoding(encoding)
    assert str(raised.value).startswith(f"{encoding.__name__}: ")
    assert "\n" not in str(raised.value)


def test_an_encoding_of_ones_own_passes():
    assert check_encoding(Budgeted, rows=400).passed
    assert "21 of 21 checks hold" in repr(check_encoding(Budgeted, rows=400))


def test_torchs_generator_is_left_alone():
    state = torch.get_rng_state()
    check_encoding(ALiBi)
    assert torch.equal(torch.get_rng_state(), state)


class Ahead(AttentionRule):
    def forward(self, query, key, value, bias, inputs):
        return super().forward(query, key, value, bias, inputs) + value.mean(2, keepdim=True)


class Silent(AttentionRule):
    def normalise(self, logits, inputs):
        return logits.softmax(-1)


class Said(AttentionRule):
    reads = True


@pytest.mark.parametrize(
    ("rule", "name", "words"),
    [
        (Ahead, "causality by gradient", "later key"),
        (Silent, "is built, without buffers", "fused=True"),
        (Said, "reads", "reads=True"),
    ],
)
def test_rules_that_break_their_contract(rule, name, words):
    assert words in failed(check_attention(rule, raise_on_failure=False))[name]
    with pytest.raises(ContractError):
        check_attention(rule)


class Later(Positions):
    def __call__(self, batch, generator, *, training):
        return (batch.tokens == batch.tokens[:, -1:]).sum(1, keepdim=True) + torch.arange(batch.time)


class Unkeyed(Positions):
    def __call__(self, batch, generator, *, training):
        return torch.randint(9, (1, 1)) + torch.arange(batch.time).unsqueeze(0)


class Claimed(Positions):
    """Steps of two after an odd token, whatever it says of itself."""

    reads_tokens = False

    def __call__(self, batch, generator, *, training):
        return (1 + batch.tokens % 2).cumsum(1)


class Back(Positions):
    def __call__(self, batch, generator, *, training):
        return torch.arange(batch.time).flip(0).unsqueeze(0)


@pytest.mark.parametrize(
    ("scheme", "name", "words"),
    [
        (Later, "later tokens do not matter, sweep", "depend on later tokens"),
        (Unkeyed, "draws from the given generator only, sweep", "global generator"),
        (Claimed, "tokens that are not decoded yet do not matter, sweep", "reads_tokens=False"),
        (Back, "shape, range and class variables, training", "increasing=True"),
    ],
)
def test_positions_that_break_their_contract(scheme, name, words):
    assert words in failed(check_positions(scheme(), raise_on_failure=False))[name]
    with pytest.raises(ContractError):
        check_positions(scheme())


@dataclass(frozen=True)
class Last(Task):
    """The last of some symbols; `fault` breaks something."""

    fault: str = ""

    @property
    def vocabulary(self):
        return Vocabulary(("a", "b", "c"))

    def sample(self, length, count, generator):
        offset = 0 if self.fault == "offset" else 4
        if self.fault == "numpy":
            tokens = torch.from_numpy(np.random.randint(0, 3, (count, length)))  # noqa: NPY002
        elif self.fault == "python":
            tokens = torch.tensor([[random.randrange(3) for _ in range(length)] for _ in range(count)])
        elif self.fault == "old" and length > 40:
            raise ValueError(f"length {length}: too long")
        elif self.fault == "torch":
            tokens = torch.randint(3, (count, length))
        else:
            tokens = torch.randint(3, (count, length), generator=generator)
        answer = tokens[:, -1:]
        if self.fault == "answer":
            answer = torch.randint(3, (count, 1), generator=generator)
        batch = assemble(
            length, count, self.vocabulary, [Span(tokens + offset)], [Span(answer + 4)], coupled=False
        )
        return replace(batch, length=batch.length + 1) if self.fault == "length" else batch


@pytest.mark.parametrize(
    ("fault", "name", "words"),
    [
        ("offset", "special tokens", "begin at id 4"),
        ("torch", "draws from the given generator only", "torch's global generator"),
        ("numpy", "draws from the given generator only", "only from the given generator"),
        ("python", "draws from the given generator only", "only from the given generator"),
        ("answer", "answers are functions of prompts", "has two answers"),
        ("length", "examples have the requested length", "instead of"),
        ("old", "missing lengths", "raise lengen.LengthUnavailable instead"),
    ],
)
def test_tasks_that_break_their_contract(fault, name, words):
    state = torch.get_rng_state(), random.getstate()
    assert words in failed(check_task(Last(fault), raise_on_failure=False))[name]
    assert torch.equal(torch.get_rng_state(), state[0])
    with pytest.raises(ContractError):
        check_task(Last(fault))


def test_a_reason_that_repeats_is_written_once():
    checks = [Check("one", passed=False, reason="why"), Check("two", passed=False, reason="why")]
    lines = repr(Report("mine", (*checks, Check("three", passed=True)))).splitlines()[1:]
    assert lines == ["FAIL  one    why", "FAIL  two    as in 'one'", "ok    three"]


def test_duplicates_of_a_task_are_counted():
    report = check_task(Last(), length=3)
    assert report.passed
    (told,) = [check.reason for check in report if "functions" in check.name]
    assert told == "97% of 1000 prompts of length 3 are duplicates"
