"""The tables of a comparison in LaTeX, with booktabs: one table per task."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from typing import Any
from unicodedata import lookup

from lengen.comparison.cell_summary import CellSummary, SuccessCriterion
from lengen.comparison.grouping import Study
from lengen.comparison.summary import StudySummary
from lengen.records.plain_text import on_one_line
from lengen.report.console import NONE
from lengen.report.tables import COLUMNS, gates, up_to

CHOSEN = ("cell", "picked", "seeds", "trained", "ID", "success", "reach 0.90", "area", "rank")
"""Columns of the table, of those of `table.md`."""
SIGNS = {
    "GREATER-THAN OR EQUAL TO": "geq",
    "LESS-THAN OR EQUAL TO": "leq",
    "ALMOST EQUAL TO": "approx",
    "PLUS-MINUS SIGN": "pm",
    "MULTIPLICATION SIGN": "times",
    "RIGHTWARDS ARROW": "to",
    "INFINITY": "infty",
    **{
        f"GREEK SMALL LETTER {letter.upper().replace('LAMBDA', 'LAMDA')}": letter
        for letter in [
            "alpha",
            "beta",
            "gamma",
            "delta",
            "epsilon",
            "zeta",
            "eta",
            "theta",
            "iota",
            "kappa",
            "lambda",
            "mu",
            "nu",
            "xi",
            "pi",
            "rho",
            "sigma",
            "tau",
            "upsilon",
            "phi",
            "chi",
            "psi",
            "omega",
        ]
    },
}
"""Characters that pdflatex lacks, by their name in Unicode, and the command that prints them."""
SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    NONE: "--",
    **{char: f"\\{char}" for char in "&%$#_"},
    **{lookup(name): f"$\\{command}$" for name, command in SIGNS.items()},
}
"""Characters that LaTeX reads as commands or lacks, and what prints them."""


def latex(study: Study, summary: StudySummary, criterion: SuccessCriterion, label: str) -> str:
    """Return the tables of all seeds, and of the trained seeds where some are not; needs the packages booktabs and graphicx.

    Args:
        study: the compared runs.
        summary: the results.
        criterion: when a seed counts as a success.
        label: of the comparison, with which the labels of its tables begin.
    """
    labels = labelled(label, [panel.name for panel in study.panels])
    parts = ["% \\usepackage{booktabs,graphicx}"]
    for panel in study.panels:
        for runs, rows in gates(panel, summary):
            if rows:
                parts.append(_table(panel.name, up_to(panel), runs, rows, criterion, labels[panel.name]))
    return "\n\n".join(parts) + "\n"


def label_of(title: str | None, asked: Any) -> str:
    """Return the label of a comparison: by its title, which keeps it whatever is compared, else by what is asked and found.

    >>> label_of("Main result", ["pe=rope"]), label_of(None, ["pe=rope"]) == label_of(None, ["pe=nope"])
    ('tab:main-result', False)

    Args:
        title: of the comparison, if it has one.
        asked: the options that choose runs, and the cells of these, as plain values.
    """
    if title and (words := _words(title)):
        return f"tab:{words}"
    return f"tab:lengen-{hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:6]}"


def labelled(label: str, names: Sequence[str]) -> dict[str, str]:
    """Return a label for each task of a comparison.

    >>> labelled("tab:lengen-1a2b3c", ["copy", "copy (a_b)", "copy (a-b)"])
    {'copy': 'tab:lengen-1a2b3c-copy', 'copy (a_b)': 'tab:lengen-1a2b3c-copy-a-b', 'copy (a-b)': 'tab:lengen-1a2b3c-copy-a-b-2'}

    Args:
        label: of the comparison.
        names: of the tasks.
    """
    found: dict[str, str] = {}
    for name in names:
        plain = f"{label}-{_words(name)}"
        alike = sum(each == plain or each.rpartition("-")[0] == plain for each in found.values())
        found[name] = f"{plain}-{alike + 1}" if alike else plain
    return found


DOUBLINGS = r"$\log_2(\mathrm{length} / \mathrm{train\ length})$, in doublings."
"""How a caption ends."""


def _words(text: str) -> str:
    """Return the letters and digits of a text, as LaTeX takes them in a label."""
    return "-".join(re.findall(r"[a-z0-9]+", text.lower()))


def _table(
    name: str,
    train_length: str,
    runs: str,
    rows: Sequence[CellSummary],
    criterion: SuccessCriterion,
    label: str,
) -> str:
    """Return one table. It is made narrower than it is only if it is wider than the line."""
    told = {
        column: COLUMNS[column]
        for column in CHOSEN
        if column != "picked" or any(COLUMNS[column](row) != NONE for row in rows)
    }
    caption = (
        f"{name}, trained on lengths up to {train_length}: {runs}. "
        f"Success: seeds with exact match of at least {criterion.threshold:g} at {criterion.at}, with 95% Clopper-Pearson interval. "
        "Reach: median over seeds of the longest length up to which the lower 95% bound of exact match is at least 0.90. "
        "Area: mean over seeds of the area under exact match over "
    )
    label += "-trained" if runs.startswith("trained") else ""
    body = [_row(row, told) for row in rows]
    return "\n".join(
        [
            r"\begin{table}",
            r"  \centering\footnotesize\setlength{\tabcolsep}{3pt}",
            f"  \\caption{{{escaped(caption)}{DOUBLINGS}}}",
            f"  \\label{{{label}}}",
            r"  \resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            f"  \\begin{{tabular}}{{l{'r' * (len(told) - 1)}}}",
            r"    \toprule",
            f"    {' & '.join(map(escaped, told))} \\\\",
            r"    \midrule",
            *(f"    {line} \\\\" for line in body),
            r"    \bottomrule",
            r"  \end{tabular}}",
            r"\end{table}",
        ]
    )


def _row(row: CellSummary, told: dict[str, Callable[[CellSummary], str]]) -> str:
    """Return a row of a table."""
    return " & ".join(escaped(show(row)).replace(r"\textgreater{}=", r"$\geq$") for show in told.values())


def escaped(text: str) -> str:
    r"""Return a text as LaTeX prints it, on one line.

    >>> print(escaped("100% of pe_scale"))
    100\% of pe\_scale
    """
    return "".join(SPECIAL.get(char, char) for char in on_one_line(text))
