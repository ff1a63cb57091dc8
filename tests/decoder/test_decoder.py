"""The decoder: sizes, refusals, an independent forward pass, purity, stacking and memory."""

import re
from functools import partial

import pytest
import torch
from tests.options import files, named, read
from tests.scenes import several
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from lengen.attention.softmax import Softmax
from lengen.block.shared import DecoderCache
from lengen.config.option_page import described
from lengen.decoder import Architecture, Decoder
from lengen.pe.alibi import ALiBi
from lengen.pe.nope import NoPE

VOCABULARY = 11


ENCODINGS = pytest.mark.parametrize("pe", list(named("pe")))


def decoder(pe=NoPE, seed=0, rule=Softmax, **options):
    torch.manual_seed(seed)
    return Decoder(Architecture(**{"dim": 32} | options), VOCABULARY, pe, rule).eval()


def draw(rows=3, time=10):
    tokens = torch.randint(VOCABULARY, (rows, time), generator=torch.Generator().manual_seed(0))
    return tokens, torch.arange(time).unsqueeze(0)


# --- sizes and refusals


@pytest.mark.parametrize("path", files("decoder"), ids=lambda path: path.stem)
def test_presets(path):
    kind, options = read(path)
    size = kind(**options)
    with torch.device("meta"):
        made = Decoder(size, VOCABULARY, NoPE, Softmax)
    width, matrices = round(size.dim * size.hidden), 3 if size.activation == "swiglu" else 2
    block = 4 * size.dim**2 + matrices * size.dim * width + 2 * size.dim
    expected = size.layers * block + size.dim + VOCABULARY * size.dim * (1 if size.tied else 2)
    count = sum(parameter.numel() for parameter in made.parameters())
    assert count == expected
    if told := re.search(r"([\d.]+)M parameters", path.read_text()):
        digits = len(told[1].partition(".")[2])
        assert round(count / 1e6, digits) == float(told[1])
    if path.stem == "paper":
        assert 84.9e6 < count < 110e6  # what a vocabulary adds comes on top


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dim": 30}, "decoder.dim=30: must be a multiple of decoder.heads=4"),
        ({"dim": 0}, "decoder.dim=0"),
        ({"heads": 0}, "decoder.heads=0"),
        ({"layers": 0}, "decoder.layers=0"),
        ({"loops": 0}, "decoder.loops=0"),
        ({"hidden": -0.5}, "decoder.hidden=-0.5"),
        ({"dropout": 1.0}, "decoder.dropout=1.0"),
        ({"dropout": -0.1}, "decoder.dropout=-0.1"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        Architecture(**options)


def test_tied_shares_storage():
    tied, free = decoder(tied=True), decoder()
    assert tied.head.weight is tied.embedding.weight
    assert free.head.weight.data_ptr() != free.embedding.weight.data_ptr()
    assert (
        sum(p.numel() for p in free.parameters()) - sum(p.numel() for p in tied.parameters())
        == VOCABULARY * 32
    )


def test_bos_is_for_the_data():
    tokens, positions = draw()
    assert torch.equal(decoder(bos=True)(tokens, positions), decoder(bos=False)(tokens, positions))


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("loops", [1, 4])
def test_initial_logits_have_unit_size(tied, loops):
    tokens, positions = draw(50, 20)
    logits = decoder(tied=tied, dim=256, loops=loops, inject=True)(tokens, positions)
    others = (
        torch.nn.functional.one_hot(tokens, VOCABULARY) == 0
    )  # a tied head knows the token that it has just read
    assert 0.5 < logits[others].std().item() < 2


# --- the forward pass


def slow(made, row):
    """The logits of one example from the weights alone: token by token, head by head, key by key."""
    size, weights = made.architecture, made.state_dict()

    def norm(x, name):
        return x / (x.square().mean() + torch.finfo(x.dtype).eps).sqrt() * weights[name]

    def attend(stream, name):
        mixed = []
        for i in range(len(stream)):
            seen = [norm(x, f"{name}attention_norm.weight") for x in stream[: i + 1]]
            heads = []
            for head in torch.arange(size.dim).chunk(size.heads):
                query = weights[f"{name}attention.query.weight"][head] @ seen[i]
                keys = [weights[f"{name}attention.key.weight"][head] @ x for x in seen]
                values = [weights[f"{name}attention.value.weight"][head] @ x for x in seen]
                scores = torch.stack([query @ key for key in keys]) / len(head) ** 0.5
                shares = scores.exp() / scores.exp().sum()
                heads.append(sum(share * value for share, value in zip(shares, values, strict=True)))
            mixed.append(weights[f"{name}attention.out.weight"] @ torch.cat(heads))
        return mixed

    def feed(x, name):
        x = norm(x, f"{name}feed_norm.weight")
        up = weights[f"{name}feed.up.weight"] @ x
        if size.activation == "swiglu":
            gate = weights[f"{name}feed.gate.weight"] @ x
            up = gate * gate.sigmoid() * up
        else:
            up = up * (1 + torch.erf(up / 2**0.5)) / 2
        return weights[f"{name}feed.down.weight"] @ up

    embedded = [weights["embedding.weight"][token] for token in row]
    stream = list(embedded)
    for loop in range(size.loops):
        if loop > 0 and size.inject:
            stream = [x + e for x, e in zip(stream, embedded, strict=True)]
        for layer in range(size.layers):
            name = f"blocks.{layer}."
            stream = [x + y for x, y in zip(stream, attend(stream, name), strict=True)]
            stream = [x + feed(x, name) for x in stream]
    head = weights["embedding.weight"] / size.dim**0.5 if size.tied else weights["head.weight"]
    return torch.stack([head @ norm(x, "norm.weight") for x in stream])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"activation": "swiglu", "hidden": 2.7},
        {"tied": True, "heads": 1},
        {"layers": 1, "loops": 3},
        {"layers": 2, "loops": 2, "inject": True, "heads": 8},
    ],
    ids=str,
)
def test_forward_of_the_weights(options):
    made, (tokens, positions) = decoder(**options).double(), draw(2, 6)
    with torch.no_grad():
        for norm in (p for name, p in made.named_parameters() if "norm" in name):
            norm.uniform_(0.5, 1.5)
        for row, logits in zip(tokens, made(tokens, positions), strict=True):
            assert_close(logits, slow(made, row), rtol=0, atol=1e-10)


def test_dropout_is_for_training():
    made, (tokens, positions) = decoder(dropout=0.5), draw()
    assert torch.equal(made(tokens, positions), decoder()(tokens, positions))
    made.train()
    assert not torch.equal(made(tokens, positions), made(tokens, positions))


# --- a pure function


@ENCODINGS
def test_pure(pe):
    made, (tokens, counted) = decoder(pe), draw()
    positions = several(made.pe, counted)
    assert not list(made.buffers())
    before = {name: value.clone() for name, value in made.state_dict().items()}
    first = made(tokens, positions)
    made(tokens[:, :4], positions[:, :4] + 7, DecoderCache())
    made(torch.cat([tokens] * 3, 1), several(made.pe, torch.arange(30).unsqueeze(0)))
    assert torch.equal(made(tokens, positions), first)
    assert before.keys() == made.state_dict().keys()
    assert all(torch.equal(value, before[name]) for name, value in made.state_dict().items())


@ENCODINGS
@pytest.mark.parametrize("tied", [False, True])
def test_seeds_stack_into_one_program(pe, tied):
    """Logits and gradients of three decoders at once equal those of each."""
    members, (tokens, counted) = [decoder(pe, seed, tied=tied) for seed in range(3)], draw()
    positions = several(members[0].pe, counted)
    parameters, buffers = stack_module_state(members)
    assert not buffers
    skeleton = decoder(pe, seed=9, tied=tied)

    def loss(weights):
        logits = functional_call(skeleton, weights, (tokens, positions))
        return logits.square().mean(), logits

    with sdpa_kernel(
        SDPBackend.MATH
    ):  # the fused kernel of the CPU has no batching rule, and warns that it loops
        gradients, logits = vmap(grad(loss, has_aux=True))(parameters)
    for seed, member in enumerate(members):
        alone = member(tokens, positions)
        assert_close(logits[seed], alone, rtol=0, atol=1e-5)
        alone.square().mean().backward()
        for name, parameter in member.named_parameters():
            if parameter.grad is not None:
                assert_close(gradients[name][seed], parameter.grad, rtol=1e-4, atol=1e-5)


# --- memory


class Largest(TorchDispatchMode):
    """Elements of the largest tensor that any operation returns."""

    def __init__(self):
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **kwargs or {})
        sizes = [x.numel() for x in tree_leaves(result) if isinstance(x, torch.Tensor)]
        self.elements = max(self.elements, *sizes, 0)
        return result


def largest(pe, time, rule=Softmax, **options):
    made, (tokens, counted) = decoder(pe, rule=rule, **options), draw(1, time)
    with Largest() as seen:
        made(tokens, several(made.pe, counted))
    return seen.elements


@pytest.mark.parametrize(
    "path",
    [path for group in ("pe", "attention") for path in files(group) if described(path)[1]["cost"] == "fused"],
    ids=lambda path: f"{path.parent.name}={path.stem}",
)
def test_memory_is_linear_in_length(path):
    """Of everything that is called fused, also where gradients are kept for."""
    kind, options = read(path)
    made = partial(kind, **options | ({"maximum": 4096} if "maximum" in options else {}))
    pe, rule = (made, Softmax) if path.parent.name == "pe" else (NoPE, made)
    elements = largest(pe, 4096, rule, layers=1)
    assert elements <= 4 * 32 * 4096  # the hidden layer of the feed-forward, and no [time, time]
    assert (
        elements <= 4.1 * largest(pe, 1024, rule, layers=1) or "maximum" in options
    )  # a table has its own size


def test_memory_of_a_bias_is_quadratic():
    assert largest(ALiBi, 1024, layers=1) == 4 * 1024**2


def test_decoding_makes_no_square():
    """With a cache, one new token costs one row of biases."""
    made, (tokens, positions) = decoder(ALiBi), draw(1, 600)
    cache = DecoderCache()
    with torch.no_grad():
        made(tokens[:, :599], positions[:, :599], cache)
        with Largest() as seen:
            made(tokens[:, 599:], positions[:, 599:], cache)
    assert (
        seen.elements <= 2 * 600 * 32
    )  # keys, in a buffer with room for more; the square of one head has 600 * 600
