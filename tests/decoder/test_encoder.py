"""Decoders with an encoder that reads the prompt."""

import json

import pytest
import torch
from tests.conftest import TINY, run_folders
from tests.decoder.test_prefix import ENCODINGS, PROMPT, RULES, drawn
from tests.whole_answers import check_fast_step, check_greedy, check_verdicts
from torch import nn
from torch.nn.functional import gelu

from lengen.attention.softmax import Softmax
from lengen.block.shared import DecoderCache
from lengen.config.builder import Builder
from lengen.config.compose import TRAIN, Request
from lengen.config.errors import UsageError
from lengen.decoder import Architecture, Decoder
from lengen.evaluation.reading import read
from lengen.experiment.compatibility import budget
from lengen.experiment.config import RunConfig
from lengen.experiment.stack import check_stackable
from lengen.head.linear import Linear
from lengen.head.nmst import NMST
from lengen.head.st import ST
from lengen.mixer.attention import Attention
from lengen.optimizer import split
from lengen.pe.learned import Learned
from lengen.pe.rope import RoPE
from lengen.testing.made_up import counted, draw


def decoder(pe=RoPE, attention=Softmax, vocabulary=13, head=Linear, mixer=Attention, **options):
    torch.manual_seed(0)
    size = Architecture(**{"dim": 32, "encoder": 2} | options)
    made = Decoder(size, vocabulary, pe, attention, mixer=mixer, head=head).double().eval()
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if name.endswith(("out.weight", "down.weight", "query.weight")):
                weight.mul_(3)
    return made


def attended(part, queries, keys, mask=None):
    """Multi-head attention of torch with the matrices of one of ours."""
    other = nn.MultiheadAttention(32, 4, bias=False, batch_first=True).double()
    with torch.no_grad():
        other.in_proj_weight.copy_(torch.cat([part.query.weight, part.key.weight, part.value.weight]))
        other.out_proj.weight.copy_(part.out.weight)
        return other(queries, keys, keys, attn_mask=mask, need_weights=False)[0]


def fed(block, x):
    return x + block.feed.down(gelu(block.feed.up(block.feed_norm(x))))


@pytest.mark.parametrize("loops", [1, 2])
def test_it_is_the_transformer_of_two_stacks_row_by_row(loops):
    """Against torch's multi-head attention on the prompt and on the answer of each row, without any mask of prompts."""
    made, tokens = decoder(Learned, loops=loops), draw(4, 9)
    logits = made(tokens, torch.arange(9)[None], prompt=PROMPT)
    embedded = made.pe.embed(made.embedding(tokens), torch.arange(9)[None])
    for row, size in enumerate(PROMPT.tolist()):
        x = embedded[row : row + 1, :size]
        for block in made.encoder:
            normed = block.attention_norm(x)
            x = fed(block, x + attended(block.attention, normed, normed))
        encoded, x = made.encoder_norm(x), embedded[row : row + 1, size - 1 :]
        later = torch.ones(x.shape[1], x.shape[1]).triu(1).bool()
        for _ in range(loops):
            for block in made.blocks:
                normed = block.attention_norm(x)
                x = x + attended(block.attention, normed, normed, later)
                x = fed(block, x + attended(block.cross, block.cross_norm(x), encoded))
        torch.testing.assert_close(logits[row, size - 1 :], made.head.logits(made.norm(x))[0])


@pytest.mark.parametrize("pe", ENCODINGS)
@pytest.mark.parametrize("attention", RULES)
def test_rows_are_independent_and_nothing_reads_later_tokens_of_an_answer(pe, attention):
    made, tokens = decoder(pe, attention), draw(4, 12)
    positions = counted(made.pe, 12)
    full = made(tokens, positions, prompt=PROMPT)
    for row, size in enumerate(PROMPT):
        for time in (8, 10):
            alone = made(tokens[row : row + 1, :time], positions[:, :time], prompt=size[None])
            torch.testing.assert_close(full[row : row + 1, size - 1 : time], alone[:, size - 1 :])


@pytest.mark.parametrize("pe", ENCODINGS)
def test_an_answer_reads_all_of_its_prompt_and_no_later_token(pe):
    made, leaves = decoder(pe), []
    made.embedding.register_forward_hook(
        lambda _, __, output: leaves.append(output.detach().requires_grad_()) or leaves[-1]
    )
    logits = made(draw(4, 9), counted(made.pe, 9), prompt=PROMPT)
    for time in range(9):
        (gradient,) = torch.autograd.grad(logits[:, time].square().sum(), leaves[-1], retain_graph=True)
        seen = gradient.abs().amax(-1) > 0
        for row, size in enumerate(PROMPT.tolist()):
            last = max(size, time + 1)
            assert not seen[row, last:].any()
            if time >= size - 1 and not made.rules[0].sparse:
                assert seen[row, :last].all()


@pytest.mark.parametrize("pe", ENCODINGS)
@pytest.mark.parametrize("loops", [1, 2])
def test_decoding_after_the_prompt_is_the_full_pass(pe, loops):
    made = decoder(pe, loops=loops, inject=loops > 1)
    for time, size in ((9, 4), (20, 13)):
        tokens, positions, sizes = draw(4, time), counted(made.pe, time), torch.full((4,), size)
        full = made(tokens, positions, prompt=sizes)
        for parts in ((size, *[1] * (time - size)), (size, 3, time - size - 3), (time,)):
            cache, found, at = DecoderCache(room=time), [], 0
            for count in parts:
                here = slice(at, at + count)
                found.append(made(tokens[:, here], positions[:, here], cache, prompt=None if at else sizes))
                at += count
            torch.testing.assert_close(torch.cat(found, 1), full)
        for first in (6, time):
            torch.testing.assert_close(made(tokens, positions, first=first, prompt=sizes), full[:, first:])


def test_rows_of_a_cache_may_have_prompts_of_different_sizes_leave_and_fork():
    made, tokens, positions = decoder(loops=2), draw(4, 12), torch.arange(12)[None]
    full, cache = made(tokens, positions, prompt=PROMPT), DecoderCache(room=12)
    made(tokens[:, :7], positions[:, :7], cache, prompt=PROMPT, first=7)
    rows, other = torch.tensor([3, 1]), cache.fork()
    cache.select(rows)
    found = made(tokens[rows, 7:], positions[:, 7:], cache)
    torch.testing.assert_close(found, full[rows, 7:])
    torch.testing.assert_close(made(tokens[:, 7:], positions[:, 7:], other), full[:, 7:])


def test_the_encoder_is_read_once_and_its_keys_are_made_once():
    made, tokens, positions = decoder(loops=3), draw(2, 9), torch.arange(9)[None]
    cache, calls = DecoderCache(), []
    made.encoder[0].register_forward_hook(lambda *_: calls.append("encoder"))
    made.blocks[0].cross.key.register_forward_hook(lambda *_: calls.append("keys"))
    made(tokens[:, :5], positions[:, :5], cache, prompt=torch.tensor([5, 5]))
    made(tokens[:, 5:], positions[:, 5:], cache)
    assert calls == ["encoder", "keys"]


def test_a_prompt_is_read_in_one_pass_or_refused():
    made, tokens, positions = decoder(), draw(4, 9), torch.arange(9)[None]
    with pytest.raises(UsageError, match=r"decoder\.encoder=2: reads where answers begin"):
        made(tokens, positions)
    with pytest.raises(UsageError, match=r"decoder\.encoder=2: a prompt is read in one pass"):
        made(tokens[:, :6], positions[:, :6], DecoderCache(), prompt=PROMPT)
    full = made(tokens, positions, prompt=PROMPT)
    for size in (2, 4, 100):
        torch.testing.assert_close(read(made, tokens, positions, size=size, prompt=PROMPT), full)


@pytest.mark.parametrize(
    "options", [{}, {"loops": 2, "inject": True}, {"pe": Learned}, {"head": NMST}, {"head": ST}], ids=str
)
def test_greedy_verdicts_are_those_of_one_pass(options):
    batch = drawn()
    made = decoder(vocabulary=len(batch.vocabulary), **options)
    check_greedy(made, batch)
    check_verdicts(made, batch)


def test_the_fast_step_has_the_loss_and_gradients_of_the_plain_one():
    batch = drawn()
    made = decoder(vocabulary=len(batch.vocabulary))
    check_fast_step(made, batch)
    assert all(bool(weight.grad.any()) for weight in made.parameters())


def test_without_an_encoder_parameters_are_those_of_a_decoder_alone():
    alone, made = decoder(encoder=0), decoder()
    known = {*dict(alone.named_parameters())}
    further = {name for name, _ in made.named_parameters()} - known
    assert not any("encoder" in name or "cross" in name for name in known)
    assert all(name.startswith("encoder") or ".cross" in name for name in further)
    matrices = {id(weight) for weight in split(made)[0]}
    decayed = {name for name, weight in made.named_parameters() if id(weight) in matrices}
    assert decayed & further == {name for name in further if "norm" not in name}


def config(*words):
    record = Request(TRAIN, ("task=copy", *TINY, "pe=rope", *words)).compose()
    return Builder().build(RunConfig, {**record, "record": record})


def test_seeds_are_stacked():
    check_stackable(config("decoder.encoder=2"))


@pytest.mark.parametrize("layers", [1, 3])
def test_the_budget_counts_it(layers):
    words = (f"decoder.layers={layers}", "decoder.encoder=2")
    with_it, without = (budget(config(*some)) for some in (words, words[:1]))
    made = config(*words).make_decoder()
    assert with_it.parameters == sum(weight.numel() for weight in made.parameters())
    stacks = (*made.blocks, *made.encoder)
    assert with_it.matrices == sum(
        weight.numel() for block in stacks for weight in block.parameters() if weight.ndim > 1
    )
    assert with_it.kept > without.kept


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("pe=nope",), "decoder.encoder=1 with pe=nope: a prompt that is read in both directions without positions is a bag of tokens"),
        (("pe=t5",), "decoder.encoder=1 with pe=t5: it is not defined for keys after the query"),
        (("pe=rope", "attention=window"), "decoder.encoder=1 with attention=window: it is not defined for keys after the query"),
        (("mixer=gru",), "decoder.encoder=1 with mixer=gru: a state would have to begin anew at the answer of each row"),
        (("pe=rope", "mixer.pattern=[attention,gru]"), "decoder.encoder=1 with mixer=attention-gru: a state would have to begin anew"),
        (("pe=rope", "head=pointer"), "decoder.encoder=1 with head=pointer: it reads the residual stream of prompts"),
        (("pe=rope", "decoder.mask=prefix"), "decoder.encoder=1 with decoder.mask=prefix: the encoder reads prompts in both directions"),
        (("pe=rope", "decoder.encoder=-1"), "decoder.encoder=-1: must be at least 0"),
        (("pe=rope", "decoder.encoder=1000000"), "decoder.encoder=1000000"),
    ],
)  # fmt: skip
def test_what_is_not_defined_is_refused(words, said, lengen):
    ran = lengen("train", "task=copy", *TINY, "decoder.encoder=1", *words)
    assert ran.code == 2
    assert said in ran.err
    assert len(ran.err.strip().splitlines()) == 1


@pytest.mark.whole_run
def test_a_run_with_an_encoder_is_a_run_like_any_other(lengen, tmp_path):
    ran = lengen("train", "task=copy", *TINY, "pe=rope", "decoder.encoder=1")
    assert ran.code == 0, ran.err
    (run,) = run_folders(tmp_path)
    assert json.loads((run / "run.json").read_text())["identity"]["decoder"]["options"]["encoder"] == 1
    for words in (("decode=greedy",), ("decode=free",)):
        ran = lengen("eval", f"run={run}", *words)
        assert ran.code == 0, ran.err
    for words, said in (
        (("eval", f"run={run}", "extend=sharpen"), "(it needs decoder.encoder=0)"),
        (("eval", f"run={run}", "inspect=entropy"), "inspect=entropy: does not apply to decoder.encoder=1"),
        (
            ("export", f"run={run}", f"to={tmp_path / 'converted'}"),
            "decoder.encoder=1 has no architecture of transformers",
        ),
    ):
        ran = lengen(*words)
        assert ran.code == 2
        assert said in ran.err
