"""`lengen.compare`: compare many runs in tables, figures and a page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from html import escape
from io import StringIO
from os import PathLike
from pathlib import Path
from typing import Any

from rich.console import Console

from lengen.analysis.compare_runs import Comparison as CompareRequest
from lengen.analysis.output_files import NOTE, OutputFiles
from lengen.api.arguments import Folders, compose_call, folder_list, recorded_call
from lengen.api.checks import require_text
from lengen.api.picture import Picture
from lengen.config.compose import COMPARE
from lengen.config.errors import UsageError
from lengen.records.frame import frame
from lengen.report.paper import FORMATS
from lengen.statistics.formats import counted

TABLE, PAIRS, VARIANCE = "table.csv", "pairs.csv", "variance.csv"


class Comparison:
    """A comparison on disk; a notebook shows its table and figures.

    Args:
        path: its folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._note = self._read(NOTE)
        self._texts = {name: self._read(name) for name in (TABLE, PAIRS, VARIANCE) if name in self.files}

    def _read(self, name: str) -> str:
        return (self.path / name).read_text(encoding="utf-8")

    @property
    def files(self) -> list[str]:
        """Names of its files."""
        return list(json.loads(self._note)["files"])

    @cached_property
    def table(self) -> Any:
        """One row per cell: `table.csv` as a data frame."""
        return read_frame(self._texts.get(TABLE, ""))

    @cached_property
    def pairs(self) -> Any:
        """One row per pair of cells: `pairs.csv` as a data frame; empty with a single cell."""
        return read_frame(self._texts.get(PAIRS, ""))

    @cached_property
    def variance(self) -> Any:
        """One row per cell with its shares of variance: `variance.csv` as a data frame; empty without `variance=True`."""
        return read_frame(self._texts.get(VARIANCE, ""))

    @property
    def page(self) -> Path:
        """The HTML page with all tables and figures."""
        return self.path / "page.html"

    @property
    def figures(self) -> list[str]:
        """Names of the figures: `kind`, or `kind-panel`; further pages have `-2` and so on at the end."""
        kinds = tuple(f".{kind}" for kind in FORMATS)
        return sorted({Path(name).stem for name in self.files if name.endswith(kinds)})

    def figure(self, kind: str = "multiples", panel: str | None = None) -> Picture:
        """Return a figure.

        Args:
            kind: `multiples`, `profile` and `together` show all panels; `curves`, `success`, `heat`, `cost` and `against` show one.
            panel: name of the panel as in the table; needed if there are several.

        Raises:
            UsageError: there is no such figure, or another comparison has been written to this folder since.
        """
        require_text(kind, "kind")
        if panel is not None:
            require_text(panel, "panel")
        if self._read(NOTE) != self._note:
            raise UsageError(
                f"out={self.path}: another comparison has been written there since; compare again, or give each its own out="
            )
        stem = kind if panel is None else f"{kind}-{OutputFiles.name(panel)}"
        names = [name for name in self.figures if name == stem] or [
            name for name in self.figures if panel is None and name.startswith(f"{kind}-")
        ]
        if len(names) != 1:
            reason = "there are several, choose one with panel=" if names else "there is none"
            raise UsageError(f"figure {stem!r}: {reason} (allowed: {', '.join(self.figures) or 'none'})")
        return Picture(self.path / f"{names[0]}.png")

    def __repr__(self) -> str:
        return (
            f"Comparison({str(self.path)!r}): {counted(len(self.table), 'cell')}; {', '.join(self.figures)}"
        )

    def _repr_html_(self) -> str:
        shown = (
            self.figure().html("curves of every cell, over length") if "multiples.png" in self.files else ""
        )
        page = escape(str(self.page))
        return f"{self.table._repr_html_()}{shown}<p>{page}</p>"  # called by notebooks


def read_frame(text: str) -> Any:
    """Read a CSV as a data frame."""
    frame((), ())  # raises a UsageError if pandas is missing
    import pandas

    return pandas.read_csv(StringIO(text)) if text else pandas.DataFrame()


def compare(
    runs: str | PathLike[str] | Sequence[str | PathLike[str]] = "results/runs",
    config_dir: Folders = None,
    **options: Any,
) -> Comparison:
    """Compare runs: what `lengen compare` does, in the same folder.

        lengen.compare("results/runs", by="pe").table
        lengen.compare("results/runs", where="task=copy", x="factor", out="results/mine").figure("curves")

        lengen.compare("results/runs", best="optimizer.lr", where=["task=copy", "optimizer.lr<0.01"])

    Args:
        runs: globs of run folders, or of folders above them.
        config_dir: the user's own configuration folders, as `--config-dir`, which may have classes of decoders and families of tasks.
        **options: of `lengen compare`: where, by, best, metric, x, threshold, at, mixed, margin, control, variance, against, title, out, wandb, …

    Raises:
        UsageError: an option is unknown or invalid, or the runs cannot be compared.
    """
    with recorded_call("lengen.compare", (), {"runs": runs, **options}):
        composed = compose_call(COMPARE, (), {"runs": runs, **options}, config_dir)
        comparison = composed.builder.build(CompareRequest, composed.config)
        comparison.run(Console(file=StringIO()), folder_list(config_dir))
    return Comparison(Path(comparison.out))
