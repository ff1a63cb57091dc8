"""Report a sweep: its error law, its figure, and the summary of its curve in `run.json` or `eval.json`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from lengen.evaluation.sweep import resident_peak
from lengen.experiment.config import RunConfig
from lengen.experiment.protocol import footnote
from lengen.records.curve import TRAINED, Curve
from lengen.records.error_law import ErrorLaw, fit_error_law
from lengen.records.run_dir import Folder, RunFolder
from lengen.report import figure
from lengen.report.paper import Paper
from lengen.training.overlap import Overlap


def report_sweep(
    curve: Curve,
    folder: Folder,
    config: RunConfig,
    id_exact_match: float,
    trained_lengths: Sequence[int],
    *,
    title: str,
    remark: str = "",
    drawn: bool = True,
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
        drawn: whether the figure is drawn.

    Returns:
        Facts for `run.json` or `eval.json`: ID exact match, whether the run is trained, reaches (null if there is none), the
        thresholds at which there were too few examples to measure one, the error law, and peak memory in bytes, of the process
        (`peak_bytes`) and of the run alone (`memory_bytes`).
    """
    memory = [row.memory_bytes for row in curve.rows if row.memory_bytes is not None]
    law = fit_error_law(curve, folder.load_verdicts())
    if drawn:
        made = sweep_figure(curve, config, id_exact_match, trained_lengths, law, title=title, remark=remark)
        config.paper.draw(folder.figure.with_suffix(""), made)
    return {
        "id_exact_match": id_exact_match,
        "trained": id_exact_match >= TRAINED,
        "reach": {f"{threshold:.2f}": length for threshold, length in curve.reaches.items()},
        "reach_not_measurable": [
            f"{threshold:.2f}" for threshold in curve.reaches if not curve.measurable(threshold)
        ],
        "error_law": law.facts,
        "peak_bytes": max(resident_peak(), *(row.peak_bytes for row in curve.rows)),
        "memory_bytes": max(memory, default=None),
    }


def sweep_figure(
    curve: Curve,
    config: RunConfig,
    id_exact_match: float,
    trained_lengths: Sequence[int],
    law: ErrorLaw | None,
    *,
    title: str,
    remark: str = "",
    paper: Paper | None = None,
) -> Callable[[Path], object]:
    """Return what draws a file of the figure of a sweep.

    Args:
        curve: at least one row.
        config: the run.
        id_exact_match: exact match over the training lengths, in [0, 1].
        trained_lengths: the trained lengths, ascending.
        law: the error law of the curve.
        title: title of the figure.
        remark: appended to the protocol in the footnote.
        paper: where it is printed; None is that of the run.
    """
    return partial(
        figure.draw,
        curve,
        title=title,
        footnote=footnote(config, id_exact_match, trained_lengths) + remark,
        trained=id_exact_match >= TRAINED,
        law=law,
        paper=paper or config.paper,
    )


def run_figure(folder: RunFolder, config: RunConfig, paper: Paper | None = None) -> Callable[[Path], object]:
    """Return what draws a file of the figure of a finished run, from the files of the run.

    Args:
        folder: the run folder.
        config: the run.
        paper: where it is printed; None is that of the run.
    """
    facts = folder.facts()
    coverage = facts.get("coverage")
    return sweep_figure(
        folder.load_curve(),
        config,
        facts.get("id_exact_match") or 0.0,
        facts.get("trained_lengths") or config.trained_lengths.support,
        ErrorLaw.of(facts),
        title=config.title,
        remark=Overlap.recorded(coverage, config.eval.examples).sentence() if coverage else "",
        paper=paper,
    )
