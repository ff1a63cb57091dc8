"""Changes of the state of mixers, against runs that start later, loops over tokens, and each other where one is a case of the other."""

import pytest
import torch
from tests.conftest import TINY, run_folders
from tests.mixer.test_formulas import made as mixer_of
from tests.mixer.vectors import draw, slow_decayed
from torch.testing import assert_close

from lengen.attention.softmax import Softmax
from lengen.config.errors import UsageError
from lengen.decoder import Architecture, Decoder
from lengen.extend import DoesNotApplyError, Sizes
from lengen.extend.chosen import Chosen
from lengen.extend.forget_more import ForgetMore
from lengen.extend.state_cap import StateCap
from lengen.extend.state_window import StateWindow
from lengen.mixer.gla import GLA
from lengen.mixer.mamba import Mamba
from lengen.mixer.mamba2 import Mamba2
from lengen.mixer.sums import Capped, Forgetting, ScannedSums, Sums, Windowed
from lengen.pe.nope import NoPE
from lengen.positions.contiguous import Contiguous

SIZES = Sizes(12, 12, 40)
NAMED = [
    ("gla", {}),
    ("gla", {"decays": "head"}),
    ("hgrn2", {}),
    ("mamba", {"conv": 0}),
    ("mamba2", {"conv": 0}),
]
EVERY = pytest.mark.parametrize(("name", "options"), NAMED)


def with_sums(name, options, change):
    made = mixer_of(name, **options)
    made.sums = change(made.sums)
    return made


def inputs(time, scanned):
    """Queries, keys, values and logarithms of decays of two rows and three heads."""
    heads, value = (1, 1) if scanned else (3, 5)
    decay = -draw(2, time, 3, 4, seed=3).abs()
    return draw(2, time, heads, 4), draw(2, time, heads, 4, seed=1), draw(2, time, 3, value, seed=2), decay


@EVERY
@pytest.mark.parametrize("window", [1, 4, 17])
def test_a_window_is_a_run_that_starts_as_many_tokens_ago(name, options, window):
    plain, made, x = (
        mixer_of(name, **options),
        with_sums(name, options, lambda s: Windowed(s, window)),
        draw(2, 40, 16),
    )
    expected = [plain.mix(x[:, max(0, end - window) : end], None)[0][:, -1] for end in range(1, 41)]
    assert_close(made.mix(x, None)[0], torch.stack(expected, 1), rtol=0, atol=1e-9)


def test_a_window_in_float32_over_thousands_of_tokens():
    """The difference of two long sums stays that of the last tokens."""
    query, key, value, decay = (part.float() for part in inputs(4000, scanned=False))
    mixed, _ = Windowed(Sums(), 8)(query, key, value, decay / 1000, None)
    last = [part[:, -8:].double() for part in (query, key, value)]
    expected, _ = slow_decayed(*last, (decay[:, -8:].double() / 1000).exp(), torch.zeros(2, 3, 4, 5).double())
    assert_close(mixed[:, -1].double(), expected[:, -1], rtol=0, atol=1e-2)


@pytest.mark.parametrize("scanned", [False, True])
def test_forgetting_is_a_power_of_the_decays(scanned):
    query, key, value, decay = inputs(23, scanned)
    sums = ScannedSums() if scanned else Sums()
    mixed, _ = Forgetting(sums, 1.5, 0.7)(query, key, value, decay, None)
    query, key = (part.expand(2, 23, 3, 4) for part in (query, key))
    start = torch.zeros(2, 3, 4, value.shape[-1]).double()
    expected, _ = slow_decayed(query, key, 0.7 * value, decay.exp() ** 1.5, start)
    assert_close(mixed, expected)


@pytest.mark.parametrize("scanned", [False, True])
@pytest.mark.parametrize("norm", [None, 1.5])
def test_a_cap_holds_the_norm_of_every_head(scanned, norm):
    query, key, value, decay = inputs(23, scanned)
    mixed, (kept, _, _) = Capped(norm, 6)(query, key, value, decay / 20, None)
    scaled = 0
    for row in range(2):
        for head in range(3):
            of_keys = 0 if scanned else head
            state, largest = torch.zeros(4, value.shape[-1]).double(), 0.0
            for time in range(23):
                state = (decay[row, time, head] / 20).exp()[:, None] * state
                state = state + torch.outer(key[row, time, of_keys], value[row, time, head])
                size = float(state.square().sum() ** 0.5)
                if norm is None and time < 6:
                    largest = max(largest, size)
                elif size > (norm or largest):
                    state, scaled = state * (norm or largest) / size, scaled + 1
                assert_close(mixed[row, time, head], query[row, time, of_keys] @ state)
            assert_close(kept[row, head].flatten(), state.flatten())
    assert scaled


@EVERY
def test_what_leaves_all_as_it_is(name, options):
    x = draw(2, 30, 16)
    expected = mixer_of(name, **options).mix(x, None)[0]
    for change in (
        lambda s: Forgetting(s, 1.0, 1.0), lambda s: Windowed(s, 30), lambda _: Capped(1e9, 0), lambda _: Capped(None, 30),
        lambda s: Forgetting(Windowed(s, 30), 1.0, 1.0),
    ):  # fmt: skip
        assert_close(with_sums(name, options, change).mix(x, None)[0], expected, rtol=0, atol=1e-9)


@EVERY
@pytest.mark.parametrize("parts", [(1,) * 13, (5, 8), (8, 4, 1)])
def test_parts_are_the_whole(name, options, parts):
    if "conv" in options:
        options = {"conv": 4}
    for change in (
        lambda s: Windowed(s, 3), lambda _: Capped(None, 4), lambda s: Forgetting(Windowed(s, 6), 2.0, 0.5),
        lambda _: Forgetting(Capped(0.1, 0), 2.0, 0.5),
    ):  # fmt: skip
        made, x, state, found = with_sums(name, options, change), draw(2, 13, 16), None, []
        for part in x.split(parts, 1):
            mixed, state = made.mix(part, state)
            found.append(mixed)
        assert_close(torch.cat(found, 1), made.mix(x, None)[0], rtol=0, atol=1e-9)
        sizes = {sum(part[0].numel() for part in made.mix(x[:, :time], None)[1]) for time in (1, 5, 13)}
        assert len(sizes) == 1, "the state grows"


def decoder(mixer):
    torch.manual_seed(0)
    return Decoder(Architecture(dim=32, heads=4), 11, NoPE, Softmax, mixer=mixer).eval()


def test_forgetting_acts_before_a_window():
    """Whatever order they are written in, the window takes out what has decayed faster."""
    both = Chosen({"state_window": StateWindow(5), "forget_more": ForgetMore(2.0)})
    made, _ = both.of(decoder(GLA), Contiguous(), SIZES)
    for mixer in made.mixers:
        assert isinstance(mixer.sums, Forgetting)
        assert isinstance(mixer.sums.sums, Windowed)
    with pytest.raises(UsageError, match=r"extend=\[state_cap,state_window\]: both change the state"):
        Chosen({"state_window": StateWindow(5), "state_cap": StateCap()})


@pytest.mark.parametrize("extension", [ForgetMore(), StateCap(), StateWindow()])
@pytest.mark.parametrize("mixer", [Mamba, Mamba2])
def test_signed_decays_are_refused(extension, mixer):
    made = decoder(lambda layer: mixer(layer, negative_eigenvalues=True))
    with pytest.raises(
        UsageError,
        match=r"^extend=it: does not apply to mixer=mamba2? \(it needs gla, hgrn2, mamba or mamba2",
    ):
        Chosen({"it": extension}).fits(made, Contiguous(), SIZES)
    with pytest.raises(UsageError, match=r"extend.n=row \(it changes the (state|gates)"):
        Chosen({"it": extension}, n="row").fits(decoder(mixer), Contiguous(), SIZES)


@pytest.mark.parametrize(
    ("kind", "option", "value"),
    [
        (ForgetMore, "decay", 0.9), (ForgetMore, "write", 0.0), (ForgetMore, "write", 1.5), (StateCap, "norm", 0.0), (StateWindow, "tokens", 0),
    ],
)  # fmt: skip
def test_refused(kind, option, value):
    with pytest.raises(UsageError, match=rf"^extend\.\w+\.{option}={value}: must be"):
        kind(**{option: value})


@pytest.mark.whole_run
def test_a_run_is_evaluated_with_another_state(lengen, tmp_path):
    """Nothing changes up to the trained length with a window and a cap, and a mixer without such a state is refused on one line."""
    for words in (("mixer.pattern=[gla,attention]", "decoder.layers=2"), ("mixer=gru",)):
        assert lengen("train", "task=copy", *TINY, *words).code == 0
    runs = {run.parents[0].name: run for run in run_folders(tmp_path)}
    codes = []
    for run in runs.values():
        words = ("extend=[state_window,state_cap,forget_more]", "each=true", "lengths=[2,3,6]", "examples=40")
        ran = lengen("eval", f"run={run}", *words)
        codes.append(ran.code)
        if "mixer=gru" in ran.out + ran.err:
            assert "does not apply to mixer=gru (it needs gla, hgrn2, mamba or mamba2" in ran.out + ran.err
            continue
        for name in ("state_window", "state_cap"):
            (line,) = [line for line in ran.out.splitlines() if line.startswith(f"{name}:")]
            assert "ID +0.000" in line
    assert sorted(codes) == [0, 2]


@pytest.mark.parametrize(
    ("group", "needs", "label", "said"),
    [
        ("attention", "attention=lssa", "lssa", "lssa as this run has it, by an option, a tuning or another extension"),
        ("mixer", "gla, mamba or mamba2, without negative_eigenvalues", "mamba", "mamba as this run has it, by an option"),
        ("mixer", "gla, mamba or mamba2, without negative_eigenvalues", "gru", "gru (it needs gla"),
        ("mixer", "a layer with a state; layer 1 (attention) has none", "attention", "attention (it needs a layer"),
    ],
)  # fmt: skip
def test_a_part_that_has_a_name_that_is_needed_is_said_to_be_changed(group, needs, label, said):
    assert said in DoesNotApplyError(group, object(), needs).of({group: label})
