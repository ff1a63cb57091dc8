"""A study of three runs that tests carry out on a cluster and on this machine."""

from __future__ import annotations

import time
from pathlib import Path

from conftest import TINY, read_rows

STUDY = (
    "task=copy", "pe=nope,rope,alibi", *(word for word in TINY if not word.startswith(("steps", "trainer"))),
    "steps=4000", "trainer.checkpoint_every=10000", "trainer.probe_every=500",
)  # fmt: skip


def wait_for(condition) -> None:
    """Wait until something is so; not for ever."""
    deadline = time.monotonic() + 150
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def curves(folder: Path) -> dict[str, list[dict[str, str]]]:
    """The curves of the runs below a folder, apart from what differs from time to time."""
    differing = ("seconds", "peak_bytes", "memory_bytes")
    return {
        str(path.relative_to(folder)): [
            {name: value for name, value in row.items() if name not in differing} for row in read_rows(path)
        ]
        for path in sorted(folder.glob("results/runs/**/curve.csv"))
    }
