"""Each check of a mixer fails for one that breaks what it checks, and says so in one line."""

import pytest
import torch
from torch import nn

from lengen.block.inputs import wide
from lengen.mixer import Recurrent, exact
from lengen.mixer.attention import Attention
from lengen.mixer.mingru import MinGRU
from lengen.mixer.scan import scan
from lengen.testing import ContractError, check_mixer


class Leaky(Recurrent):
    """h' = (h + W x) / 2, which keeps the contract."""

    cost = "scan"

    def __init__(self, layer):
        super().__init__(layer)
        self.into, self.out = (nn.Linear(self.dim, self.dim, bias=False) for _ in range(2))

    def mix(self, x, state):
        new = self.into(x)
        with exact(x):
            hidden = self.hidden(wide(new) / 2, None if state is None else state[0])
        return self.out(hidden.to(x.dtype)), (hidden[:, -1],)

    def hidden(self, new, start):
        return scan(torch.full_like(new, 0.5), new, start)


class SeesAll(Leaky):
    def hidden(self, new, start):
        return super().hidden(new, start) + new.mean(1, keepdim=True)


class ForgetsStart(Leaky):
    def hidden(self, new, start):
        return super().hidden(new, None)


class ForgetsStartOfSeveral(Leaky):
    """Right at once, and right token by token."""

    def hidden(self, new, start):
        return super().hidden(new, start if new.shape[1] == 1 else None)


class Grows(Leaky):
    def mix(self, x, state):
        mixed, after = super().mix(x, state)
        seen = x if state is None else torch.cat([state[1], x], 1)
        return mixed, (*after, seen)


class GrowsUnsaid(Grows):
    def state_size(self, tokens):
        return 32 * (1 + tokens)


class GrowsByLess(GrowsUnsaid):
    """It says that it grows by more than it does."""

    growth = "linear"

    def mix(self, x, state):
        return Leaky.mix(self, x, state)

    def state_size(self, tokens):
        return 32


class Undercounts(Leaky):
    def state_size(self, tokens):
        return super().state_size(tokens) - 1


class Half(Leaky):
    def mix(self, x, state):
        new = self.into(x)
        hidden = self.hidden(new / 2, None if state is None else state[0].to(new.dtype))
        return self.out(hidden), (hidden[:, -1],)


class Rounds(Leaky):
    def hidden(self, new, start):
        return super().hidden(new.bfloat16().to(new.dtype) if new.dtype == torch.float32 else new, start)


class Overflows(Leaky):
    """The factorised form of a decay."""

    def hidden(self, new, start):
        power = 2.0 ** torch.arange(1, new.shape[1] + 1).view(1, -1, 1).to(new.dtype)
        start = torch.zeros_like(new[:, 0]) if start is None else start
        return ((new * power).cumsum(1) + start.unsqueeze(1)) / power


class Detaches(Leaky):
    def hidden(self, new, start):
        return super().hidden(new, None if start is None else start.detach())


class Idle(Leaky):
    def __init__(self, layer):
        super().__init__(layer)
        self.unused = nn.Parameter(torch.ones(3))

    def hidden(self, new, start):
        return super().hidden(new, start) + 0 * self.unused.sum()


class MixesRows(Leaky):
    def hidden(self, new, start):
        return super().hidden(new, start) + new.mean(0)


class Remembers(Leaky):
    calls = 0

    def hidden(self, new, start):
        self.calls += 1
        return super().hidden(new, start) / self.calls


class Buffered(Leaky):
    def __init__(self, layer):
        super().__init__(layer)
        self.register_buffer("kept", torch.ones(3))


class Hides(Leaky):
    def __init__(self, layer):
        super().__init__(layer)
        self._modules["mix"] = nn.Linear(1, 1)


class Cheap(Leaky):
    cost = "free"


BROKEN = [
    (SeesAll, "causality by gradient and by change", "sees a later one"),
    (ForgetsStart, "token by token equals all at once", "one at a time"),
    (ForgetsStart, "cached decoding and padding", "with a cache and without"),
    (ForgetsStartOfSeveral, "split anywhere equals all at once", "split at 1,"),
    (Grows, "the state has the size it says", "state_size(2) is 64, but the state has 96"),
    (GrowsUnsaid, "the state grows as it says", "growth='constant', but state_size(2) is 96, above 64"),
    (GrowsByLess, "the state grows as it says", "growth='linear', but state_size grows as 'log' says"),
    (Undercounts, "the state has the size it says", "state_size(1) is 31, but the state has 32"),
    (Half, "the state is float32 under autocast", "bfloat16"),
    (Rounds, "float32 agrees with float64", "128 tokens at once"),
    (Overflows, "finite far beyond the trained length", "not finite"),
    (Detaches, "gradients of steps equal those of all at once", "token by token and at once"),
    (Idle, "gradients of steps equal those of all at once", "no gradient reaches unused"),
    (MixesRows, "examples are independent", "an example alone"),
    (Remembers, "state_dict, and no state besides", "repeated after another"),
    (Buffered, "is built, without buffers", "kept"),
    (Hides, "is built, without buffers", "hides the hook 'mix'"),
    (Cheap, "is built, without buffers", "cost='free'"),
]


@pytest.mark.parametrize(("mixer", "name", "words"), BROKEN)
def test_mixers_that_break_their_contract(mixer, name, words):
    failed = {check.name: check.reason for check in check_mixer(mixer, raise_on_failure=False).failures}
    assert words in failed[name]
    assert "\n" not in failed[name]
    with pytest.raises(ContractError) as raised:
        check_mixer(mixer)
    assert str(raised.value).startswith(f"{mixer.__name__}: ")


@pytest.mark.parametrize("mixer", [Leaky, MinGRU, Attention])
def test_mixers_that_keep_it(mixer):
    assert check_mixer(mixer).passed


def test_options_reach_the_constructor():
    assert "13 of 13 checks hold" in repr(check_mixer(MinGRU, size=5))


def test_one_that_passes_token_by_token_alone():
    failed = [check.name for check in check_mixer(ForgetsStartOfSeveral, raise_on_failure=False).failures]
    assert "split anywhere equals all at once" in failed
    assert "token by token equals all at once" not in failed
