"""A refusal names options that the chosen class has: its own, not those of what it is built from."""

import re
from functools import partial
from inspect import signature

import pytest
import torch
from tests.options import named

from lengen.attention import AttentionRule
from lengen.block.inputs import Shape
from lengen.config.errors import UsageError
from lengen.decoder import Architecture, Decoder
from lengen.pe.nope import NoPE

SHAPES = [(8, 2), (6, 2), (4, 4), (1, 1), (2, 2), (6, 6), (12, 4)]
"""Widths and heads: an even number of channels a head, an odd one, a single one."""
WRONG = (-1, 0, 0.3, 1, 3, 50, -0.5, [], [1.0])
FAR = torch.tensor([[0, 10**6]])
CASES = [
    pytest.param(group, case.id, case.values[0], id=f"{group}-{case.id}")
    for group in ("pe", "attention")
    for case in named(group)
]


def attempts(made):
    """Constructors with one wrong option each, and with none."""
    yield made
    for option, value in made.keywords.items():
        for wrong in WRONG:
            if isinstance(value, (int, float)) or isinstance(wrong, list) == isinstance(value, list):
                yield partial(made, **{option: wrong})


def refusals(group, made):
    """What is refused: by constructors, and in a pass at far positions."""
    for dim, heads in SHAPES:
        for attempt in attempts(made):
            parts = (attempt, AttentionRule) if group == "pe" else (NoPE, attempt)
            try:
                decoder = Decoder(Architecture(layers=1, dim=dim, heads=heads), 8, *parts)
                streams = decoder.pe.streams
                far = FAR if streams is None else torch.stack([FAR] * streams, -1)
                if decoder.pe.budget is not None:
                    decoder(torch.zeros(1, 2, dtype=torch.long), far)
            except UsageError as error:
                yield str(error)
            except Exception:  # noqa: BLE001  # of types that YAML is checked for before
                continue


@pytest.mark.parametrize(("group", "option", "made"), CASES)
def test_options_that_a_refusal_names_exist(group, option, made):
    own = set(signature(made.func).parameters)
    for text in refusals(group, made):
        assert set(re.findall(rf"\b{group}\.(\w+)", text)) <= own, text
        assert set(re.findall(rf"\b{group}=(\w+)", text)) <= {option}, text
        assert re.search(rf"\b({group}|decoder)[.=]", text), text


@pytest.mark.parametrize("option", ["rope", "carope", "comrope", "xpos", "rope_alibi"])
def test_an_odd_number_of_channels_is_the_decoders(option):
    (made,) = [case.values[0] for case in named("pe") if case.id == option]
    with pytest.raises(UsageError, match=r"^(decoder\.dim=6 with decoder\.heads=2|pe\.block=8)"):
        made(Shape(6, 2))


@pytest.mark.parametrize("option", ["lssa", "lssar"])
def test_a_single_channel_is_refused_by_the_name_that_was_chosen(option):
    (made,) = [case.values[0] for case in named("attention") if case.id == option]
    with pytest.raises(UsageError, match=rf"decoder\.dim=4 with decoder\.heads=4.*attention={option},"):
        made(Shape(4, 4))
