"""Makes a search repeatable: the same command tries the same values, so that it goes on where it was stopped."""

from __future__ import annotations

from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import OmegaConf, read_write


class SeedSampler(Callback):
    """Sets the seed of a sweeper's sampler to 0 where none is given."""

    def on_multirun_start(self, config: Any, **_: Any) -> None:
        """See `Callback`."""
        sampler = OmegaConf.select(config, "hydra.sweeper.sampler")
        if sampler is not None and "seed" in sampler and sampler.seed is None:
            with read_write(config):
                sampler.seed = 0
