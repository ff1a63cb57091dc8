"""No attribute hides a hook, and hooks may be defined and called by their former names."""

import pytest
import torch
from torch import nn

from lengen.attention import AttentionRule
from lengen.attention.softmax import Softmax
from lengen.block.inputs import Shape
from lengen.config.aliases import warn_renamed
from lengen.config.errors import UsageError
from lengen.decoder import Architecture, Decoder
from lengen.pe import PositionalEncoding
from lengen.pe.alibi import ALiBi
from lengen.pe.rope import RoPE

SHAPE, COUNTED = Shape(32, 4), torch.arange(6).unsqueeze(0)


def decoder(pe=PositionalEncoding, attention=Softmax):
    return Decoder(Architecture(dim=32, heads=4), 9, pe, attention)


@pytest.fixture(autouse=True)
def _unwarned():
    warn_renamed.cache_clear()


@pytest.mark.parametrize("base", [PositionalEncoding, AttentionRule])
@pytest.mark.parametrize(
    "value",
    [nn.Parameter(torch.zeros(4)), nn.Embedding(3, 4), torch.zeros(4), 1.0],
    ids=["parameter", "module", "tensor", "number"],
)
def test_an_attribute_that_hides_a_hook_is_refused(base, value):
    for hook in base.hooks:

        class Mine(base):
            def __init__(self, shape, name=hook):
                super().__init__(shape)
                setattr(self, name, value)

        with pytest.raises(UsageError) as refusal:
            decoder(**{"pe" if base is PositionalEncoding else "attention": Mine})
        assert f"Mine.{hook}: " in str(refusal.value)
        assert f"the hook {hook!r} of {base.__name__}" in str(refusal.value)
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("base", [PositionalEncoding, AttentionRule])
def test_a_class_attribute_that_hides_a_hook_is_refused(base):
    for hook in base.hooks:
        mine = type("Mine", (base,), {hook: 3})
        with pytest.raises(UsageError, match=rf"Mine\.{hook}: .* hides the hook '{hook}'"):
            decoder(**{"pe" if base is PositionalEncoding else "attention": mine})


def test_what_was_registered_over_a_hook_is_refused():
    class Mine(PositionalEncoding):
        def __init__(self, shape):
            super().__init__(shape)
            self._buffers["logit_bias"] = torch.zeros(4)

    with pytest.raises(UsageError, match=r"Mine\.logit_bias"):
        decoder(Mine)


def test_a_function_may_stand_for_a_hook():
    class Mine(PositionalEncoding):
        def __init__(self, shape):
            super().__init__(shape)
            self.embed = lambda x, positions: x + 1

    plain, made = decoder(), decoder(Mine)
    made.load_state_dict(plain.state_dict())
    assert not torch.equal(plain(COUNTED, COUNTED), made(COUNTED, COUNTED))


def test_former_names_are_free_for_weights():
    """What an encoding holds as `bias` or `table` hides nothing any more."""

    class Mine(ALiBi):
        def __init__(self, shape):
            super().__init__(shape)
            self.bias = nn.Parameter(torch.ones(4))
            self.table = nn.Embedding(3, 4)

        def logit_bias(self, query, key):
            return super().logit_bias(query, key) + self.bias.view(4, 1, 1)

    made = decoder(Mine)
    assert {"pe.bias", "pe.table.weight"} <= set(made.state_dict())
    made(COUNTED, COUNTED).sum().backward()
    assert torch.equal(made.pe.logit_bias(COUNTED, COUNTED), ALiBi(SHAPE).logit_bias(COUNTED, COUNTED) + 1)
    assert made.double().pe.bias.dtype == torch.float64


def test_a_hook_under_its_former_name_is_called():
    with pytest.warns(FutureWarning, match=r"Mine\.bias is now logit_bias") as warned:  # noqa: PT031  # classes of one's own are made of many statements

        class Mine(ALiBi):
            def bias(self, query, key):
                return 2 * super().bias(query, key)

        twice = Mine(SHAPE)
        expected = 2 * ALiBi(SHAPE).logit_bias(COUNTED, COUNTED)
        assert torch.equal(twice.logit_bias(COUNTED, COUNTED), expected)
        assert torch.equal(twice.bias(COUNTED, COUNTED), expected)
        assert torch.isfinite(decoder(Mine)(COUNTED, COUNTED)).all()
    assert all("\n" not in str(each.message) for each in warned)
    assert len({str(each.message) for each in warned}) == len(warned)  # each said once


def test_a_table_under_its_former_name_is_called():
    with pytest.warns(FutureWarning, match=r"Mine\.table is now make_table"):  # noqa: PT031  # classes of one's own are made of many statements

        class Mine(RoPE):
            def table(self, positions):
                return super().table(positions / 2)

        made = Mine(SHAPE)
        assert torch.equal(made.make_table(2 * COUNTED), RoPE(SHAPE).make_table(COUNTED))


def test_what_inherits_from_an_old_class_goes_on():
    with pytest.warns(FutureWarning):  # noqa: PT031  # classes of one's own are made of many statements

        class Old(ALiBi):
            def bias(self, query, key):
                return 2 * super().bias(query, key)

        class New(Old):
            def logit_bias(self, query, key):
                return super().logit_bias(query, key) + 1

        expected = 2 * ALiBi(SHAPE).logit_bias(COUNTED, COUNTED) + 1
        assert torch.equal(New(SHAPE).logit_bias(COUNTED, COUNTED), expected)
        assert torch.equal(New(SHAPE).bias(COUNTED, COUNTED), expected)
