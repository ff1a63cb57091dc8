"""The decoder of a run before training, as the null of what is read off the trained one."""

from __future__ import annotations

import torch

from lengen.decoder import Decoder
from lengen.experiment.load_run import TrainedRun

DECODERS = ("trained", "untrained")
"""Values of the column `decoder`."""


def both(trained: TrainedRun) -> dict[str, Decoder]:
    """Return the decoder of a run and the one with the initial parameters that its seed draws, by the names of `DECODERS`.

    Args:
        trained: the run.
    """
    with torch.random.fork_rng(devices=[]):
        fresh = trained.config.make_decoder()
    return dict(zip(DECODERS, (trained.decoder, fresh.to(trained.config.trainer.device).eval()), strict=True))
