"""A saved view of a project on W&B: curves over length, training, probes, and what differs between runs.

Needs the extra `dashboards`, that is W&B's own library wandb-workspaces.
"""

from __future__ import annotations

import warnings
from contextlib import redirect_stderr
from importlib.util import find_spec
from io import StringIO
from typing import Any

from lengen.logger.wandb_session import say

SECTIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Exact match over length", "length", ("curve/exact_match",)),
    ("Token accuracy and loss over length", "length", ("curve/token_accuracy", "curve/loss")),
    ("Training", "step", ("train/loss", "train/lr", "train/tokens_per_second")),
    (
        "Probes",
        "step",
        ("probe/id_exact_match", "probe/ood_exact_match", "probe/id_loss", "probe/ood_loss"),
    ),
)
"""Name, axis, and the metrics that have a panel each."""
SHOWN = 100
"""Runs a panel shows at most."""


def save(entity: str, project: str, title: str) -> None:
    """Save the view on the server, and say where it is, or what is missing."""
    if find_spec("wandb_workspaces") is None:
        say("no workspace was set up on W&B: it needs lengen[dashboards]")
        return
    with redirect_stderr(StringIO()):  # W&B says it again
        view = build(entity, project, title).save()
        place = view.url
    say(f"W&B workspace: {place}")


def build(entity: str, project: str, title: str) -> Any:
    """The view, which nobody has seen yet: a `wandb_workspaces.workspaces.Workspace`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is written for an older pydantic
        from wandb_workspaces import workspaces
        from wandb_workspaces.reports.v2 import interface as reports
    pe = reports.Config("labels.pe")
    sections = [
        workspaces.Section(
            name=name,
            is_open=True,
            panels=[
                reports.LinePlot(
                    title=metric.partition("/")[2].replace("_", " "),
                    x=axis,
                    y=[metric],
                    groupby=pe,
                    groupby_aggfunc="median",
                    groupby_rangefunc="minmax",
                    max_runs_to_show=SHOWN,
                )
                for metric in metrics
            ],
        )
        for name, axis, metrics in SECTIONS
    ]
    sections.append(
        workspaces.Section(name="What differs", panels=[reports.RunComparer(diff_only="split")], is_open=True)
    )
    return workspaces.Workspace(
        entity=entity,
        project=project,
        name=f"lengen: {title}"[:128],
        sections=sections,
        settings=workspaces.WorkspaceSettings(max_runs=SHOWN),
        runset_settings=workspaces.RunsetSettings(
            filters=workspaces.And(workspaces.Metric("JobType") == "train")
        ),
    )
