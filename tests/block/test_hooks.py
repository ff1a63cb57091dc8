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
from lengen.extend import Extension
from lengen.extend.chosen import Chosen
from lengen.mixer.gru import GRU
from lengen.pe import PositionalEncoding
from lengen.pe.alibi import ALiBi
from lengen.pe.rope import RoPE
from lengen.testing.encoding import check_encoding
from lengen.testing.extension import check_extension

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


def no_bias(self, query, key):
    """A method with the arguments of `logit_bias`."""


@pytest.mark.parametrize(
    ("base", "hook", "wrong"),
    [
        (PositionalEncoding, "logit_bias", "logit_bais"),
        (PositionalEncoding, "logit_bias", "logits_bias"),
        (PositionalEncoding, "make_table", "maketable"),
        (PositionalEncoding, "context", "contexts"),
        (ALiBi, "logit_bias", "logitbias"),
        (AttentionRule, "normalise", "normalize"),
        (AttentionRule, "adjust", "ajdust"),
        (AttentionRule, "share", "shares"),
    ],
)
def test_a_method_that_can_only_be_a_misspelled_hook_is_refused(base, hook, wrong):
    mine = type("Mine", (base,), {wrong: lambda *arguments: None})
    group = {"attention" if issubclass(base, AttentionRule) else "pe": mine}
    with pytest.raises(
        UsageError, match=rf"Mine\.{wrong}: nothing calls .* did you mean the hook '{hook}'\?"
    ):
        decoder(**group)


def test_the_mixin_of_a_part_is_its_own_code():
    class Mixin:
        def logit_bais(self, query, key):
            return None

    with pytest.raises(UsageError, match=r"Mixin\.logit_bais: .* hook 'logit_bias'"):
        decoder(type("Mine", (Mixin, PositionalEncoding), {}))


def test_a_misspelled_hook_of_a_mixer_and_of_an_extension_is_refused():
    class Wrong(GRU):
        def mxi(self, x, state):
            return x, state

    class Right(Wrong):
        def mix(self, x, state):
            return self.mxi(x, state)

    class Stretch(Extension):
        slot = "positions"

        def changed(self, parts, sizes):
            return parts

        def changes_noting(self, sizes):
            return True

    with pytest.raises(UsageError, match=r"Wrong\.mxi: .* hook 'mix'"):
        Decoder(Architecture(dim=32, heads=4), 9, PositionalEncoding, Softmax, mixer=Wrong)
    Decoder(Architecture(dim=32, heads=4), 9, PositionalEncoding, Softmax, mixer=Right)
    with pytest.raises(UsageError, match=r"Stretch\.changes_noting: .* hook 'changes_nothing'"):
        Chosen({"stretch": Stretch()})
    report = check_extension(Stretch, raise_on_failure=False)
    assert "changes_noting" in repr(report)
    assert not report.passed


def test_other_methods_have_the_names_they_like():
    class Mine(PositionalEncoding):
        def logit_bias(self, query, key):
            return self.contexts(query, key, None)

        def logit_biases(self, query, key):
            """The hook is there."""

        def contexts(self, query, key, x):
            """Is called."""
            return

        def make_tables(self, first, second, third):
            """Takes something else than the hook."""

        def _transform(self, query, key, value, table, inputs):
            """Is nobody else's."""

        def distance(self, query, key):
            """Is spelled otherwise."""

    decoder(Mine)


def test_check_names_a_misspelled_hook():
    mine = type("Mine", (PositionalEncoding,), {"logit_bais": no_bias})
    assert "did you mean the hook 'logit_bias'?" in repr(check_encoding(mine, raise_on_failure=False))


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
