"""The table of shares of variance."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from lengen.comparison.variance import CellVariance
from lengen.report.console import NONE, Block, say, table

CAPTION = (
    "Shares of the variance of a run's area over new init seeds, data seeds and test strings, for cells whose runs cross the seeds: "
    "two-way random effects by mean squares (Searle, Casella and McCulloch 1992), strings by the covariance of runs that share no seed. "
    "rest: which init seed meets which data seed or strings. standard deviation: of the area, in doublings. Shares are rough with few seeds"
)


def rows(variances: Sequence[CellVariance]) -> list[dict[str, str]]:
    """Return the rows of the table, as cells by column."""
    return [
        {
            "task": each.task,
            "cell": each.line,
            "seeds": f"{each.init_seeds} init x {each.data_seeds} data",
            "standard deviation": f"{each.deviation:.3f}",
            "init seed": _share(each.init_share),
            "data seed": _share(each.data_share),
            "strings": _share(each.strings_share),
            "rest": _share(each.rest_share),
        }
        for each in variances
    ]


def _share(value: float | None) -> str:
    """Format a share; a dash if it is unknown."""
    return NONE if value is None else f"{value:.2f}"


def blocks(variances: Sequence[CellVariance]) -> list[Block]:
    """Return the table with its caption; nothing without shares."""
    found = rows(variances)
    return [(CAPTION, list(found[0]), [list(row.values()) for row in found])] if found else []


def show(variances: Sequence[CellVariance], console: Console) -> None:
    """Print the table; nothing without shares."""
    if variances:
        say(console, "shares of the variance of a run's area; standard deviation in doublings")
        console.print(table(console, rows(variances), left=("task", "cell", "seeds")))
