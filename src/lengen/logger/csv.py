"""The CSV files of Lightning: `metrics.csv` and `hparams.yaml` in `csv/version_0` of the run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lengen.logger.lightning import LightningLogger


class Csv(LightningLogger):
    """Log to Lightning's CSV files as well as to the run folder. Curves are rows whose `step` is the length."""

    folder_name = "csv"

    def make(self, folder: Path) -> Any:
        """See `LightningLogger`."""
        from lightning.pytorch.loggers import CSVLogger

        return CSVLogger(folder, name=None)
