"""Decoders in which tokens of a prompt see all of it."""

import json

import pytest
import torch
from tests.conftest import TINY, run_folders
from tests.options import named
from tests.whole_answers import check_fast_step, check_greedy, check_verdicts

from lengen.attention.softmax import Softmax
from lengen.block.shared import DecoderCache
from lengen.config.builder import Builder
from lengen.config.compose import TRAIN, Request
from lengen.config.errors import UsageError
from lengen.decoder import Architecture, Decoder
from lengen.evaluation.reading import read
from lengen.experiment.config import RunConfig
from lengen.experiment.stack import check_stackable
from lengen.mixer.attention import Attention
from lengen.mixer.gru import GRU
from lengen.mixer.pattern import Pattern
from lengen.pe.learned import Learned
from lengen.pe.nope import NoPE
from lengen.pe.rope import RoPE
from lengen.task import Batch
from lengen.task.addition import Addition
from lengen.testing.made_up import counted, draw

PROMPT = torch.tensor([2, 5, 1, 7])


def says(part):
    """Whether a class itself says that it is defined for keys after the query."""
    return bool(vars(part.values[0].func).get("both_ways"))


ENCODINGS = [each for each in named("pe") if says(each)]
RULES = [each for each in named("attention") if says(each)]


def decoder(pe=RoPE, attention=Softmax, mask="prefix", vocabulary=13, **options):
    torch.manual_seed(0)
    mixer = options.pop("mixer", Attention)
    size = Architecture(**{"dim": 32, "mask": mask} | options)
    made = Decoder(size, vocabulary, pe, attention, mixer=mixer).double().eval()
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if name.endswith(("out.weight", "down.weight", "query.weight")):
                weight.mul_(3)
    return made


@pytest.mark.parametrize("pe", ENCODINGS)
@pytest.mark.parametrize("attention", RULES)
def test_a_token_sees_the_prompt_if_it_is_in_it_and_no_later_token_otherwise(pe, attention):
    """By gradients: which tokens reach which."""
    made, leaves = decoder(pe, attention, layers=1), []
    made.embedding.register_forward_hook(
        lambda _, __, output: leaves.append(output.detach().requires_grad_()) or leaves[-1]
    )
    logits = made(draw(4, 9), counted(made.pe, 9), prompt=PROMPT)
    for time in range(9):
        (gradient,) = torch.autograd.grad(logits[:, time].square().sum(), leaves[-1], retain_graph=True)
        seen = gradient.abs().amax(-1) > 0
        for row, prompt in enumerate(PROMPT.tolist()):
            last = max(prompt, time + 1) if time < prompt else time + 1
            assert not seen[row, last:].any()
            if not made.rules[0].sparse:
                assert seen[row, :last].all()


@pytest.mark.parametrize("pe", ENCODINGS)
@pytest.mark.parametrize("loops", [1, 2])
def test_decoding_after_the_prompt_is_the_full_pass(pe, loops):
    made = decoder(pe, loops=loops, inject=loops > 1)
    for time, prompt in ((9, [4] * 4), (30, [13] * 4)):
        tokens, positions, sizes = draw(4, time), counted(made.pe, time), torch.tensor(prompt)
        full = made(tokens, positions, prompt=sizes)
        for parts in ((prompt[0], *[1] * (time - prompt[0])), (prompt[0], 3, time - prompt[0] - 3), (time,)):
            cache, found, at = DecoderCache(), [], 0
            for size in parts:
                here = slice(at, at + size)
                found.append(made(tokens[:, here], positions[:, here], cache, prompt=None if at else sizes))
                at += size
            torch.testing.assert_close(torch.cat(found, 1), full)
        torch.testing.assert_close(made(tokens, positions, first=6, prompt=sizes), full[:, 6:])


@pytest.mark.parametrize("pe", ENCODINGS)
def test_a_prompt_of_one_token_is_causal(pe):
    made, causal = (decoder(pe, mask=mask) for mask in ("prefix", "causal"))
    tokens, positions = draw(4, 9), counted(made.pe, 9)
    for size in (0, 1):
        found = made(tokens, positions, prompt=torch.full((4,), size))
        torch.testing.assert_close(found, causal(tokens, positions))
    assert not torch.allclose(made(tokens, positions, prompt=PROMPT)[1], causal(tokens, positions)[1])


@pytest.mark.parametrize("pe", [each for each in ENCODINGS if each.id != "nope"])
def test_the_order_of_a_prompt_is_seen_and_that_of_a_bag_is_not(pe):
    for kind, seen in ((pe, True), (NoPE, False)):
        made, tokens = decoder(kind), draw(4, 9)
        other, sizes = tokens.clone(), torch.full((4,), 6)
        other[:, :6] = tokens[:, torch.tensor([0, 3, 1, 2, 5, 4])]
        positions = counted(made.pe, 9)
        one, two = (made(each, positions, prompt=sizes)[:, 6:] for each in (tokens, other))
        assert torch.allclose(one, two) != seen


def test_rows_are_independent_and_padding_changes_nothing():
    made, tokens = decoder(), draw(4, 12)
    full = made(tokens, torch.arange(12)[None], prompt=PROMPT)
    for row, prompt in enumerate(PROMPT):
        alone = made(tokens[row : row + 1, :9], torch.arange(9)[None], prompt=prompt[None])
        torch.testing.assert_close(full[row : row + 1, :9], alone)


def test_a_prompt_is_read_in_one_pass_or_refused():
    made, tokens, positions = decoder(), draw(4, 9), torch.arange(9)[None]
    with pytest.raises(UsageError, match="reads where answers begin"):
        made(tokens, positions)
    with pytest.raises(UsageError, match="a prompt is read in one pass"):
        made(tokens[:, :6], positions[:, :6], DecoderCache(), prompt=PROMPT)
    full = made(tokens, positions, prompt=PROMPT)
    for size in (2, 4, 100):
        found = read(made, tokens, positions, size=size, prompt=PROMPT)
        torch.testing.assert_close(found, full)


def drawn():
    """Examples of several lengths in one batch: prompts and answers of different sizes."""
    task = Addition(operands="uneven", pad="none")
    return Batch.join([task.sample(length, 6, torch.Generator().manual_seed(length)) for length in (2, 5)])


def hybrid(layer):
    return Pattern(layer, ["gru", "attention"], {"gru": GRU, "attention": Attention})


@pytest.mark.parametrize(
    "options",
    [{}, {"loops": 2, "inject": True}, {"pe": Learned}, {"mixer": hybrid}],
    ids=lambda options: "-".join(options) or "rope",
)
def test_greedy_verdicts_are_those_of_one_pass(options):
    batch = drawn()
    made = decoder(vocabulary=len(batch.vocabulary), **options)
    check_greedy(made, batch)
    check_verdicts(made, batch)


def test_the_fast_step_has_the_loss_and_gradients_of_the_plain_one():
    batch = drawn()
    check_fast_step(decoder(vocabulary=len(batch.vocabulary)), batch)


def test_seeds_are_stacked():
    record = Request(TRAIN, ("task=copy", "decoder.mask=prefix", *TINY, "pe=rope")).compose()
    check_stackable(Builder().build(RunConfig, {**record, "record": record}))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("pe=nope",), "decoder.mask=prefix with pe=nope: a prompt that is read in both directions without positions is a bag of tokens"),
        (("pe=t5",), "decoder.mask=prefix with pe=t5: it is not defined for keys after the query"),
        (("pe=xpos",), "decoder.mask=prefix with pe=xpos: it is not defined for keys after the query"),
        (("pe=rope", "attention=window"), "decoder.mask=prefix with attention=window: it is not defined for keys after the query"),
        (("mixer=gru",), "decoder.mask=prefix with mixer=gru: no layer attends"),
        (("decoder.mask=none",), "decoder.mask=none: must be one of causal, prefix"),
    ],
)  # fmt: skip
def test_what_is_not_defined_is_refused(words, said, lengen):
    ran = lengen("train", "task=copy", *TINY, "decoder.mask=prefix", *words)
    assert ran.code == 2
    assert said in ran.err
    assert len(ran.err.strip().splitlines()) == 1


@pytest.mark.whole_run
def test_a_run_with_a_prefix_is_a_run_like_any_other(lengen, tmp_path):
    words = ("train", "task=copy", *TINY, "pe=rope", "decoder.mask=prefix")
    ran = lengen(*words)
    assert ran.code == 0, ran.err
    (run,) = run_folders(tmp_path)
    assert json.loads((run / "run.json").read_text())["identity"]["decoder"]["options"]["mask"] == "prefix"
    for words in (("decode=greedy",), ("decode=free",), ("inspect=entropy",), ("inspect=lens",)):
        ran = lengen("eval", f"run={run}", *words)
        assert ran.code == 0, ran.err
    ran = lengen("eval", f"run={run}", "extend=sharpen")
    assert ran.code == 2
    assert "(it needs decoder.mask=causal)" in ran.err
    ran = lengen("export", f"run={run}", f"to={tmp_path / 'converted'}")
    assert ran.code == 2
    assert "decoder.mask=prefix has no architecture of transformers" in ran.err
