"""Where studies lie: always in the folder `studies` beside that of their runs. Imports nothing, so that completion is fast.

The folder of the runs of `results_dir=results/runs` is `results/runs`, and that of the studies `results/studies`.
"""

from __future__ import annotations

import os
from pathlib import Path

RESULTS = "results/runs"
"""Default of `results_dir`."""
FOLDER = "studies"
"""Name of the folder of studies, beside that of the runs."""


def studies_folder(results_dir: str) -> Path:
    """The folder of the studies whose runs are in a folder."""
    above = os.path.dirname(os.path.abspath(results_dir))  # noqa: PTH100, PTH120  # links are kept, unlike by resolve
    return Path(above if os.path.isabs(results_dir) else os.path.relpath(above)) / FOLDER  # noqa: PTH117


def study_names(results_dir: str) -> list[str]:
    """Names of the studies there are, in order."""
    return sorted(path.stem for path in studies_folder(results_dir).glob("[!.]*.yaml"))
