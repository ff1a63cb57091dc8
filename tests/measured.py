"""Tables as they are written under results/, and the same numbers from a study's CSV files."""

from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path

import numpy as np
import pandas

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
NONE = "—"

Rows = list[list[str]]


def tables(path: Path) -> list[tuple[str, Rows]]:
    """The tables of a Markdown file: the words of the header, and the cells of every row."""
    found: list[tuple[str, Rows]] = []
    inside = False
    for line in path.read_text().splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not inside:
            found.append((" ".join(cell.replace(" ", "-") for cell in cells), []))
            inside = True
        elif set(line) - set("|-: "):
            found[-1][1].append(cells)
    return found


@cache
def curves(study: str) -> pandas.DataFrame:
    """One row a run and length."""
    paths = sorted((RESULTS / study).glob("curves*.csv"))
    return pandas.concat([pandas.read_csv(path) for path in paths], ignore_index=True)


@cache
def scores(study: str) -> pandas.DataFrame:
    """One row a cell, with the numbers that no curve has: ID exact match over all trained lengths, and minutes."""
    paths = sorted((RESULTS / study).glob("table*.csv"))
    table = pandas.concat([pandas.read_csv(path) for path in paths], ignore_index=True)
    return table[table.runs != "trained"]


def pick(table: pandas.DataFrame, **values: object) -> pandas.DataFrame:
    """The rows that have some values; at least one."""
    for name, value in values.items():
        table = table[table[name] == value]
    assert len(table), f"there is no data of {values}"
    return table


def seeds(table: pandas.DataFrame) -> list[pandas.DataFrame]:
    """The curve of every seed, from the shortest length on."""
    return [curve.sort_values("length") for _, curve in table.groupby("seed")]


def reach(curve: pandas.DataFrame, threshold: float) -> float:
    """The longest length up to which every lower bound holds a threshold; not a number where the first does not."""
    held = (curve.ci_low >= threshold).cummin()
    return float(curve.length[held].max()) if held.any() else np.nan


def area(curve: pandas.DataFrame) -> float:
    """Area under exact match over the doublings of the trained length."""
    far = curve[curve.length >= curve.train_length]
    return float(np.trapezoid(far.exact_match, np.log2(far.length / far.train_length)))


def at(curve: pandas.DataFrame, length: float) -> float:
    return float(pick(curve, length=length).exact_match.item())


def rounded(number: float, digits: int) -> str:
    """Halves go up, as on paper."""
    return str(Decimal(repr(float(number))).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def whole(number: float) -> str:
    return NONE if np.isnan(number) else rounded(number, 0)


def ranged(values: list[float]) -> str:
    """The median, and the range where there is one; what is not reached is below all."""
    ordered = sorted(values, key=lambda value: -1 if np.isnan(value) else value)
    low, middle, high = (whole(value) for value in (ordered[0], median_of(ordered), ordered[-1]))
    return middle if low == high else f"{middle} ({low} to {high})"


def median_of(ordered: list[float]) -> float:
    """The middle of an odd number of values."""
    assert len(ordered) % 2
    return ordered[len(ordered) // 2]


def floored(share: float) -> str:
    """Three digits of a share, never more than it is."""
    return str(Decimal(repr(float(share))).quantize(Decimal("0.001"), ROUND_FLOOR))


def reached(curve: pandas.DataFrame, threshold: float) -> str:
    """A reach as tables show it: at the end of the sweep it may be longer."""
    found = reach(curve, threshold)
    return f">= {int(found)}" if found == curve.length.max() else whole(found)
