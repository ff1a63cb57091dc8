"""`lengen.plan`: what a study can and cannot show, before it is run. Imports no torch."""

from __future__ import annotations

from html import escape
from io import StringIO
from typing import Any

from rich.console import Console

from lengen.analysis.plan_study import StudyPlan
from lengen.config.builder import Builder
from lengen.config.compose import PLAN, Request
from lengen.statistics import plans


class Plan:
    """What a study can show; a notebook shows it, and `print` prints it, as `lengen plan` does.

    Args:
        study: the options of the plan.
    """

    def __init__(self, study: StudyPlan) -> None:
        self._study = study

    @property
    def numbers(self) -> plans.Plan:
        """Its numbers, see `lengen.statistics.plans.Plan`."""
        return self._study.shown

    def __repr__(self) -> str:
        text = StringIO()
        self._study.show(Console(file=text, width=120))
        return text.getvalue().rstrip()

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"  # called by notebooks


def plan(cells: int = 2, seeds: int = 5, **options: Any) -> Plan:
    """Say what a study of so many cells and seeds can and cannot show, as `lengen plan` does; nothing is run or written.

        print(lengen.plan(cells=10, seeds=5))
        lengen.plan(4, 3, end=2, examples=200).numbers.equivalence_seeds

    Args:
        cells: number of cells that are compared.
        seeds: seeds of each cell.
        **options: of `lengen plan`: control, end, examples, margin, alpha.

    Raises:
        UsageError: an option is unknown or invalid.
    """
    composed = Request(PLAN, values={"cells": cells, "seeds": seeds, **options}).compose()
    return Plan(Builder().build(StudyPlan, composed))
