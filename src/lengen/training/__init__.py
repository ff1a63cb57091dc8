"""Training at short lengths.

| module | content |
|---|---|
| `options` | the options of `trainer`: device, precision, intervals |
| `batch_stream` | the seeded, resumable stream of training batches |
| `fit` | the LightningModule and Lightning's `fit` |
| `callback` | `train.csv`, probes, checkpoints and the progress bar |
| `checkpoint` | atomic checkpoints that are read without executing code |
| `overlap` | evaluation prompts that also occur in training: counted, or kept out of training |
"""

from typing import TYPE_CHECKING

from lengen.config.aliases import moved_from
from lengen.training.metrics_on_demand import defer

defer()  # before anything imports Lightning

if not TYPE_CHECKING:
    __getattr__ = moved_from(__name__)
