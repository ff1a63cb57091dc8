"""Loops in the decoder: identities, gradients through the last loops, tokens that stop, and cached decoding."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.testing import assert_close

from lengen.attention.softmax import Softmax
from lengen.decoder import Architecture, Decoder
from lengen.evaluation.decoding import greedy
from lengen.loops import Counted, Passes, Progress, Tally
from lengen.loops.act import ACT
from lengen.loops.halting import AdaptiveHalting, Convergence
from lengen.mixer.attention import Attention
from lengen.mixer.mingru import MinGRU
from lengen.pe.rope import RoPE

VOCABULARY = 11


def decoder(mixer=Attention, halting=None, seed=0, **options):
    torch.manual_seed(seed)
    size = Architecture(**{"dim": 32, "layers": 2, "loops": 3, "inject": True} | options)
    made = Decoder(size, VOCABULARY, RoPE, Softmax, mixer=mixer, **({"halting": halting} if halting else {}))
    return made.eval()


def draw(rows=3, time=9):
    tokens = torch.randint(1, VOCABULARY, (rows, time), generator=torch.Generator().manual_seed(1))
    return tokens, torch.arange(time).unsqueeze(0)


def streams(made, tokens, positions, loops):
    """The residual stream after every loop, by hooks on the last block."""
    found = []
    handle = made.blocks[-1].register_forward_hook(lambda *parts: found.append(parts[-1].detach()))
    with torch.no_grad():
        made(tokens, positions, passes=Passes(loops))
    handle.remove()
    return found


# --- identities


def test_tied_layers_are_one_layer_in_loops():
    one, inputs = decoder(layers=1, inject=False), draw()
    several = decoder(layers=3, loops=1, inject=False)
    several.load_state_dict(
        {
            name: one.state_dict()["blocks.0." + name.split(".", 2)[2] if name.startswith("blocks") else name]
            for name in several.state_dict()
        }
    )
    assert_close(one(*inputs), several(*inputs), rtol=0, atol=1e-6)


@pytest.mark.parametrize("loops", [1, 2, 5])
def test_a_view_is_the_decoder_that_was_made_with_so_many_loops(loops):
    made, other, inputs = decoder(), decoder(loops=loops), draw()
    other.load_state_dict(made.state_dict())
    before = copy.deepcopy(made.state_dict())
    assert torch.equal(made.looped(loops)(*inputs), other(*inputs))
    assert torch.equal(made(*inputs, passes=Passes(loops)), other(*inputs))
    assert made.architecture.loops == 3
    assert all(torch.equal(value, before[name]) for name, value in made.state_dict().items())


def test_without_injection_the_first_loop_alone_reads_the_embedding():
    """Three loops are one loop, applied to what it made."""
    made, (tokens, positions) = decoder(inject=False, layers=1), draw()
    found = streams(made, tokens, positions, 3)
    again = streams(made, tokens, positions, 1)
    assert torch.equal(found[0], again[0])
    injected = decoder(layers=1)
    assert not torch.allclose(streams(injected, tokens, positions, 2)[1], found[1])


@pytest.mark.parametrize("mixer", [Attention, MinGRU])
def test_rows_of_different_counts_are_the_rows_alone(mixer):
    made, (tokens, positions) = decoder(mixer), draw(rows=4)
    counts = torch.tensor([1, 4, 2, 4])
    together = made(tokens, positions, passes=Passes.of_rows(counts))
    for row, count in enumerate(counts.tolist()):
        alone = made.looped(count)(tokens[row : row + 1], positions)
        assert_close(together[row : row + 1], alone, rtol=0, atol=1e-5)


def test_equal_counts_need_no_rule():
    assert Passes.of_rows(torch.tensor([3, 3]), 2) == Passes(3, 1)
    rows = Passes.of_rows(torch.tensor([3, 5, 5])).rows(torch.tensor([1, 2]))
    assert (rows.loops, rows.halting) == (5, None)


# --- gradients through the last loops


@pytest.mark.parametrize("graded", [1, 2, 3, 9])
def test_gradients_of_the_last_loops_are_those_of_a_slow_loop(graded):
    """Against a loop that applies the blocks to a stream that was cut off by hand."""
    made, (tokens, positions) = decoder(layers=1, loops=4), draw()
    made(tokens, positions, passes=Passes(4, max(4 - graded, 0))).square().mean().backward()
    own = {name: weight.grad.clone() for name, weight in made.named_parameters()}
    made.zero_grad()
    cut = decoder(layers=1, loops=4)
    cut.load_state_dict(made.state_dict())
    calls = iter(range(4))

    def stop(_, inputs, after):
        return after.detach() if next(calls) < 4 - graded else after

    cut.blocks[-1].register_forward_hook(stop)
    cut(tokens, positions).square().mean().backward()
    for name, weight in cut.named_parameters():
        assert_close(own[name], weight.grad, rtol=1e-5, atol=1e-7)


def test_truncation_is_that_of_each_row():
    made, (tokens, positions) = decoder(), draw(rows=3)
    counts = torch.tensor([2, 5, 3])
    made(tokens, positions, passes=Passes.of_rows(counts, 2)).square().sum().backward()
    own = [weight.grad.clone() for weight in made.parameters()]
    made.zero_grad()
    for row, count in enumerate(counts.tolist()):
        made(
            tokens[row : row + 1], positions, passes=Passes(count, max(count - 2, 0))
        ).square().sum().backward()
    for first, weight in zip(own, made.parameters(), strict=True):
        assert_close(first, weight.grad, rtol=1e-4, atol=1e-5)


# --- tokens that stop


def test_a_token_that_converges_keeps_its_stream():
    """Against a slow loop over loops and tokens, where each loop is a pass of the decoder's own blocks."""
    made, (tokens, positions) = decoder(layers=1), draw()
    tolerance, most = 0.35, 12
    seen = []

    class Watched(Convergence):
        def step(self, progress, after, loop, *, last):
            seen.append((progress.x.detach(), after.detach()))
            return super().step(progress, after, loop, last=last)

    tally = Tally()
    made.looped(most, Watched(tolerance), tally)(tokens, positions)
    running, used = torch.ones(tokens.shape, dtype=torch.bool), torch.zeros(tokens.shape)
    was = running
    for index, (before, after) in enumerate(seen):
        for row in range(len(tokens)):
            for time in range(tokens.shape[1]):
                if index:
                    kept = seen[index - 1][1 if was[row, time] else 0][row, time]
                    assert torch.equal(before[row, time], kept)
                if running[row, time]:
                    used[row, time] += 1
        was = running.clone()
        change = (after - before).norm(dim=-1) / after.norm(dim=-1)
        running &= change > tolerance
    assert 1 < tally.mean < most
    assert tally.mean == pytest.approx(float(used.mean()))


@pytest.mark.parametrize(("tolerance", "loops"), [(1e9, 1), (1e-12, 6)])
def test_convergence_at_its_ends_is_a_number_of_loops(tolerance, loops):
    made, inputs = decoder(), draw()
    found = made.looped(6, Convergence(tolerance))(*inputs)
    assert_close(found, made.looped(loops)(*inputs), rtol=0, atol=1e-6)


def halves(mixer):
    return {
        "convergence": decoder(mixer).looped(8, Convergence(0.3)),
        "act": trained_act(mixer),
        "number": decoder(mixer).looped(5),
    }


def trained_act(mixer=Attention, **options):
    made = decoder(mixer, ACT().halting, **{"loops": 5} | options)
    torch.manual_seed(3)
    torch.nn.init.normal_(made.halting.probability.weight, std=0.2)
    return made


@pytest.mark.parametrize("kind", ["convergence", "act", "number"])
@pytest.mark.parametrize("mixer", [Attention, MinGRU])
def test_decoding_in_any_parts_is_the_full_pass(kind, mixer):
    made, (tokens, positions) = halves(mixer)[kind], draw()
    tally = Tally()
    whole = made.looped(tally=tally)(tokens, positions)
    assert kind == "number" or 1 < tally.mean < made.architecture.loops
    for cut in (1, 4, 8):
        cache = made.cache(tokens.shape[1])
        parts = [made(tokens[:, :cut], positions[:, :cut], cache)]
        parts += [
            made(tokens[:, time : time + 1], positions[:, time : time + 1], cache)
            for time in range(cut, tokens.shape[1])
        ]
        assert_close(torch.cat(parts, 1), whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["convergence", "act", "number"])
def test_what_a_token_does_depends_on_no_later_one(kind):
    made, (tokens, positions) = halves(Attention)[kind], draw()
    other = tokens.clone()
    other[:, 5:] = (other[:, 5:] + 3) % VOCABULARY
    assert torch.equal(made(tokens, positions)[:, :5], made(other, positions)[:, :5])


@pytest.mark.parametrize("kind", ["convergence", "act", "number"])
def test_greedy_answers_are_the_argmax_of_a_full_pass(kind):
    made, (tokens, positions) = halves(Attention)[kind], draw(rows=5)
    answer = torch.zeros_like(tokens, dtype=torch.bool)
    answer[:, 4:] = True
    written = greedy(made, tokens, answer, lambda _: positions)
    with torch.no_grad():
        expected = made(written, positions).argmax(-1)
    assert torch.equal(written[:, 4:], expected[:, 3:-1])


@pytest.mark.parametrize("first", [0, 4, 8])
def test_wanted_columns_are_those_of_all(first):
    for made in halves(Attention).values():
        tokens, positions = draw()
        whole = made(tokens, positions)[:, first:]
        assert_close(made(tokens, positions, first=first), whole, rtol=0, atol=1e-5)


# --- adaptive computation time


def test_act_is_the_formula_token_by_token():
    """Graves 2016, equations 6 to 13, as a loop over loops and tokens in plain numbers."""
    torch.manual_seed(0)
    rule, most = AdaptiveHalting(8, 0.9, -1.0).double(), 5
    torch.nn.init.normal_(rule.probability.weight)
    after = torch.randn(most, 2, 3, 8, dtype=torch.float64)
    progress = Progress.begin(torch.zeros(2, 3, 8, dtype=torch.float64))
    for loop in range(most):
        progress = rule.step(progress, after[loop], loop, last=loop == most - 1)
    for row in range(2):
        for time in range(3):
            total, result, ponder = 0.0, torch.zeros(8, dtype=torch.float64), None
            for loop in range(most):
                h = after[loop, row, time]
                p = float(torch.sigmoid(rule.probability(rule.norm(h))).detach())
                if total + p >= 0.9 or loop == most - 1:
                    result, ponder = result + (1 - total) * h, loop + 1 + (1 - total)
                    break
                total, result = total + p, result + p * h
            assert float(progress.used[row, time]) == loop + 1
            assert_close(progress.result[row, time].detach(), result)
            assert float(progress.ponder[row, time].detach()) == pytest.approx(ponder, abs=1e-6)


def test_a_token_that_stops_at_once_has_one_loop():
    plain, sure, inputs = decoder(loops=1), decoder(halting=ACT(bias=20.0).halting, loops=6), draw()
    weights = {**plain.state_dict(), **{k: v for k, v in sure.state_dict().items() if "halting" in k}}
    sure.load_state_dict(weights)
    assert_close(sure(*inputs), plain(*inputs), rtol=0, atol=1e-6)


def test_one_loop_of_act_is_one_loop():
    made, plain, inputs = trained_act(loops=1), decoder(loops=1), draw()
    plain.load_state_dict({k: v for k, v in made.state_dict().items() if "halting" not in k})
    assert_close(made(*inputs), plain(*inputs), rtol=0, atol=1e-6)


def test_the_module_of_act_leaves_the_other_parameters_as_they_are_drawn():
    plain, made = decoder().state_dict(), decoder(halting=ACT().halting).state_dict()
    assert {name for name in made if name not in plain} == {
        "halting.norm.weight", "halting.probability.weight", "halting.probability.bias",
    }  # fmt: skip
    assert all(torch.equal(made[name], value) for name, value in plain.items())


def test_a_higher_cost_has_a_gradient_towards_stopping():
    made, (tokens, positions) = trained_act(), draw()
    passes = Passes(5)
    made(tokens, positions, passes=passes)
    passes.noted[-1][1].sum().backward()
    assert float(made.halting.probability.bias.grad) < 0  # a larger bias stops earlier, at a lower cost


def test_counts_of_one_row_each():
    rule = Counted(torch.tensor([1, 3]))
    progress = Progress.begin(torch.zeros(2, 1, 4))
    for loop in range(3):
        progress = rule.step(progress, progress.x + 1, loop, last=loop == 2)
    assert progress.x[:, 0, 0].tolist() == [1, 3]
    assert progress.used[:, 0].tolist() == [1, 3]
