"""Numbers of the read-outs against other programs, slow loops, and decoders whose answer is known."""

import copy

import numpy as np
import pytest
import torch
from scipy.stats import linregress
from sklearn.linear_model import Ridge as SklearnRidge
from sklearn.metrics import mutual_info_score, r2_score
from torch.testing import assert_close

from lengen.analysis.inspect.ablation import ablated, head_outputs
from lengen.analysis.inspect.error_law import crossing, horizon, law_rows, ratio
from lengen.analysis.inspect.lens import layer_scores, read_off
from lengen.analysis.inspect.neurons import activity, information
from lengen.analysis.inspect.probes import TARGETS, fit_scores, targets
from lengen.analysis.inspect.remembrance import compared, predictions
from lengen.analysis.inspect.rope_range import Wave, confusions, wave
from lengen.analysis.inspect.stopping import end_token, hazards
from lengen.analysis.passes import answer_queries, with_stream
from lengen.analysis.ridge import ridge
from lengen.attention.softmax import Softmax
from lengen.block.inputs import Shape
from lengen.decoder import Architecture, Decoder
from lengen.evaluation.scoring import Verdicts
from lengen.pe.rope import RoPE
from lengen.records.curve import Curve
from lengen.records.error_law import fit_error_law
from lengen.records.verdicts import StringVerdicts
from lengen.sampling import generator
from lengen.task.copy import Copy
from lengen.training.averaging import Average
from report.curves import row as curve_row


def decoder(**options):
    torch.manual_seed(3)
    return Decoder(Architecture(layers=2, dim=16, heads=2, **options), 9, RoPE, Softmax).double().eval()


def inputs():
    tokens = torch.randint(1, 9, (3, 7), generator=torch.Generator().manual_seed(0))
    return tokens, torch.arange(7).unsqueeze(0)


def test_an_ablated_head_is_one_whose_columns_are_zero():
    made, (tokens, positions) = decoder(), inputs()
    zero = {layer: torch.zeros(1, 2, 8) for layer in range(2)}
    other = copy.deepcopy(made)
    other.blocks[1].attention.out.weight.data[:, 8:] = 0
    with ablated(made, [(2, 2)], zero):
        assert_close(made(tokens, positions), other(tokens, positions))
    with ablated(made, [], zero):
        assert_close(made(tokens, positions), copy.deepcopy(made)(tokens, positions))


@pytest.mark.parametrize("loops", [1, 2])
def test_an_ablated_head_writes_its_mean_in_each_loop(loops):
    made, (tokens, positions) = decoder(loops=loops), inputs()
    means = {layer: torch.randn(loops, 2, 8, dtype=torch.float64) for layer in range(2)}
    with ablated(made, [(1, 1), (2, 2)], means):
        for _ in range(2):
            outputs = head_outputs(made, tokens, positions)
    assert [len(each) for each in outputs.values()] == [loops, loops]
    written = []
    handle = made.blocks[0].attention.out.register_forward_hook(lambda _, x, y: written.append((x[0], y)))
    with ablated(made, [(1, 1)], means):
        made(tokens, positions)
    handle.remove()
    for loop, (x, _) in enumerate(written):
        assert_close(x[..., :8], means[0][loop, 0].expand(3, 7, 8))


@pytest.mark.parametrize("tied", [False, True])
def test_the_lens_after_the_last_block_is_the_decoder(tied):
    made, (tokens, positions) = decoder(tied=tied), inputs()
    found = with_stream(made, tokens, positions)
    assert len(found.stream) == 2
    for row in range(3):
        assert_close(read_off(made, found.stream[-1][row]), found.logits[row].detach())


def test_scores_of_layers_are_those_of_a_slow_loop():
    source = np.random.default_rng(0)
    logits = [torch.from_numpy(source.normal(size=(12, 4))) for _ in range(3)]
    truth, example = torch.from_numpy(source.integers(0, 4, 12)), torch.arange(4).repeat_interleave(3)
    last = logits[-1].argmax(-1)
    found = layer_scores(logits, truth, example, last)
    chosen = [each.argmax(-1).tolist() for each in logits]
    for layer in range(3):
        exact = [all(chosen[layer][q] == truth[q] for q in range(12) if example[q] == e) for e in range(4)]
        settled = [
            all(chosen[later][q] == last[q] for later in range(layer, 3))
            and not (layer and chosen[layer - 1][q] == last[q] and all(chosen[k][q] == last[q] for k in range(layer - 1, 3)))
            for q in range(12)
        ]  # fmt: skip
        assert found[layer]["exact_match"] == pytest.approx(np.mean(exact))
        assert found[layer]["settled"] == pytest.approx(np.mean(settled))
    assert sum(row["settled"] for row in found) == pytest.approx(1)
    assert found[-1]["agreement"] == 1


def test_ridge_and_its_scores_are_those_of_scikit_learn():
    source = np.random.default_rng(1)
    x, y = source.normal(size=(50, 5)) * [1, 2, 3, 4, 5], source.normal(size=(50, 2))
    penalty = 0.3
    alpha = penalty * (x - x.mean(0)).__pow__(2).sum(0).mean()
    theirs = SklearnRidge(alpha=alpha).fit(x, y).predict(x)
    ours = ridge(torch.from_numpy(x), torch.from_numpy(y), penalty)(torch.from_numpy(x))
    np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-10)
    scores = fit_scores(torch.from_numpy(y[:, 0]), ours[:, 0])
    assert scores["r2"] == pytest.approx(r2_score(y[:, 0], theirs[:, 0]))
    assert scores["slope"] == pytest.approx(linregress(y[:, 0], theirs[:, 0]).slope)
    assert fit_scores(torch.ones(3).double(), torch.zeros(3).double()) == {
        "r2": None,
        "slope": None,
        "rmse": 1,
    }


def test_what_is_probed_is_counted_token_by_token():
    batch = Copy().sample(3, 4, generator("x")).begin()
    found = targets(batch, 9)
    row, query, _ = answer_queries(batch)
    assert len(found) == len(row) > 0
    for index, (example, column) in enumerate(zip(row.tolist(), query.tolist(), strict=True)):
        answer = batch.answer[example].tolist()
        expected = {
            "position": column,
            "written": sum(answer[: column + 1]),
            "remaining": sum(answer[column + 1 :]),
            "prompt": answer.index(True),
        }
        rewards = [-((8 / 9) ** step) for step in range(expected["remaining"])]  # of a token each, discounted
        expected["remaining_value"] = sum(rewards) / 9
        assert found[index].tolist() == pytest.approx([expected[name] for name in TARGETS])


def test_information_is_that_of_scikit_learn():
    source = np.random.default_rng(2)
    label = source.integers(0, 5, 200)
    active = source.random((200, 3)) < (label[:, None] + [0, 1, 9]) / 9
    active[:, 1] = label == 2
    found = information(torch.from_numpy(active), torch.from_numpy(label))
    np.testing.assert_allclose(found, [mutual_info_score(label, unit) for unit in active.T], atol=1e-12)


@pytest.mark.parametrize("activation", ["gelu", "swiglu"])
def test_a_unit_is_active_where_its_input_is_above_zero(activation):
    made, (tokens, positions) = decoder(activation=activation), inputs()
    with torch.no_grad():
        feed = made.blocks[0].feed
        (feed.up if feed.gate is None else feed.gate).weight[0] = 0
        before = []
        made.blocks[1].feed_norm.register_forward_hook(lambda *given: before.append(given[2]))
        found = activity(made, tokens, positions)
        feed = made.blocks[1].feed
        expected = before[0] @ (feed.up if feed.gate is None else feed.gate).weight.T > 0
    assert found.shape == (2, 3, 7, feed.up.weight.shape[0])
    assert not found[0, ..., 0].any()
    assert torch.equal(found[1], expected)


def test_an_average_is_the_mean_and_a_moving_one_is_that_of_a_loop():
    states = [{"w": torch.randn(3, 2), "steps": torch.tensor(step)} for step in range(4)]
    uniform = Average().of(states)
    assert_close(uniform["w"], torch.stack([each["w"] for each in states]).mean(0))
    assert int(uniform["steps"]) == 3
    moving = states[0]["w"].double()
    for each in states[1:]:
        moving = 0.7 * moving + 0.3 * each["w"].double()
    assert_close(Average(decay=0.7).of(states)["w"], moving.float())
    assert_close(Average(decay=0.0).of(states)["w"], states[-1]["w"])
    assert sum(Average(decay=0.9).weights(7)) == pytest.approx(1)


@pytest.mark.parametrize("options", [{}, {"fraction": 0.5, "pairing": "interleaved"}])
def test_a_wave_is_the_logit_of_rotated_queries_and_keys(options):
    pe = RoPE(Shape(dim=16, heads=2), **options)
    query, key = torch.randn(3, 8).double(), torch.randn(4, 8).double()
    found = wave(pe, query, key, pe.frequencies(torch.device("cpu")).double())
    for distance in (0, 1, 5, 1000):
        for q in range(3):
            for k in range(4):
                tables = [pe.make_table(torch.tensor([[place]])).double() for place in (2 + distance, 2)]
                turned = [
                    pe.rotate(x.view(1, 1, 1, 8), t).flatten()
                    for x, t in zip((query[q], key[k]), tables, strict=True)
                ]
                ours = found.at(torch.tensor([q]), torch.tensor([k]), torch.tensor([distance]))
                assert float(ours[0]) == pytest.approx(float(turned[0] @ turned[1]), abs=1e-4)


def test_a_head_that_prefers_what_is_near_inverts_nothing_until_it_has_turned():
    slow = Wave(
        torch.ones(2, 3, 1), torch.zeros(2, 3, 1), torch.tensor([[0.0, 5, 9]] * 2), torch.tensor([0.01])
    )
    slow = Wave(*(part.double() for part in slow))
    within = confusions(slow, 100, 10, 2000)
    assert within["position_inversion"] == within["token_inversion"] == within["token_aliasing"] == 0
    assert confusions(slow, 10000, 10, 20000)["position_inversion"] == pytest.approx(0.5, abs=0.02)
    noise = Wave(
        torch.ones(2, 3, 1), torch.randn(2, 3, 1).double() * 9, torch.zeros(2, 3).double(), slow.frequency
    )
    assert confusions(noise, 100000, 10, 20000)["token_inversion"] > 0.2


def test_hazards_and_the_end_token_are_those_of_a_slow_loop():
    source = torch.Generator().manual_seed(5)
    answer = torch.zeros(20, 9, dtype=torch.bool)
    for row in range(20):
        answer[row, 3 : 6 + row % 4] = True
    right = (torch.rand(20, 9, generator=source) < 0.8) & answer
    found = hazards(Verdicts(right, answer, 0.0, torch.zeros(20, dtype=torch.long)))
    strings = [right[row][answer[row]].tolist() for row in range(20)]
    for index, row in enumerate(found):
        risk = [each for each in strings if len(each) > index and all(each[:index])]
        assert row["at_risk"] == len(risk)
        assert row["failed"] == sum(not each[index] for each in risk)
    logs = -torch.rand(12, generator=source).double()
    rank = torch.randint(1, 4, (12,), generator=source)
    example = torch.arange(4).repeat_interleave(3)
    due = torch.arange(12) % 3 == 2
    ends = end_token(logs, rank, due, example)
    parts = [range(3 * each, 3 * each + 2) for each in range(4)]
    assert ends["end_probability_before"] == pytest.approx(
        np.mean([max(np.exp(float(logs[i])) for i in p) for p in parts])
    )
    assert ends["end_before"] == np.mean([any(int(rank[i]) == 1 for i in p) for p in parts])
    assert ends["end_rank"] == np.mean([int(rank[i]) for i in (2, 5, 8, 11)])


def test_ratios_and_horizons_are_those_of_simulated_answers():
    """Answers whose tokens are wrong independently have a ratio of 1; with all errors of a string together it is below."""
    source = np.random.default_rng(0)
    wrong = source.random((200_000, 8)) < 0.1
    accuracy = 1 - wrong.mean()
    assert ratio((~wrong).all(1).mean(), accuracy**8) == pytest.approx(1, abs=0.01)
    together = np.repeat(wrong[:, :1], 8, axis=1)
    assert ratio((~together).all(1).mean(), (1 - together.mean()) ** 8) == pytest.approx(1 / 8, abs=0.01)
    steps = horizon(0.9, 0.5)
    assert 0.9**steps == pytest.approx(0.5)
    assert [ratio(0, 0.5), ratio(0.5, 0), ratio(1, 1), horizon(1.0, 0.5)] == [None] * 4


def test_a_level_is_crossed_where_a_line_between_lengths_does():
    assert crossing([2, 4, 6], [1.0, 0.6, 0.2], 0.4) == pytest.approx(5)
    assert crossing([2, 4, 6], [1.0, 0.4, 0.9], 0.4) == 4
    assert crossing([2, 4], [0.3, 0.1], 0.4) is None
    assert crossing([2, 4], [1.0, 0.9], 0.4) is None


def test_the_chosen_law_is_that_of_the_verdicts():
    """Strings of a constant error rate, through the rows of the table."""
    source, verdicts, rows = np.random.default_rng(1), {}, []
    for length in (5, 10, 20, 40, 80):
        wrong = source.random((2000, length)) < 0.02
        exact = ~wrong.any(1)
        first = np.where(exact, -1, wrong.argmax(1))
        ending = np.where(exact, 0, 4)
        verdicts[length] = StringVerdicts(exact, first, wrong.sum(1), ending, np.full(2000, length))
        rows.append(curve_row(length, exact.mean(), examples=2000))
    law = fit_error_law(Curve(tuple(rows)), verdicts)
    rows = law_rows(law)
    (chosen,) = [row for row in rows if row["chosen"]]
    assert chosen["law"] == law.law == "constant"
    assert chosen["constant"] == pytest.approx(-np.log(0.98), rel=0.1)
    assert chosen["half_length"] == pytest.approx(np.log(0.5) / np.log(0.98), rel=0.15)
    assert all(row["growth"] for row in rows if row["law"] == "power")


@pytest.mark.parametrize("bos", [True, False])
@pytest.mark.parametrize("restarted", [True, False])
def test_remembrance_is_that_of_a_slow_loop(bos, restarted):
    """Each query by itself: strings are cut in Python, and read one by one."""
    torch.manual_seed(3)
    batch = Copy().sample(4, 3, generator("x"))
    part = batch.begin() if bos else batch
    made = Decoder(Architecture(layers=2, dim=16, heads=2, bos=bos), len(part.vocabulary), RoPE, Softmax)
    made = made.double().eval()
    positions = torch.arange(part.time).unsqueeze(0)
    drops = [0, 1, 3]
    found = [
        predictions(made, part.tokens, positions, int(bos), dropped, restarted=restarted) for dropped in drops
    ]
    for dropped, (distance, changed, right, whole) in zip(
        drops, compared(part, int(bos), drops, found), strict=True
    ):
        index = 0
        for example in range(len(part)):
            tokens = part.tokens[example].tolist()
            for query in range(part.time - 1):
                if not part.answer[example, query + 1]:
                    continue
                string, places = tokens[: query + 1], list(range(query + 1))
                cut = string[: int(bos)] + string[int(bos) + dropped :]
                left = places[: len(cut)] if restarted else places[: int(bos)] + places[int(bos) + dropped :]
                p, q = (
                    made(torch.tensor([x]), torch.tensor([at]))[0, -1].softmax(-1).tolist()
                    for x, at in ((string, places), (cut, left))
                )
                assert float(distance[index]) == pytest.approx(
                    sum(abs(a - b) for a, b in zip(p, q, strict=True)) / 2
                )
                assert bool(changed[index]) == (p.index(max(p)) != q.index(max(q)))
                assert bool(right[index]) == (q.index(max(q)) == tokens[query + 1])
                place = int(part.places[example, query + 1])
                gone = [int(part.places[example, k]) for k in range(int(bos), int(bos) + dropped)]
                assert bool(whole[index]) == (place > 0 and place not in gone)
                index += 1
        assert index == len(distance)
        assert dropped or (distance == 0).all()


def test_a_common_shift_of_positions_is_no_change():
    """With rope and without bos, restarted and kept positions give the same; a decoder that reads one token remembers nothing."""
    made, (tokens, positions) = decoder(bos=False), inputs()
    kept, restarted = (
        predictions(made, tokens, positions, 0, 3, restarted=restarted) for restarted in (False, True)
    )
    assert_close(kept, restarted)
    for block in made.blocks:
        block.attention.out.weight.data.zero_()
    assert_close(
        predictions(made, tokens, positions, 0, 3, restarted=False),
        made(tokens, positions)[:, 3:].softmax(-1),
    )
