"""Report a sweep: its error law, its figure, and the summary of its curve in `run.json` or `eval.json`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lengen.evaluation.sweep import resident_peak
from lengen.experiment.config import RunConfig
from lengen.experiment.protocol import footnote
from lengen.records.curve import TRAINED, Curve
from lengen.records.error_law import fit_error_law
from lengen.records.run_dir import Folder
from lengen.report import figure


def report_sweep(
    curve: Curve,
    folder: Folder,
    config: RunConfig,
    id_exact_match: float,
    trained_lengths: Sequence[int],
    *,
    title: str,
    remark: str = "",
) -> dict[str, Any]:
    """Fit the error law of a sweep, draw its figure and summarise its curve.

    Args:
        curve: at least one row.
        folder: folder of the sweep, with its verdicts; the figure is written there.
        config: the run.
        id_exact_match: exact match over the training lengths, in [0, 1].
        trained_lengths: the trained lengths, ascending.
        title: title of the figure.
        remark: appended to the protocol in the footnote.

    Returns:
        Facts for `run.json` or `eval.json`: ID exact match, whether the run is trained, reaches (null if there is none), the
        thresholds at which there were too few examples to measure one, the error law, and peak memory in bytes, of the process
        (`peak_bytes`) and of the run alone (`memory_bytes`).
    """
    trained = id_exact_match >= TRAINED
    memory = [row.memory_bytes for row in curve.rows if row.memory_bytes is not None]
    note = footnote(config, id_exact_match, trained_lengths) + remark
    law = fit_error_law(curve, folder.load_verdicts())
    figure.draw(curve, folder.figure, title=title, footnote=note, trained=trained, law=law)
    return {
        "id_exact_match": id_exact_match,
        "trained": trained,
        "reach": {f"{threshold:.2f}": length for threshold, length in curve.reaches.items()},
        "reach_not_measurable": [
            f"{threshold:.2f}" for threshold in curve.reaches if not curve.measurable(threshold)
        ],
        "error_law": law.facts,
        "peak_bytes": max(resident_peak(), *(row.peak_bytes for row in curve.rows)),
        "memory_bytes": max(memory, default=None),
    }
