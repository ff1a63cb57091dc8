"""Every YAML composes and builds; every leaf is checked against the constructor's annotation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest

from lengen.config.builder import Builder
from lengen.config.compose import TRAIN, Request
from lengen.config.search import config_dir
from lengen.pe import PositionalEncoding

OPTIONS = [
    (folder.name, file.stem)
    for folder in sorted(config_dir().iterdir())
    if folder.is_dir()
    for file in sorted(folder.glob("*.yaml"))
]
NEEDS = {
    ("positions", "coupled"): ["task=addition"],
    ("positions", "abacus"): ["task=addition"],
    ("positions", "multilevel"): ["task=many_addition"],
    ("trainer", "fsdp"): ["optimizer=adamw"],
    ("mixer", "pattern"): ["mixer.pattern=[gru,attention]"],
    ("pe", "multilevel"): ["task=many_addition", "positions=multilevel"],
}


def composed(*overrides: str) -> dict:
    return Request(TRAIN, overrides).compose()


@pytest.mark.parametrize(
    ("group", "option"),
    [
        pair
        for pair in OPTIONS
        if pair[0] not in ("published", "theory", "family", "experiment", "extend", "inspect", "tune")
    ],
)
@pytest.mark.sampled(3)
def test_every_option_composes_and_builds(group, option):
    from lengen.experiment.config import RunConfig
    from lengen.experiment.run import Experiment

    reads = ["pe=rope"] if group == "positions" and option not in ("coupled", "abacus", "multilevel") else []
    config = composed(
        f"{group}={option}",
        *reads,
        *NEEDS.get((group, option), []),
    )
    experiment = Experiment(Builder().build(RunConfig, {**config, "record": config}))
    assert len(experiment.config.cell) == 10
    leaves = [node for node in config.values() if isinstance(node, dict) and "_target_" in node]
    assert len(leaves) >= 8


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_says_what_it_is(group, option):
    from lengen.config.option_page import FACTS, described

    line, facts = described(config_dir() / group / f"{option}.yaml")
    assert len(line) > 10
    if group in ("pe", "attention"):
        assert set(facts) == {*FACTS}
        assert facts["cost"].partition(",")[0] in ("fused", "bias mask", "explicit weights")
        assert facts["cache"] in [
            f"{keys} keys{state}" for keys in ("raw", "rotated", "convolved") for state in ("", " and state")
        ]
    if group == "positions":
        assert set(facts) == {*FACTS}
    assert "# paper: " in (config_dir() / group / f"{option}.yaml").read_text()


@dataclass(frozen=True)
class Inner:
    size: int = 1


@dataclass(frozen=True)
class Outer:
    count: int
    share: float = 0.5
    on: bool = False
    word: str | None = None
    kind: Literal["a", "b"] = "a"
    sizes: list[int] | None = None
    inner: Inner = Inner()


def test_leaves_are_typed():
    built = Builder().build(
        Outer, {"count": "3", "share": 1, "on": "true", "sizes": [1, "2"], "inner": {"size": 4}}
    )
    assert built == Outer(3, 1.0, True, None, "a", [1, 2], Inner(4))
    assert isinstance(built.share, float)


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ({"count": "x"}, "x.count=x: must be a whole number"),
        ({"count": True}, "x.count=True: must be a whole number"),
        ({"count": 1.5}, "x.count=1.5: must be a whole number"),
        ({"count": None}, "x.count=None: must be a whole number"),
        ({}, "x.count is missing"),
        ({"count": 1, "on": "flase"}, "x.on=flase: must be true or false"),
        ({"count": 1, "on": 7}, "x.on=7: must be true or false"),
        ({"count": 1, "on": -1}, "x.on=-1: must be true or false"),
        ({"count": 1, "on": 0.5}, "x.on=0.5: must be true or false"),
        ({"count": 1, "kind": "c"}, "x.kind=c: must be one of a, b"),
        ({"count": 1, "sizes": 3}, "x.sizes=3: must be a list or null"),
        ({"count": 1, "sizes": ["y"]}, "x.sizes="),
        ({"count": 1, "shares": 3}, "unknown option 'x.shares'; did you mean 'share'"),
        ({"count": 1, "inner": {"sise": 3}}, "unknown option 'x.inner.sise'; did you mean 'size'"),
        ({"count": 1, "inner": 3}, "x.inner=3: must be a group of options"),
    ],
)
def test_what_is_wrong_is_named(node, words):
    with pytest.raises(ValueError) as error:
        Builder().build(Outer, node, "x")
    assert words in str(error.value)


def test_targets_outside_of_what_is_allowed_are_not_even_imported():
    import sys

    node = {"_target_": "antigravity.Thing"}
    with pytest.raises(ValueError, match=r"antigravity\.Thing: must be a class under lengen"):
        Builder().build(PositionalEncoding, node, "pe")
    assert "antigravity" not in sys.modules


@pytest.mark.whole_run
def test_the_cell_is_the_configuration_without_its_seed():
    from lengen.experiment.config import RunConfig
    from lengen.experiment.run import Experiment

    def cell(*overrides: str) -> str:
        config = composed("task=copy", *overrides)
        return Experiment(Builder().build(RunConfig, {**config, "record": config})).config.cell

    same = {
        cell(),
        cell("seed=3"),
        cell("init_seed=2"),
        cell("results_dir=x"),
        cell("trainer.threads=2"),
        cell("trainer.flex=true"),
        cell("force=true"),
    }
    assert len(same) == 1
    others = [
        cell("pe=rope"),
        cell("steps=7"),
        cell("eval.examples=7"),
        cell("optimizer.lr=0.5"),
        cell("task.alphabet=9"),
    ]
    assert len({*same, *others}) == 6
