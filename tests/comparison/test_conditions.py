"""`where=`: which runs are compared."""

import pandas
import pytest

from lengen.comparison.conditions import Condition
from lengen.comparison.find_runs import find
from lengen.comparison.grouping import assemble
from lengen.config.errors import UsageError
from studies import write_run

SHARES = [1.0, 1.0, 0.6, 0.1]
RATES = (1e-5, 0.001, 0.01, 0.1)


@pytest.fixture
def runs(tmp_path):
    """Four seeds; the learning rate of seed 3 is 0.1, and it alone has a momentum."""
    root = tmp_path / "runs"
    for seed, lr in enumerate(RATES):
        options = {"lr": lr, "name": "1e1", "nesterov": seed > 1, "clip": None if seed else 2}
        options |= {"momentum": 0.9} if seed == 3 else {}
        write_run(root, seed, SHARES, cell=f"c{seed}", pe="rope" if seed else "nope", optimizer=options)
    return root


@pytest.mark.parametrize(
    ("where", "seeds"),
    [
        ("seed=1", "1"),
        ("seed!=1", "023"),
        ("seed=0|2", "02"),
        ("seed<2", "01"),
        ("pe=nope", "0"),
        ("pe!=nope", "123"),
        ("task.repeats = allowed", "0123"),
        ("optimizer.lr<0.01", "01"),
        ("optimizer.lr <= 1e-2", "012"),
        ("optimizer.lr>0.0099", "23"),
        ("optimizer.lr>=.01", "23"),
        ("optimizer.lr=1e-3|0.10", "13"),  # equal as numbers
        ("optimizer.lr!=0.00001", "123"),
        ("optimizer.name=1e1", "0123"),
        ("optimizer.name=10", ""),  # no number there, so not equal to one
        ("optimizer.nesterov=true", "23"),
        ("optimizer.nesterov=False", "01"),
        ("optimizer.nesterov=1", ""),
        ("optimizer.clip=null", "123"),
        ("optimizer.clip<3", "0"),
        ("optimizer.momentum<1", "3"),  # others have none
        ("optimizer.momentum>=0", "3"),
        ("optimizer.momentum!=0.9", "012"),
        (["optimizer.lr>=0.001", "optimizer.lr<0.1"], "12"),
        (["seed>0", "pe=rope", "optimizer.lr!=0.01"], "13"),
    ],
)
def test_conditions(runs, where, seeds):
    asked = [where] if isinstance(where, str) else where
    if seeds:
        assert sorted(run.seed for run in assemble(find([str(runs)]), where=asked).runs) == list(seeds)
    else:
        with pytest.raises(UsageError, match="none of 4 runs matches"):
            assemble(find([str(runs)]), where=asked)


@pytest.mark.parametrize("text", ["pe", "=nope", "!=nope", "", "<3", "pe!nope"])
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(UsageError, match="must be key=value"):
        Condition.parse(text)


@pytest.mark.parametrize(
    ("word", "left"),
    [("where=optimizer.lr<0.01", {0, 1}), ("where=[optimizer.lr>=1e-3, pe=rope|nope]", {1, 2, 3})],
)
@pytest.mark.usefixtures("coarse")
def test_the_command_compares_numbers(lengen, runs, word, left):
    ran = lengen("compare", f"runs={runs}", word, "out=out", "by=optimizer.lr")
    assert ran.code == 0, ran.err
    curves = pandas.read_csv(runs.parent / "out" / "curves.csv")
    assert set(curves.seed) == left
    assert set(curves["optimizer.lr"]) == {RATES[seed] for seed in left}


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("where=optimizer.lr<small", "'small' is not a number; a text is compared by = and != only"),
        ("where=pe<rope", "'rope' is not a number"),
        ("where=optimizer.lr<0.1|0.2", "'0.1|0.2' is not a number"),
        ("where=pe>1", "pe is 'nope' in"),
        ("where=optimizer.nesterov>=0", "optimizer.nesterov is False in"),
        ("where=optimizer.rl<0.1", "where=optimizer.rl: no run has this option; did you mean 'optimizer.lr'"),
        ("where=optimizer.lr>1", "where=optimizer.lr>1: none of 4 runs matches; optimizer.lr is "),
        ("where=pe=rop", "where=pe=rop: none of 4 runs matches; pe is nope"),
        (
            "best=lr",
            "best=lr: no run has this option; did you mean 'optimizer.lr'? (allowed: the options of its config.yaml; these differ in ",
        ),
        ("by=lrr", "by=lrr: no run has this option; did you mean 'optimizer.lr'? (allowed: seed, cell, and"),
        (
            "best=learning_rate",
            "best=learning_rate: no run has this option; in lengen this is 'optimizer.lr'",
        ),
        (
            "where=optimizer.lr=small",
            "where=optimizer.lr=small: optimizer.lr is a number; got 'small' (allowed: a number",
        ),
        ("against=mine.yaml", "against=mine.yaml: there is no such file"),
    ],
)
def test_mistakes_are_one_line(lengen, runs, word, said):
    ran = lengen("compare", f"runs={runs}", word, "out=out")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert said in ran.err
    assert not (runs.parent / "out").exists()
