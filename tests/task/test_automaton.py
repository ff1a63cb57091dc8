"""Automata against what they stand for: walks, pairs of bits; and the format, written from the specification."""

import pytest
from scipy.stats import chisquare
from tests.options import choices, made

from lengen.task.automaton import Automaton

from .reading import draw

LENGTHS = (1, 2, 3, 10, 41)
COUNT = 80
UNLIKELY = 1e-3
DOOR = {"symbols": ["pull", "push", "lock"], "start": "shut"} | {
    "table": {
        "shut": ["open", "shut", "locked"],
        "open": ["open", "shut", "open"],
        "locked": ["locked", "locked", "locked"],
    }
}


def walls(symbols):
    place = 0
    for symbol in symbols:
        place = min(place + 1, 3) if symbol == "right" else max(place - 1, 0)
    return str(place)


def cycle(symbols):
    return str((symbols.count("right") - symbols.count("left")) % 5)


def pairs_of_bits(symbols):
    text = "".join(symbols)
    return str(sum(text[i : i + 2] in ("01", "10") for i in range(len(text))) % 2)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize(
    ("name", "solve"),
    [("automaton", walls), ("cycle_navigation", cycle), ("even_pairs", pairs_of_bits)],
)
def test_answers(name, solve, length):
    task = made("task", name, scratchpad="none")
    _, pairs = draw(task, length, COUNT, seed=length)
    for read, written in pairs:
        assert read[-1] == "#"
        assert len(read) == length + 1
        assert written == [solve(read[:-1])]
    assert len({written[0] for _, written in pairs}) > 1 or (name, length) == ("even_pairs", 1)


def states_of_door(symbols):
    state, seen = "shut", []
    for symbol in symbols:
        if symbol == "lock" and state == "shut":
            state = "locked"
        elif symbol != "lock" and state != "locked":
            state = {"pull": "open", "push": "shut"}[symbol]
        seen.append(state)
    return seen


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("output", [{}, {"locked": "no", "open": "yes"}])
@pytest.mark.parametrize("scratchpad", choices(Automaton)["scratchpad"])
def test_scratchpads(scratchpad, output, length):
    batch, pairs = draw(Automaton(**DOOR, output=output, scratchpad=scratchpad), length, COUNT)
    for read, written in pairs:
        states = states_of_door(read[:-1])
        states[-1] = output.get(states[-1], states[-1])
        expected = {
            "none": states[-1:],
            "running": states,
            "interleaved": [word for both in zip(read[:-1], states, strict=True) for word in both],
        }
        assert written == expected[scratchpad]
    assert batch.result.sum(1).tolist() == [2] * COUNT  # the answer and its end


@pytest.mark.parametrize("scratchpad", choices(Automaton)["scratchpad"])
def test_places(scratchpad):
    batch, _ = draw(Automaton(**DOOR, scratchpad=scratchpad), 4, 3)
    expected = {
        "none": [2, 2, 2, 2, 1, 2, 0],
        "running": [2, 3, 4, 5, 1, 2, 3, 4, 5, 0],
        "interleaved": [2, 3, 4, 5, 1, 2, 2, 3, 3, 4, 4, 5, 5, 0],
    }
    assert batch.places.tolist() == [expected[scratchpad]] * 3


def test_symbols_are_uniform():
    _, pairs = draw(Automaton(**DOOR), 2, 1800)
    seen = [(read[0], read[1]) for read, _ in pairs]
    counts = [seen.count((a, b)) for a in DOOR["symbols"] for b in DOOR["symbols"]]
    assert chisquare(counts).pvalue > UNLIKELY


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"symbols": []}, ["task.symbols=[]", "one or more"]),
        ({"symbols": ["a", "a", "b"]}, ["task.symbols=['a', 'a', 'b']", "each given once"]),
        ({"symbols": ["a", "b"]}, ["task.table.shut=", "each of the 2 symbols"]),
        ({"table": {"shut": ["shut", "shut", "gone"]}}, ["task.table.shut=", "gone", "states: shut"]),
        ({"start": "gone"}, ["task.start=gone", "shut, open, locked"]),
        ({"output": {"gone": "x"}}, ["task.output.gone", "shut, open, locked"]),
        ({"output": {"open": "#"}}, ["# is reserved"]),
    ],
)
def test_refusals(changes, words):
    with pytest.raises(ValueError) as refusal:
        Automaton(**DOOR | changes)
    assert all(word in str(refusal.value) for word in words)


def test_stresses():
    (hard,) = made("task", "cycle_navigation").stress_sets().values()
    _, pairs = draw(hard, 12, 300)
    found = {"".join(read[:-1]) for read, _ in pairs}
    assert found == {name * 12 for name in hard.symbols}
    assert len({(*read, *written) for read, written in pairs}) == len(hard.symbols)
