"""Converted decoders are equal to those of transformers: logits, and what both write."""

from functools import partial

import pytest
import torch

from lengen.attention.softmax import Softmax
from lengen.config.errors import LONGEST_WORD, UsageError, one_line
from lengen.convert import TrainedDecoder
from lengen.convert.formats import FORMATS, chosen_format
from lengen.convert.loaded import load_model, make_tokenizer
from lengen.decoder import Architecture, Decoder
from lengen.pe.alibi import ALiBi
from lengen.pe.learned import Learned
from lengen.pe.nope import NoPE
from lengen.pe.rope import RoPE
from lengen.pe.sinusoidal import Sinusoidal
from lengen.pe.t5 import T5
from lengen.task import Vocabulary

TOKENS, SYMBOLS = 150, 23
ENCODINGS = {
    "nope": NoPE, "rope": RoPE, "half": partial(RoPE, fraction=0.5), "interleaved": partial(RoPE, base=100.0, pairing="interleaved"),
    "quarter": partial(RoPE, fraction=0.25, pairing="interleaved"), "learned": partial(Learned, maximum=256, std=1.0),
    "sinusoidal": Sinusoidal, "concatenated": partial(Sinusoidal, layout="concatenated", scale=0.5), "alibi": ALiBi,
}  # fmt: skip
ROTARY = ("nope", "rope", "half", "interleaved", "quarter")
CASES = [
    *(("llama", pe, "swiglu") for pe in ROTARY),
    *(("arcee", pe, "gelu") for pe in ROTARY),
    *(("gpt_neox", pe, "gelu") for pe in ROTARY[1:]),
    *(("gpt2", pe, "gelu") for pe in ("nope", "learned", "sinusoidal", "concatenated")),
    ("mpt", "alibi", "gelu"),
]


def decoder(pe, rule=Softmax, **options):
    """A decoder whose norms have weights."""
    torch.manual_seed(3)
    made = Decoder(Architecture(**{"dim": 32, "heads": 2, **options}), SYMBOLS, pe, rule).eval()
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if "norm" in name:
                weight.uniform_(0.5, 1.5)
    return made


@pytest.mark.parametrize("looped", [False, True], ids=["plain", "tied-looped-unscaled"])
@pytest.mark.parametrize(("name", "pe", "activation"), CASES)
def test_logits(name, pe, activation, looped):
    options = {"tied": True, "loops": 2, "hidden": 3.0} if looped else {"layers": 3}
    made = decoder(
        ENCODINGS[pe],
        partial(Softmax, scale="none" if looped else "head_dim"),
        activation=activation,
        **options,
    )
    source = TrainedDecoder(made)
    model = load_model(chosen_format(name, source).convert(source))
    tokens = torch.randint(4, SYMBOLS, (3, TOKENS))
    with torch.no_grad():
        own, other = made(tokens, torch.arange(TOKENS).unsqueeze(0)), model(tokens).logits
    assert (own - other).abs().max() < 1e-5 * own.abs().max()
    if not looped and pe in ("rope", "alibi", "learned"):
        expected = tokens[:, :9]
        written = model.generate(
            expected, max_new_tokens=6, do_sample=False, pad_token_id=0, eos_token_id=None
        )
        for _ in range(6):
            with torch.no_grad():
                logits = made(expected, torch.arange(expected.shape[1]).unsqueeze(0))[:, -1]
            expected = torch.cat([expected, logits.argmax(-1, keepdim=True)], 1)
        assert (written == expected).all()


@pytest.mark.parametrize(
    ("pe", "options", "said"),
    [
        (T5, {}, "no architecture is exactly equal"),
        (
            partial(ALiBi, slopes="harmonic"),
            {},
            "the equal architecture, mpt, needs decoder.heads a power of 2",
        ),
        (ALiBi, {"heads": 3, "dim": 36}, "the equal architecture, mpt, needs"),
        (ALiBi, {"activation": "swiglu"}, "no architecture"),
        (NoPE, {"loops": 2, "inject": True}, "adds the embeddings again"),
        (type("Own", (RoPE,), {}), {}, "pe=own"),
    ],
)
def test_what_is_not_equal_is_refused(pe, options, said):
    source = TrainedDecoder(decoder(pe, **options))
    with pytest.raises(UsageError, match=said):
        chosen_format(None, source)


def test_a_refusal_fits_on_a_line_behind_the_path_of_a_run():
    for pe, options in ((T5, {}), (ALiBi, {"heads": 3, "dim": 12}), (T5, {"activation": "swiglu"})):
        with pytest.raises(UsageError) as error:
            chosen_format(None, TrainedDecoder(decoder(pe, **options), {"pe": pe.__name__.lower()}))
        line = f"run={'x' * (LONGEST_WORD - 5)}: {error.value}"
        assert one_line(line) == line
    said = "gelu with pe=rope, nope, learned, sinusoidal or alibi"
    with pytest.raises(UsageError, match=said):
        chosen_format(None, TrainedDecoder(decoder(T5)))


def test_every_format_says_what_it_needs():
    source = TrainedDecoder(decoder(T5))
    for each in FORMATS:
        with pytest.raises(UsageError, match=f"format={each.name}: is not exactly equal to pe=t5"):
            chosen_format(each.name, source)
    with pytest.raises(UsageError, match="there is no such format; did you mean 'llama'"):
        chosen_format("lama", source)


@pytest.mark.parametrize(
    ("symbols", "text"), [(("a", " ", "\n"), "a \na"), (("aa", "b"), "aa b aa"), (("a b", "c"), None)]
)
def test_the_tokenizer_reads_what_it_writes(symbols, text):
    vocabulary = Vocabulary(symbols)
    tokenizer = make_tokenizer(vocabulary, bos=True)
    if text is None:
        assert tokenizer is None
        return
    ids = tokenizer(text).input_ids
    split = list(text) if " " in symbols else text.split()
    assert ids == [1, *vocabulary.encode(split).tolist()]
    assert tokenizer.decode(ids, skip_special_tokens=True) == text
