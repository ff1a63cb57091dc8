"""Layers with an encoding, a rule or options of attention of their own, and blocks without a feed-forward layer."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lengen.attention.softmax import Softmax
from lengen.attention.window import Window
from lengen.block.inputs import Shape
from lengen.block.shared import SharedInputs
from lengen.config.errors import UsageError
from lengen.config.identity import identity
from lengen.config.pattern_words import with_pattern
from lengen.convert import TrainedDecoder
from lengen.decoder import Architecture, Decoder
from lengen.extend import DoesNotApplyError
from lengen.extend.view import parts_of
from lengen.mixer.attention import Attention
from lengen.mixer.pattern import Pattern
from lengen.pe.alibi import ALiBi
from lengen.pe.learned import Learned
from lengen.pe.nope import NoPE
from lengen.pe.rope import RoPE
from lengen.pe.t5 import T5
from lengen.positions.contiguous import Contiguous

VOCABULARY, TIME = 11, 13


def decoder(mixer: Any = Attention, pe: Any = NoPE, **sizes: Any) -> Decoder:
    torch.manual_seed(0)
    architecture = Architecture(**{"layers": 3, "dim": 16, "heads": 4, **sizes})
    return Decoder(architecture, VOCABULARY, pe, Softmax, mixer=mixer).eval()


def pattern(names: str, **parts: Any) -> Any:
    return partial(Pattern, pattern=names.split(), parts=parts)


def inputs() -> tuple[Tensor, Tensor]:
    tokens = torch.randint(VOCABULARY, (4, TIME), generator=torch.Generator().manual_seed(1))
    return tokens, torch.arange(TIME).unsqueeze(0)


def of_its_own(pe: Any) -> Any:
    """A pattern of one mixer whose encoding is given to it."""
    return pattern("own own", own=partial(Attention, pe=pe))


NEAR = partial(Attention, pe=RoPE, attention=partial(Window, window=4))
LAYERS = {
    "rope in windows, nope in all": pattern("near near far", near=NEAR, far=Attention),
    "three encodings": pattern(
        "a b c", a=partial(Attention, pe=T5), b=partial(Attention, pe=ALiBi), c=partial(Attention, pe=RoPE)
    ),
    "a gate a head": partial(Attention, gate="head"),
    "a gate a channel": partial(Attention, gate="channel"),
    "weights of positions alone": partial(Attention, pe=RoPE, content=False),
}


@pytest.mark.parametrize(
    ("pe", "sizes"),
    [
        (RoPE, {}),
        (ALiBi, {}),
        (T5, {}),
        (RoPE, {"mask": "prefix"}),
        (ALiBi, {"encoder": 1}),
        (RoPE, {"encoder": 1}),
    ],
    ids=lambda part: getattr(part, "__name__", None) or "-".join(part) or "causal",
)
def test_an_encoding_that_all_layers_have_of_their_own_is_that_of_all_layers(
    pe: Any, sizes: dict[str, Any]
) -> None:
    shared, own = decoder(pe=pe, **sizes), decoder(of_its_own(pe), **sizes)
    weights = shared.state_dict()
    for name in own.state_dict():
        if ".attention.pe." in name:
            weights[name] = weights["pe." + name.partition(".attention.pe.")[2]]
    own.load_state_dict({name: value for name, value in weights.items() if not name.startswith("pe.")})
    tokens, positions = inputs()
    prompt = torch.tensor([1, 4, 6, 9]) if sizes else None
    found, expected = (made(tokens, positions, prompt=prompt) for made in (own, shared))
    assert torch.allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_token_by_token_and_the_last_tokens_alone_are_as_all_at_once(name: str) -> None:
    made, (tokens, positions) = decoder(LAYERS[name], hidden=0.0 if "gate" in name else 4.0), inputs()
    whole, cache = made(tokens, positions), made.cache(room=3)
    steps = [made(tokens[:, [i]], positions[:, [i]], cache) for i in range(TIME)]
    assert torch.allclose(torch.cat(steps, 1), whole, atol=1e-5)
    assert torch.allclose(made(tokens, positions, first=9), whole[:, 9:], atol=1e-5)


def test_a_window_with_rope_sees_no_further_and_the_other_layer_sees_all() -> None:
    """One layer of each kind alone: token 0 reaches the last through the layer without a window only."""
    tokens, positions = inputs()
    other = tokens.clone()
    other[:, 0] = (other[:, 0] + 1) % VOCABULARY
    for mixer, reaches in ((NEAR, False), (Attention, True)):
        made = decoder(mixer, layers=1)
        changed = not torch.equal(made(tokens, positions)[:, -1], made(other, positions)[:, -1])
        assert changed == reaches


@pytest.mark.parametrize(("gate", "width"), [("head", 4), ("channel", 16)])
def test_the_gate_multiplies_what_is_mixed(gate: Any, width: int) -> None:
    made = decoder(partial(Attention, gate=gate), layers=1)
    attention = made.blocks[0].attention
    assert attention.gate.weight.shape == (width, 16)
    mixed: list[Tensor] = []
    attention.out.register_forward_pre_hook(lambda _, given: mixed.append(given[0]))
    x = torch.randn(2, 5, 16)
    with torch.no_grad():
        scene = (made.pe, shared_inputs(5), (0, 0))
        attention(x, *scene)
        weight, attention.gate.weight.data = attention.gate.weight.clone(), torch.zeros(width, 16)
        attention(x, *scene)
    gated, halved = mixed
    factor = torch.sigmoid(x @ weight.T).repeat_interleave(16 // width, -1)
    assert torch.allclose(gated, 2 * halved * factor, atol=1e-6)


def shared_inputs(time: int) -> Any:
    positions = torch.arange(time).unsqueeze(0)
    return SharedInputs(None, None, positions, positions, None)


def test_without_content_tokens_change_values_alone() -> None:
    made = decoder(partial(Attention, content=False), pe=RoPE, layers=1)
    attention = made.blocks[0].attention
    seen: list[Tensor] = []
    attention.rule.register_forward_pre_hook(lambda _, given: seen.append(given[0] @ given[1].mT))
    tokens, positions = inputs()
    made(tokens, positions)
    made(tokens.flip(0), positions)
    assert torch.equal(seen[0][0], seen[0][1])
    assert torch.equal(*seen)
    distance = torch.arange(TIME).unsqueeze(1) - torch.arange(TIME)
    for step in range(TIME - 1):  # of distances alone
        assert seen[0][0, :, distance == step].std(-1).max() < 1e-5


def test_a_block_without_a_feed_forward_layer_is_its_mixer() -> None:
    made, (tokens, positions) = decoder(hidden=0.0), inputs()
    assert not [name for name, _ in made.named_parameters() if "feed" in name]
    x = made.embedding(tokens)
    for block in made.blocks:
        normed = block.attention_norm(x)
        x = x + block.attention(normed, made.pe, shared_inputs(TIME), (0, 0))
    assert torch.allclose(
        nn.functional.linear(made.norm(x), made.head.weight), made(tokens, positions), atol=1e-5
    )


def test_parameters_of_an_encoding_in_a_layer_start_as_its_constructor_made_them() -> None:
    class Marked(T5):
        def __init__(self, shape: Shape) -> None:
            super().__init__(shape)
            self.line = nn.Linear(3, 3, bias=False)
            nn.init.constant_(self.line.weight, 7.0)

    made = decoder(of_its_own(Marked))
    assert all((mixer.pe.line.weight == 7).all() for mixer in made.attentions)


def test_the_default_is_no_part_of_a_cell() -> None:
    target = {"_target_": "lengen.mixer.attention.Attention"}
    today = {**target, "pe": None, "attention": None, "gate": "none", "content": True}
    assert identity({"mixer": target}, {}) == identity({"mixer": today}, {}) == {}
    assert identity({"mixer": {**today, "gate": "head"}}, {}) != {}


def test_the_words_of_a_pattern_with_names_of_its_own() -> None:
    words = "mixer.pattern=[near,far] mixer.near=attention mixer.far=gru mixer.near.pe=rope mixer.near.pe.base=500 steps=3"
    assert with_pattern(words.split(), ()) == [
        "mixer=pattern",
        "+mixer@mixer.parts.near=attention",
        "+mixer@mixer.parts.far=gru",
        "mixer.pattern=[near,far]",
        "steps=3",
        "+pe@mixer.parts.near.pe=rope",
        "mixer.parts.near.pe.base=500",
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("mixer.pattern=[near]", "mixer.near=attention would make it one"),
        ("mixer.pattern=[near] mixer.near=grru", "did you mean 'gru'"),
        ("mixer.pattern=[gru] mixer.near=attention", "near must be one of the mixers"),
        ("mixer.pattern=[gru] mixer.gru=lstm", "gru is a mixer itself"),
        ("mixer.pe=rope", "pe=rope is for all layers"),
        ("mixer.attention=window", "attention=window is for all layers"),
    ],
)
def test_wrong_words_are_refused(words: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        with_pattern(words.split(), ())


def test_what_needs_one_encoding_for_all_layers_is_refused() -> None:
    with pytest.raises(UsageError, match="is for all layers"):
        decoder(of_its_own(partial(Learned, maximum=32)))
    with pytest.raises(DoesNotApplyError, match="one encoding for all layers"):
        parts_of(decoder(of_its_own(RoPE)), Contiguous())
    for made, told in (
        (decoder(hidden=0.0), "decoder.hidden=0"),
        (decoder(partial(Attention, gate="head")), "options of its own"),
        (decoder(partial(Attention, content=False)), "options of its own"),
    ):
        assert told in (TrainedDecoder(made).refusal or "")
