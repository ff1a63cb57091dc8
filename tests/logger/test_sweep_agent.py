"""W&B sweeps: the command line that W&B's agent makes of `docs/sweep.yaml` is one that lengen takes."""

from __future__ import annotations

from pathlib import Path

import yaml
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

from conftest import TINY

SWEEP = Path(__file__).parents[2] / "docs" / "sweep.yaml"
CHOSEN = {"pe": "rope", "optimizer.lr": 1e-05, "decoder.layers": 1, "eval.lengths": [5, 10, "2x"]}
"""What W&B's server might choose."""


def started(chosen) -> list[str]:
    """The words that the agent starts for some values of the parameters, as wandb/wandb_agent.py puts them together."""
    sweep = yaml.safe_load(SWEEP.read_text())
    assert set(chosen) == set(sweep["parameters"])
    arguments = create_sweep_command_args({"args": {name: {"value": each} for name, each in chosen.items()}})
    variables = {**arguments, "env": ["/usr/bin/env"]}
    return [
        word
        for chunk in create_sweep_command(sweep["command"])
        for word in (variables[chunk[2:-1]] if chunk.startswith("${") else [chunk])
    ]


def test_the_sweep_that_is_shipped_starts_runs_or_is_told_what_is_wrong(lengen):
    env, program, *words = started(CHOSEN)
    assert (env, program) == ("/usr/bin/env", "lengen")
    small = [word for word in TINY if not word.startswith(("eval.lengths", "decoder.layers"))]
    ran = lengen(*words, *small, "train_length=5", "dry=true")
    assert ran.code == 0, ran.err
    for word in ("pe=rope", "optimizer.lr=1e-05", "eval.lengths=[5, 10, '2x']"):
        assert word in words
    refused = lengen(*started({**CHOSEN, "pe": "ropee"})[2:], "dry=true")
    assert refused.code == 2
    assert "did you mean 'rope'" in refused.err
