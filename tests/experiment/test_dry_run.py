"""The step of a dry run is timed as the run would compute it."""

from __future__ import annotations

import pytest
import torch

from conftest import TINY
from lengen.training.fit import DecoderModule


@pytest.mark.parametrize("threads", [1, 2])
def test_a_step_is_timed_with_the_threads_of_the_run(lengen, monkeypatch, threads):
    """A machine whose cores are all at work makes more threads than asked for wait for each other: minutes in place of seconds."""
    step, seen = DecoderModule.training_step, []

    def watched(self, *args):
        seen.append(torch.get_num_threads())
        return step(self, *args)

    monkeypatch.setattr(DecoderModule, "training_step", watched)
    before = torch.get_num_threads()
    torch.set_num_threads(3 - threads)
    try:
        ran = lengen("train", "task=copy", *TINY, f"trainer.threads={threads}", "dry=true")
        assert ran.code == 0, ran.err
        assert set(seen) == {threads}
        assert torch.get_num_threads() == 3 - threads
    finally:
        torch.set_num_threads(before)
