"""A saved W&B workspace: curves over length, training, probes, and a comparison of configurations.

Needs the extra `dashboards`, which installs W&B's package wandb-workspaces.
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
"""Sections: name, x axis, and metrics; each metric is one panel."""
SHOWN = 100
"""Maximum number of runs in a panel."""


def save(entity: str, project: str, title: str) -> None:
    """Save the workspace on the server and print its address, or what is missing."""
    if find_spec("wandb_workspaces") is None:
        say("no W&B workspace was saved: it needs lengen[dashboards]")
        return
    with redirect_stderr(StringIO()):  # W&B prints the address, too
        view = build(entity, project, title).save()
        place = view.url
    say(f"W&B workspace: {place}")


def build(entity: str, project: str, title: str) -> Any:
    """Build the workspace, a `wandb_workspaces.workspaces.Workspace`, without saving it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package targets an older pydantic
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
        workspaces.Section(
            name="Configuration differences", panels=[reports.RunComparer(diff_only="split")], is_open=True
        )
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
