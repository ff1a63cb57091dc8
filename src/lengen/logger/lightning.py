"""What the loggers of Lightning have in common: each writes to a folder of its own in the run folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lengen.config.identity import flat
from lengen.logger import PLOTTED, Logger, RunFacts
from lengen.records.curve import Curve


class LightningLogger(Logger):
    """Passes what a run logs to a logger of Lightning."""

    several = True
    folder_name: str
    """Name of its folder in the run folder."""

    def make(self, folder: Path) -> Any:
        """Make the logger of Lightning, a `lightning.pytorch.loggers.Logger`.

        Args:
            folder: to which it writes; each start of a run has a `version_0`, `version_1`, … of its own.
        """
        raise NotImplementedError

    def begin(self, facts: RunFacts) -> None:
        """Make the logger and log the configuration."""
        self._logger = self.make(facts.folder / self.folder_name)
        self._config = flat({**facts.config, "cell": facts.cell})
        self._logger.log_hyperparams(self._config)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Log metrics of a training step."""
        self._logger.log_metrics(dict(values), step)
        self._logger.save()

    def curve(self, curve: Curve, figure: Path) -> None:
        """Log the curve: its step is the length."""
        for row in curve.rows:
            values = {f"curve/{name}": getattr(row, name) for name in PLOTTED}
            self._logger.log_metrics(values, row.length)

    def finish(self, status: str) -> None:
        """Write what is left, and close the files."""
        if (logger := vars(self).pop("_logger", None)) is not None:
            logger.finalize("success" if status == "finished" else status)
