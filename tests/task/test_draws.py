"""Every task in configs/task draws the examples that it drew on every other machine.

Where what is drawn changes on purpose, raise GENERATOR in stream.py, and write the hashes anew with

    PYTHONPATH=src:. python -m tests.task.test_draws
"""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from tests.options import built, files, read

from lengen.sampling import GENERATOR

HASHES = Path(__file__).with_name("draws.json")


def drawn(path):
    """A hash of a few examples of several lengths."""
    task, found = built(*read(path)), hashlib.sha256()
    for length in filter(task.has, (1, 2, 5, 9, 14, 20)):
        batch = task.sample(length, 40, torch.Generator().manual_seed(length))
        for part in (batch.tokens, batch.answer, batch.places):
            found.update(b"none" if part is None else part.long().numpy().tobytes())
    return found.hexdigest()[:16]


@pytest.mark.parametrize("path", files("task"), ids=lambda path: path.stem)
def test_examples_are_those_of_every_machine(path, monkeypatch):
    plain = torch.Tensor.argsort

    def argsort(self, dim=-1, *, stable=False, **options):
        assert stable, "equal draws would be in an order that hangs on the processor"
        return plain(self, dim=dim, stable=True, **options)

    monkeypatch.setattr(torch.Tensor, "argsort", argsort)
    known = json.loads(HASHES.read_text())
    assert known["generator"] == GENERATOR
    assert drawn(path) == known["tasks"].get(path.stem), "write the hashes anew, see above"


if __name__ == "__main__":
    hashes = {path.stem: drawn(path) for path in files("task")}
    HASHES.write_text(json.dumps({"generator": GENERATOR, "tasks": hashes}, indent=1) + "\n")
