"""A run that learned something, made once."""

from __future__ import annotations

import pytest

import lengen
from api.mine import MyTask

TINY = {
    "decoder": {"layers": 1, "dim": 16, "heads": 2},
    "train_length": 3,
    "batch_size": 16,
    "steps": 20,
    "eval": {"examples": 50, "lengths": [2, 3, 5]},
    "trainer": {
        "probe_every": 10,
        "probe_examples": 24,
        "log_every": 5,
        "checkpoint_every": 5,
        "progress": False,
    },
}
"""What `conftest.TINY` says in words."""


def tiny(**options):
    """The options of a run of a second, with others."""
    return {**TINY, **options}


@pytest.fixture(scope="session")
def learned(tmp_path_factory):
    """A run of a task of one's own that is right sometimes."""
    place = tmp_path_factory.mktemp("learned")
    return lengen.train(
        task=MyTask(symbols=4),
        pe="rope",
        results_dir=str(place / "runs"),
        **tiny(
            steps=250,
            batch_size=64,
            decoder={"layers": 2, "dim": 32, "heads": 2},
            **{"optimizer.schedule.warmup": 20},
        ),
    )
