"""Laws of errors: known laws are found, intervals cover, and first errors tell place from length."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime, brentq

from lengen.statistics.error_law import error_law, fitted_law
from lengen.statistics.hazards import hazards
from lengen.statistics.laws import LAWS, AnswerCounts, _loss, exact_match, fit

TRAIN = 10
LENGTHS = np.unique(np.round(TRAIN * 2 ** np.linspace(0.25, 3, 12)))
TOKENS = LENGTHS + 1
TRUTHS = {
    "constant": lambda: np.full(len(LENGTHS), 0.02),
    "power": lambda: 0.004 * LENGTHS / TRAIN,
    "floor and power": lambda: 0.004 + 0.00002 * (LENGTHS / TRAIN) ** 5,
}


def drawn(hazard, generator, dispersion=0.0, examples=1000) -> AnswerCounts:
    """A sweep under a law; the accuracy at a length has a beta distribution if lengths are overdispersed."""
    accuracy = np.exp(-TOKENS * hazard)
    if dispersion:
        size = 1 / dispersion - 1
        accuracy = generator.beta(np.maximum(accuracy * size, 1e-9), np.maximum((1 - accuracy) * size, 1e-9))
    return AnswerCounts.of(LENGTHS, TOKENS, generator.binomial(examples, accuracy), examples, TRAIN)


@pytest.mark.parametrize("truth", TRUTHS)
def test_a_known_law_is_found(truth):
    generator = np.random.default_rng(0)
    found = [error_law(drawn(TRUTHS[truth](), generator)) for _ in range(10)]
    assert sum(law.chosen is not None and law.chosen.law == truth for law in found) >= 8
    assert sum(law.by_bic == truth for law in found) >= 8
    assert all(law.by_held_out == law.chosen.law for law in found if law.chosen)


@pytest.mark.parametrize(("dispersion", "least"), [(0.0, 0.9), (0.005, 0.87), (0.02, 0.83)])
def test_the_interval_of_the_growth_covers(dispersion, least):
    generator = np.random.default_rng(0)
    held = []
    for _ in range(100):
        law = fitted_law(LAWS[1], drawn(TRUTHS["power"](), generator, dispersion))
        held.append(law.estimates["growth"].low <= 1 <= law.estimates["growth"].high)
    assert np.mean(held) >= least


def test_intervals_of_what_follows_cover():
    """The error rate at the train length, and the lengths of exact match 1/2 and of equal parts."""
    generator = np.random.default_rng(0)
    truths = {
        "power": {"error_rate": -np.expm1(-0.004), "half_length": brentq(lambda at: (at + 1) * 0.0004 * at - np.log(2), 1, 99)},
        "floor and power": {"error_rate": -np.expm1(-0.00402), "horizon": TRAIN * 200 ** (1 / 5)},
    }  # fmt: skip
    for law in LAWS[1:]:
        fits = [fitted_law(law, drawn(TRUTHS[law.name](), generator)) for _ in range(60)]
        for name, truth in truths[law.name].items():
            found = [getattr(fitted, name) for fitted in fits]
            assert np.median([each.value for each in found]) == pytest.approx(truth, rel=0.06)
            assert np.mean([each.low <= truth <= each.high for each in found]) >= 0.88
            assert np.mean([each.low <= 1.3 * truth <= each.high for each in found]) < 0.5


def test_the_half_length_is_that_of_the_mean_over_answers_that_differ():
    """Answers of 1 to 2 L tokens: the mean of exp(-m h) is 1/2, not exp of the mean."""
    tokens = [np.arange(1, 2 * int(length) + 1) for length in LENGTHS]
    lengths, tokens = np.repeat(LENGTHS, [len(each) for each in tokens]), np.concatenate(tokens)
    right = np.round(1e6 * np.exp(-tokens * 0.0004 * lengths))
    found = fitted_law(LAWS[1], AnswerCounts.of(lengths, tokens, right, 1e6, TRAIN))
    exact = [np.mean(np.exp(-np.arange(1, 2 * length + 1) * 0.0004 * length)) for length in range(10, 80)]
    truth = 10 + int(np.argmax(np.array(exact) < 0.5))
    assert found.half_length.value == pytest.approx(truth, abs=1)
    assert found.predicted == pytest.approx(
        [np.mean(np.exp(-tokens[lengths == length] * 0.0004 * length)) for length in LENGTHS], abs=1e-4
    )


def test_a_search_that_does_not_converge_is_no_law_and_a_bug_is_a_bug(monkeypatch):
    counts = drawn(TRUTHS["power"](), np.random.default_rng(0))
    monkeypatch.setattr("lengen.statistics.laws.ITERATIONS", 1)
    found = error_law(counts)
    assert (found.chosen, found.fits) == (None, ())
    assert found.note == "no law fits: no search for the parameters converged"
    monkeypatch.setattr("lengen.statistics.laws._loss", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        error_law(counts)


@pytest.mark.parametrize("seed", range(4))
def test_any_curve_has_a_law_or_a_reason(seed):
    """Curves of every shape, under warnings as errors: all bounds are finite and in order."""
    generator = np.random.default_rng(seed)
    for _ in range(8):
        size = int(generator.integers(1, 20))
        lengths = np.sort(generator.choice(np.arange(1, 500), size, replace=False))
        examples = int(generator.choice([1, 20, 1000]))
        share = generator.beta(*generator.choice([0.05, 0.5, 2.0], 2), size)
        share = np.sort(share)[::-1] if generator.random() < 0.5 else share
        tokens = generator.integers(1, 60, size)
        found = error_law(AnswerCounts.of(lengths, tokens, generator.binomial(examples, share), examples, 7))
        assert bool(found.chosen) != bool(found.note)
        for fitted in found.fits:
            estimates = [*fitted.estimates.values(), fitted.error_rate, fitted.half_length, fitted.horizon]
            for each in filter(None, estimates):
                assert 0 <= each.low <= each.value <= each.high < np.inf


def test_parameters_half_length_and_horizon_are_those_of_the_truth():
    found = error_law(drawn(TRUTHS["floor and power"](), np.random.default_rng(0), examples=100_000)).chosen
    assert found.estimates["constant"].value == pytest.approx(0.004, rel=0.05)
    assert found.estimates["scale"].value == pytest.approx(0.00002, rel=0.2)
    assert found.estimates["growth"].value == pytest.approx(5, rel=0.05)
    assert found.horizon.value == pytest.approx(TRAIN * (0.004 / 0.00002) ** (1 / 5), rel=0.05)
    at = found.half_length.value
    assert np.exp(-(at + 1) * (0.004 + 0.00002 * (at / TRAIN) ** 5)) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_the_gradient_is_the_numerical_one(law):
    sweep = drawn(TRUTHS["floor and power"](), np.random.default_rng(0))
    theta = np.log([0.01, 0.001, 1.5])[-len(law.parameters) :]
    expected = approx_fprime(theta, lambda at: _loss(at, law, sweep)[0], 1e-7)
    assert _loss(theta, law, sweep)[1] == pytest.approx(expected, rel=1e-3)


def test_a_constant_is_fitted_where_answers_differ_in_tokens():
    """Two numbers of tokens a length: the likelihood has an entry for each."""
    generator = np.random.default_rng(0)
    lengths, tokens = np.repeat(LENGTHS, 2), np.ravel(np.column_stack([TOKENS, 2 * TOKENS]))
    sweep = AnswerCounts.of(lengths, tokens, generator.binomial(5000, np.exp(-tokens * 0.01)), 5000, TRAIN)
    theta, _ = fit(LAWS[0], sweep)
    assert np.exp(theta[0]) == pytest.approx(0.01, rel=0.03)
    assert len(sweep.distinct) == len(LENGTHS)
    assert exact_match(LAWS[0], theta, sweep) == pytest.approx(np.exp(-tokens * 0.01), abs=0.02)


def test_bic_counts_lengths():
    found = error_law(drawn(TRUTHS["power"](), np.random.default_rng(0)))
    for law in found.fits:
        size = len(law.estimates)
        assert law.bic == pytest.approx(size * np.log(len(LENGTHS)) - 2 * law.log_likelihood)


@pytest.mark.parametrize(
    ("accuracy", "note"),
    [
        ([1.0] * 12, "at the ceiling: error rate below 4e-05 per token at length 80"),
        ([0.0] * 12, "at the floor"),
        ([1.0] * 6 + [0.5] + [0.0] * 5, "curve is a step"),
        ([1.0] * 10 + [0.9, 0.7], "too few lengths: 2 with exact match between 0.02 and 0.98"),
        ([1.0] * 6 + [0.4, 0.5, 0.4, 0.3, 0.9, 0.1], "no law fits"),
    ],
)
def test_no_law_is_shown_where_none_can_be_known(accuracy, note):
    found = error_law(AnswerCounts.of(LENGTHS, TOKENS, np.round(np.array(accuracy) * 1000), 1000, TRAIN))
    assert found.chosen is None
    assert found.note.startswith(note)


def test_counts_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="ascend"):
        AnswerCounts.of([20, 10], 5, 3, 10, 10)
    with pytest.raises(ValueError, match="0 to all"):
        AnswerCounts.of([10, 20], 5, 11, 10, 10)
    with pytest.raises(ValueError, match="at least one token"):
        AnswerCounts.of([10, 20], 0, 1, 10, 10)


def first_errors(hazard_at, generator, lengths=(10, 14, 20, 28, 40, 56), strings=1000):
    """First wrong tokens under a hazard for each place and length; -1 if the answer is right."""
    errors = []
    for length in lengths:
        wrong = generator.random((strings, length)) < [hazard_at(place, length) for place in range(length)]
        errors.append(np.where(wrong.any(axis=1), wrong.argmax(axis=1), -1))
    return errors, list(lengths)


@pytest.mark.parametrize("seed", range(5))
def test_first_errors_tell_place_from_length(seed):
    """Both hazards give one curve: that by length spreads the same total evenly over the answer."""
    generator = np.random.default_rng(seed)

    def place(at, length):
        return 0.0005 * (1 + at)

    def even(at, length):
        return 1 - np.prod([1 - place(other, length) for other in range(length)]) ** (1 / length)

    by_place, by_length = (first_errors(hazard, generator) for hazard in (place, even))
    accuracy = [[np.mean(errors < 0) for errors in found[0]] for found in (by_place, by_length)]
    assert accuracy[0] == pytest.approx(accuracy[1], abs=0.07)
    found = hazards(*by_place), hazards(*by_length)
    assert found[0].depends_on == "place"
    assert found[1].depends_on == "length"
    assert found[0].advantage > 50 > -50 > found[1].penalised
    assert found[0].by_place[:10] == pytest.approx([0.0005 * (1 + at) for at in range(10)], abs=0.003)


def test_hazards_count_what_was_right_so_far():
    found = hazards([[0, 2, -1, 1]], [3])
    assert found.by_place.tolist() == [1 / 4, 1 / 3, 1 / 2]
    assert found.by_length.tolist() == [3 / 9]


def test_hazards_take_answers_of_several_lengths():
    found = hazards([[-1, 1, -1]], [[1, 2, 3]])
    assert found.by_place.tolist() == [0, 1 / 2, 0]


def test_without_errors_nothing_is_decided():
    assert hazards([[-1, -1], [-1, -1]], [2, 2]).depends_on == "undecided"


@pytest.mark.parametrize(
    ("errors", "named"), [([], "one length"), ([[3]], "place of its answer"), ([[-2]], "place")]
)
def test_errors_beyond_the_answer_are_refused(errors, named):
    with pytest.raises(ValueError, match=named):
        hazards(errors, [3] * len(errors))
