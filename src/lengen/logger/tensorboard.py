"""TensorBoard, by Lightning's logger: event files in `tensorboard/version_0` of the run folder."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lengen.config.errors import require
from lengen.logger.lightning import LightningLogger
from lengen.records.curve import Curve


class Tensorboard(LightningLogger):
    """Log to TensorBoard as well as to the run folder: `tensorboard --logdir results/runs` shows all runs.

    The axis of a panel of `curve/` is the length, that of all others the step. The configuration is among the hyperparameters,
    with the reaches as their metrics.
    """

    folder_name = "tensorboard"

    def __init__(self) -> None:
        require(
            find_spec("tensorboard") is not None,
            "logger=tensorboard: needs TensorBoard, which is not installed: pip install 'lengen[tensorboard]'",
        )

    def make(self, folder: Path) -> Any:
        """See `LightningLogger`."""
        from lightning.pytorch.loggers import TensorBoardLogger

        return TensorBoardLogger(folder, name=None, default_hp_metric=False)

    def curve(self, curve: Curve, figure: Path) -> None:
        """Log the curve: its step is the length."""
        super().curve(curve, figure)
        reaches = {f"reach/{threshold:.2f}": length or 0 for threshold, length in curve.reaches.items()}
        self._logger.log_hyperparams(self._config, reaches)
