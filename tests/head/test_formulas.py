"""What heads compute, against loops over their formulas, published vectors and each other."""

import math

import pytest
import torch
from tests.options import CONFIGS, read

from lengen.attention.softmax import Softmax
from lengen.block.inputs import BlockCache
from lengen.config.errors import UsageError
from lengen.decoder import Architecture, Decoder
from lengen.head import HeadInputs, Output
from lengen.head.linear import Linear
from lengen.head.nmst import NMST
from lengen.head.pointer import Pointer
from lengen.head.st import ST
from lengen.pe.learned import Learned
from lengen.task import EOS
from lengen.testing.head import with_noise
from lengen.testing.made_up import counted, draw


def made(kind, dim=3, vocabulary=7, **options):
    """A head in float64 with noise on all that it learns."""
    torch.manual_seed(0)
    head = kind(Output(dim, vocabulary), **options).double()
    with torch.no_grad():
        for weight in head.parameters():
            weight.copy_(torch.randn_like(weight))
    return head


def inputs(tokens, prompt, first=0, dim=3):
    """What a head reads of a full pass."""
    generator = torch.Generator().manual_seed(2)
    embedded = torch.randn(*tokens.shape, dim, generator=generator, dtype=torch.float64)
    return HeadInputs(tokens, embedded, BlockCache(), 0, first, prompt)


def stream(rows, time, dim=3):
    return torch.randn(rows, time, dim, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def ends(kind, values, **options):
    """Probabilities of the end token along one answer whose logits of it are given."""
    head = kind(Output(1, 6), **options).double()
    with torch.no_grad():
        head.weight.fill_(0.3)
        head.weight[EOS] = 1
    x = torch.tensor(values, dtype=torch.float64).view(1, -1, 1)
    tokens = torch.zeros(1, len(values), dtype=torch.long)
    given = HeadInputs(tokens, x, BlockCache(), 0, 0, torch.tensor([1]))
    return head(x, given)[0].exp().detach()


def test_nmst_is_that_of_the_formula():
    found = ends(NMST, [0.0, 1.0, -1.0], epsilon=0.1)[:, EOS]
    assert found.tolist() == pytest.approx([0.55, 0.78216, 0.46706], abs=5e-6)
    assert found[2] < found[1], "it may fall"


def test_nmst_without_epsilon_is_a_sigmoid_beside_a_softmax():
    head, x = made(NMST, epsilon=0.0), stream(2, 5)
    found = head(x, inputs(draw(2, 5) % 7, torch.tensor([1, 2]))).exp()
    logits = head.logits(x)
    others = [index for index in range(7) if index != EOS]
    end = logits[..., EOS].sigmoid()
    torch.testing.assert_close(found[..., EOS], end)
    expected = (1 - end).unsqueeze(-1) * logits[..., others].softmax(-1)
    torch.testing.assert_close(found[..., others], expected)


@pytest.mark.parametrize("kind", [NMST, ST])
def test_end_tokens_by_a_loop_over_the_answer(kind):
    epsilon, prompts = 0.01, [2, 5, 1]
    head, x = made(kind, epsilon=epsilon), stream(3, 9)
    found = head(x, inputs(draw(3, 9) % 7, torch.tensor(prompts))).exp()
    for row, prompt in enumerate(prompts):
        product = 1.0
        for place, column in enumerate(range(prompt - 1, 9), 1):
            scores = (head.weight @ x[row, column]).tolist()
            s = 1 / (1 + math.exp(-scores[EOS]))
            product *= (1 - epsilon) * (1 - s)
            forced = 1 - (1 - epsilon) ** place
            end = forced * (1 - s) + s if kind is NMST else 1 - product
            total = sum(math.exp(score) for token, score in enumerate(scores) if token != EOS)
            for token, score in enumerate(scores):
                expected = end if token == EOS else (1 - end) * math.exp(score) / total
                assert found[row, column, token].item() == pytest.approx(expected, rel=1e-9)


def test_both_self_terminating_heads_start_alike_and_one_never_falls():
    values = [0.3, -2.0, -1.0, -3.0]
    one, other = (ends(kind, values, epsilon=0.05)[:, EOS] for kind in (NMST, ST))
    assert float(one[0]) == pytest.approx(float(other[0]))
    assert bool((other.diff() > 0).all())
    assert bool((one.diff() < 0).any())


@pytest.mark.parametrize("kind", [NMST, ST])
def test_every_answer_ends(kind):
    never = ends(kind, [-50.0] * 800, epsilon=0.001)[:, EOS]
    assert float(never[0]) == pytest.approx(0.001)
    assert float(never[692]) == pytest.approx(1 - 0.999**693) == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("over", ["prompt", "all"])
def test_pointer_by_a_loop_over_tokens(over):
    prompts = [3, 1]
    head, x, tokens = (
        made(Pointer, over=over),
        stream(2, 6),
        torch.tensor([[1, 4, 4, 5, 1, 2], [3, 3, 6, 2, 3, 0]]),
    )
    given = inputs(tokens, torch.tensor(prompts))
    found = head(x, given).exp()
    gate_h, gate_x = head.gate.weight[0, :3], head.gate.weight[0, 3:]
    for row, prompt in enumerate(prompts):
        for time in range(6):
            query, seen = (
                head.query.weight @ x[row, time],
                time + 1 if over == "all" else min(time + 1, prompt),
            )
            scores = torch.stack([query @ (head.key.weight @ x[row, i]) / 3**0.5 for i in range(seen)])
            weights = scores.exp() / scores.exp().sum()
            context = sum(weights[i] * x[row, i] for i in range(seen))
            gate = (
                head.context.weight[0] @ context + gate_h @ x[row, time] + gate_x @ given.embedded[row, time]
            )
            p = (gate + head.gate.bias[0]).sigmoid()
            expected = p * (head.weight @ x[row, time]).softmax(0)
            for i in range(seen):
                expected[tokens[row, i]] += (1 - p) * weights[i]
            torch.testing.assert_close(found[row, time], expected)


def test_a_pointer_that_only_writes_is_the_output_matrix():
    torch.manual_seed(0)
    pointer = Decoder(
        Architecture(dim=32), 13, Learned, Softmax, head=lambda output: Pointer(output, start=1e4)
    ).eval()
    plain = Decoder(Architecture(dim=32), 13, Learned, Softmax).eval()
    assert not plain.load_state_dict(pointer.state_dict(), strict=False).missing_keys
    tokens, positions, prompt = draw(4, 9), torch.arange(9).unsqueeze(0), torch.tensor([2, 4, 1, 5])
    expected = plain(tokens, positions).log_softmax(-1)
    torch.testing.assert_close(pointer(tokens, positions, prompt=prompt), expected)


def test_a_pointer_that_only_copies_gives_other_tokens_nothing():
    head = made(Pointer, over="prompt", start=0.0)
    with torch.no_grad():
        head.gate.bias.fill_(-1e4)
    tokens = torch.tensor([[3, 5, 5, 1, 2]])
    found = head(stream(1, 5), inputs(tokens, torch.tensor([3])))
    assert set(found[0, 4].exp().nonzero().flatten().tolist()) == {3, 5}


def test_a_head_that_reads_prompts_says_so_where_they_are_not_given():
    for kind in (NMST, ST, Pointer):
        decoder = with_noise(kind)
        with pytest.raises(UsageError, match="reads where answers begin"):
            decoder(draw(4, 5), counted(decoder.pe, 5))


def test_the_default_keeps_names_and_draws():
    torch.manual_seed(0)
    decoder = Decoder(Architecture(), 13, Learned, Softmax)
    assert {name for name, _ in decoder.named_parameters() if name.startswith("head")} == {"head.weight"}
    assert type(decoder.head) is Linear
    kind, options = read(CONFIGS / "head" / "linear.yaml")
    assert (kind, options) == (Linear, {})


@pytest.mark.parametrize("kind", [NMST, ST])
def test_an_epsilon_that_would_cut_answers_off_is_refused(kind):
    kind(Output(3, 7), epsilon=0.1 / 100).check_answers(100, "train_length=10")
    with pytest.raises(UsageError) as refused:
        kind(Output(3, 7), epsilon=0.01).check_answers(100, "train_length=10")
    assert str(refused.value) == (
        "head.epsilon=0.01: train_length=10, where answers have up to 100 tokens, and the end token gets a probability of at least 0.63; "
        "must be at most 1.1e-03, for 0.1"
    )
    with pytest.raises(UsageError, match=r"head\.epsilon=1\.0: must be at least 0 and below 1"):
        kind(Output(3, 7), epsilon=1.0)


@pytest.mark.parametrize("kind", [Linear, NMST, ST, Pointer])
def test_gradients_are_finite_differences(kind):
    head, tokens = made(kind), draw(2, 5) % 7
    given = inputs(tokens, torch.tensor([1, 3]))
    names = [name for name, _ in head.named_parameters()]

    def answers(x, *weights):
        found = torch.func.functional_call(head, dict(zip(names, weights, strict=True)), (x, given))
        return found.log_softmax(-1)[:, 2:].clamp(
            min=-50
        )  # what cannot be copied and is not written has none

    assert torch.autograd.gradcheck(answers, (stream(2, 5).requires_grad_(), *head.parameters()))


def test_the_output_matrix_reads_any_state_of_the_residual_stream():
    head = Linear(Output(8, 5, tied=False))
    x = torch.randn(3, 8)
    assert torch.equal(head(x), x @ head.weight.T)
