"""`check_extension` passes lengen's own extensions and catches those that break the contract, each by its check."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from tests.options import files, read

from lengen.attention import AttentionRule
from lengen.extend import Extension
from lengen.extend.rules import Scaled, Stepwise
from lengen.extend.sharpen import Sharpen
from lengen.testing import ContractError, check_extension


@pytest.mark.parametrize(
    "path",
    [file for file in files("extend") if file.stem in ("yarn", "sharpen", "streaming", "table_stretch")],
    ids=str,
)
def test_extensions_of_lengen_pass(path):
    kind, options = read(path)
    assert check_extension(kind, **options).passed


@pytest.mark.long
@pytest.mark.parametrize("path", files("extend"), ids=lambda path: path.stem)
def test_all_extensions_of_lengen_pass(path):
    kind, options = read(path)
    assert check_extension(kind, **options).passed


class Broken(Extension):
    """Base class of extensions that break one rule."""

    slot = "scale"

    def changed(self, parts, sizes):
        return parts.with_rules(lambda rule: Scaled(rule, partial(self.factor, sizes)))


class LengthOfTheBatch(Broken):
    """A factor of the tokens that are read: with a cache they grow."""

    def factor(self, sizes, inputs):
        return 1 + 0.1 * inputs.key.shape[1]


class LaterToken(Stepwise):
    """Weights of the rows after it, too."""

    def adjust(self, logits, inputs):
        return logits + logits.nan_to_num(neginf=0).mean((-1, -2), keepdim=True) * torch.arange(
            logits.shape[-1]
        )


class Acausal(Broken):
    def changed(self, parts, sizes):
        return parts.with_rules(LaterToken)


class Mutating(Broken):
    def changed(self, parts, sizes):
        for rule in parts.rules:
            rule.scale = 0.5
        return parts


class OwnWeights(AttentionRule):
    def __init__(self, trained):
        super().__init__(trained.shape)
        self.extra = torch.nn.Parameter(torch.ones(1))

    def sharpen(self, inputs):
        return self.extra.detach() * 0 + 2


class MoreParameters(Broken):
    def changed(self, parts, sizes):
        return parts.with_rules(OwnWeights)


class SaysNothing(Broken):
    def factor(self, sizes, inputs):
        return 1.5

    def changes_nothing(self, sizes):
        return True


class NoSlot(Sharpen):
    slot = "logits"


class ForNobody(Broken):
    def fit(self, parts):
        from lengen.extend import DoesNotApplyError

        raise DoesNotApplyError("pe", parts.pe, "another")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (LengthOfTheBatch, "with a cache and without"),
        (Acausal, "before others that differ|with a cache"),
        (Mutating, "the trained decoder, before and after"),
        (MoreParameters, "parameters that the trained decoder lacks"),
        (SaysNothing, "where it says that it changes nothing"),
        (NoSlot, "its slot is 'logits'"),
        (ForNobody, "applies to no decoder"),
    ],
)
def test_what_breaks_the_contract_is_caught(kind, said):
    with pytest.raises(ContractError, match=said):
        check_extension(kind)
    failed = check_extension(kind, raise_on_failure=False)
    assert not failed.passed


def test_replacing_positions_of_others_is_seen():
    from lengen.extend.clamp import Clamp

    class Later(Clamp):
        def changed(self, parts, sizes):
            return replace(parts, positions=parts.positions)

    report = check_extension(Later)
    assert report.passed
    assert report.checks[-1].reason == "changed nothing on the decoders that were tried"
