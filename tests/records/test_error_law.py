"""The error law of a run: from verdicts to run.json and back."""

import json

import numpy as np
import pytest

from lengen.records.curve import Curve
from lengen.records.error_law import UNKNOWN, ErrorLaw, fit_error_law
from lengen.records.verdicts import ENDINGS, StringVerdicts
from report.curves import row

LENGTHS = (5, 10, 12, 14, 17, 20, 24, 28, 34, 40)
WRONG = ENDINGS.index("wrong_token")


def simulated(hazard, seed=0, strings=500, tokens=lambda length, generator, size: np.full(size, length + 1)):
    """Curve and verdicts of a run whose token at a place is wrong with a probability: hazard(place, length)."""
    generator = np.random.default_rng(seed)
    rows, verdicts = [], {}
    for length in LENGTHS:
        sizes = tokens(length, generator, strings)
        due = np.arange(sizes.max()) < sizes[:, None]
        wrong = due & (generator.random(due.shape) < hazard(np.arange(sizes.max()), length))
        exact = ~wrong.any(axis=1)
        first = np.where(exact, -1, wrong.argmax(axis=1))
        verdicts[length] = StringVerdicts(exact, first, wrong.sum(1), np.where(exact, 0, WRONG), sizes)
        rows.append(row(length, exact.mean(), examples=strings))
    return Curve(tuple(rows)), verdicts


def by_length(place, length):
    return np.full(len(place), -np.expm1(-0.004 * (length / 10) ** 2))


def by_place(place, length):
    return 0.0015 * (1 + place)


def varying(length, generator, size):
    return generator.integers(1, 2 * length, size, endpoint=True)


@pytest.mark.parametrize("tokens", [None, varying])
def test_the_law_of_simulated_strings_is_found_with_its_parameters(tokens):
    options = {"tokens": tokens} if tokens else {}
    found = [fit_error_law(*simulated(by_length, seed, **options)) for seed in range(5)]
    laws = [law for law in found if (law.law, law.reason, law.note) == ("power", "power", "")]
    assert len(laws) >= 4
    assert sum(law.growth.low < 2 < law.growth.high for law in laws) >= len(laws) - 1
    assert np.median([law.growth.value for law in laws]) == pytest.approx(2, rel=0.1)
    assert np.median([law.error_rate.value for law in laws]) == pytest.approx(0.004, rel=0.15)
    law = laws[0]
    assert law.dispersion < 4
    assert set(law.fits) == {"constant", "power", "floor and power"}
    assert law.fits["power"]["bic"] < law.fits["constant"]["bic"]
    assert law.fits["power"]["held_out"] > law.fits["constant"]["held_out"]


@pytest.mark.parametrize(("hazard", "followed"), [(by_length, "length"), (by_place, "place")])
def test_what_errors_follow(hazard, followed):
    law = fit_error_law(*simulated(hazard))
    assert law.errors_follow == followed
    assert (law.place_over_length > 0) == (followed == "place")


def test_the_law_is_read_as_it_was_written():
    law = fit_error_law(*simulated(by_length))
    facts = json.loads(json.dumps({"error_law": law.facts}, allow_nan=False))
    assert ErrorLaw.of(facts) == law
    assert law.predicted.keys() == set(LENGTHS)
    ahead = {"error_law": {**facts["error_law"], "of a later version": 1}}
    assert ErrorLaw.of(ahead) == law
    assert ErrorLaw.of({}) is None


def test_without_a_law_the_reason_is_said():
    law = fit_error_law(*simulated(lambda place, length: np.zeros(len(place))))
    assert law.law is None
    assert law.note == "at the ceiling: error rate below 0.0001 per token at length 40"  # 1 - .05^(1/500/41)
    assert law.reason == "at the ceiling"
    assert ErrorLaw.of(json.loads(json.dumps({"error_law": law.facts}))) == law
    curve, verdicts = simulated(by_length)
    verdicts[20] = verdicts[20]._replace(answer_tokens=np.zeros(500, int))
    assert fit_error_law(curve, verdicts) == fit_error_law(curve, {}) == ErrorLaw(None, UNKNOWN)
