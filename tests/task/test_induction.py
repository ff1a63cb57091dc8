"""Induction by searching the text, written from the specification."""

import pytest
from scipy.stats import chisquare

from lengen.task.induction import Induction

from .reading import combinations, draw, name

LENGTHS = (1, 2, 3, 10, 41)
COUNT = 60
UNLIKELY = 1e-3


def parse(read):
    """The trigger, the symbols before it and those after it, up to where it stands again."""
    *body, trigger = read
    assert body.count(trigger) == 1
    where = body.index(trigger)
    return trigger, body[:where], body[where + 1 :]


@pytest.mark.parametrize(
    "options", combinations(Induction, alphabet=(2, 60), depth=(None, 0.0, 0.4, 1.0)), ids=name
)
def test_answers(options):
    for length in LENGTHS:
        batch, pairs = draw(Induction(**options), length, COUNT, seed=length)
        assert batch.places is None
        for read, written in pairs:
            trigger, before, after = parse(read)
            assert (trigger == "!") == (options["trigger"] == "mark")
            assert "!" not in before + after
            assert len(before + after) == length
            assert written == [after[0]]
            if options["depth"] is not None:
                assert len(before) == round(options["depth"] * (length - 1))


@pytest.mark.parametrize("trigger", ["mark", "symbol"])
def test_depth_and_answer_are_uniform(trigger):
    _, pairs = draw(Induction(alphabet=5, trigger=trigger), 6, 2400)
    depths = [len(parse(read)[1]) for read, _ in pairs]
    assert chisquare([depths.count(depth) for depth in range(6)]).pvalue > UNLIKELY
    answers = [written[0] for _, written in pairs]
    assert chisquare([answers.count(symbol) for symbol in "abcde"]).pvalue > UNLIKELY


def test_symbols_are_uniform_over_those_that_are_not_the_trigger():
    _, pairs = draw(Induction(alphabet=4, trigger="symbol", depth=1.0), 2, 2400)
    seen = [read[-1] + read[0] for read, _ in pairs]
    counts = [seen.count(trigger + symbol) for trigger in "abcd" for symbol in "abcd" if symbol != trigger]
    assert sum(counts) == 2400
    assert chisquare(counts).pvalue > UNLIKELY


def test_stress_sets_put_the_trigger_at_eleven_depths():
    stress_sets = Induction(alphabet=4).stress_sets()
    assert list(stress_sets) == [f"depth={tenth / 10:.2f}" for tenth in range(11)]
    for name_, task in stress_sets.items():
        for read, _ in draw(task, 21, 10)[1]:
            assert len(parse(read)[1]) == round(float(name_.partition("=")[2]) * 20)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"alphabet": 0}, ["task.alphabet=0", "at least 1"]),
        ({"alphabet": 1, "trigger": "symbol"}, ["task.alphabet=1", "at least 2"]),
        ({"depth": 1.5}, ["task.depth=1.5", "null", "in [0, 1]"]),
        ({"depth": -0.1}, ["task.depth=-0.1", "null", "in [0, 1]"]),
    ],
)
def test_refusals(options, words):
    with pytest.raises(ValueError) as refusal:
        Induction(**options)
    assert all(word in str(refusal.value) for word in words)
