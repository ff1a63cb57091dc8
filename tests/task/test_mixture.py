"""Mixtures: every row is an example of the part that its token names, in the shares that are asked for."""

from dataclasses import replace

import pytest
import torch
from scipy.stats import chisquare

from config.test_builder import composed
from lengen.config.builder import Builder
from lengen.task import PAD, Task
from lengen.task.addition import Addition
from lengen.task.copy import Copy
from lengen.task.mixture import Aid, Mixture
from lengen.task.sort import Sort
from lengen.task.successor import Successor

from .reading import draw

UNLIKELY = 1e-3
TWICE = Mixture(
    asked=Copy(alphabet=9, times=2),
    aids={
        "once": Aid(Copy(alphabet=12), weight=0.3, factor=1.5),
        "sorted": Aid(Sort(alphabet=7), weight=0.2, lengths=[2, 5]),
    },
)
PRIMED = Mixture(asked=Addition(), aids={"primed": Aid(weight=0.2, lengths=[7, 9], examples=6)})


def solve(token, items):
    """The answer of a part of TWICE."""
    return {"<asked>": items * 2, "<once>": items, "<sorted>": sorted(items)}[token]


@pytest.mark.parametrize("length", [1, 2, 3, 10, 41])
def test_every_row_is_of_the_part_that_its_token_names(length):
    batch, pairs = draw(TWICE, length, 400, seed=length)
    sizes = {"<asked>": {length}, "<once>": {max(round(1.5 * length), 1)}, "<sorted>": {2, 5}}
    found = {token: set() for token in sizes}
    for (token, *items, separator), written in pairs:
        assert separator == "#"
        assert written == solve(token, items)
        found[token].add(len(items))
    assert found == sizes
    assert batch.length.tolist() == [length] * 400
    assert batch.time == int((batch.tokens != PAD).sum(1).max())


def test_shares_and_order():
    _, pairs = draw(TWICE, 4, 6000)
    tokens = [read[0] for read, _ in pairs]
    counts = [tokens.count(token) for token in ("<asked>", "<once>", "<sorted>")]
    assert chisquare(counts, [3000, 1800, 1200]).pvalue > UNLIKELY
    asked = [sum(token == "<asked>" for token in tokens[start::4]) for start in range(4)]
    assert chisquare(asked).pvalue > UNLIKELY
    halves = [sum(token == "<asked>" for token in part) for part in (tokens[:3000], tokens[3000:])]
    assert chisquare(halves).pvalue > UNLIKELY
    sizes = [len(read) for read, _ in pairs if read[0] == "<sorted>"]
    assert chisquare([sizes.count(4), sizes.count(7)]).pvalue > UNLIKELY


def test_vocabulary_is_the_union():
    symbols = TWICE.vocabulary.symbols
    assert symbols == (*"abcdefghi", ">", *"jkl", "?", "<asked>", "<once>", "<sorted>")
    assert PRIMED.vocabulary.symbols == (*Addition().vocabulary.symbols, "<asked>")


@pytest.mark.parametrize("mixture", [TWICE, PRIMED], ids=["twice", "primed"])
def test_examined_is_the_asked_task_behind_its_token(mixture):
    examined, plain = draw(mixture.evaluation_task(), 6, 50)[1], draw(mixture.asked, 6, 50)[1]
    assert examined == [(["<asked>", *read], written) for read, written in plain]
    assert mixture.evaluation_task().vocabulary == mixture.vocabulary


def test_examined_drops_a_hint_inside():
    mixture = Mixture(asked=Sort(hint="successor"), aids={"long": Aid(lengths=[20])})
    assert not any("?" in read for read, _ in draw(mixture.evaluation_task(), 5, 200)[1])


def test_priming_draws_few_examples_again_and_again():
    long = {"".join(read) for seed in range(5) for read, _ in draw(PRIMED, 3, 200, seed)[1] if len(read) > 9}
    assert {len(prompt) for prompt in long} == {len("<asked>") + 2 * size + 2 for size in (7, 9)}
    assert len(long) == 6
    fresh = replace(PRIMED, aids={"primed": replace(PRIMED.aids["primed"], examples=None)})
    seen = [read for read, _ in draw(fresh, 3, 1000)[1] if len(read) > 9]
    assert chisquare([len(seen), 1000 - len(seen)], [200, 800]).pvalue > UNLIKELY
    assert len({"".join(read) for read in seen}) == len(seen)


def test_places_stand_behind_the_token():
    batch, plain = draw(PRIMED.evaluation_task(), 4, 20)[0], draw(Addition(), 4, 20)[0]
    assert torch.equal(batch.places[:, 1:], plain.places)
    assert (batch.places[:, 0] == 0).all()
    assert draw(PRIMED, 4, 20)[0].places is not None
    # an aid without places: what is left would be a mixture of two meanings
    assert draw(TWICE, 4, 200)[0].places is None


def test_longest_and_parts():
    assert [TWICE.longest(length) for length in (1, 4, 10)] == [5, 6, 15]
    assert PRIMED.longest(5) == 9
    assert PRIMED.evaluation_task().longest(5) == 5
    parts = TWICE.training_tasks()
    assert [{read[0] for read, _ in draw(part, 4, 50)[1]} for part in parts] == [
        {"<asked>"},
        {"<once>"},
        {"<sorted>"},
    ]
    assert {part.vocabulary for part in parts} == {TWICE.vocabulary}
    off = replace(TWICE, aids={name: replace(aid, weight=0.0) for name, aid in TWICE.aids.items()})
    assert off.longest(10) == 10
    assert len(off.training_tasks()) == 1


def test_stress_sets_are_those_of_the_asked_task():
    (name,) = TWICE.stress_sets()
    _, pairs = draw(TWICE.stress_sets()[name].evaluation_task(), 8, 20)
    _, plain = draw(TWICE.asked.stress_sets()[name], 8, 20)
    assert [read[1:] for read, _ in pairs] == [read for read, _ in plain]


def test_options_of_parts_on_the_command_line():
    words = ["task=sort_with_successor", "task.asked.alphabet=50", "task.aids.successor.weight=0.3"]
    task = Builder().build(Task, composed(*words)["task"], "task")
    aid = task.aids["successor"]
    assert task.asked == Sort(alphabet=50)
    assert aid == Aid(Successor(alphabet=50), weight=0.3)


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (["task.aids.once.weight=2"], r"task\.aids\.once\.weight=2\.0: must be in \[0, 1\]"),
        (["task.aids.once.factor=0"], r"task\.aids\.once\.factor=0\.0: must be above 0"),
        (
            ["task.aids.once.lengths=[0]"],
            r"task\.aids\.once\.lengths=\[0\]: must be null or a list of lengths of at least 1",
        ),
        (
            ["task.aids.once.lengths=[]"],
            r"task\.aids\.once\.lengths=\[\]: must be null or a list of lengths of at least 1",
        ),
        (["task.aids.once.examples=0"], r"task\.aids\.once\.examples=0: must be null or at least 1"),
        (["task.aids.once.task.times=3"], r"task\.aids\.once\.task\.times=3: must be one of 1, 2"),
        (["+task.aids.once.wieght=1"], r"unknown option 'task\.aids\.once\.wieght'; did you mean 'weight'"),
        (["task.aids.once=3"], r"task\.aids\.once=3: must be a group of options"),
        (["task.aids=3"], r"task\.aids=3: must be a group of options"),
        (["task.asked.alphabet=0"], r"task\.alphabet=0"),
    ],
)
def test_refusals(words, refusal):
    with pytest.raises(ValueError, match=refusal):
        Builder().build(Task, composed("task=copy_twice_with_copy", *words)["task"], "task")


def test_refusals_of_whole_mixtures():
    with pytest.raises(ValueError, match=r"task\.aids: the weights sum to 1\.2, but must sum to at most 1"):
        Mixture(asked=Copy(), aids={"first": Aid(weight=0.6), "second": Aid(weight=0.6)})
    with pytest.raises(ValueError, match=r"task\.aids\.asked: this name is reserved for the main task"):
        Mixture(asked=Copy(), aids={"asked": Aid()})
    with pytest.raises(ValueError, match=r"task\.aids\.inner\.task: must not be a mixture"):
        Mixture(asked=Copy(), aids={"inner": Aid(TWICE)})


def test_what_a_part_cannot_hold_is_refused_before_training():
    from lengen.experiment.config import RunConfig
    from lengen.experiment.run import Experiment

    # 1 example in 100 is longer than the encoding holds: it is seen before the first step
    words = [
        "task=addition_primed",
        "pe=learned",
        "positions=coupled",
        "positions.maximum=10",
        "eval.lengths=[5]",
    ]
    config = composed(*words)
    with pytest.raises(
        ValueError, match=r"train_length=5: positions\.maximum=10 cannot hold the 12 positions"
    ):
        Experiment(Builder().build(RunConfig, {**config, "record": config}))
