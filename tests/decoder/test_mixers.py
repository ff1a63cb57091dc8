"""Decoders whose layers mix by other means than attention."""

import json

import pytest
import torch
import yaml
from tests.conftest import TINY, run_folders

from lengen.attention.softmax import Softmax
from lengen.block.shared import DecoderCache
from lengen.config.builder import Builder
from lengen.config.compose import TRAIN, Request
from lengen.config.notices import say_once
from lengen.decoder import Architecture, Decoder
from lengen.experiment.compatibility import budget
from lengen.experiment.config import RunConfig
from lengen.mixer.attention import Attention
from lengen.mixer.gru import GRU
from lengen.mixer.lstm import LSTM
from lengen.mixer.pattern import Pattern
from lengen.mixer.rnn import RNN
from lengen.optimizer import split
from lengen.pe.learned import Learned
from lengen.pe.nope import NoPE

HYBRID = {"pattern": ["gru", "attention"], "parts": {"gru": GRU, "attention": Attention}}
MIXERS = {
    "rnn": RNN,
    "gru": GRU,
    "lstm": LSTM,
    "gru-attention": lambda layer: Pattern(layer, **HYBRID),
}


def decoder(name, pe=NoPE, **options):
    torch.manual_seed(0)
    size = Architecture(**{"layers": 3, "dim": 16, "heads": 2} | options)
    return Decoder(size, 11, pe, Softmax, mixer=MIXERS[name]).double().eval()


@pytest.mark.parametrize("name", MIXERS)
@pytest.mark.parametrize("loops", [1, 2])
def test_decoding_in_any_parts_is_the_full_pass(name, loops):
    made = decoder(name, loops=loops, inject=loops > 1)
    tokens = torch.randint(11, (3, 9), generator=torch.Generator().manual_seed(1))
    positions = torch.arange(9).unsqueeze(0)
    full = made(tokens, positions)
    for parts in ((1,) * 9, (4, 5), (7, 1, 1), (2, 3, 4)):
        cache, found, at = DecoderCache(), [], 0
        for size in parts:
            found.append(made(tokens[:, at : at + size], positions[:, at : at + size], cache))
            at += size
        assert torch.allclose(torch.cat(found, 1), full, atol=1e-12)
    wanted = made(tokens, positions, first=6)
    assert torch.allclose(wanted, full[:, 6:], atol=1e-12)


@pytest.mark.parametrize("name", MIXERS)
def test_rows_that_leave_take_their_state_along(name):
    made = decoder(name)
    tokens = torch.randint(11, (4, 8), generator=torch.Generator().manual_seed(1))
    positions = torch.arange(8).unsqueeze(0)
    cache = DecoderCache()
    made(tokens[:, :5], positions[:, :5], cache)
    again, rows = cache.fork(), torch.tensor([2, 0])
    again.select(rows)
    found = made(tokens[rows][:, 5:], positions[:, 5:], again)
    assert torch.allclose(found, made(tokens[rows], positions)[:, 5:], atol=1e-12)


def test_a_layer_has_the_mixer_of_its_place():
    made = decoder("gru-attention")
    assert [type(mixer) for mixer in made.mixers] == [GRU, Attention, GRU]
    assert not made.attends
    assert len(made.rules) == 1
    names = {name for name, _ in made.named_parameters()}
    assert {"blocks.0.mixer.cells.weight_ih_l0", "blocks.1.attention.query.weight"} <= names


def test_a_mixer_draws_its_own_start_and_only_linear_maps_are_matrices_of_the_optimizer():
    torch.manual_seed(0)
    made = Decoder(Architecture(layers=1), 11, NoPE, Softmax, mixer=LSTM)
    cells = made.blocks[0].mixer.cells
    assert cells.weight_hh_l0.abs().max() <= 64**-0.5
    assert torch.equal(cells.bias_ih_l0[64:128], torch.ones(64))
    matrices = {id(weight) for weight in split(made)[0]}
    named = {name for name, weight in made.named_parameters() if id(weight) in matrices}
    assert named == {f"blocks.0.{name}.weight" for name in ("mixer.out", "feed.up", "feed.down")}


def test_what_is_added_to_embeddings_reaches_every_mixer():
    made = decoder("gru", pe=Learned)
    tokens, positions = torch.zeros(1, 4, dtype=torch.long), torch.arange(4).unsqueeze(0)
    assert not torch.allclose(made(tokens, positions), made(tokens, positions + 3))


@pytest.mark.whole_run
def test_a_run_with_a_mixer_is_a_run_like_any_other(lengen, tmp_path):
    words = ("train", "task=copy", *TINY, "mixer.pattern=[gru,attention]", "mixer.gru.size=8")
    ran = lengen(*words)
    assert ran.code == 0, ran.err
    (run,) = run_folders(tmp_path)
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["labels"]["mixer"] == "gru-attention"
    assert config["mixer"]["parts"]["gru"]["size"] == 8
    before = json.loads((run / "run.json").read_text())
    ran = lengen(*words)
    assert ran.code == 0
    assert json.loads((run / "run.json").read_text()) == before
    for decode in ("greedy", "free"):
        ran = lengen("eval", f"run={run}", f"decode={decode}")
        assert ran.code == 0, ran.err
    for extra in (("extend=sharpen",), ("inspect=entropy",), ("inspect=attention",), ("inspect=ablation",)):
        ran = lengen("eval", f"run={run}", *extra)
        assert ran.code == 2
        assert "does not apply to mixer=gru-attention (it needs attention in all layers)" in ran.err
        assert len(ran.err.strip().splitlines()) == 1


@pytest.mark.parametrize("layers", range(1, 8))
@pytest.mark.parametrize("pattern", [["gru"], ["gru", "attention"], ["hgrn2", "attention", "attention"]])
def test_parameters_are_counted_over_the_pattern(layers, pattern):
    words = ("task=copy", f"decoder.layers={layers}", f"mixer.pattern=[{','.join(pattern)}]")
    record = Request(TRAIN, words).compose()
    config = Builder().build(RunConfig, {**record, "record": record})
    counted = sum(weight.numel() for weight in config.make_decoder().parameters())
    assert budget(config).parameters == counted
    assert budget(config).matrices <= counted


@pytest.mark.whole_run
def test_the_default_is_the_cell_of_earlier_versions(lengen, tmp_path):
    assert lengen("train", "task=copy", *TINY).code == 0
    assert lengen("train", "task=copy", "mixer=attention", *TINY).code == 0
    (run,) = run_folders(tmp_path)
    assert "mixer" not in json.loads((run / "run.json").read_text())["identity"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("mixer=gru", "pe=rope"), "pe=rope with mixer=gru: no layer attends"),
        (("mixer=gru", "pe=cope"), "pe=cope with mixer=gru: no layer attends"),
        (("mixer=gru", "attention=window"), "attention=window with mixer=gru: no layer attends"),
        (("mixer=gru", "mixer.size=0"), "mixer.size=0: must be null, or at least 1"),
        (("mixer=gru", "positions=randomized"), "pe=nope with positions=randomized"),
        (("mixer=gru", "seeds=2"), "mixer=gru cannot be trained as a stack"),
    ],
)
def test_what_nothing_reads_is_refused(words, said, lengen):
    ran = lengen("train", "task=copy", *TINY, *words)
    assert ran.code == 2
    assert said in ran.err
    assert len(ran.err.strip().splitlines()) == 1


def test_it_is_said_that_no_layer_gets_a_mixer_of_a_pattern(lengen):
    words = ("train", "task=copy", *TINY, "dry=true", "mixer.pattern=[gru,lstm,attention]")
    said = "decoder.layers=2: mixer.attention is in no layer; mixer.pattern, "
    say_once.cache_clear()
    assert said in lengen(*words, "decoder.layers=2").out
    assert "in no layer" not in lengen(*words, "decoder.layers=3").out
